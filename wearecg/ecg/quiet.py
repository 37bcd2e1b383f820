"""Whether there is no beat where none was found: a pause is told only if the signal itself shows one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.ecg.leads import is_ecg

STEP_S = 0.02
AROUND_S = 0.1
"""A beat is so far before and behind its peak; the steepest step there is that of its QRS."""
WAVE_S = 0.45
"""Until then the T wave of the beat before may come."""
BEFORE_S = 0.15
STEEP = 0.35
"""With a step of this share of the QRS's there is something that may be a beat."""


def is_quiet(blocks: Sequence[SignalBlock], start: float, end: float) -> bool:
    """Whether the ECG shows no step like that of a beat's between the beat at ``start`` and ``end`` (s).

    Parameters
    ----------
    blocks : sequence of SignalBlock
        What has come of the stream lately, in order.
    start, end : float
        Timeline seconds, of a beat and of the next one or of what is known so far. It is not quiet where samples are
        missing.
    """
    those = [one for one in blocks if one.end > start - 2 * AROUND_S and one.start < end]
    if not those or those[0].start > start - AROUND_S or those[-1].end < end - BEFORE_S:
        return False
    fs, first = those[0].fs, those[0].start
    ecg = [k for k, lead in enumerate(those[0].leads) if is_ecg(lead)]
    x = np.concatenate([one.samples[:, ecg] for one in those])
    if abs(those[-1].end - first - len(x) / fs) > 1 / fs:
        return False
    lag = max(1, round(STEP_S * fs))
    step = np.abs(x[lag:] - x[:-lag])

    def steepest(a: float, b: float) -> NDArray[np.float32]:
        part = step[max(0, round((a - first) * fs)) : max(1, round((b - first) * fs))]
        most: NDArray[np.float32] = part.max(axis=0, initial=0.0)
        return most

    beat = steepest(start - AROUND_S, start + AROUND_S)
    between = steepest(start + WAVE_S, end - BEFORE_S)
    known = np.isfinite(beat) & np.isfinite(between) & (beat > 0)
    return bool(known.any() and (between[known] <= STEEP * beat[known]).all())
