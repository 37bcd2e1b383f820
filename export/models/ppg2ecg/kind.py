"""ppg2ecg's commands."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.kind import Extra, Kind, Place, schedule
from wearecg.models.card import Card

WORK = Place("ppg2ecg")


def train(args: argparse.Namespace) -> Path:
    """Train on BIDMC, the cuff-less set and CinC 2015, in three stages."""
    from export.datasets import pulses
    from export.models.ppg2ecg import train as ppg2ecg

    recipe = ppg2ecg.Recipe(epochs=args.epochs, seed=args.seed)
    return ppg2ecg.train(pulses.load(args.data, args.work), args.work, recipe)


def publish(args: argparse.Namespace) -> Card:
    """Publish what ``train`` has left in ``--work``."""
    from export import publish
    from export.datasets import pulses
    from export.models.ppg2ecg import train
    from export.models.ppg2ecg.publish import Ppg2EcgPublication

    pairs = pulses.load(args.data, args.work)
    return publish.publish(Ppg2EcgPublication(train.load(args.work, pairs), pairs), args.zoo)


def evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is compared, and what is drawn."""
    parser.add_argument(
        "--steps", type=Path, metavar="WORK", help="its training's folder, to compare 1, 2, 4 and 10 steps"
    )
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw subjects, and risk and coverage")


def evaluate(args: argparse.Namespace) -> None:
    """Print every table."""
    from export.datasets import pulses
    from export.models.ppg2ecg.report import report

    report(args.model, pulses.load(args.data, args.work), args.steps, args.plots)


def crossval(args: argparse.Namespace) -> None:
    """Print the lag of subjects left out in turn."""
    from export.datasets import pulses
    from export.models.ppg2ecg.crossval import crossval

    crossval(pulses.load(args.data, args.work), args.work)


KIND = Kind(
    name="ppg2ecg",
    train=train,
    publish=publish,
    evaluate=evaluate,
    chain=(("train", "ppg2ecg", "--work", WORK), ("publish", "ppg2ecg", "--work", WORK)),
    arguments={"train": schedule(24), "evaluate": evaluate_arguments},
    extra={"crossval": Extra("the lag of subjects left out of the training in turn", crossval)},
)
