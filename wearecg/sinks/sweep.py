"""A sweeping trace in braille dots: two columns and four rows of dots in each character cell."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Samples

DOTS_PER_S = 25.0
"""Roughly; adjusted so that a sweep takes a whole number of seconds."""
ERASE_S = 0.3
"""Width of the moving blank ahead of the newest sample."""
MIN_SPAN = 0.8
"""A trace is never magnified beyond this many mV from top to bottom, so that noise stays small."""

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint16)


def braille(dots: NDArray[np.bool_]) -> list[str]:
    """Return one string per four rows of ``dots`` [4 * rows, 2 * columns]; empty cells are spaces."""
    rows, columns = dots.shape[0] // 4, dots.shape[1] // 2
    cells = (dots.reshape(rows, 4, columns, 2) * _DOTS[None, :, None, :]).sum(axis=(1, 3), dtype=np.uint16)
    codes = np.where(cells, cells + 0x2800, ord(" ")).astype("<u2")
    return [row.tobytes().decode("utf-16-le") for row in codes]


def spans(
    low: NDArray[np.float64], high: NDArray[np.float64], dots: int, bottom: float, top: float
) -> NDArray[np.bool_]:
    """Return [dots, columns]: a line through vertical spans ``low``..``high``, neighbours joined; NaN is blank."""
    scale = (dots - 1) / (top - bottom)
    upper, lower = (top - high) * scale, (top - low) * scale
    # Each column reaches to its left neighbour, so that steep slopes stay one line.
    before_upper, before_lower = np.roll(upper, 1), np.roll(lower, 1)
    before_upper[0] = before_lower[0] = np.nan
    upper, lower = np.fmin(upper, before_lower), np.fmax(lower, before_upper)
    blank = np.isnan(low)
    upper[blank], lower[blank] = 2 * dots, -2 * dots
    rows = np.arange(dots)[:, None]
    limits = np.rint(np.clip(np.stack([upper, lower]), -dots, 2 * dots))
    inside: NDArray[np.bool_] = (rows >= np.clip(limits[0], None, dots - 1)) & (
        rows <= np.maximum(limits[1], 0)
    )
    return inside & ~blank


class Sweep:
    """The last seconds of several leads, as the lowest and highest value of each column of dots.

    Time runs to the right and wraps; column and time are tied, so a gap is as wide as it was long.

    Parameters
    ----------
    cells : int
        Width in characters.
    leads : int
    """

    def __init__(self, cells: int, leads: int) -> None:
        self.columns = 2 * cells
        self.seconds = max(round(self.columns / DOTS_PER_S), 1)
        self.dots_per_s = self.columns / self.seconds
        self.newest = -1
        """Running number of the newest column."""
        self._low = np.full((self.columns, leads), np.nan)
        self._high = self._low.copy()
        self._range: list[tuple[float, float] | None] = [None] * leads
        self._scaled_at = [0] * leads

    def feed(self, samples: Samples, fs: float, start: float) -> None:
        """Draw ``samples`` [n, leads], the first at ``start`` seconds."""
        if not len(samples):
            return
        numbers = np.floor((start + np.arange(len(samples)) / fs) * self.dots_per_s + 1e-6).astype(np.int64)
        kept = numbers > max(numbers[-1] - self.columns, self.newest - self.columns)
        numbers, samples = numbers[kept], samples[kept]
        if not len(numbers):
            return
        fresh = np.arange(max(self.newest, numbers[-1] - self.columns) + 1, numbers[-1] + 1) % self.columns
        self._low[fresh] = self._high[fresh] = np.nan
        self.newest = max(self.newest, int(numbers[-1]))
        starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
        at = numbers[starts] % self.columns
        self._low[at] = np.fmin(self._low[at], np.fmin.reduceat(samples, starts, axis=0))
        self._high[at] = np.fmax(self._high[at], np.fmax.reduceat(samples, starts, axis=0))

    def cell(self, time: float) -> int | None:
        """Return the character column that shows ``time``; None when it is not on the screen."""
        number = int(time * self.dots_per_s)
        if not self.newest - self.columns + self._erased < number <= self.newest:
            return None
        return number % self.columns // 2

    def cells(self, start: float, end: float) -> list[tuple[int, int]]:
        """Return the character columns, as (first, last), that show the time from ``start`` to ``end``."""
        oldest = self.newest - self.columns + self._erased + 1
        first = max(int(start * self.dots_per_s) + 2, oldest)
        last = min(int(end * self.dots_per_s) - 2, self.newest)
        if first > last:
            return []
        left, right = first % self.columns // 2, last % self.columns // 2
        return [(left, right)] if left <= right else [(left, self.columns // 2 - 1), (0, right)]

    def blanks(self, lead: int) -> list[tuple[int, int]]:
        """Return the character columns, as (first, last), that show a time at which a lead has no value."""
        shown = np.zeros(self.columns, bool)
        shown[
            np.arange(max(self.newest - self.columns + self._erased + 1, 0), self.newest + 1) % self.columns
        ] = True
        blank = (shown & np.isnan(self._low[:, lead])).reshape(-1, 2).all(axis=1)
        edges = np.flatnonzero(np.diff(blank, prepend=False, append=False))
        return [(int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]

    @property
    def cursor(self) -> int:
        """Character column of the newest sample."""
        return self.newest % self.columns // 2

    def draw(self, lead: int, rows: int) -> list[str]:
        """Return the trace of one lead as ``rows`` strings."""
        low, high = self._low[:, lead].copy(), self._high[:, lead].copy()
        ahead = np.arange(self.newest + 1, self.newest + 1 + self._erased) % self.columns
        low[ahead] = high[ahead] = np.nan
        bottom, top = self.range(lead)
        return braille(spans(low, high, 4 * rows, bottom, top))

    def range(self, lead: int) -> tuple[float, float]:
        """Return bottom and top in mV; it follows the signal once a sweep, or when that has been well outside."""
        current = self._range[lead]
        age = self.newest - self._scaled_at[lead]
        patience = self.columns if current and self.newest > self.columns else self.dots_per_s
        if current and age < patience:
            return current
        low, high = self._low[:, lead], self._high[:, lead]
        if np.isnan(low).all():
            return current or (-0.5, 1.0)
        bottom, top = float(np.nanmin(low)), float(np.nanmax(high))
        span = max((top - bottom) * 1.1, MIN_SPAN)
        fits = (
            current and current[0] <= bottom and top <= current[1] and span > 0.6 * (current[1] - current[0])
        )
        if not (current and fits):
            middle = (bottom + top) / 2
            current = middle - span / 2, middle + span / 2
            self._range[lead] = current
        self._scaled_at[lead] = self.newest
        return current

    @property
    def _erased(self) -> int:
        return int(ERASE_S * self.dots_per_s)


@lru_cache(maxsize=16)
def calibration(rows: int, bottom: float, top: float) -> tuple[tuple[str, ...], float]:
    """Return the calibration pulse as ``rows`` strings of three cells, and its height in mV (1 where that fits)."""
    height = next((h for h in (1.0, 0.5, 0.2, 0.1) if h <= 0.9 * (top - bottom)), 0.1)
    if height == 1.0 and top - bottom > 12:
        height = 5.0
    middle = (bottom + top) / 2
    level = np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.0]) * height + middle - height / 2
    return tuple(braille(spans(level, level.copy(), 4 * rows, bottom, top))), height
