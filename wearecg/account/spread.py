"""How values spread, in a memory that does not grow with their number."""

from __future__ import annotations

from collections import Counter
from math import nan, sqrt


class Spread:
    """Counts values in bins of ``width``.

    Parameters
    ----------
    width : float
        In the unit of the values.
    """

    def __init__(self, width: float) -> None:
        self._width = width
        self._bins: Counter[int] = Counter()
        self.count = 0
        self.least = self.most = nan
        self.at_least = self.at_most = nan
        """When the least and the most were, s."""
        self._square_errors = 0.0
        self._errors = 0

    def add(self, value: float, at: float, error: float | None = None) -> None:
        """Take a value at a time (s), and its standard error where it is known."""
        self._bins[round(value / self._width)] += 1
        self.count += 1
        if not self.least <= value:
            self.least, self.at_least = value, at
        if not self.most >= value:
            self.most, self.at_most = value, at
        if error is not None:
            self._square_errors += error * error
            self._errors += 1

    @property
    def error(self) -> float | None:
        """The standard error of one value, in the root mean square."""
        return sqrt(self._square_errors / self._errors) if self._errors else None

    def quantile(self, share: float) -> float:
        """Return the value that ``share`` of all do not exceed, to a bin; NaN of none."""
        if not self.count:
            return nan
        below, last = 0, 0
        for last in sorted(self._bins):
            below += self._bins[last]
            if below >= share * self.count:
                break
        return min(max(last * self._width, self.least), self.most)

    @property
    def median(self) -> float:
        """The median, to a bin."""
        return self.quantile(0.5)
