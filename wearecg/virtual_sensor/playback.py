"""What a virtual sensor measures: a synthetic person, or a recording, in blocks of one device frame rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile

import numpy as np

from wearecg.block import Samples
from wearecg.ecg.leads import select
from wearecg.formats import BEAT_SYMBOLS, Recording
from wearecg.person import Person

BLOCK_SECONDS = 0.02
DEFAULT_LSB = 0.001
"""mV a step, where the recording does not say."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A beat that was played: seconds of signal, and its WFDB symbol."""

    time: float
    kind: str


class Playback:
    """Consecutive blocks of a `Person` or a `Recording`, independent of how a device packs them.

    ``limit`` seconds of signal are played at most. ``fs``, ``leads`` and ``lsb`` describe what is played.

    Raises
    ------
    LeadError
        What is played does not have one of ``leads``.
    """

    def __init__(
        self, what: Person | Recording, leads: Sequence[str] | None = None, limit: float | None = None
    ) -> None:
        self._what = what
        self.name = f"person {what.seed} ({what.scenario.name})" if isinstance(what, Person) else what.name
        self._columns = select(leads or what.leads, what.leads, self.name)
        self.leads = tuple(what.leads[i] for i in self._columns)
        self.fs = what.fs
        steps = {what.lsb[i] for i in self._columns} if isinstance(what, Recording) else set()
        self.lsb = min((step for step in steps if step > 0), default=DEFAULT_LSB)
        length = float("inf") if isinstance(what, Person) else len(what)
        self._length = length if limit is None else min(length, round(limit * self.fs))
        self.block_samples = max(1, round(BLOCK_SECONDS * self.fs))
        self.position = 0

    def next(self) -> tuple[Samples, tuple[bool, ...]] | None:
        """Return the next samples [n, leads] and which leads are off; None at the end."""
        n = int(min(self.block_samples, self._length - self.position))
        if n <= 0:
            return None
        since = self.position / self.fs
        first, self.position = self.position, self.position + n
        if isinstance(self._what, Recording):
            return self._what.samples[first : first + n, self._columns], (False,) * len(self.leads)
        off = self._what.lead_off(since, self.position / self.fs)
        samples = self._what.samples(n)
        return np.ascontiguousarray(samples[:, self._columns]), tuple(off[i] for i in self._columns)

    def truth(self) -> Iterator[Truth]:
        """Yield the true beats in order: a person's, or the beat annotations of a recording."""
        if isinstance(self._what, Person):
            for beat in dropwhile(lambda b: b.time < 0, self._what.beats()):
                yield Truth(beat.time, beat.kind)
        elif self._what.annotations is not None:
            for time, symbol in zip(
                self._what.annotations.times, self._what.annotations.symbols, strict=True
            ):
                if symbol in BEAT_SYMBOLS:
                    yield Truth(float(time), symbol)
