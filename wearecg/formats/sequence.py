"""Rows that count themselves: what the counter leaves out is missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearecg.errors import SourceError

MOST_LOST = 10
"""Rows that may be missing for each that is there; a counter that says more is none."""


def spread(
    path: object, values: NDArray[np.float64], counter: NDArray[np.float64], modulus: int
) -> NDArray[np.float64]:
    """Return rows [n, columns] at their places by ``counter`` [n], which begins anew at ``modulus``; NaN where none is.

    >>> spread("r", np.array([[1.0], [2.0], [3.0]]), np.array([14.0, 15.0, 1.0]), 16)[:, 0]
    array([ 1.,  2., nan,  3.])

    Raises
    ------
    SourceError
        It counts nothing.
    """
    if len(values) < 2 or not np.isfinite(counter).all():
        return values
    steps = np.rint(np.diff(counter)).astype(np.int64)
    usual = max(1, int(np.median(steps)))
    lost = (steps // usual - 1) % max(1, modulus // usual)
    if int(lost.sum()) > MOST_LOST * len(values):
        raise SourceError(f"{path}: its counter does not count its rows, {int(lost.sum())} would be missing")
    places = np.concatenate([[0], np.cumsum(lost + 1)])
    found = np.full((int(places[-1]) + 1, values.shape[1]), np.nan)
    found[places] = values
    return found
