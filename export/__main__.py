"""``python -m export``: train, publish and evaluate the models that wearecg ships."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from wearecg.errors import WearECGError
from wearecg.models.card import ZOO

CACHE = Path.home() / ".cache" / "wearecg" / "export"


def main(argv: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser("train", help="train a model, or go on with a run that was stopped")
    train.add_argument("model", choices=["encoder"])
    train.add_argument("--data", type=Path, required=True, help="folder that holds ptbxl/")
    train.add_argument("--work", type=Path, default=CACHE, help="checkpoints and caches (%(default)s)")
    train.add_argument("--epochs", type=int, default=30)
    train.add_argument("--seed", type=int, default=1)

    publish = commands.add_parser("publish", help="convert, quantise, pass the gate, write the card")
    publish.add_argument("model", choices=["encoder"])
    publish.add_argument("--data", type=Path, required=True, help="folder that holds ptbxl/")
    publish.add_argument("--work", type=Path, default=CACHE, help="where train left its checkpoint")
    publish.add_argument("--zoo", type=Path, default=ZOO, help="where the model goes (%(default)s)")

    evaluate = commands.add_parser("evaluate", help="print macro AUROC with 95 %% intervals by patient")
    evaluate.add_argument("--data", type=Path, required=True, help="folder that holds ptbxl/")
    evaluate.add_argument("--model", default="encoder", help="a shipped model, or the path of a card")
    evaluate.add_argument("--fold", type=int, default=9, choices=range(1, 11), metavar="1..10")
    evaluate.add_argument("--work", type=Path, default=CACHE, help="caches (%(default)s)")

    args = parser.parse_args(argv)
    args.work.mkdir(parents=True, exist_ok=True)
    _log_to(args.work / "log.txt")
    try:
        {"train": _train, "publish": _publish, "evaluate": _evaluate}[args.command](args)
    except WearECGError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _log_to(path: Path) -> None:
    """Send our own progress lines, and nobody else's, to the terminal and to a file."""
    log = logging.getLogger("export")
    log.setLevel(logging.INFO)
    log.propagate = False
    for handler in (logging.StreamHandler(sys.stdout), logging.FileHandler(path)):
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)


def _train(args: argparse.Namespace) -> None:
    from export.datasets import ptbxl
    from export.train import encoder

    recipe = encoder.Recipe(epochs=args.epochs, seed=args.seed)
    path = encoder.train(ptbxl.load(args.data, args.work), args.work, recipe)
    print(f"checkpoint: {path}")


def _publish(args: argparse.Namespace) -> None:
    from export.datasets import ptbxl
    from export.publish import publish
    from export.train import encoder

    trained = encoder.load(args.work / "encoder.pt")
    card = publish(trained, ptbxl.load(args.data, args.work), args.zoo)
    print(f"published {card.source} to {args.zoo}")


def _evaluate(args: argparse.Namespace) -> None:
    from export import evaluate
    from export.datasets import ptbxl
    from wearecg.models.card import PRECISIONS, card_path, load_card
    from wearecg.models.runner import Runner

    path = card_path(args.model)
    card = load_card(path)
    fold = evaluate.Fold.of(ptbxl.load(args.data, args.work), args.fold, card.input.preprocessing)
    rows = [
        row
        for precision in PRECISIONS
        for row in evaluate.measure(card, Runner(card, path.parent, precision), precision, fold)
    ]
    print(f"{card.source}, {fold.name}, {len(fold.signal)} records, {evaluate.DRAWS} draws of patients")
    print(evaluate.table(rows))


if __name__ == "__main__":
    sys.exit(main())
