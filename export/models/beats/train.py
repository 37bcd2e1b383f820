"""Training of beats: first what intervals say, then beats of MIT-BIH and PTB-XL on one lead each.

Few persons have many early beats in half an hour. So a part of the beats is given the intervals of another person's
beat of the same class, out of the long recordings; a supraventricular beat may take the shape of a normal one for it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from export.loop import Run, Schedule, finished
from export.models.beats.net import OF_RHYTHM, Beats, RhythmNet
from export.models.beats.windows import UNKNOWN, Examples, Intervals
from wearecg.ecg.beat_context import RHYTHM, SHAPE
from wearecg.models.beat_classifier import CODES

log = logging.getLogger("export.train")

WORTH = {"N": 1.2, "S": 1.2, "V": 1.5, "F": 0.5, "Q": 0.3}
"""How often each class is shown, beside the root of how many beats of it a record has."""
OF_WEAK = 0.25
"""The share of beats of PTB-XL in a batch."""
FEW = 30
"""A class of which a record has fewer beats is shown less often in proportion."""
UPSIDE_DOWN = 0.3
TRANSPLANTED = 0.4
"""The share of beats of N, S and V that are given the intervals of another."""
SURE_V, SURE_N = 0.8, 0.05
"""A beat of a record with ectopic beats is taken for V, or for N, where a network gives such a chance of V."""


@dataclass(frozen=True)
class Recipe(Schedule):
    """What a run depends on; an epoch is ``steps`` batches."""

    epochs: int = 16
    batch: int = 256
    steps: int = 400
    peak_rate: float = 4e-3
    average: float = 0.995
    rhythm_epochs: int = 8


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished run: the averaged network and what is known about how it came about."""

    net: Beats
    recipe: Recipe
    seconds: float
    machine: str


def train_rhythm(long: Intervals, work: Path, recipe: Recipe) -> Path:
    """Learn what intervals say of N, S and V; return the checkpoint."""
    torch.set_num_threads(1)
    numbers, classes = long.numbers, long.classes
    parts = [long.counting(code) for code in range(OF_RHYTHM)]
    chance = np.sum(parts, axis=0)
    chance /= chance.sum()
    torch.manual_seed(recipe.seed)
    schedule = replace(recipe, epochs=recipe.rhythm_epochs, batch=1024)
    run = Run(RhythmNet(), schedule, recipe.steps, work / "rhythm.pt", {})
    for epoch, _ in run.epochs():
        rng = np.random.default_rng([recipe.seed, epoch])
        shown = rng.choice(len(classes), schedule.batch * recipe.steps, p=chance)
        for rows in np.split(shown, recipe.steps):
            target = torch.from_numpy(classes[rows].astype(np.int64))
            run.step(cross_entropy(run.net(torch.from_numpy(numbers[rows])), target))
        run.report(epoch, "")
    return run.path


def train(
    beats: Examples,
    weak: Examples,
    long: Intervals,
    rhythm: Path,
    without: Collection[int],
    work: Path,
    recipe: Recipe,
) -> Path:
    """Train, or go on with, the run in the folder ``work``; return its checkpoint.

    Parameters
    ----------
    beats, weak : Examples
        Of MIT-BIH and of PTB-XL.
    long : Intervals
        Of long recordings.
    rhythm : Path
        The checkpoint of `train_rhythm`.
    without : collection of int
        Records of MIT-BIH that are left out.
    """
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    net = Beats()
    net.rhythm.load_state_dict(finished(rhythm)["averaged"])
    net.rhythm.requires_grad_(False)
    run = Run(net, recipe, recipe.steps, work / "beats.pt", {})
    chance, known = _chances(beats, without), np.flatnonzero(weak.classes != UNKNOWN)
    of_weak = round(OF_WEAK * recipe.batch)
    normal = np.flatnonzero((chance > 0) & (beats.classes == CODES.index("N")))
    for epoch, _ in run.epochs():
        rng = np.random.default_rng([recipe.seed, epoch])
        shown = rng.choice(len(beats.rows), (recipe.steps, recipe.batch - of_weak), p=chance)
        donors = [long.drawn(code, 20_000, rng) for code in range(OF_RHYTHM)]
        for rows in shown:
            others = rng.choice(known, of_weak)
            x = np.concatenate([beats.rows[rows], weak.rows[others]])
            target = np.concatenate([beats.classes[rows], weak.classes[others]]).astype(np.int64)
            _transplant(x, target, beats.rows[rng.choice(normal, len(x))], donors, rng)
            signal = _varied(torch.from_numpy(x)[:, None])
            (logits,) = run.net(signal, torch.ones(len(x), 1))
            run.step(cross_entropy(logits, torch.from_numpy(target), label_smoothing=0.02))
        run.report(epoch, "")
    return run.path


def _chances(beats: Examples, without: Collection[int]) -> NDArray[np.float64]:
    """Return how often each beat is shown: so that no record and no class outweighs the others."""
    chance = np.zeros(len(beats.classes))
    kept = ~np.isin(beats.record, [*without])
    for number, code in enumerate(CODES):
        for one in np.unique(beats.record):
            of = kept & (beats.classes == number) & (beats.record == one)
            if count := of.sum():
                chance[of] = WORTH[code] * np.sqrt(count * min(count, FEW) / FEW) / count
    chance /= chance.sum()
    return chance


def _transplant(
    x: NDArray[np.float32],
    target: NDArray[np.int64],
    normal: NDArray[np.float32],
    donors: Sequence[NDArray[np.float32]],
    rng: np.random.Generator,
) -> None:
    """Give some beats the intervals of others of their class, in place; half of S then take a ``normal`` shape."""
    chosen = rng.random(len(x)) < TRANSPLANTED
    shape = chosen & (target == CODES.index("S")) & (rng.random(len(x)) < 0.5)
    x[shape] = normal[shape]
    for code, numbers in enumerate(donors):
        rows = np.flatnonzero(chosen & (target == code))
        x[rows, 2 * SHAPE : 2 * SHAPE + RHYTHM] = numbers[rng.integers(len(numbers), size=len(rows))]


def _varied(signal: Tensor) -> Tensor:
    """Turn some leads upside down, and shake all numbers a little."""
    signal = signal.clone()
    over = torch.where(torch.rand(len(signal), 1, 1) < UPSIDE_DOWN, -1.0, 1.0)
    signal[:, :, : 2 * SHAPE] *= over
    return signal + 0.02 * torch.randn_like(signal)


@torch.no_grad()
def judged(net: Beats, weak: Examples) -> Examples:
    """Return the beats of PTB-XL, with the classes of unknown ones filled in where a network is sure of them."""
    classes, unknown = weak.classes.copy(), np.flatnonzero(weak.classes == UNKNOWN)
    for rows in np.array_split(unknown, max(len(unknown) // 4096, 1)):
        (logits,) = net.eval()(torch.from_numpy(weak.rows[rows])[:, None], torch.ones(len(rows), 1))
        v = logits.softmax(dim=1)[:, CODES.index("V")].numpy()
        n = logits.softmax(dim=1)[:, CODES.index("N")].numpy()
        classes[rows[v > SURE_V]] = CODES.index("V")
        classes[rows[(v < SURE_N) & (n > SURE_V)]] = CODES.index("N")
    return weak._replace(classes=classes)


def load(path: Path) -> Trained:
    """Read a finished checkpoint of :func:`train`."""
    saved = finished(path)
    net = Beats()
    net.load_state_dict(saved["averaged"])
    return Trained(net.eval(), Recipe(**json.loads(saved["recipe"])), saved["seconds"], saved["machine"])
