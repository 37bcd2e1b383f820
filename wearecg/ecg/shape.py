"""What a few seconds of signal look like, where their steps alone do not tell."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SLOW_HZ = 50.0
"""Rate at which waves are compared."""
SHORTEST_S, LONGEST_S = 0.18, 0.6
"""Periods of a tachycardia: 100 to 330 a minute."""
TREMOR_S = 0.06
"""The shortest period that is looked for: what repeats itself sooner than a heart is none."""
SINE = 0.021
"""Share of the power that a sine or a triangle leaves of a sine wave; of a flutter there is more."""
EVEN, TREMOR_LONGEST_S = 0.55, 0.3
"""The lowest of waves as fast as those of tremor is this share of the highest: tremor swells and fades."""
BETWEEN = 0.08
"""Share of a second that a square wave spends between its levels."""
ALIKE = 0.8
"""Correlation of a rhythm with itself one period later; of muscle noise and of motion it is seldom above 0.5."""
SMOOTH = 0.5
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
    lags = np.arange(int(TREMOR_S * rate), min(int(LONGEST_S * rate) + 2, n // 2))
    alike = np.array([_correlation(slow[lag:], slow[: n - lag]) for lag in lags])
    peaks = [
        i for i in range(1, len(lags) - 1) if alike[i - 1] < alike[i] >= alike[i + 1] and alike[i] > ALIKE
    ]
    if not peaks:
        return None
    best = max(alike[i] for i in peaks)
    first = next(i for i in peaks if alike[i] > best - 0.1)
    a, b, c = alike[first - 1 : first + 2]
    found = float((lags[first] + 0.5 * (a - c) / (a - 2 * b + c)) / rate)
    edge = round(0.25 * rate)  # the level there is of one side only
    if found < SHORTEST_S or _is_sine(slow, found * rate):
        return None
    swells = found < TREMOR_LONGEST_S and not _is_even(slow[edge:-edge], round(found * rate))
    return None if swells else found


def is_drawn(level: NDArray[np.floating], means: list[float]) -> bool:
    """Whether a second is a square wave or a ramp, as calibrators and faults draw: no ECG looks like either.

    Parameters
    ----------
    level : float [n]
        The samples, sorted.
    means : list of float
        Of the tenths of the second, in order of time.
    """
    n, lowest, highest = len(level), level.item(0), level.item(-1)
    span = highest - lowest
    if level.item(n * 15 // 100) < lowest + 0.3 * span and level.item(n * 85 // 100) > highest - 0.3 * span:
        low, high = np.searchsorted(level, (lowest + 0.3 * span, highest - 0.3 * span))
        if high - low < BETWEEN * n:
            return True
    if abs(level.item(n // 2) - 0.5 * (lowest + highest)) > 0.2 * span:
        return False
    slopes = sorted(b - a for a, b in pairwise(means))
    slope = slopes[4]
    if abs(10 * slope) < 0.5 * span:
        return False
    return sum(abs(other - slope) < 0.2 * abs(slope) for other in slopes) >= 7


def _is_sine(x: NDArray[np.float64], samples: float) -> bool:
    turn = 2 * np.pi / samples * np.arange(len(x))
    waves = np.stack((np.cos(turn), np.sin(turn)), axis=1)
    left = x - waves @ np.linalg.lstsq(waves, x, rcond=None)[0]
    return bool(np.var(left) < SINE * np.var(x))


def _is_even(x: NDArray[np.float64], samples: int) -> bool:
    count = len(x) // samples
    waves = x[: count * samples].reshape(count, samples)
    spans = np.ptp(waves, axis=1)
    return bool(spans.min() > EVEN * spans.max())


def _level(x: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Take a moving mean over half a second off."""
    half = max(1, round(0.25 * fs))
    total = np.concatenate(([0.0], np.cumsum(x)))
    at = np.arange(len(x))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(x))
    return np.asarray(x - (total[high] - total[low]) / (high - low))


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    power = float(a.dot(a)) * float(b.dot(b))
    return float(a.dot(b)) / power**0.5 if power > 0 else 0.0
