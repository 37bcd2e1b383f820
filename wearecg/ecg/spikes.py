"""What rises faster than any QRS: pacing spikes, single samples at the end of the ADC's range, steps of the baseline.

The charge that a pacing spike leaves behind decays exponentially, and so does a step behind the capacitor of a front
end; a QRS falls as it rose. So both are taken out: the rise, and the exponential that follows it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LOWEST_SPIKE_MV = 0.15
"""No spike that matters is lower."""
FLAT = 0.25
"""Beside a spike the steps are below this share of its edges; beside the tip of a QRS they are not."""
LEVEL = 0.5
"""How far apart, as a share of its edges, the signal may be before and behind a spike, unless it decays from there."""
EDGE_S, LONG = 0.008, 3
"""The longest rise of an edge, and so many samples before it are as flat."""
TAIL_S, FEWEST = 0.024, 4
"""So much of what follows must be exponential."""
LOWEST_TAIL_MV = 0.05
ASTRAY, ASTRAY_MV = 0.08, 0.012
"""How far it may be from the exponential, root mean square: a share of its height, and noise."""


class Spike(NamedTuple):
    """Samples ``first`` up to ``behind`` of a lead, and the tail of height ``tail`` that begins with ``behind``.

    Of an edge, ``first`` is ``behind`` or the samples between are its rise. Each sample of the tail is ``ratio`` times
    the one before.
    """

    lead: int
    first: int
    behind: int
    tail: float
    ratio: float

    def decay(self, samples: int) -> Array:
        """Return the tail from ``behind`` on, rounded to 1/2048."""
        return np.asarray(np.rint(2048.0 * self.tail * self.ratio ** np.arange(samples)) / 2048.0)


def longest(fs: float) -> int:
    """Return the samples of the longest spike that can be told from a QRS."""
    return 3 if fs >= 200 else 2 if fs >= 150 else 1


def behind(fs: float) -> int:
    """Return how many samples behind a spike must be there."""
    return max(FEWEST, round(TAIL_S * fs))


def find(x: Array, fs: float, least: float) -> list[Spike]:
    """Return the spikes and edges in ``x`` [n, leads] at ``fs`` Hz that are at least ``least`` high.

    NaN stands where nothing is known. A spike is seen when `longest` + 1 samples before and `behind` samples after it
    are there.
    """
    step = x[1:] - x[:-1]
    steep = np.abs(step, step)
    if steep.item(steep.argmax()) <= least:  # a NaN, if there is one
        return []
    fronts = (steep[1:] > least) & (steep[:-1] < FLAT * steep[1:])
    if not fronts.any():
        return []
    most, rise, few = longest(fs), max(1, int(EDGE_S * fs)), behind(fs)
    found: list[Spike] = []
    for i, lead in np.argwhere(fronts).tolist():
        first = i + 2  # of the samples that are not as before
        if found and found[-1].lead == lead and first <= found[-1].behind:
            continue
        spike = _spike(x[:, lead], lead, first, most, rise, few)
        if spike:
            found.append(spike)
    return found


def without(x: Array, spikes: list[Spike]) -> Array:
    """Return ``x`` [n, leads] with lines in place of ``spikes`` and without their tails."""
    y = x.copy()
    for spike in spikes:
        lines(y, spike)
        y[spike.behind :, spike.lead] -= spike.decay(len(y) - spike.behind)
    return y


def lines(y: Array, spike: Spike) -> None:
    """Put a line in place of ``spike`` in ``y`` [n, leads], from what was before to where its tail would end."""
    first, last = y[spike.first - 1, spike.lead], y[spike.behind, spike.lead] - spike.tail
    length = spike.behind - spike.first
    for k in range(1, length + 1):
        at = first + (last - first) * k / (length + 1)
        y[spike.first - 1 + k, spike.lead] = np.rint(2048.0 * at) / 2048.0


def _spike(x: Array, lead: int, first: int, most: int, rise: int, few: int) -> Spike | None:
    before, quiet = x.item(first - 1), abs(x.item(first - 1) - x.item(first - 2))
    up = x.item(first) - before
    for behind in range(first + 1, min(first + most, len(x) - 2) + 1):
        down = x.item(behind - 1) - x.item(behind)
        edge = min(abs(up), abs(down))
        beside = max(quiet, abs(x.item(behind + 1) - x.item(behind)))
        if up * down > 0 and beside < FLAT * edge:
            tail = _tail(x, before, behind, few)
            if tail:
                return Spike(lead, first, behind, *tail)
            if abs(x.item(behind) - before) < LEVEL * edge:
                return Spike(lead, first, behind, 0.0, 0.0)
    flat = max(abs(before - x.item(k)) for k in range(max(first - 1 - LONG, 0), first - 1))
    for behind in range(first, min(first + rise, len(x) - 2)):
        if flat < FLAT * abs(x.item(behind) - before):
            tail = _tail(x, before, behind, few)
            if tail:
                return Spike(lead, first, behind, *tail)
    return None


def _tail(x: Array, before: float, behind: int, few: int) -> tuple[float, float] | None:
    """Return height and ratio of the exponential that ``x`` follows from ``behind`` on, None if it does not."""
    y = x[behind : behind + few] - before
    if len(y) < few or not abs(y.item(0)) > LOWEST_TAIL_MV:
        return None
    ratio = min(1.0, float(y[1:].dot(y[:-1])) / float(y[:-1].dot(y[:-1])))
    if not ratio > 0.0:
        return None
    shape = ratio ** np.arange(few)
    height = float(y.dot(shape)) / float(shape.dot(shape))
    astray = float(np.sqrt(np.mean((y - height * shape) ** 2)))
    return (height, ratio) if astray < ASTRAY * abs(height) + ASTRAY_MV else None
