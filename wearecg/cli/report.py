"""``wearecg report``: a recording, or a folder of them, on one page."""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wearecg import overwrite
from wearecg.cli import scoring
from wearecg.cli.arguments import positive
from wearecg.cli.config import settle
from wearecg.cli.options import NUMBER, TEXTS, UsageError, add_options, option, texts

if TYPE_CHECKING:
    from wearecg.formats import Stored
    from wearecg.transports.base import Source

SUFFIXES = (".html", ".json", ".pdf")


@dataclass(frozen=True, kw_only=True)
class Where(scoring.ModelOptions):
    """A recording, or a folder of recordings, and what it does not say itself."""

    file: Path = option(
        "file", default=MISSING, parse=Path, help="a recording, or a folder of recordings of one person"
    )
    fs: float | None = option(
        "--fs", kind=NUMBER, parse=positive, help="samples per second, for a CSV without a time column"
    )
    leads: tuple[str, ...] = option(
        "--leads",
        default=(),
        kind=TEXTS,
        parse=texts,
        help="leads to look at, or what the columns of a CSV are",
    )
    lsb: float | None = option(
        "--lsb",
        kind=NUMBER,
        parse=positive,
        metavar="MV",
        help="mV of one count, for a file that does not say",
    )

    @property
    def looked_at(self) -> list[str]:
        """The leads to look at; all if empty."""
        return [lead for lead in self.leads if lead not in ("", "time")]

    def opened(self) -> tuple[Source, list[tuple[float, Stored]], str]:
        """Open it; return what plays it, the second at which each of its recordings begins, and what it is called."""
        from wearecg.formats import open_recording
        from wearecg.transports.folder import FolderSource
        from wearecg.transports.replay import TOGETHER_S, replay

        if self.file.is_dir():
            folder = FolderSource(self.file, self.fs, self.leads, self.lsb)
            return folder, folder.parts, folder.name
        stored = open_recording(self.file, self.fs, self.leads, self.lsb)
        return replay(stored, math.inf, TOGETHER_S), [(0.0, stored)], stored.recording.name

    def settings(self) -> tuple[str, ...]:
        """How it is looked at, for people."""
        told = [f"Models run as {self.precision} in {self.runtime}; prior: {self.prior or 'ambulatory'}."]
        if self.statements:
            told.append(f"Asked for by name, whatever the leads: {', '.join(self.statements)}.")
        return tuple(told)


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Where):
    """What ``wearecg report`` can be told."""

    output: Path = option(
        "-o",
        default=Path("report.html"),
        parse=Path,
        metavar="FILE",
        help="report.html, .json, or .pdf, which Chromium, Chrome or Edge prints (default report.html)",
    )

    def __post_init__(self) -> None:
        """Refuse a file of another kind."""
        super().__post_init__()
        if self.output.suffix not in SUFFIXES:
            raise UsageError(f"-o {self.output}: a report is {', '.join(SUFFIXES)}")


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "report",
        help="one page about a recording",
        description="One page about a recording, or a folder of them.",
    )
    add_options(parser, ReportOptions)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the report of a recording."""
    from wearecg.report.gather import Gathered
    from wearecg.report.printing import browser, print_page
    from wearecg.session import Session
    from wearecg.sinks.report import ReportSink

    options = settle(args, ReportOptions)
    printer = browser() if options.output.suffix == ".pdf" else ""
    if printer:
        overwrite.check(options.output, (b"%PDF-",), "a report")
    source, _, name = options.opened()
    observers = scoring.observers(options)
    with tempfile.TemporaryDirectory() as there:
        page = Path(there) / "report.html" if printer else options.output
        sink = ReportSink(page, Gathered(name, options.settings()))
        session = Session(source, observers, [sink], leads=options.looked_at)
        for _ in session:
            pass
        failures = session.outputs.failures
        if printer and not failures:
            print_page(printer, page, options.output)
    for failure in failures:
        print(f"wearecg: {failure.message}", file=sys.stderr)
    if not failures:
        print(options.output)
    return 5 if failures else 0
