"""Which mark of one side is which of the other."""

from __future__ import annotations

from collections.abc import Sequence

CLASSES = {"N": "NLRBej", "S": "AaJSn", "V": "VEr", "F": "F", "Q": "/fQ?"}
"""The beat classes of EC57, and the WFDB symbols of each."""
WINDOW_S = 0.15
"""Seconds that two marks of one beat may be apart."""
ROUNDING_S = 1e-6
"""Samples at 360 Hz are no whole microseconds."""


def pair(
    reference: Sequence[float], test: Sequence[float], window: float = WINDOW_S
) -> list[tuple[int, int]]:
    """Pair beats one to one, in order of time, each with the nearest that is not nearer to another.

    Parameters
    ----------
    reference, test : sequence of float
        Seconds, rising.
    window : float
        Seconds that a pair may be apart.

    Returns
    -------
    list of (int, int)
        Positions in ``reference`` and ``test``.

    Examples
    --------
    >>> pair([1.0, 2.0, 3.0], [1.1, 2.2, 2.95])
    [(0, 0), (2, 2)]
    """
    pairs = []
    i = j = 0
    while i < len(reference) and j < len(test):
        apart = abs(test[j] - reference[i])
        if test[j] < reference[i]:
            rival = _between(reference, i, test, j + 1)
            best = apart < rival or _between(reference, i + 1, test, j + 1) < rival
        else:
            rival = _between(reference, i + 1, test, j)
            best = apart < rival or _between(reference, i + 1, test, j + 1) < rival
        if best and apart <= window + ROUNDING_S:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif test[j] < reference[i]:
            j += 1
        else:
            i += 1
    return pairs


def _between(reference: Sequence[float], i: int, test: Sequence[float], j: int) -> float:
    """Return the time between two marks; behind the end of either there is none."""
    return abs(test[j] - reference[i]) if i < len(reference) and j < len(test) else float("inf")
