"""``wearecg compare``: annotations against a reference, by the rules of EC57."""

from __future__ import annotations

import argparse
import sys
from dataclasses import MISSING, dataclass
from pathlib import Path

from wearecg.cli.arguments import not_negative
from wearecg.cli.config import settle
from wearecg.cli.options import NUMBER, Options, add_options, option
from wearecg.errors import SourceError
from wearecg.text import visible

ANNOTATORS = ("atr", "wea")


@dataclass(frozen=True, kw_only=True)
class CompareOptions(Options):
    """What ``wearecg compare`` can be told."""

    reference: Path = option(
        "reference",
        default=MISSING,
        parse=Path,
        help="annotation file of the reference (100.atr), or a folder of them",
    )
    test: Path = option(
        "test",
        default=MISSING,
        parse=Path,
        help="annotation file to be judged (100.wea), or a folder of them",
    )
    since: float = option(
        "--from",
        default=300.0,
        kind=NUMBER,
        parse=not_negative,
        metavar="S",
        help="seconds at the beginning that do not count (default 300, as the standard has it)",
    )


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "compare",
        help="compare beats and episodes with a reference",
        description="Compare annotation files (MIT format, with the record's header beside them) by the rules of "
        "ANSI/AAMI EC57: beats and their classes within 150 ms, runs, episodes; record by record and gross. "
        "In folders, files of the same name belong together (.atr or .wea).",
    )
    add_options(parser, CompareOptions)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the tables."""
    from wearecg.ec57 import compare, read_marks, tables

    options = settle(args, CompareOptions)
    results, paced = {}, []
    for name, (reference, test) in _files(options.reference, options.test).items():
        truth, judged = read_marks(reference), read_marks(test, beside=reference)
        for path, marks in ((reference, truth), (test, judged)):
            if marks.cut:
                told = "it ends without an end mark, and was cut short; what it lacks counts as missed"
                print(f"wearecg: {visible(str(path))}: {told}", file=sys.stderr)
        results[name] = compare(truth, judged, options.since)
        if truth.paced:
            paced.append(name)
    print(tables(results, options.since, paced))
    return 0


def _files(reference: Path, test: Path) -> dict[str, tuple[Path, Path]]:
    """Return the files of each record by its name."""
    if not reference.is_dir() and not test.is_dir():
        return {reference.stem: (reference, test)}
    ours, others = _annotated(reference), _annotated(test)
    names = sorted(ours.keys() & others.keys())
    if not names:
        raise SourceError(f"no record is annotated (.atr or .wea) in both {reference} and {test}")
    alone = sorted(ours.keys() ^ others.keys())
    if alone:
        print(f"wearecg: only on one side, and left out: {', '.join(map(visible, alone))}", file=sys.stderr)
    return {name: (ours[name], others[name]) for name in names}


def _annotated(place: Path) -> dict[str, Path]:
    """Return the annotation file of each record of a folder, an expert's before ours; a file is its own record."""
    if not place.is_dir():
        return {place.stem: place}
    return {
        path.stem: path for annotator in reversed(ANNOTATORS) for path in sorted(place.glob(f"*.{annotator}"))
    }
