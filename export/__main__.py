"""``python -m export``: train, publish and evaluate the models that wearecg ships."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from export.kind import Extra, Kind
from export.make import make
from export.models import DEFAULT, KINDS, kind, kind_of
from export.teachers import command as teachers
from wearecg.errors import WearECGError
from wearecg.models.card import ZOO

CACHE = Path.home() / ".cache" / "wearecg" / "export"


def main(argv: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        args = arguments(argv).parse_args(argv)
        args.work.mkdir(parents=True, exist_ok=True)
        _log_to(args.work / "log.txt")
        args.run(args)
    except WearECGError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def arguments(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of all commands, with the options of the model that ``argv`` names."""
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    model = _named(argv)
    for name, (text, run) in COMMANDS.items():
        command = commands.add_parser(
            name, help=text, epilog="Each model has options of its own: name it too."
        )
        if name == "evaluate":
            command.add_argument("--model", default=DEFAULT, help="a shipped model, or the path of a card")
        else:
            command.add_argument("model", choices=[*KINDS])
        _add_places(command, run, CACHE)
        if name in ("publish", "make"):
            command.add_argument("--zoo", type=Path, default=ZOO, help="where the model goes (%(default)s)")
        if model and name in model.arguments:
            model.arguments[name](command)
    teach = commands.add_parser("teach", help="train a teacher and store its outputs for train --teacher")
    teachers.arguments(teach)
    _add_places(teach, teachers.teach, CACHE)
    if not argv or argv[0] not in commands.choices:  # every model has to be imported
        for name, owners in _extras().items():
            command = commands.add_parser(
                name, help=f"{' '.join(owners)}: {next(iter(owners.values())).help}"
            )
            command.add_argument("model", choices=[*owners])
            _add_places(command, _extra, CACHE / name)
    return parser


def _named(argv: Sequence[str]) -> Kind | None:
    """Return the model that a command names, which is found before its options are known."""
    first = argparse.ArgumentParser(add_help=False)
    for option in ("--data", "--work", "--zoo"):  # their values are not models
        first.add_argument(option, nargs="?")
    if argv[:1] == ["evaluate"]:
        first.add_argument("--model", nargs="?", default=DEFAULT)
        named = first.parse_known_args(argv)[0].model
        return kind_of(named) if named else None
    words = first.parse_known_args(argv)[1]
    return next((kind(word) for word in words if word in KINDS), None)


def _extras() -> dict[str, dict[str, Extra]]:
    """Return the commands that only some models have, by name and model."""
    found: dict[str, dict[str, Extra]] = {}
    for model in KINDS:
        for name, extra in kind(model).extra.items():
            found.setdefault(name, {})[model] = extra
    return found


def _add_places(
    command: argparse.ArgumentParser, run: Callable[[argparse.Namespace], None], work: Path
) -> None:
    command.set_defaults(run=run)
    command.add_argument(
        "--data", type=Path, required=True, help="folder of the recordings: ptbxl/ and other sets"
    )
    command.add_argument("--work", type=Path, default=work, help="checkpoints and caches (%(default)s)")


def _log_to(path: Path) -> None:
    """Log the progress of this package only, to the terminal and to a file."""
    log = logging.getLogger("export")
    log.setLevel(logging.INFO)
    log.propagate = False
    for handler in log.handlers[:]:  # each command of a chain has its own file
        log.removeHandler(handler)
        handler.close()
    for handler in (logging.StreamHandler(sys.stdout), logging.FileHandler(path)):
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)


def _train(args: argparse.Namespace) -> None:
    print(f"checkpoint: {kind(args.model).train(args)}")


def _publish(args: argparse.Namespace) -> None:
    print(f"published {kind(args.model).publish(args).source} to {args.zoo}")


def _evaluate(args: argparse.Namespace) -> None:
    kind_of(args.model).evaluate(args)


def _make(args: argparse.Namespace) -> None:
    make(kind(args.model), args.data, args.work, args.zoo, main)


def _extra(args: argparse.Namespace) -> None:
    kind(args.model).extra[args.command].run(args)


COMMANDS = {
    "train": ("train a model, or go on with a run that was stopped", _train),
    "publish": ("convert, quantise, pass the gate, write the card", _publish),
    "evaluate": ("print how well a model does, with 95 %% intervals by patient", _evaluate),
    "make": ("a shipped model from the raw recordings: all its commands, resumable", _make),
}
"""The commands that every model has."""


if __name__ == "__main__":
    sys.exit(main())
