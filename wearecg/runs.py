"""Runs of equal values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def runs(mask: NDArray[np.bool_]) -> Iterator[tuple[bool, slice]]:
    """Yield (value, where) for each run of equal values in ``mask`` [n].

    >>> list(runs(np.array([True, True, False])))
    [(True, slice(0, 2, None)), (False, slice(2, 3, None))]
    """
    edges = [0, *(np.flatnonzero(np.diff(mask)) + 1).tolist(), len(mask)]
    for low, high in pairwise(edges):
        if low < high:
            yield bool(mask[low]), slice(low, high)
