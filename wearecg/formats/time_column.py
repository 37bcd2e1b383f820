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
    # Twice: by the rate of the whole, rounded times and bursts count for nothing.
    for _ in range(2):
        places = np.arange(n) + _lost(times, fs)
        about = times - times.mean()
        fs = _round(float(about @ places / (about @ about)))
    grid = np.full((int(places[-1]) + 1, table.shape[1]), np.nan)
    grid[places] = table
    return fs, grid


def usual_rate(times: Floats) -> float:
    """Return the rate of most stretches, rows in one of the unit of ``times``: a gap is in few of them."""
    n = len(times)
    width = max(1, min(n - 1, max(25, n // 20)))
    usual = float(np.median((times[width:] - times[:-width]) / width))
    return 1 / usual if usual > 0 else (n - 1) / float(times[-1] - times[0])


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
