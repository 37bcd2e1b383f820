"""A synthetic person as a live source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wearecg.block import SignalBlock, StreamId
from wearecg.ecg.leads import select
from wearecg.person import Person
from wearecg.transports.pacing import PacedSource


class SimulateSource(PacedSource):
    """Play the synthetic person ``seed`` in ``scenario`` (see `wearecg.person`), without end.

    The PPG is its own stream (``ppg``); each stream has the same ``start``. ``person`` knows the truth.

    Raises
    ------
    SourceError
        A scenario or speed that is not possible.
    LeadError
        A lead that a person does not have.
    """

    def __init__(
        self,
        scenario: str = "sinus",
        seed: int = 0,
        fs: float = 500.0,
        leads: Sequence[str] | None = None,
        speed: float = 1.0,
    ) -> None:
        super().__init__(fs, speed)
        self.person = Person(seed, scenario, fs)
        self.name = f"person {seed} ({scenario}) {self.pace}"
        columns = select(leads or self.person.leads, self.person.leads, "a synthetic person")
        self.leads = tuple(self.person.leads[i] for i in columns)
        ecg = [i for i in columns if self.person.leads[i] != "PPG"]
        ppg = [i for i in columns if self.person.leads[i] == "PPG"]
        self._streams = [(stream, cols) for stream, cols in (("ecg", ecg), ("ppg", ppg)) if cols]

    def _next(self, n: int) -> tuple[list[SignalBlock], int]:
        start = self.person.time
        samples = self.person.samples(n)
        off = self.person.lead_off(start, self.person.time)
        blocks = [
            SignalBlock(
                np.ascontiguousarray(samples[:, columns]),
                self.fs,
                tuple(self.person.leads[i] for i in columns),
                start=start,
                lead_off=tuple(off[i] for i in columns),
                stream=StreamId(stream),
            )
            for stream, columns in self._streams
        ]
        return blocks, n
