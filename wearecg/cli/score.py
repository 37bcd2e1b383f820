"""``wearecg score``: a recording, through the same engine as a live sensor."""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import MISSING, dataclass, replace
from pathlib import Path

from wearecg.cli import scoring, twelve
from wearecg.cli.arguments import positive
from wearecg.cli.config import settle
from wearecg.cli.options import NUMBER, TEXTS, UsageError, add_options, flag, option, texts


@dataclass(frozen=True, kw_only=True)
class ScoreOptions(twelve.TwelveOptions):
    """What ``wearecg score`` can be told."""

    file: Path = option(
        "file",
        default=MISSING,
        parse=Path,
        help="a recording of any format that `wearecg formats` lists",
    )
    fs: float | None = option(
        "--fs", kind=NUMBER, parse=positive, help="samples per second, where the file does not say"
    )
    leads: tuple[str, ...] = option(
        "--leads",
        default=(),
        kind=TEXTS,
        parse=texts,
        help="leads to look at, e.g. II,V1,V5; or, for a CSV whose columns have other names, what each of them is",
    )
    lsb: float | None = option(
        "--lsb",
        kind=NUMBER,
        parse=positive,
        metavar="MV",
        help="mV of one count, where the file does not say",
    )
    to: tuple[str, ...] = option(
        "--to",
        default=(),
        kind=TEXTS,
        repeatable=True,
        metavar="URI",
        help="jsonl:- jsonl:FILE wfdb:DIR edf:DIR",
    )
    windows: bool = flag("--windows", help="tell what every window shows, also what does not settle")
    plot: Path | None = option(
        "--plot",
        parse=Path,
        metavar="FILE",
        help="with --twelve: the 12-lead page of the first 10 s, .png or .pdf",
    )

    def __post_init__(self) -> None:
        """Refuse a page of nothing."""
        super().__post_init__()
        if self.plot and not self.twelve:
            raise UsageError("--plot draws the leads of --twelve: give both")


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("score", help="score a recording", description="Score a recording, offline.")
    add_options(parser, ScoreOptions)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score one file and print what was found."""
    from wearecg.account import Account
    from wearecg.account.text import describe
    from wearecg.cli.overview import Overview
    from wearecg.formats import open_recording
    from wearecg.observers.twelve import TwelveObserver
    from wearecg.session import Session
    from wearecg.transports.pacing import LONGEST_S
    from wearecg.transports.replay import TOGETHER_S, replay

    options = settle(args, ScoreOptions)
    reconstructor = twelve.reconstructor(options)
    stored = open_recording(options.file, options.fs, options.leads, options.lsb)
    observers = scoring.observers(options, options.windows)
    known = None
    if reconstructor:
        observers.append(TwelveObserver(reconstructor))
        known = twelve.Known(reconstructor)
    leads = [lead for lead in options.leads if lead not in ("", "time")]
    # An output is told what happens second by second, as it is live.
    source = replay(stored, math.inf, LONGEST_S if options.to else TOGETHER_S)
    session = Session(source, observers, options.to, leads=leads)
    told = Overview() if options.windows else Account()
    for event in session:
        told.feed(event)
        if known:
            known.feed(event)
    if "jsonl:-" not in options.to:
        name = stored.recording.name
        print(told.describe(name) if isinstance(told, Overview) else describe(told, name))
        if known:
            print(known.describe())
    if options.plot and reconstructor:
        from wearecg.plot import SECONDS, save_page

        first = stored.read(0, min(stored.length, round(SECONDS * stored.recording.fs)))
        save_page(replace(stored.recording, samples=first), leads, reconstructor, options.plot)
    for failure in session.outputs.failures:
        print(f"wearecg: {failure.message}", file=sys.stderr)
    return 5 if session.outputs.failures else 0
