"""``wearecg convert``: a recording in another format."""

from __future__ import annotations

import argparse
import sys
from dataclasses import MISSING, dataclass
from pathlib import Path

from wearecg.cli.arguments import positive
from wearecg.cli.config import settle
from wearecg.cli.options import NUMBER, TEXTS, Options, add_options, flag, option, texts


@dataclass(frozen=True, kw_only=True)
class ConvertOptions(Options):
    """What ``wearecg convert`` can be told."""

    source: Path = option(
        "source",
        default=MISSING,
        parse=Path,
        help="a recording of any format that `wearecg formats` lists",
    )
    target: str = option(
        "target",
        default=MISSING,
        help="the file to write, its format by its ending, or FORMAT:FILE?option=value",
    )
    fs: float | None = option(
        "--fs", kind=NUMBER, parse=positive, help="samples per second, where the file does not say"
    )
    leads: tuple[str, ...] = option(
        "--leads",
        default=(),
        kind=TEXTS,
        parse=texts,
        help="what the channels are, where the file does not say",
    )
    lsb: float | None = option(
        "--lsb",
        kind=NUMBER,
        parse=positive,
        metavar="MV",
        help="mV of one count, where the file does not say",
    )
    overwrite: bool = flag("--overwrite", help="replace a file that is there; never the recording itself")


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "convert",
        help="a recording in another format",
        description="Convert a recording; what the other format cannot hold is told. `wearecg formats` lists both.",
    )
    add_options(parser, ConvertOptions)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert one recording."""
    from wearecg.converting import convert

    options = settle(args, ConvertOptions)
    convert(
        options.source,
        options.target,
        fs=options.fs,
        leads=options.leads,
        lsb=options.lsb,
        overwrite=options.overwrite,
        told=lambda line: print(f"wearecg: {line}", file=sys.stderr),
    )
    return 0
