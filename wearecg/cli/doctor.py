"""``wearecg doctor``: checks this computer."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "doctor",
        help="check this computer: packages, models, ports, Bluetooth, power, clock, disk, service",
        description="Check this computer. Exit code 1 if there is a problem; 0 also with warnings.",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="where recordings go (default the service's folder if there is one, else here)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON array, for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print each check as it is done."""
    import json
    from dataclasses import asdict

    from wearecg.doctor import examine
    from wearecg.service.files import STATE

    directory = args.directory or (STATE if STATE.is_dir() else Path())
    checks = []
    for check in examine(directory):
        checks.append(check)
        if not args.json:
            print(check, flush=True)
    if args.json:
        print(json.dumps([asdict(check) for check in checks], indent=1))
    return int(any(check.verdict == "problem" for check in checks))
