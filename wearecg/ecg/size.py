"""How large a signal is whose unit nobody knows, so that beats are found in it as in mV."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Size(NamedTuple):
    """What lies in the middle of a signal, and what is to it as 1 mV is to an ECG; no unit."""

    middle: float
    range: float


def usual_range(x: NDArray[np.floating], fs: float) -> float:
    """Return the median range of the seconds of a signal [n] in which it moves; 0 if it never does."""
    second = max(1, min(len(x), round(fs)))
    parts = x[: len(x) // second * second].reshape(-1, second)
    spans = np.fmax.reduce(parts, axis=1) - np.fmin.reduce(parts, axis=1)
    spans = spans[spans > 0]
    return float(np.median(spans)) if len(spans) else 0.0


def usual_size(x: NDArray[np.floating], fs: float) -> Size:
    """Return the size of a signal [n] at ``fs`` (Hz), by the range that it mostly has in a second.

    >>> usual_size(np.array([5000.0, 7000.0, 6000.0, 5000.0, 7000.0, 6000.0]), 3)
    Size(middle=6000.0, range=2000.0)
    """
    measured = x[np.isfinite(x)]
    if not len(measured):
        return Size(0.0, 1.0)
    return Size(float(np.median(measured)), usual_range(x, fs) or 1.0)
