"""rhythm1's commands."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.kind import Kind, Place, schedule
from export.models.encoder.chain import UP_TO_WIDE, WIDE_PT
from wearecg.models.card import RUNTIMES, Card, card_path, load_card
from wearecg.models.describe import measured_table

WORK = Place("rhythm1")


def train_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a run depends on beside the data."""
    schedule(24)(parser)
    parser.add_argument("--start", type=Path, help="encoder.pt of a wide encoder that it begins from")
    parser.add_argument("--noise", action="store_true", help="add the noise in DIR/nstdb to some windows")


def train(args: argparse.Namespace) -> Path:
    """Train on CinC 2017."""
    from export.datasets import cinc2017, nstdb
    from export.models.rhythm1 import train as rhythm1

    recipe = rhythm1.Recipe(epochs=args.epochs, seed=args.seed)
    noise = nstdb.halves(nstdb.load(args.data))[0] if args.noise else None
    return rhythm1.train(cinc2017.load(args.data, args.work), args.work, recipe, args.start, noise)


def publish(args: argparse.Namespace) -> Card:
    """Publish what ``train`` has left in ``--work``."""
    from export import publish
    from export.datasets import cinc2017
    from export.models.rhythm1 import train
    from export.models.rhythm1.publish import Rhythm1Publication

    trained = train.load(args.work / "rhythm1.pt")
    return publish.publish(Rhythm1Publication(trained, cinc2017.load(args.data, args.work)), args.zoo)


def evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which files are looked at."""
    parser.add_argument("--runtime", choices=[*RUNTIMES, "both"], default="onnx")


def evaluate(args: argparse.Namespace) -> None:
    """Print the challenge's F1 on the held-out fifth, with 95 % intervals."""
    from export.datasets import cinc2017
    from export.models.rhythm1.evaluate import answers, held_out, measured, score
    from wearecg.models.runner import Runner

    path = card_path(args.model)
    card = load_card(path)
    held = held_out(cinc2017.load(args.data, args.work), card.input)
    runtimes = RUNTIMES if args.runtime == "both" else (args.runtime,)
    rows = []
    for file in (file for file in card.files if file.runtime in runtimes):
        f1 = score(held, answers(Runner(card, path.parent, file.precision, file.runtime), held))
        rows += measured(f1, file.precision, file.runtime, len(held.label))
    print(measured_table(tuple(rows)))


KIND = Kind(
    name="rhythm1",
    train=train,
    publish=publish,
    evaluate=evaluate,
    chain=(
        *UP_TO_WIDE,
        ("train", "rhythm1", "--work", WORK, "--start", WIDE_PT, "--noise"),
        ("publish", "rhythm1", "--work", WORK),
    ),
    arguments={"train": train_arguments, "evaluate": evaluate_arguments},
)
