"""The commands of waves."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from export.kind import Kind, Place, schedule
from wearecg.models.card import RUNTIMES, Card, card_path, load_card
from wearecg.models.describe import measured_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from export.datasets.ludb import Ludb

WORK = Place("waves")


def train(args: argparse.Namespace) -> Path:
    """Train on LUDB, and on leads of PTB-XL and CinC 2017 whose rhythm is known."""
    from export.datasets import cinc2017, ptbxl
    from export.models.waves import train as waves
    from export.models.waves.evaluate import rows
    from export.models.waves.windows import lanes, of_known_rhythm

    data, noise = _recordings(args)
    unmarked = of_known_rhythm(ptbxl.load(args.data, args.work), cinc2017.load(args.data, args.work))
    recipe = waves.Recipe(epochs=args.epochs, seed=args.seed)
    return waves.train(lanes(data, rows(data, kept=False)), unmarked, (), args.work, recipe, noise)


def publish(args: argparse.Namespace) -> Card:
    """Publish what ``train`` has left in ``--work``."""
    from export import publish
    from export.models.waves import train
    from export.models.waves.publish import WavesPublication

    return publish.publish(WavesPublication(train.load(args.work / "waves.pt"), *_recordings(args)), args.zoo)


def evaluate(args: argparse.Namespace) -> None:
    """Print the F1 on the records that were kept out of training; see also ``benchmarks/waves.py``."""
    from export.datasets import ludb
    from export.evaluate import in_chunks
    from export.models.waves.evaluate import ODDS, held_out, measured, score
    from wearecg.models.delineator import SAID
    from wearecg.models.runner import Runner

    path = card_path(args.model)
    card = load_card(path)
    batch, record = held_out(ludb.load(args.data, args.work, ludb.PUBLISHED_FS))
    signal = batch.signal.numpy()
    found = []
    for file in (file for file in card.files if file.runtime in RUNTIMES):
        runner = Runner(card, path.parent, file.precision, file.runtime)
        said = in_chunks(runner, signal, signal[:, :, 0] * 0 + 1)[SAID]
        rates = score(batch, record, said, [*ODDS.values()])
        found += measured(rates, file.precision, file.runtime, len(ludb.KEPT))
    print(measured_table(tuple(found)))


def _recordings(args: argparse.Namespace) -> tuple[Ludb, NDArray[np.float32]]:
    from export.datasets import ludb, nstdb

    noise = nstdb.halves(nstdb.load(args.data, ludb.PUBLISHED_FS))[0]
    return ludb.load(args.data, args.work, ludb.PUBLISHED_FS), noise


KIND = Kind(
    name="waves",
    train=train,
    publish=publish,
    evaluate=evaluate,
    chain=(("train", "waves", "--work", WORK), ("publish", "waves", "--work", WORK)),
    arguments={"train": schedule(34)},
)
