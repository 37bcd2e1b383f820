"""The options of `wearecg stream` for its outputs, and for rotation and disk space."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from wearecg.cli.arguments import positive
from wearecg.cli.options import NUMBER, TEXTS, Options, UsageError, option
from wearecg.sinks.limits import limits, size
from wearecg.web.guard import address

RECORDERS = ("wfdb:", "edf:")


def checked(read: Callable[[str], object]) -> Callable[[str], str]:
    """Return a parser that returns a text unchanged if ``read`` accepts it."""

    def parse(text: str) -> str:
        try:
            read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return text

    return parse


@dataclass(frozen=True, kw_only=True)
class RecordingOptions(Options):
    """``--to``, ``--record``, ``--report``, ``--web``, ``--rotate``, ``--keep-free`` and ``--sync``."""

    to: tuple[str, ...] = option(
        "--to",
        default=(),
        kind=TEXTS,
        repeatable=True,
        metavar="URI",
        help="jsonl:- jsonl:FILE wfdb:DIR edf:DIR live:",
    )
    record: str | None = option(
        "--record",
        metavar="DIR",
        help="record WFDB into DIR, or EDF+ into edf:DIR; short for --to wfdb:DIR",
    )
    report: str | None = option(
        "--report",
        metavar="DIR",
        help="write DIR/report.html anew every few minutes; short for --to report:DIR",
    )
    web: str | None = option(
        "--web",
        parse=checked(address),
        bare="",
        metavar="HOST:PORT",
        help="show the stream as a live page in the browser, on this machine alone unless a host is given; short for "
        "--to web:HOST:PORT",
    )
    rotate: str | None = option(
        "--rotate",
        parse=checked(limits),
        metavar="1h,100MB",
        help="begin a new recording after this time or size, whichever comes first",
    )
    keep_free: str | None = option(
        "--keep-free",
        parse=checked(size),
        metavar="500MB",
        help="delete the oldest finished recordings, never other files, while less than this is free",
    )
    sync: float | None = option(
        "--sync",
        kind=NUMBER,
        parse=positive,
        metavar="S",
        help="write recordings to the disk every S seconds in one go: spares SD cards; a kill loses up to "
        "S seconds, 0.5 s without this option (a power cut 5 s more)",
    )

    def __post_init__(self) -> None:
        """Refuse options of a recording if nothing is recorded."""
        super().__post_init__()
        if self._kept and not any(uri.startswith(RECORDERS) for uri in self.uris):
            raise UsageError(
                "--rotate, --keep-free and --sync are for recordings, but nothing is recorded: add --record DIR"
            )

    @property
    def uris(self) -> tuple[str, ...]:
        """Every output; those of recordings with ``rotate``, ``keep-free`` and ``sync``."""
        record = self.record or ""
        uris = (
            *self.to,
            *([record if record.startswith(RECORDERS) else f"{RECORDERS[0]}{record}"] if record else []),
            *([f"report:{self.report}"] if self.report else []),
            *([f"web:{self.web}"] if self.web is not None else []),
        )
        return tuple(self._with_kept(uri) if uri.startswith(RECORDERS) else uri for uri in uris)

    @property
    def _kept(self) -> str:
        said = {"rotate": self.rotate, "keep-free": self.keep_free, "sync": self.sync}
        return "&".join(f"{name}={value}" for name, value in said.items() if value is not None)

    def _with_kept(self, uri: str) -> str:
        return f"{uri}{'&' if '?' in uri else '?'}{self._kept}" if self._kept else uri
