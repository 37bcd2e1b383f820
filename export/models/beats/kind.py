"""The commands of beats."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from export.kind import Extra, Kind, Place, schedule
from wearecg.models.card import RUNTIMES, Card, card_path, load_card
from wearecg.models.describe import measured_table

if TYPE_CHECKING:
    from export.models.beats.windows import Examples

WORK = Place("beats")
EPOCHS = 16
log = logging.getLogger("export.train")


def train(args: argparse.Namespace) -> Path:
    """Train on MIT-BIH, PTB-XL and the intervals of long recordings."""
    from export.models.beats import windows
    from export.models.beats.train import Recipe

    recipe = Recipe(epochs=args.epochs, seed=args.seed)
    return _trained(args, windows.mitbih(args.data, args.work), (), args.work, recipe)


def _trained(
    args: argparse.Namespace, beats: Examples, without: tuple[int, ...], work: Path, recipe: object
) -> Path:
    """Train twice: the first network tells which beats of PTB-XL's records with ectopic beats are ventricular."""
    from export.models.beats import train as beats_train
    from export.models.beats import windows

    assert isinstance(recipe, beats_train.Recipe)
    weak = windows.weak(args.data, args.work)
    long = windows.intervals(args.data, args.work)
    rhythm = beats_train.train_rhythm(long, args.work, recipe)
    first = beats_train.train(beats, weak, long, rhythm, without, work / "first", recipe)
    weak = beats_train.judged(beats_train.load(first).net, weak)
    return beats_train.train(beats, weak, long, rhythm, without, work, recipe)


def publish(args: argparse.Namespace) -> Card:
    """Publish what ``train`` has left in ``--work``."""
    from export import publish
    from export.models.beats import train, windows
    from export.models.beats.publish import BeatsPublication

    trained = train.load(args.work / "beats.pt")
    return publish.publish(BeatsPublication(trained, windows.mitbih(args.data, args.work)), args.zoo)


def evaluate(args: argparse.Namespace) -> None:
    """Print the F1 on records that were trained on; ``crossval`` has those of records left out."""
    import numpy as np

    from export.evaluate import in_chunks
    from export.models.beats import windows
    from export.models.beats.evaluate import judged, measured
    from wearecg.models.beat_classifier import SAID
    from wearecg.models.runner import Runner

    path = card_path(args.model)
    card = load_card(path)
    beats = windows.mitbih(args.data, args.work, copies=0)
    signal, found = beats.rows[:, None], []
    for file in (file for file in card.files if file.runtime in RUNTIMES):
        runner = Runner(card, path.parent, file.precision, file.runtime)
        logits = in_chunks(runner, signal, np.ones((len(signal), 1), np.float32))[SAID]
        found += measured(judged(logits, beats), file.precision, file.runtime)
    print(measured_table(tuple(found)))


def crossval(args: argparse.Namespace) -> None:
    """Train without some records in turn, by the recipe that is shipped, and print how those are judged."""
    import numpy as np

    from export.models.beats.crossval import FOLDS, table, take
    from export.models.beats.evaluate import as_found
    from export.models.beats.train import Recipe, load
    from export.models.beats.windows import mitbih
    from wearecg.models.beat_classifier import CODES

    beats = mitbih(args.data, args.work)
    found = as_found(beats)
    found = found.of(np.isin(found.record, [one for fold in FOLDS for one in fold]))
    logits = np.empty((len(found.rows), len(CODES)), np.float32)
    for number, fold in enumerate(FOLDS):
        path = _trained(args, beats, fold, args.work / f"fold-{number}", Recipe())
        take(logits, load(path).net, found, fold)
        log.info("fold %d of %d", number + 1, len(FOLDS))
    print(table(logits, found))


KIND = Kind(
    name="beats",
    train=train,
    publish=publish,
    evaluate=evaluate,
    chain=(("train", "beats", "--work", WORK), ("publish", "beats", "--work", WORK)),
    arguments={"train": schedule(EPOCHS)},
    extra={"crossval": Extra("judge each record by a network that was trained without it", crossval)},
)
