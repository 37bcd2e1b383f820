"""A recording as a live source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.ecg.leads import select
from wearecg.ecg.wavelet import BRIDGE_S
from wearecg.formats import Recording
from wearecg.runs import runs
from wearecg.transports.base import Source
from wearecg.transports.pacing import PacedSource
from wearecg.transports.replay_rr import RRReplaySource


def replay(recording: Recording, speed: float = 1.0) -> Source:
    """Return what plays a recording, of samples or of RR intervals."""
    return RRReplaySource(recording, speed) if recording.intervals else ReplaySource(recording, speed)


class ReplaySource(PacedSource):
    """Play a recording at ``speed`` times real time, ``math.inf`` for as fast as it is read.

    Samples that all leads lack for longer than `BRIDGE_S` are ``lost`` (a gap stays a gap); fewer, or those that
    only some leads lack, are NaN. Block starts are the recording's own seconds.

    Parameters
    ----------
    recording : Recording
    speed : float
    leads : sequence of str, optional
        The leads wanted, in the order wanted; all of them by default.

    Raises
    ------
    LeadError
        The recording does not have one of ``leads``.
    """

    def __init__(
        self,
        recording: Recording,
        speed: float = 1.0,
        leads: Sequence[str] | None = None,
    ) -> None:
        super().__init__(recording.fs, speed)
        columns = list(range(len(recording.leads)))
        if leads is not None:
            columns = select(leads, recording.leads, recording.name)
        self.leads = tuple(recording.leads[i] for i in columns)
        self.lsb = tuple(recording.lsb[i] for i in columns)
        self.name = f"{recording.name} {self.pace}"
        self.rate_note = "given by the recording"
        self.epoch = recording.epoch
        self.remarks, self.uncalibrated = recording.remarks, recording.uncalibrated
        self._samples = np.ascontiguousarray(recording.samples[:, columns])
        self._samples[np.isinf(self._samples)] = np.nan
        self._present = _present(self._samples, int(BRIDGE_S * recording.fs))
        self._position = 0
        self._missing = 0

    def _next(self, n: int) -> tuple[list[SignalBlock], int]:
        chunk = self._samples[self._position : self._position + n]
        blocks: list[SignalBlock] = []
        for present, run in runs(self._present[self._position : self._position + n]):
            if present:
                blocks.append(self._block(chunk[run], self._position + run.start))
            else:
                self._missing += run.stop - run.start
        self._position += len(chunk)
        if len(chunk) < n and self._missing:
            blocks.append(self._block(self._samples[:0], self._position))
        return blocks, len(chunk)

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
