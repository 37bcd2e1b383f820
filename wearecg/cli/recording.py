"""The arguments of `wearecg stream` that say how recordings are kept."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wearecg.cli.arguments import positive

if TYPE_CHECKING:
    from wearecg.sinks.upkeep import Upkeep

_SPANS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
# Decimal, as disks are sold.
_SIZES = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--rotate``, ``--keep-free`` and ``--sync``."""
    parser.add_argument(
        "--rotate",
        type=limits,
        metavar="1h,100MB",
        help="begin a new recording after this time or size, or either",
    )
    parser.add_argument(
        "--keep-free",
        type=size,
        metavar="500MB",
        help="delete the oldest finished recordings, never others' files, while less than this is free",
    )
    parser.add_argument(
        "--sync",
        type=positive,
        metavar="S",
        help="write recordings to the disk every S seconds in one go: spares SD cards; a kill loses so much, and "
        "without this 0.5 s (a power cut 5 s more)",
    )


def upkeep(args: argparse.Namespace) -> Upkeep | None:
    """Return what the arguments ask for; None if nothing."""
    from wearecg.sinks.upkeep import Upkeep

    if args.rotate is None and args.keep_free is None and args.sync is None:
        return None
    seconds, size = args.rotate or (float("inf"), float("inf"))
    return Upkeep(seconds, size, args.keep_free or 0.0, args.sync)


def size(text: str) -> float:
    """Read an amount of bytes: ``500MB``."""
    return _amount(text, _SIZES, "500MB")[0]


def limits(text: str) -> tuple[float, float]:
    """Read ``1h``, ``100MB`` or both, ``1h,100MB``, as (seconds, bytes); infinity for what is not given."""
    seconds: list[float] = []
    sizes: list[float] = []
    for part in text.split(","):
        value, unit = _amount(part, {**_SPANS, **_SIZES}, "1h or 100MB")
        (seconds if unit in _SPANS else sizes).append(value)
    return min(seconds, default=float("inf")), min(sizes, default=float("inf"))


def _amount(text: str, units: Mapping[str, float], example: str) -> tuple[float, str]:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    if not match or match[2] not in units or not float(match[1]):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number above 0 with one of {', '.join(units)} behind it, for example {example}"
        )
    return float(match[1]) * units[match[2]], match[2]
