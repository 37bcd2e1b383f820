"""The pulse wave (PPG): where its beats are.

A beat is timed at the steepest point of its upslope, which moves less with the shape of the wave than foot or
peak do. Pulses must point upwards: more blood, larger value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.spectrum import filtered

LOWPASS_HZ = 8.0
SLOPE_SHARE, SLOPE_WITHIN_S = 0.5, 1.5
"""An upslope counts that is at least this share of the steepest within so many seconds before or after."""
REFRACTORY_S = 0.28


def pulse_band(
    x: NDArray[np.floating], fs: float, cutoff: float = 0.5, pad_s: float = 3.0
) -> NDArray[np.float64]:
    """Keep a pulse wave from ``cutoff`` to 8 Hz along the last axis, without shifting phase.

    The gain is ``1 / (1 + (cutoff / f)**4)``, that of `wearecg.models.preprocess.highpass`, times
    ``1 / (1 + (f / 8)**8)``.
    """
    return filtered(x, fs, pad_s, lambda f: f**4 / (f**4 + cutoff**4) / (1 + (f / LOWPASS_HZ) ** 8))


def find_pulses(x: NDArray[np.floating], fs: float) -> NDArray[np.float64]:
    """Find the pulses of a wave.

    Parameters
    ----------
    x : float [n]
        In the band of `pulse_band`, any unit, upright; NaN where missing.
    fs : float
        Hz.

    Returns
    -------
    float64 [pulses]
        Seconds from the first sample, of the steepest point of each upslope; between samples by a parabola.

    Examples
    --------
    >>> t = np.arange(1000) / 100
    >>> find_pulses(np.sin(2 * np.pi * 1.25 * t), 100)[:3].round(2)
    array([0.8, 1.6, 2.4])
    """
    slope = np.diff(x)
    slope = np.where(np.isfinite(slope), slope, 0.0)
    reach = round(SLOPE_WITHIN_S * fs)
    if len(slope) < 3:
        return np.empty(0)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(slope, reach), 2 * reach + 1)
    enough = np.maximum(SLOPE_SHARE * around.max(axis=-1), np.finfo(np.float64).tiny)[1:-1]
    before, here, after = slope[:-2], slope[1:-1], slope[2:]
    kept: list[int] = []
    for i in np.flatnonzero((here >= enough) & (here > before) & (here >= after)):
        if kept and i - kept[-1] < REFRACTORY_S * fs:
            if here[i] > here[kept[-1]]:
                kept[-1] = int(i)
        else:
            kept.append(int(i))
    at = np.array(kept, np.int64)
    shift = 0.5 * (before[at] - after[at]) / (before[at] - 2 * here[at] + after[at])
    # The slope between samples i and i + 1 is that half-way; here[0] is the second of them.
    times: NDArray[np.float64] = (at + 1.5 + shift) / fs
    return times
