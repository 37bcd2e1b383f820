"""Rows that have times: their rate, and which row is where, however uneven the times are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wearecg.errors import SourceError

Floats = NDArray[np.float64]

GAP = 0.75
"""A row that comes so many samples late, and all behind it too, comes after a gap."""
SLOWEST_HZ = 5.0
"""No ECG is slower: rows that are further apart have times in a smaller unit, or gaps all over."""
IN_STEP, LEAST_IN_STEP = 64, 0.5
"""Rows over which times are tried to keep a rate, and how well at least; uneven by half a sample either way is 0."""
STRETCHES = 32
MOST_LATE = 0.05
"""The share of rows that may be late by more than half a sample."""
LONGEST_S = 86400.0
"""What may be missing between the times of a recording, beside as much as it lasts."""


def check(path: object, times: Floats, rows: Sequence[int]) -> None:
    """Raise `SourceError` unless ``times``, of the lines ``rows`` of a file, are all there and rise."""
    steps = np.diff(times)
    if not np.isfinite(times).all():
        raise SourceError(f"{path}, row {rows[int(np.argmin(np.isfinite(times)))]}: it has no time")
    if len(times) < 2 or not steps.sum() > 0:
        raise SourceError(f"{path}: the time column must rise from row to row, over at least two rows")
    if (steps < 0).any():
        row = rows[int(np.argmax(steps < 0)) + 1]
        raise SourceError(f"{path}, row {row}: the time column falls by {-steps.min():g}; it must rise")


def on_grid(path: object, times: Floats, table: Floats, rows: Sequence[int]) -> tuple[float, Floats]:
    """Return the rate (Hz) that ``times`` (s) show, and ``table`` [n, columns] with NaN where rows are missing.

    The rate is that of most stretches of the whole; a row is placed by its own time, not by the distance to the one
    before. Times that are late and early by turns (jitter), or the same for several rows (bursts), move no row: only
    what is late from one row on, with all that follow, is a gap.

    Raises
    ------
    SourceError
        The times jump by more than a day, in all.
    """
    n = len(times)
    fs = usual_rate(times)
    if fs < SLOWEST_HZ:
        steps = np.diff(times)
        fs = max(fs, 1 / float(np.median(steps[steps > 0])))
    if times[-1] - times[0] > LONGEST_S + 2 * n / fs:
        steps = np.diff(times)
        jump = int(np.argmax(steps))
        raise SourceError(
            f"{path}, row {rows[jump + 1]}: the time column jumps by {steps[jump]:g} s, and by "
            f"{times[-1] - times[0] - n / fs:g} s in all"
        )
    about = times - times.mean()
    # Twice: by the rate of the whole, rounded times and bursts count for nothing.
    for _ in range(2):
        nearest = _nearest(times, fs)
        places = np.arange(n) + _lost(times, fs) if nearest is None else nearest
        fs = _round(float(about @ places / (about @ about)))
    grid = np.full((int(places[-1]) + 1, table.shape[1]), np.nan)
    grid[places] = table
    return fs, grid


def usual_rate(times: Floats) -> float:
    """Return the rate of the sensor, samples in one of the unit of ``times``.

    It is the rate of most stretches, as a gap is in few of them. Where rows are missing all over, one here and one
    there, that is too low; but the rows that are left keep in step with the sensor.
    """
    n = len(times)
    width = max(1, min(n - 1, max(25, n // 20)))
    usual = float(np.median((times[width:] - times[:-width]) / width))
    rate = 1 / usual if usual > 0 else (n - 1) / float(times[-1] - times[0])
    return _in_step(times, rate) or rate


def _in_step(times: Floats, rate: float) -> float | None:
    """Return the rate, from about ``rate`` to twice it, whose beat the times keep; None if they keep none."""
    close, usual = np.quantile(np.diff(times), [0.25, 0.5]).tolist()
    # Most rows follow the one before them at once.
    most = min(2.0, 1.5 / (usual * rate)) if usual > 0 else 1.02
    rates = rate * np.arange(0.98, max(most, 1.02), 1 / (4 * IN_STEP))
    kept = _coherence(times, rates, IN_STEP)
    best = int(np.argmax(kept))
    near = abs(rates / rate - 1) < 0.02
    # Rows in bursts, or with times that are uneven by half a sample, keep no rate.
    if kept[best] < LEAST_IN_STEP or close * rates[best] < 0.5:
        return None
    lost = kept[best] > 1.3 * kept[near].max() and _unevenness(times) * rates[best] > 1.05
    if not lost:
        best = int(np.argmax(np.where(near, kept, 0.0)))
        if kept[best] < LEAST_IN_STEP:
            return None
    found = float(rates[best])
    for length in (8 * IN_STEP, 64 * IN_STEP):
        finer = found * (1 + np.arange(-8, 9) / (4 * length))
        found = float(finer[np.argmax(_coherence(times, finer, length))])
    return found


def _nearest(times: Floats, fs: float) -> NDArray[np.int64] | None:
    """Return the sample nearest to each row; None where the times of too many are too uneven for that."""
    turns = (times - times[0]) * fs
    ends = np.append(np.arange(IN_STEP, len(times) - IN_STEP, IN_STEP), len(times))
    pieces = np.split(np.exp(2j * np.pi * turns), ends[:-1])
    # The clock drifts, and rows are late by a little: the phase of a sample is that of the rows around.
    phase = np.unwrap([np.angle(piece.mean()) for piece in pieces]) / (2 * np.pi)
    middle = [piece.mean() for piece in np.split(turns, ends[:-1])]
    places = np.rint(turns - np.interp(turns, middle, phase)).astype(np.int64)
    row = np.arange(len(times))
    # A row may be late; it is before those behind it all the same.
    before = np.minimum.accumulate((places - row)[::-1])[::-1] + row
    return before - before[0] if (before < places).mean() < MOST_LATE else None


def _coherence(times: Floats, rates: Floats, length: int) -> Floats:
    """Return how well the times keep each rate over stretches of ``length`` rows, 1 for those that are even."""
    stretches = _stretches(times, length)
    return np.array([np.abs(np.exp(2j * np.pi * rate * stretches).mean(axis=1)).mean() for rate in rates])


def _unevenness(times: Floats) -> float:
    """Return by how much, from first to last, the rows of an uneven stretch are off a line."""
    stretches = _stretches(times, 4 * IN_STEP)
    row = np.arange(stretches.shape[1]) - (stretches.shape[1] - 1) / 2
    off = stretches - stretches.mean(axis=1, keepdims=True)
    off -= np.outer(off @ row / max(row @ row, 1.0), row)
    return float(np.quantile(np.ptp(off, axis=1), 0.9))


def _stretches(times: Floats, length: int) -> Floats:
    """Return at most `STRETCHES` stretches of ``length`` rows (fewer in a shorter recording), spread over the whole."""
    length = min(length, len(times))
    first = np.unique(np.linspace(0, len(times) - length, STRETCHES).astype(int))
    there = times[first[:, None] + np.arange(length)]
    return there - there[:, :1]


def _round(fs: float) -> float:
    return float(round(fs)) if abs(fs - round(fs)) < 2e-4 * fs else fs


def _lost(times: Floats, fs: float) -> NDArray[np.int64]:
    """Return for each row how many samples are missing before it."""
    n = len(times)
    late = (times - times[0]) * fs - np.arange(n)
    width = min(n, max(25, round(fs)))
    ahead = _least(late[::-1], width)[::-1]
    """The least that the row and those behind it are late by: what no jitter explains."""
    lost = np.zeros(n, np.int64)
    missing, since = 0, 0
    for row in (np.flatnonzero(np.diff(times) * fs >= 1 + GAP / 2) + 1).tolist():
        before = late[max(since, row - width) : row]
        more = ahead[row] - before.min()
        # Few rows behind it may all be late by chance: at the end, by more than any before.
        if more >= GAP + (np.ptp(before) if n - row < width else 0.0):
            found = max(round(float(more)), 1)
            missing, since = missing + found, row
            lost[row:] = missing
    return lost


def _least(x: Floats, width: int) -> Floats:
    """Return the least of each value and the ``width - 1`` before it."""
    blocks = -(-len(x) // width)
    flat = np.full(blocks * width, np.inf)
    flat[: len(x)] = x
    padded = flat.reshape(blocks, width)
    from_left = np.minimum.accumulate(padded, axis=1).ravel()[: len(x)]
    from_right = np.minimum.accumulate(padded[:, ::-1], axis=1)[:, ::-1].ravel()[: len(x)]
    least = from_left.copy()
    least[width - 1 :] = np.minimum(from_left[width - 1 :], from_right[: len(x) - width + 1])
    return least
