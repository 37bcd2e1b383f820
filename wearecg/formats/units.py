"""Units of an ECG as files write them."""

from __future__ import annotations

_MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "v": 1e3, "nv": 1e-6}


def spelt(unit: str) -> str:
    """Return a unit in small letters, either micro sign as u."""
    return unit.strip().replace("\u03bc", "u").replace("\u00b5", "u").casefold()


def millivolts(unit: str) -> float | None:
    """Return how many mV one of ``unit`` is, written with either micro sign and in any case; None if not known.

    >>> millivolts("uV"), millivolts("MV"), millivolts("\u03bcV"), millivolts("furlong")
    (0.001, 1.0, 0.001, None)
    """
    return _MILLIVOLTS.get(spelt(unit))
