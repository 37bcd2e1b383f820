"""A recording as a live source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Samples, SignalBlock
from wearecg.ecg.leads import select
from wearecg.ecg.size import Size, usual_size
from wearecg.ecg.wavelet import BRIDGE_S
from wearecg.formats import Recording, Stored
from wearecg.runs import runs
from wearecg.transports.base import Source
from wearecg.transports.pacing import LONGEST_S, PacedSource
from wearecg.transports.replay_rr import RRReplaySource

SIZED_S = 600.0
"""How large a lead of no known unit is, the first ten minutes with a measurement tell."""
TOGETHER_S = 16.0
"""Length of blocks for who wants to know what is in a recording, and not to see it happen: they cost the least."""


def replay(recording: Recording | Stored, speed: float = 1.0, longest_s: float = LONGEST_S) -> Source:
    """Return what plays a recording, of samples or of RR intervals."""
    stored = recording if isinstance(recording, Stored) else Stored.of(recording)
    if stored.recording.intervals:
        return RRReplaySource(stored.recording, speed)
    if stored.others:
        from wearecg.transports.replay_rates import RatesReplaySource

        return RatesReplaySource(stored, speed, longest_s)
    return ReplaySource(stored, speed, longest_s=longest_s)


class ReplaySource(PacedSource):
    """Play a recording at ``speed`` times real time, ``math.inf`` for as fast as it is read.

    Its `Stored.others` are told, and not played (`RatesReplaySource` does). Samples that all leads lack for longer
    than `BRIDGE_S` are ``lost`` (a gap stays a gap); fewer, or those that only some leads lack, are NaN. Block starts
    are the recording's own seconds.

    Parameters
    ----------
    recording : Recording or Stored
    speed : float
    leads : sequence of str, optional
        The leads wanted, in the order wanted; all of them by default.
    longest_s : float
        Seconds of the longest block.

    Raises
    ------
    LeadError
        The recording does not have one of ``leads``.
    """

    def __init__(
        self,
        recording: Recording | Stored,
        speed: float = 1.0,
        leads: Sequence[str] | None = None,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._stored = recording if isinstance(recording, Stored) else Stored.of(recording)
        recording = self._stored.recording
        super().__init__(recording.fs, speed, longest_s)
        columns = list(range(len(recording.leads)))
        if leads is not None:
            columns = select(leads, recording.leads, recording.name)
        self.leads = tuple(recording.leads[i] for i in columns)
        self.lsb = tuple(recording.lsb[i] for i in columns)
        self.name = f"{recording.name} {self.pace}"
        self.rate_note = "given by the recording"
        self.epoch = recording.epoch
        self.remarks = (*recording.remarks, *self._stored.left_out)
        self.uncalibrated = self._sizes(columns)
        self._columns = columns
        self._longest = int(BRIDGE_S * recording.fs)
        self._first = self._position = self._missing = 0
        self._samples: Samples = np.empty((0, len(columns)), np.float32)
        self._present: NDArray[np.bool_] = np.empty(0, bool)

    def _sizes(self, columns: Sequence[int]) -> dict[str, Size]:
        """Return the sizes of the leads of no known unit."""
        stored, piece = self._stored, max(1, round(SIZED_S * self.fs))
        names = stored.recording.leads
        wanted = {names[k]: k for k in columns if names[k] in stored.recording.uncalibrated}
        sizes: dict[str, Size] = {}
        for first in range(0, stored.length, piece):
            if len(sizes) == len(wanted):
                break
            samples = stored.read(first, min(first + piece, stored.length))
            for lead, column in wanted.items():
                if lead not in sizes and np.isfinite(samples[:, column]).any():
                    sizes[lead] = usual_size(samples[:, column], self.fs)
        return {lead: sizes.get(lead, Size(0.0, 1.0)) for lead in wanted}

    def _next(self, n: int) -> tuple[list[SignalBlock], int]:
        if self._position + n > self._first + len(self._samples):
            self._load(n)
        at = slice(self._position - self._first, self._position - self._first + n)
        chunk = self._samples[at]
        blocks: list[SignalBlock] = []
        for present, run in runs(self._present[at]):
            if present:
                blocks.append(self._block(chunk[run], self._position + run.start))
            else:
                self._missing += run.stop - run.start
        self._position += len(chunk)
        if len(chunk) < n and self._missing:
            blocks.append(self._block(self._samples[:0], self._position))
        return blocks, len(chunk)

    def play_until(self, seconds: float) -> list[SignalBlock]:
        """Return the blocks up to a second of the recording, or to its end, for who keeps the schedule himself."""
        blocks: list[SignalBlock] = []
        until = round(min(seconds * self.fs, self._stored.length + 1))  # one more: what is missing at the end
        while (due := min(until - self._position, self.block_samples)) > 0:
            found, taken = self._next(due)
            blocks += found
            if taken < due:
                break
        return blocks

    def _load(self, n: int) -> None:
        """Read the next piece; and around it, to know how long the holes at its ends are."""
        self._first = self._position
        last = min(self._first + max(n, self._stored.piece), self._stored.length)
        around = max(0, self._first - self._longest - 1)
        read = self._stored.read(around, min(last + self._longest + 1, self._stored.length))
        samples = read[:, self._columns].copy(order="C")
        samples[np.isinf(samples)] = np.nan
        inside = slice(self._first - around, last - around)
        self._samples, self._present = samples[inside], _present(samples, self._longest)[inside]

    def _block(self, samples: NDArray[np.float32], first: int) -> SignalBlock:
        lost, self._missing = self._missing, 0
        start = first / self.fs
        return SignalBlock(samples, self.fs, self.leads, start, lost, lsb=self.lsb, reason="recording")


def _present(samples: NDArray[np.float32], longest: int) -> NDArray[np.bool_]:
    """Return for each sample whether it belongs to no hole in all leads of more than ``longest`` samples."""
    present: NDArray[np.bool_] = np.asarray(~np.isnan(samples).all(axis=1))
    for whole, run in runs(present.copy()):
        if not whole and run.stop - run.start <= longest:
            present[run] = True
    return present
