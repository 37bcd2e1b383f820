"""lead12's commands."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from export.errors import ExportError
from export.kind import Extra, Kind, Place, schedule
from wearecg.models.card import Card, card_path, load_card

WORK = Place("lead12")


def train(args: argparse.Namespace) -> Path:
    """Train on PTB-XL, without the recordings whose limb leads contradict each other."""
    from export.datasets import ptbxl
    from export.models.lead12 import train as lead12

    recipe = lead12.Recipe(epochs=args.epochs, seed=args.seed)
    return lead12.train(ptbxl.load(args.data, args.work).lawful(), args.work, recipe)


def publish(args: argparse.Namespace) -> Card:
    """Publish what ``train`` has left in ``--work``, and the matrices beside it."""
    from export.datasets import ptbxl
    from export.models.lead12 import train
    from export.models.lead12.publish import publish

    trained = train.load(args.work / "lead12.pt")
    return publish(trained, ptbxl.load(args.data, args.work).lawful(), args.zoo)


def evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it is tried for."""
    parser.add_argument("--fold", type=int, default=9, choices=range(1, 11), metavar="1..10")
    parser.add_argument("--profile", action="store_true", help="personal profiles, on later recordings")
    parser.add_argument(
        "--teacher", type=Path, metavar="FILE", help="what a teacher (teacher.pt) reads in its leads"
    )


def evaluate(args: argparse.Namespace) -> None:
    """Print what others make of its leads, and what a profile changes."""
    from export.datasets import ptbxl
    from export.evaluate import in_chunks
    from export.models.lead12 import downstream, profile
    from export.teachers import own
    from wearecg.models.lead12 import load_reconstructor
    from wearecg.models.runner import Runner

    if args.teacher is None and not args.profile:
        raise ExportError(
            "evaluate --model lead12 needs --profile or --teacher FILE; what publish measured is on its card: "
            "`wearecg models lead12`"
        )
    data = ptbxl.load(args.data, args.work).lawful()
    models = {"lead12": load_reconstructor(args.model), "linear": load_reconstructor("lead12-linear")}
    if args.teacher is not None:
        encoder: downstream.Reader = partial(
            in_chunks, Runner(load_card("encoder"), card_path("encoder").parent)
        )
        teacher = downstream.by_teacher(own.load(args.teacher), data.labels)
        readers = {"the teacher": teacher, "the encoder": encoder}
        print(downstream.report(data, args.fold, readers, models, encoder))
    if args.profile:
        print(profile.choose(models["lead12"], data))
        for model in models.values():
            print(profile.table(model, data, args.fold))


def ablate(args: argparse.Namespace) -> None:
    """Print what each part of the training is worth."""
    from export.datasets import ptbxl
    from export.models.lead12.ablate import ablate

    ablate(ptbxl.load(args.data, args.work).lawful(), args.work)


KIND = Kind(
    name="lead12",
    train=train,
    publish=publish,
    evaluate=evaluate,
    chain=(("train", "lead12", "--work", WORK), ("publish", "lead12", "--work", WORK)),
    arguments={"train": schedule(18), "evaluate": evaluate_arguments},
    extra={"ablate": Extra("train with one part changed at a time, at a small scale", ablate)},
)
