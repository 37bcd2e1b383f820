"""The encoder's commands."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from export.errors import ExportError
from export.kind import Kind, schedule
from export.models.encoder.chain import CHAIN
from wearecg.models.card import RUNTIMES, Card, Measured, card_path, load_card
from wearecg.models.describe import measured_table

if TYPE_CHECKING:
    from export.datasets import ptbxl
    from export.models.encoder.train import Teacher


def train_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a run depends on beside the data."""
    schedule(30)(parser)
    parser.add_argument(
        "--teacher",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="to learn from too: a teacher's answers (teacher.npz), or each encoder.pt that is asked",
    )
    parser.add_argument(
        "--shape",
        choices=["wide", "middle", "fast"],
        default="fast",
        help="wide and middle teach fast, which is shipped",
    )
    parser.add_argument("--noise", action="store_true", help="add the noise in DIR/nstdb to some windows")
    parser.add_argument(
        "--jepa", type=int, default=0, metavar="EPOCHS", help="pre-train without labels first"
    )


def train(args: argparse.Namespace) -> Path:
    """Train from the labels of PTB-XL, and from a teacher where one is given."""
    from export.datasets import nstdb, ptbxl
    from export.models.encoder import train as encoder

    data = ptbxl.load(args.data, args.work)
    teacher = _teacher(args.teacher or [], data)
    noise = nstdb.halves(nstdb.load(args.data))[0] if args.noise else None
    recipe = encoder.Recipe(
        epochs=args.epochs,
        seed=args.seed,
        teacher=teacher.sha256 if teacher else "",
        noise=args.noise,
        jepa=args.jepa,
        shape=args.shape,
    )
    return encoder.train(data, args.work, recipe, teacher, noise)


def _teacher(paths: list[Path], data: ptbxl.PtbXl) -> Teacher | None:
    from export.loop import TRAIN_FOLDS
    from export.models.encoder.train import Answers, Asked

    if not paths:
        return None
    if all(path.suffix == ".pt" for path in paths):
        return Asked.read(*paths)
    if len(paths) > 1:
        raise ExportError(
            f"--teacher {' '.join(map(str, paths))}: give one teacher.npz, or encoder.pt files alone"
        )
    return Answers.read(paths[0], len(data.rows(TRAIN_FOLDS)))


def publish(args: argparse.Namespace) -> Card:
    """Publish what ``train`` has left in ``--work``."""
    from export import publish
    from export.datasets import ptbxl
    from export.models.encoder import train, trust
    from export.models.encoder.publish import EncoderPublication

    trained = train.load(args.work / "encoder.pt")
    outliers = trust.Outliers.read(args.data)
    data = ptbxl.load(args.data, args.work)
    return publish.publish(EncoderPublication(trained, data, outliers), args.zoo)


def evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is looked at, and what is drawn."""
    parser.add_argument("--fold", type=int, default=9, choices=range(1, 11), metavar="1..10")
    parser.add_argument("--runtime", choices=[*RUNTIMES, "both"], default="onnx")
    parser.add_argument("--noise", action="store_true", help="in recorded noise (DIR/nstdb) instead")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw reliability, risk and noise too")


def evaluate(args: argparse.Namespace) -> None:
    """Print macro AUROC with 95 % intervals by patient, and what leaving doubtful windows out gains."""
    from export.datasets import nstdb, ptbxl
    from export.evaluate import Fold
    from export.models.encoder import evaluate, noise

    path = card_path(args.model)
    card = load_card(path)
    data = ptbxl.load(args.data, args.work)
    fold = Fold.of(data, args.fold, card.input.preprocessing)
    noisy: list[Measured] = []
    if args.noise or args.plots:
        recorded = nstdb.halves(nstdb.load(args.data))[1]
        noisy = noise.measure(card, path.parent, "int8", "onnx", data, recorded)
        print(measured_table(tuple(noisy)))
    if args.plots:
        from export.models.encoder.plots import draw

        for picture in draw(card, path.parent, fold, noisy, args.plots):
            print(f"drawn to {picture}")
    if noisy:
        return
    runtimes = RUNTIMES if args.runtime == "both" else (args.runtime,)
    files = [file for file in card.files if file.runtime in runtimes]
    rows = [
        row
        for measure in (evaluate.measure, evaluate.abstaining)
        for file in files
        for row in measure(card, path.parent, file.precision, file.runtime, fold)
    ]
    print(f"{card.source}, {len(fold.signal)} records, {evaluate.DRAWS} draws of patients")
    print(measured_table(tuple(rows)))


KIND = Kind(
    name="encoder",
    train=train,
    publish=publish,
    evaluate=evaluate,
    chain=CHAIN,
    arguments={"train": train_arguments, "evaluate": evaluate_arguments},
)
