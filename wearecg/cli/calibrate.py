"""``wearecg calibrate``: fit the reconstruction of twelve leads to one person."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from wearecg.cli.arguments import positive
from wearecg.cli.config import settle
from wearecg.cli.options import add_options
from wearecg.cli.twelve import TwelveModel

if TYPE_CHECKING:
    from wearecg.models.profile import Profile


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "calibrate",
        help="fit the reconstruction of twelve leads to one person",
        description="Fit a small correction for one person to a 12-lead recording of theirs (10 s or more), "
        "for `stream` and `score` with --twelve --profile.",
    )
    parser.add_argument(
        "--reference", required=True, type=Path, metavar="RECORD", help="12-lead recording (WFDB or .csv)"
    )
    parser.add_argument("--fs", type=positive, help="samples per second, for a CSV without a time column")
    parser.add_argument(
        "--leads",
        required=True,
        type=lambda text: text.split(","),
        help="the leads that will be measured, e.g. II,V1,V5",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("profile.json"), metavar="FILE", help="default profile.json"
    )
    add_options(parser, TwelveModel)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit the profile, write it, and print its errors."""
    from wearecg.errors import SinkError
    from wearecg.formats import read_recording
    from wearecg.models.lead12 import load_reconstructor
    from wearecg.models.profile import calibrate

    recording = read_recording(args.reference, fs=args.fs)
    model = load_reconstructor(settle(args, TwelveModel).twelve_model)
    profile = calibrate(
        model,
        recording.samples,
        recording.fs,
        recording.leads,
        args.leads,
        recording.name,
        date.today().isoformat(),
    )
    try:
        profile.write(args.out)
    except OSError as error:
        raise SinkError(f"cannot write {args.out}: {error.strerror}") from error
    print(describe(profile))
    print(f"written to {args.out}; use it with --twelve --profile {args.out}")
    return 0


def describe(profile: Profile) -> str:
    """Return the errors with and without the profile as text."""
    lines = [
        f"{profile.reference}, {profile.seconds:g} s: {profile.model} from {', '.join(profile.leads)}",
        "  root mean square error (mV), each half predicted from the other (on another day expect less):",
        *(
            f"  {lead:3} {before:.3f} -> {after:.3f}"
            for lead, before, after in zip(profile.targets, profile.before, profile.after, strict=True)
        ),
    ]
    if sum(profile.after) >= sum(profile.before):
        lines.append("  it does not help: try a longer recording, or leave the profile out")
    return "\n".join(lines)
