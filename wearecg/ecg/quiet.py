"""Whether there is no beat where none was found: a pause is told only if the signal itself shows one."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.ecg.leads import is_ecg

Steps: TypeAlias = NDArray[np.floating]

STEP_S = 0.02
AROUND_S = 0.1
"""A beat is so far before and behind its peak; the steepest step there is that of its QRS."""
WAVE_S = 0.45
"""Until then the T wave of the beat before may come."""
BEFORE_S = 0.15
STEEP = 0.35
"""With a step of this share of the QRS's there is something that may be a beat."""


class Quiet:
    """Follows the time behind a beat in which none was found; `shows` is asked again and again as more comes.

    What was quiet once is not looked at again: a pause may last longer than anyone keeps samples.
    """

    def __init__(self) -> None:
        self._beat = self._until = -inf
        self._step: Steps = np.empty(0)
        """The steepest step of the beat, for each ECG lead."""

    def shows(self, blocks: Sequence[SignalBlock], start: float, end: float) -> bool:
        """Whether the ECG shows no step like that of a beat's between the beat at ``start`` and ``end`` (s).

        Parameters
        ----------
        blocks : sequence of SignalBlock
            What has come of the stream lately, in order.
        start, end : float
            Timeline seconds, of a beat and of the next one or of what is known so far. It is not quiet where samples
            are missing.
        """
        since = self.since(start)
        if not (steps := _Steps.of(blocks, since - AROUND_S, end - BEFORE_S)):
            return False
        if since == start:
            beat, since = steps.steepest(start - AROUND_S, start + AROUND_S), start + WAVE_S
        else:
            beat = self._step
        between = steps.steepest(since, end - BEFORE_S)
        known = np.isfinite(beat) & np.isfinite(between) & (beat > 0)
        quiet = bool(known.any() and (between[known] <= STEEP * beat[known]).all())
        if quiet and end - BEFORE_S > start + WAVE_S:
            self._beat, self._until, self._step = start, end - BEFORE_S, beat
        return quiet

    def since(self, beat: float) -> float:
        """Return from when on the time behind a beat is still to be looked at."""
        return self._until if beat == self._beat else beat


class _Steps:
    """The steps of the ECG leads over `STEP_S`, of samples without a hole."""

    def __init__(self, x: NDArray[np.float32], fs: float, first: float) -> None:
        lag = max(1, round(STEP_S * fs))
        self._step = np.abs(x[lag:] - x[:-lag])
        self._fs, self._first = fs, first

    @classmethod
    def of(cls, blocks: Sequence[SignalBlock], start: float, end: float) -> _Steps | None:
        """Return those of a stretch; None where some are missing."""
        those = [one for one in blocks if one.end > start - AROUND_S and one.start < end + BEFORE_S]
        if not those or those[0].start > start or those[-1].end < end:
            return None
        fs, first = those[0].fs, those[0].start
        ecg = [k for k, lead in enumerate(those[0].leads) if is_ecg(lead)]
        x = np.concatenate([one.samples[:, ecg] for one in those])
        whole = abs(those[-1].end - first - len(x) / fs) <= 1 / fs
        return cls(x, fs, first) if whole else None

    def steepest(self, start: float, end: float) -> Steps:
        """Return the steepest of a stretch, for each lead."""
        first, last = (round((time - self._first) * self._fs) for time in (start, end))
        most: Steps = self._step[max(0, first) : max(1, last)].max(axis=0, initial=0.0)
        return most
