"""Spikes of one to three samples: pacemakers, and single samples at the end of the ADC's range. No heart makes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LOWEST_SPIKE_MV = 0.15
"""No spike that matters is lower."""
FLAT = 0.25
"""Beside a spike the steps are below this share of its edges; beside the tip of a QRS they are not."""
LEVEL = 0.5
"""How far apart, as a share of its edges, the signal may be before and behind a spike."""


def longest(fs: float) -> int:
    """Return the samples of the longest spike that can be told from a QRS."""
    return 3 if fs >= 200 else 2 if fs >= 150 else 1


def without_spikes(x: Array, most: int, least: float) -> Array | None:
    """Return ``x`` [n, leads] with lines in place of spikes, None if there are none.

    Parameters
    ----------
    x : float64 [n, leads]
        NaN where nothing is known.
    most : int
        Samples of the longest spike.
    least : float
        Height of the lowest spike, in the unit of ``x``.

    A spike is seen when ``most + 1`` samples before and behind it are there.
    """
    step = x[1:] - x[:-1]
    if step.item(step.argmax()) <= least or step.item(step.argmin()) >= -least:  # neither, if there is a NaN
        return None
    steep = np.abs(step)
    if not ((steep[1:] > least) & (steep[:-1] < FLAT * steep[1:])).any():  # no spike begins; most end here
        return None
    y: Array | None = None
    for length in range(1, most + 1):
        # step[i] leads to the first sample of a spike, step[i + length] away from the last one.
        up, down = step[1 : -length - 1], -step[1 + length : -1]
        before, behind = step[: -length - 2], step[length + 2 :]
        edge = np.minimum(np.abs(up), np.abs(down))
        beside = np.maximum(np.abs(before), np.abs(behind))
        apart = np.abs(x[2 + length : -1] - x[1 : -length - 2])
        found = (up * down > 0) & (edge > least) & (beside < FLAT * edge) & (apart < LEVEL * edge)
        for i, lead in np.argwhere(found).tolist():
            if y is None:
                y = x.copy()
            first, last = x[i + 1, lead], x[i + 2 + length, lead]
            for k in range(1, length + 1):
                y[i + 1 + k, lead] = np.rint(2048.0 * (first + (last - first) * k / (length + 1))) / 2048.0
    return y
