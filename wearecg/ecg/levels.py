"""How high a QRS and the waves between are on each lead, and what each lead may say when several are added."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.spikes import LOWEST_SPIKE_MV
from wearecg.ecg.wavelet import UNITS_PER_MV

CLIP = 1.3
"""The most that one of several leads can say, in units of its QRS."""
MIN_MV = 0.008
"""Smallest wavelet amplitude of a beat: a QRS of about 0.04 mV."""
FLOOR = MIN_MV * UNITS_PER_MV
SPIKE = 2.5
"""A spike is so many times as high as the wavelet amplitude, half of a QRS, if not lower than any may be."""


def first(moduli: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Return the levels of QRS and noise of each lead from ``moduli`` [ticks, leads], 0 where nothing was seen."""
    signal, noise = [], []
    for column in moduli.T:
        values = column[column > 0]
        signal.append(max(0.7 * float(values.max()), FLOOR) if len(values) else 0.0)
        noise.append(float(np.median(values)) if len(values) else 0.0)
    return signal, noise


def shares(signal: Sequence[float], noise: Sequence[float]) -> tuple[list[float], list[float], float]:
    """Return each lead's scale and the most that it can say, by how far its QRS stands out; and the noise in all."""
    if len(signal) == 1:
        (s,), (n,) = signal, noise
        return ([1 / s], [inf], min(1.0, max(n, 0.02 * s, 1.0) / s)) if s else ([0.0], [inf], 0.0)
    snr = [s / max(n, 0.02 * s, 1.0) if s else 0.0 for s, n in zip(signal, noise, strict=True)]
    weight = [max(r - 1.0, 0.0) + 1e-3 if r else 0.0 for r in snr]
    total = sum(weight) or 1.0
    weight = [w / total for w in weight]
    scale = [w / s if s else 0.0 for w, s in zip(weight, signal, strict=True)]
    quiet = sum(w * min(1.0, 1.0 / r) for w, r in zip(weight, snr, strict=True) if r)
    return scale, [CLIP * w for w in weight], quiet


def spike_mv(signal: Sequence[float]) -> float:
    """Return the height of the lowest spike that is looked for, mV."""
    lowest = min(signal) or min([level for level in signal if level], default=0.0)
    return max(LOWEST_SPIKE_MV, SPIKE * lowest / UNITS_PER_MV)
