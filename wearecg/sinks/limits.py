"""Parses the options of a recorder: ``rotate=1h,100MB``, ``keep-free=500MB``, ``sync=30``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from wearecg.errors import SinkError
from wearecg.sinks.base import check_options
from wearecg.sinks.upkeep import Upkeep

_SPANS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
# Decimal, as disks are sold.
_SIZES = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def size(text: str) -> float:
    """Read an amount of bytes: ``500MB``. Raises ValueError."""
    return _amount(text, _SIZES, "500MB")[0]


def limits(text: str) -> tuple[float, float]:
    """Read ``1h``, ``100MB`` or both, ``1h,100MB``, as (seconds, bytes); infinity for what is not given.

    Raises
    ------
    ValueError
        A part of it is neither a time nor a size.
    """
    seconds: list[float] = []
    sizes: list[float] = []
    for part in text.split(","):
        value, unit = _amount(part, {**_SPANS, **_SIZES}, "1h or 100MB")
        (seconds if unit in _SPANS else sizes).append(value)
    return min(seconds, default=float("inf")), min(sizes, default=float("inf"))


def above_zero(text: str) -> float:
    """Read a finite number above 0. Raises ValueError."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise ValueError(f"{text!r} is not a number above 0")
    return value


OPTIONS = ("rotate", "keep-free", "sync")


def upkeep(scheme: str, options: Mapping[str, str]) -> Upkeep:
    """Parse the options ``rotate``, ``keep-free`` and ``sync`` of a recorder's URI.

    Raises
    ------
    SinkError
        An option is unknown, or its value cannot be parsed.
    """
    check_options(scheme, options, OPTIONS)
    asked = Upkeep()
    for name, text in options.items():
        try:
            if name == "rotate":
                seconds, most = limits(text)
                asked = replace(asked, seconds=seconds, size=most)
            elif name == "keep-free":
                asked = replace(asked, keep_free=size(text))
            else:
                asked = replace(asked, every=above_zero(text))
        except ValueError as error:
            raise SinkError(f"{scheme}: {name}: {error}") from None
    return asked


def _amount(text: str, units: Mapping[str, float], example: str) -> tuple[float, str]:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    if not match or match[2] not in units or not float(match[1]):
        raise ValueError(
            f"{text!r} is not a number above 0 with one of {', '.join(units)} behind it, for example {example}"
        )
    return float(match[1]) * units[match[2]], match[2]
