"""Units of an ECG as files write them."""

from __future__ import annotations

import re

_MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "v": 1e3, "nv": 1e-6}
_SECONDS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_CLOCK = re.compile(r"(h{1,2}:)?m{1,2}:ss(\.\w+)?")


def spelt_micro(unit: str) -> str:
    """Return a unit with either micro sign as u."""
    return unit.strip().replace("\u03bc", "u").replace("\u00b5", "u")


def spelt(unit: str) -> str:
    """Return a unit in small letters, either micro sign as u."""
    return spelt_micro(unit).casefold()


def millivolts(unit: str) -> float | None:
    """Return how many mV one of ``unit`` is, written with either micro sign and in any case; None if not known.

    >>> millivolts("uV"), millivolts("MV"), millivolts("\u03bcV"), millivolts("furlong")
    (0.001, 1.0, 0.001, None)
    """
    return _MILLIVOLTS.get(spelt(unit))


def seconds(unit: str) -> float | None:
    """Return how many seconds one of ``unit`` is, 1 for a time of day (``hh:mm:ss``); None if not known."""
    return 1.0 if _CLOCK.fullmatch(spelt(unit)) else _SECONDS.get(spelt(unit))


def is_unit(text: str) -> bool:
    """Whether it is one of these units."""
    return millivolts(text) is not None or seconds(text) is not None
