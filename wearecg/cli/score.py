"""``wearecg score``: a recording, through the same engine as a live sensor."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wearecg.cli import scoring, twelve
from wearecg.cli.arguments import positive
from wearecg.cli.config import settle
from wearecg.cli.options import NUMBER, TEXTS, UsageError, add_options, option, texts

if TYPE_CHECKING:
    from wearecg.block import Event
    from wearecg.findings import Report


@dataclass(frozen=True, kw_only=True)
class ScoreOptions(twelve.TwelveOptions):
    """What ``wearecg score`` can be told."""

    file: Path = option(
        "file", default=MISSING, parse=Path, help="WFDB record (.hea, .dat or no suffix) or .csv"
    )
    fs: float | None = option(
        "--fs", kind=NUMBER, parse=positive, help="samples per second, for a CSV without a time column"
    )
    leads: tuple[str, ...] = option(
        "--leads",
        default=(),
        kind=TEXTS,
        parse=texts,
        help="leads to look at, e.g. II,V1,V5; or, for a CSV whose columns have other names, what each of them is",
    )
    lsb: float | None = option(
        "--lsb", kind=NUMBER, parse=positive, metavar="MV", help="mV of one count, for a CSV of counts"
    )
    to: tuple[str, ...] = option(
        "--to", default=(), kind=TEXTS, repeatable=True, metavar="URI", help="jsonl:- jsonl:FILE wfdb:DIR"
    )
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
    from wearecg.findings import report
    from wearecg.formats import read_recording
    from wearecg.observers.twelve import TwelveObserver
    from wearecg.session import Session
    from wearecg.transports.replay import replay

    options = settle(args, ScoreOptions)
    reconstructor = twelve.reconstructor(options)
    recording = read_recording(options.file, options.fs, options.leads, options.lsb)
    observers = scoring.observers(options)
    known = None
    if reconstructor:
        observers.append(TwelveObserver(reconstructor))
        known = twelve.Known(reconstructor)
    source = replay(recording, math.inf)
    leads = [lead for lead in options.leads if lead]
    session = Session(source, observers, options.to, leads=leads)
    result = report(_shown(session, known))
    if "jsonl:-" not in options.to:
        print(describe(result, recording.name))
        if known:
            print(known.describe())
    if options.plot and reconstructor:
        from wearecg.plot import save_page

        save_page(recording, leads, reconstructor, options.plot)
    for failure in session.outputs.failures:
        print(f"wearecg: {failure.message}", file=sys.stderr)
    return 5 if session.outputs.failures else 0


def _shown(events: Iterable[Event], known: twelve.Known | None) -> Iterator[Event]:
    for event in events:
        if known:
            known.feed(event)
        yield event


def describe(report: Report, name: str) -> str:
    """The report as text."""
    rates = [rate.bpm for rate in report.heart_rate if rate.bpm is not None]
    heart_rate = f"{sorted(rates)[len(rates) // 2]:.0f} bpm" if rates else _why_none(report)
    lines = [
        f"{name}: {report.summary.duration:.1f} s, {len(report.beats)} beats, heart rate {heart_rate} (median)",
    ]
    lines += [f"  {notice.level}: {notice.message}" for notice in report.notices if notice.level != "info"]
    lines += [f"  gap {gap.start:.2f} s for {gap.duration:.2f} s ({gap.reason})" for gap in report.gaps]
    for lead in {lead.lead: None for quality in report.quality for lead in quality.leads}:
        verdicts = [q for quality in report.quality for q in quality.leads if q.lead == lead]
        bad = [q for q in verdicts if q.verdict != "good"]
        if bad:
            reasons = sorted({q.reason for q in bad})
            lines.append(f"  {lead}: {len(bad)} of {len(verdicts)} s not good ({', '.join(reasons)})")
    for f in sorted(report.findings, key=lambda f: (f.since, -(f.probability or 0))):
        span = f"{f.since:7.1f} - {f.end:.1f} s"
        if f.why:
            lines.append(f"  {span}  not scored: {f.reason}")
            continue
        sure = "    " if f.probability is None else f"{f.probability:.2f}"
        evidence = ", ".join(f"{measure.key} {measure.value:g}" for measure in f.evidence)
        lines.append(f"  {span}  {f.code:6} {sure}  {f.text}" + (f"  ({evidence})" if evidence else ""))
    return "\n".join(lines)


def _why_none(report: Report) -> str:
    return f"unknown: {report.heart_rate[-1].reason}" if report.heart_rate else "unknown: too short"
