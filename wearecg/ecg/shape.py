"""What a few seconds of signal look like, where their steps alone do not tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SLOW_HZ = 50.0
"""Rate at which waves are compared."""
SHORTEST_S, LONGEST_S = 0.18, 0.7
"""Periods of a tachycardia: 85 to 330 a minute."""
ALIKE = 0.8
"""Correlation of a rhythm with itself one period later; of muscle noise and of motion it is seldom above 0.5."""
SMOOTH = 0.85
"""Share of the power that is left below 25 Hz."""


def period(x: NDArray[np.floating], fs: float) -> float | None:
    """Return the seconds after which ``x`` [n], two seconds or more, repeats itself in wide waves, None if never.

    A wide regular tachycardia has no short steep QRS and no rest between, and so it looks like noise to a
    measure of steps. Unlike noise it is smooth and comes again.
    """
    width = max(1, round(fs / SLOW_HZ))
    rate = fs / width
    slow = x[: len(x) // width * width].reshape(-1, width).mean(axis=1, dtype=np.float64)
    slow, power = _level(slow, rate), float(np.var(_level(x.astype(np.float64), fs)))
    if not float(np.var(slow)) > SMOOTH * power > 0:
        return None
    n = len(slow)
    lags = np.arange(int(SHORTEST_S * rate), min(int(LONGEST_S * rate) + 2, n // 2))
    alike = np.array([_correlation(slow[lag:], slow[: n - lag]) for lag in lags])
    peaks = [
        i for i in range(1, len(lags) - 1) if alike[i - 1] < alike[i] >= alike[i + 1] and alike[i] > ALIKE
    ]
    if not peaks:
        return None
    best = max(alike[i] for i in peaks)
    first = next(i for i in peaks if alike[i] > best - 0.1)
    a, b, c = alike[first - 1 : first + 2]
    return float((lags[first] + 0.5 * (a - c) / (a - 2 * b + c)) / rate)


def _level(x: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Take a moving mean over half a second off."""
    half = max(1, round(0.25 * fs))
    total = np.concatenate(([0.0], np.cumsum(x)))
    at = np.arange(len(x))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(x))
    return x - (total[high] - total[low]) / (high - low)


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    power = float(a.dot(a)) * float(b.dot(b))
    return float(a.dot(b)) / power**0.5 if power > 0 else 0.0
