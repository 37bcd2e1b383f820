"""Training of waves on LUDB, without the records that are kept for comparison."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from export.loop import Run, Schedule, finished
from export.models.waves.net import BORDERS, Waves
from export.models.waves.windows import Batch, Lane, Windows
from export.reduced import reduced

log = logging.getLogger("export.train")

SPREAD_S = 0.012
"""Width of what the chances of a place are taught to be."""


@dataclass(frozen=True)
class Recipe(Schedule):
    """What a run depends on; ``batch`` counts lanes with marks, beside each batch are ``unmarked`` others."""

    epochs: int = 34
    batch: int = 24
    unmarked: int = 12
    peak_rate: float = 4e-3
    average: float = 0.995


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished run: the averaged network and what is known about how it came about."""

    net: Waves
    recipe: Recipe
    seconds: float
    machine: str


def train(
    lanes: Sequence[Lane],
    unmarked: Sequence[Lane],
    watched: Sequence[Lane],
    work: Path,
    recipe: Recipe,
    noise: NDArray[np.float32],
) -> Path:
    """Train, or go on with, the run in the folder ``work``; return its checkpoint."""
    torch.set_num_threads(1)
    log.info("%d training and %d validation leads", len(lanes), len(watched))
    windows = Windows([*lanes, *unmarked], noise)
    torch.manual_seed(recipe.seed)
    run = Run(Waves(), recipe, len(lanes) // recipe.batch, work / "waves.pt", {})
    validation = Windows(watched, None).plain(range(len(watched))) if watched else None
    for epoch, g in run.epochs():
        rng = np.random.default_rng([recipe.seed, epoch])
        for numbers in run.batches(len(lanes), g):
            others = len(lanes) + rng.integers(len(unmarked), size=recipe.unmarked)
            batch = windows.batch(np.concatenate([numbers.numpy(), others]), rng)
            with reduced():
                logits, whole = run.net.chances(batch.signal)
            run.step(loss(run.net, logits.float(), whole.float(), batch))
        said = seen(run, validation) if validation and run.watched(epoch) else ""
        run.report(epoch, said)
    return run.path


def loss(net: Waves, logits: Tensor, whole: Tensor, batch: Batch) -> Tensor:
    """Laplace's likelihood of the borders, the chances of their places, and of the waves."""
    places = net.places[:, 0]
    known = batch.borders.isfinite() & (batch.borders > places.min()) & (batch.borders < places.max())
    target = batch.borders[known]
    z = logits[known]
    sure = whole[:, :BORDERS][known]
    chance = z.softmax(dim=1)
    off = ((chance * places).sum(dim=1) - target).abs()
    likely = (off / sure.exp() + sure).mean()
    near = (-0.5 * ((places - target[:, None]) / SPREAD_S).square()).softmax(dim=1)
    placed = cross_entropy(z, near)
    told = batch.waves.isfinite()
    there = binary_cross_entropy_with_logits(whole[:, BORDERS:][told], batch.waves[told])
    return likely + 0.5 * placed + 2.0 * there


@torch.no_grad()
def calibrate(net: Waves, batch: Batch) -> None:
    """Set the offset of each border to its median error on training beats as they are.

    Training shows most beats through sensors that smear their waves, as wide as they were marked.
    """
    off = net(batch.signal, torch.ones(len(batch.signal), 1))[0][:, :BORDERS] - batch.borders
    net.offset.copy_(torch.stack([one[one.isfinite()].median() for one in off.T]))


def load(path: Path) -> Trained:
    """Read a finished checkpoint of :func:`train`."""
    saved = finished(path)
    net = Waves()
    net.load_state_dict(saved["averaged"])
    return Trained(net.eval(), Recipe(**json.loads(saved["recipe"])), saved["seconds"], saved["machine"])


@torch.no_grad()
def seen(run: Run, batch: Batch) -> str:
    """Lay out, on validation beats, the spread of six borders in ms and how often waves are told wrongly."""
    net = run.averaged.module.eval()
    (said,) = net(batch.signal, torch.ones(len(batch.signal), 1))
    borders, waves = said[:, :BORDERS], said[:, 2 * BORDERS :]
    off = 1000 * (borders - batch.borders)
    text = []
    for k, name in ((0, "Pon"), (2, "Poff"), (3, "Qon"), (5, "Qoff"), (8, "Toff")):
        one = off[:, k][batch.borders[:, k].isfinite()]
        text.append(f"{name} {one.mean():+.1f}+-{one.std():.1f}|{one.abs().median():.1f}")
    for k, name in enumerate("PQT"):
        told = batch.waves[:, k].isfinite()
        said, truth = waves[told, k] > 0, batch.waves[told, k] > 0.5
        text.append(
            f"{name} miss {int((truth & ~said).sum())} draw {int((said & ~truth).sum())}/{int((~truth).sum())}"
        )
    return " ".join(text)
