"""``python -m export``: train, publish and evaluate the models that wearecg ships."""

from __future__ import annotations

import argparse
import logging
import sys
from functools import partial
from pathlib import Path

from export.errors import ExportError
from wearecg.errors import WearECGError
from wearecg.models.card import ZOO, Card

CACHE = Path.home() / ".cache" / "wearecg" / "export"


def main(argv: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    args = arguments().parse_args(argv)
    args.work.mkdir(parents=True, exist_ok=True)
    _log_to(args.work / "log.txt")
    try:
        {
            "train": _train,
            "teach": _teach,
            "publish": _publish,
            "evaluate": _evaluate,
            "ablate": _ablate,
            "crossval": _crossval,
            "make": _make,
        }[args.command](args)
    except WearECGError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def arguments() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser("train", help="train a model, or go on with a run that was stopped")
    train.add_argument("model", choices=["encoder", "rhythm1", "lead12", "ppg2ecg"])
    train.add_argument("--data", type=Path, required=True, help="folder that holds ptbxl/")
    train.add_argument("--work", type=Path, default=CACHE, help="checkpoints and caches (%(default)s)")
    train.add_argument(
        "--teacher",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="to learn from too: a teacher's answers (teacher.npz), or each encoder.pt that is asked",
    )
    train.add_argument(
        "--shape",
        choices=["wide", "middle", "fast"],
        default="fast",
        help="of the encoder: wide and middle teach fast, which is shipped",
    )
    train.add_argument("--noise", action="store_true", help="add the noise in DIR/nstdb to some windows")
    train.add_argument("--jepa", type=int, default=0, metavar="EPOCHS", help="pre-train without labels first")
    train.add_argument("--start", type=Path, help="encoder.pt of a wide encoder that rhythm1 begins from")
    train.add_argument("--epochs", type=int, help="default 30; rhythm1, ppg2ecg: 24; lead12: 18")
    train.add_argument("--seed", type=int, default=1)

    teach = commands.add_parser("teach", help="train a teacher and keep its answers for train --teacher")
    teach.add_argument("teacher", help="own (trained here), or a public one: see export/teachers/README.md")
    teach.add_argument(
        "--weights", type=Path, help="a public teacher's own file, downloaded from its authors"
    )
    teach.add_argument("--data", type=Path, required=True, help="folder that holds ptbxl/")
    teach.add_argument("--work", type=Path, default=CACHE, help="checkpoints and caches (%(default)s)")
    teach.add_argument(
        "--beside",
        type=Path,
        nargs="*",
        default=[],
        help="checkpoints (teacher.pt, encoder.pt) that answer with it",
    )
    teach.add_argument("--epochs", type=int, default=16)
    teach.add_argument(
        "--whole", type=int, default=2, help="last epochs that see whole windows (%(default)s)"
    )
    teach.add_argument("--seed", type=int, default=1)

    publish = commands.add_parser("publish", help="convert, quantise, pass the gate, write the card")
    publish.add_argument("model", choices=["encoder", "rhythm1", "lead12", "ppg2ecg"])
    publish.add_argument("--data", type=Path, required=True, help="folder that holds ptbxl/")
    publish.add_argument("--work", type=Path, default=CACHE, help="where train left its checkpoint")
    publish.add_argument("--zoo", type=Path, default=ZOO, help="where the model goes (%(default)s)")

    evaluate = commands.add_parser("evaluate", help="print macro AUROC with 95 %% intervals by patient")
    evaluate.add_argument("--data", type=Path, required=True, help="folder that holds ptbxl/")
    evaluate.add_argument("--model", default="encoder", help="a shipped model, or the path of a card")
    evaluate.add_argument("--fold", type=int, default=9, choices=range(1, 11), metavar="1..10")
    evaluate.add_argument("--runtime", choices=["onnx", "tflite", "both"], default="onnx")
    evaluate.add_argument("--work", type=Path, default=CACHE, help="caches (%(default)s)")
    evaluate.add_argument("--noise", action="store_true", help="in recorded noise (DIR/nstdb) instead")
    evaluate.add_argument(
        "--profile", action="store_true", help="lead12: personal profiles, on later recordings"
    )
    evaluate.add_argument(
        "--teacher", type=Path, metavar="FILE", help="lead12: what a teacher (teacher.pt) reads in its leads"
    )
    evaluate.add_argument(
        "--steps",
        type=Path,
        metavar="WORK",
        help="ppg2ecg: its training's folder, to compare 1, 2, 4 and 10 steps",
    )
    evaluate.add_argument("--plots", type=Path, metavar="FOLDER", help="draw reliability, risk and noise too")

    ablate = commands.add_parser(
        "ablate", help="train lead12 with one part changed at a time, at a small scale"
    )
    ablate.add_argument("model", choices=["lead12"])
    ablate.add_argument("--data", type=Path, required=True, help="folder that holds ptbxl/")
    ablate.add_argument("--work", type=Path, default=CACHE / "ablate", help="checkpoints (%(default)s)")

    crossval = commands.add_parser("crossval", help="ppg2ecg's lag on subjects left out in turn")
    crossval.add_argument("model", choices=["ppg2ecg"])
    crossval.add_argument("--data", type=Path, required=True, help="folder that holds the pulses' sets")
    crossval.add_argument("--work", type=Path, default=CACHE / "crossval", help="checkpoints (%(default)s)")

    make = commands.add_parser(
        "make", help="a shipped model from the raw recordings: all its commands, resumable"
    )
    make.add_argument("model", choices=["encoder", "rhythm1", "lead12", "ppg2ecg"])
    make.add_argument(
        "--data", type=Path, required=True, help="folder that holds ptbxl/, or the pulses' sets"
    )
    make.add_argument("--work", type=Path, default=CACHE, help="a folder for each stage (%(default)s)")
    make.add_argument("--zoo", type=Path, default=ZOO, help="where the model goes (%(default)s)")

    return parser


def _log_to(path: Path) -> None:
    """Send our own progress lines, and nobody else's, to the terminal and to a file."""
    log = logging.getLogger("export")
    log.setLevel(logging.INFO)
    log.propagate = False
    for handler in log.handlers[:]:  # a chain of commands has a file for each
        log.removeHandler(handler)
        handler.close()
    for handler in (logging.StreamHandler(sys.stdout), logging.FileHandler(path)):
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)


def _train(args: argparse.Namespace) -> None:
    trainers = {
        "encoder": _train_encoder,
        "rhythm1": _train_rhythm1,
        "lead12": _train_lead12,
        "ppg2ecg": _train_ppg2ecg,
    }
    checkpoint = trainers[args.model](args)
    print(f"checkpoint: {checkpoint}")


def _train_rhythm1(args: argparse.Namespace) -> Path:
    from export.datasets import cinc2017, nstdb
    from export.models.rhythm1 import train as rhythm1

    recipe = rhythm1.Recipe(epochs=args.epochs or 24, seed=args.seed)
    noise = nstdb.halves(nstdb.load(args.data))[0] if args.noise else None
    return rhythm1.train(cinc2017.load(args.data, args.work), args.work, recipe, args.start, noise)


def _train_lead12(args: argparse.Namespace) -> Path:
    from export.datasets import ptbxl
    from export.models.lead12 import train as lead12

    recipe = lead12.Recipe(epochs=args.epochs or 18, seed=args.seed)
    return lead12.train(ptbxl.load(args.data, args.work).lawful(), args.work, recipe)


def _train_ppg2ecg(args: argparse.Namespace) -> Path:
    from export.datasets import pulses
    from export.models.ppg2ecg import train as ppg2ecg

    recipe = ppg2ecg.Recipe(epochs=args.epochs or 24, seed=args.seed)
    return ppg2ecg.train(pulses.load(args.data, args.work), args.work, recipe)


def _train_encoder(args: argparse.Namespace) -> Path:
    from export.datasets import nstdb, ptbxl
    from export.loop import TRAIN_FOLDS
    from export.models.encoder import train as encoder

    data = ptbxl.load(args.data, args.work)
    teacher: encoder.Teacher | None = None
    if args.teacher and all(path.suffix == ".pt" for path in args.teacher):
        teacher = encoder.Asked.read(*args.teacher)
    elif args.teacher:
        if len(args.teacher) > 1:
            raise ExportError(
                f"--teacher {' '.join(map(str, args.teacher))}: give one teacher.npz, or encoder.pt files alone"
            )
        teacher = encoder.Answers.read(args.teacher[0], len(data.rows(TRAIN_FOLDS)))
    noise = nstdb.halves(nstdb.load(args.data))[0] if args.noise else None
    recipe = encoder.Recipe(
        epochs=args.epochs or 30,
        seed=args.seed,
        teacher=teacher.sha256 if teacher else "",
        noise=args.noise,
        jepa=args.jepa,
        shape=args.shape,
    )
    return encoder.train(data, args.work, recipe, teacher, noise)


def _teach(args: argparse.Namespace) -> None:
    from export.datasets import ptbxl
    from export.teachers import own

    if args.teacher != "own":
        from export.teachers.public import load_teacher
        from export.teachers.public.answers import answer

        if args.weights is None:
            raise ExportError(f"teach {args.teacher} needs --weights FILE, downloaded from its authors")
        answers = answer(
            load_teacher(args.teacher, args.weights), ptbxl.load(args.data, args.work), args.work
        )
        print(f"answers: {answers}")
        return
    recipe = own.Recipe(epochs=args.epochs, whole=args.whole, seed=args.seed)
    path = own.teach(ptbxl.load(args.data, args.work), args.work, recipe, args.beside)
    print(f"answers: {path}")


def _publish(args: argparse.Namespace) -> None:
    publishers = {
        "encoder": _publish_encoder,
        "rhythm1": _publish_rhythm1,
        "lead12": _publish_lead12,
        "ppg2ecg": _publish_ppg2ecg,
    }
    card = publishers[args.model](args)
    print(f"published {card.source} to {args.zoo}")


def _publish_encoder(args: argparse.Namespace) -> Card:
    from export.datasets import ptbxl
    from export.models.encoder import train as encoder
    from export.models.encoder import trust
    from export.models.encoder.publish import publish

    trained = encoder.load(args.work / "encoder.pt")
    outliers = trust.Outliers.read(args.data)
    return publish(trained, ptbxl.load(args.data, args.work), outliers, args.zoo)


def _publish_rhythm1(args: argparse.Namespace) -> Card:
    from export.datasets import cinc2017
    from export.models.rhythm1 import publish as publish_rhythm1
    from export.models.rhythm1 import train as rhythm1

    trained = rhythm1.load(args.work / "rhythm1.pt")
    return publish_rhythm1.publish(trained, cinc2017.load(args.data, args.work), args.zoo)


def _publish_lead12(args: argparse.Namespace) -> Card:
    from export.datasets import ptbxl
    from export.models.lead12 import publish as publish_lead12
    from export.models.lead12 import train as lead12

    trained = lead12.load(args.work / "lead12.pt")
    return publish_lead12.publish(trained, ptbxl.load(args.data, args.work).lawful(), args.zoo)


def _publish_ppg2ecg(args: argparse.Namespace) -> Card:
    from export.datasets import pulses
    from export.models.ppg2ecg import publish as publish_ppg2ecg
    from export.models.ppg2ecg import train as ppg2ecg

    pairs = pulses.load(args.data, args.work)
    return publish_ppg2ecg.publish(ppg2ecg.load(args.work, pairs), pairs, args.zoo)


def _evaluate(args: argparse.Namespace) -> None:
    if args.model == "ppg2ecg":
        from export.datasets import pulses
        from export.models.ppg2ecg.report import report

        report(pulses.load(args.data, args.work), args.steps, args.plots)
        return
    if args.teacher is not None or args.profile:
        _evaluate_lead12(args)
        return
    from export import evaluate
    from export.datasets import nstdb, ptbxl
    from export.models.encoder import noise
    from wearecg.models.card import RUNTIMES, Measured, card_path, load_card
    from wearecg.models.describe import measured_table

    path = card_path(args.model)
    card = load_card(path)
    data = ptbxl.load(args.data, args.work)
    fold = evaluate.Fold.of(data, args.fold, card.input.preprocessing)
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


def _evaluate_lead12(args: argparse.Namespace) -> None:
    from export.datasets import ptbxl
    from export.evaluate import in_chunks
    from export.models.lead12 import downstream
    from export.models.lead12 import profile as evaluate_profile
    from export.teachers import own
    from wearecg.models.card import card_path, load_card
    from wearecg.models.lead12 import load_reconstructor
    from wearecg.models.runner import Runner

    data = ptbxl.load(args.data, args.work).lawful()
    models = {"lead12": load_reconstructor(), "linear": load_reconstructor("lead12-linear")}
    if args.teacher is not None:
        encoder: downstream.Reader = partial(
            in_chunks, Runner(load_card("encoder"), card_path("encoder").parent)
        )
        teacher = downstream.by_teacher(own.load(args.teacher), data.labels)
        readers = {"the teacher": teacher, "the encoder": encoder}
        print(downstream.report(data, args.fold, readers, models, encoder))
    if args.profile:
        print(evaluate_profile.choose(models["lead12"], data))
        for model in models.values():
            print(evaluate_profile.table(model, data, args.fold))


def _make(args: argparse.Namespace) -> None:
    from export.make import make

    make(args.model, args.data, args.work, args.zoo, main)


def _crossval(args: argparse.Namespace) -> None:
    from export.datasets import pulses
    from export.models.ppg2ecg.crossval import crossval

    crossval(pulses.load(args.data, args.work), args.work)


def _ablate(args: argparse.Namespace) -> None:
    from export.datasets import ptbxl
    from export.models.lead12.ablate import ablate

    ablate(ptbxl.load(args.data, args.work).lawful(), args.work)


if __name__ == "__main__":
    sys.exit(main())
