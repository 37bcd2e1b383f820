"""Heart rates that a statement contradicts: one of the two is wrong, and nobody knows which."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Final

RATES: Final[dict[str, tuple[float, float]]] = {
    "SBRAD": (0.0, 70.0),
    "STACH": (85.0, inf),
    "SVTAC": (90.0, inf),
    "PSVT": (90.0, inf),
    "VT": (90.0, inf),
    "VFIB": (inf, inf),
    "ASYS": (inf, inf),
}
"""Lowest and highest rate a minute that may stand beside a statement; limits of a definition, and a little more."""
IN_PAIRS: Final = frozenset({"BIGU"})
"""Every other interval is long; if all are alike, every other beat was missed."""
EVEN, FEWEST = 1.12, 6
"""Intervals are alike if the longest is at most so many times the shortest; so many must be known."""


def contradicts(code: str, bpm: float, intervals: Sequence[float]) -> bool:
    """Whether a statement and a heart rate cannot both be true.

    Parameters
    ----------
    code : str
        Of the statement (`wearecg.ecg.statements`).
    bpm : float
        A minute.
    intervals : sequence of float
        The last RR intervals in seconds.

    Examples
    --------
    >>> contradicts("STACH", 60.0, [1.0] * 6), contradicts("STACH", 130.0, [0.46] * 6)
    (True, False)
    >>> contradicts("BIGU", 38.0, [1.6] * 6), contradicts("BIGU", 75.0, [0.5, 1.1] * 3)
    (True, False)
    """
    lowest, highest = RATES.get(code, (0.0, inf))
    if not lowest <= bpm <= highest:
        return True
    known = len(intervals) >= FEWEST
    return code in IN_PAIRS and known and max(intervals) <= EVEN * min(intervals)
