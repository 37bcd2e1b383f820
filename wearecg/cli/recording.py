"""The options of `wearecg stream` for its outputs, and how recordings are kept."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wearecg.cli.arguments import positive
from wearecg.cli.options import NUMBER, TEXTS, Options, UsageError, option

if TYPE_CHECKING:
    from wearecg.sinks.upkeep import Upkeep

_SPANS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
# Decimal, as disks are sold.
_SIZES = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_WFDB = "wfdb:"


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


@dataclass(frozen=True, kw_only=True)
class RecordingOptions(Options):
    """``--to``, ``--record``, ``--rotate``, ``--keep-free`` and ``--sync``."""

    to: tuple[str, ...] = option(
        "--to",
        default=(),
        kind=TEXTS,
        repeatable=True,
        metavar="URI",
        help="jsonl:- jsonl:FILE wfdb:DIR live:",
    )
    record: str | None = option(
        "--record", metavar="DIR", help="record WFDB into DIR; short for --to wfdb:DIR"
    )
    rotate: tuple[float, float] | None = option(
        "--rotate",
        parse=limits,
        metavar="1h,100MB",
        help="begin a new recording after this time or size, or either",
    )
    keep_free: float | None = option(
        "--keep-free",
        parse=size,
        metavar="500MB",
        help="delete the oldest finished recordings, never others' files, while less than this is free",
    )
    sync: float | None = option(
        "--sync",
        kind=NUMBER,
        parse=positive,
        metavar="S",
        help="write recordings to the disk every S seconds in one go: spares SD cards; a kill loses so much, and "
        "without this 0.5 s (a power cut 5 s more)",
    )

    def __post_init__(self) -> None:
        """Refuse to say how to record where nothing is recorded."""
        super().__post_init__()
        if self.kept and not self.recordings:
            raise UsageError(
                "--rotate, --keep-free and --sync say how to record, but nothing is: add --record DIR"
            )

    @property
    def uris(self) -> tuple[str, ...]:
        """Every output."""
        return (*self.to, *([f"{_WFDB}{self.record}"] if self.record else []))

    @property
    def recordings(self) -> tuple[str, ...]:
        """The folders that are recorded into."""
        return tuple(uri.removeprefix(_WFDB) for uri in self.uris if uri.startswith(_WFDB))

    @property
    def kept(self) -> bool:
        """Whether it is said how recordings are kept."""
        return (self.rotate, self.keep_free, self.sync) != (None, None, None)


def upkeep(options: RecordingOptions) -> Upkeep | None:
    """Return how recordings are kept; None if that is not said."""
    from wearecg.sinks.upkeep import Upkeep

    if not options.kept:
        return None
    seconds, size = options.rotate or (float("inf"), float("inf"))
    return Upkeep(seconds, size, options.keep_free or 0.0, options.sync)
