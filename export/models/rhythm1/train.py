"""Training of the one-lead rhythm network on CinC 2017, from an encoder that was trained on PTB-XL.

Folds 1 to 7 are trained on, fold 8 is watched (and left for calibration), folds 9 and 10 are not looked at.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from export.augment import NOISY, SNR, disturb, vary
from export.datasets import cinc2017
from export.errors import ExportError
from export.loop import Run, Schedule, finished, predict
from export.models.encoder import train as encoder
from export.models.rhythm1.evaluate import Windows, cut, placed, score
from export.models.rhythm1.net import Rhythm1, start_from
from export.reduced import reduced
from wearecg.models.preprocess import Preprocessing, condition

log = logging.getLogger("export.train")

STRETCH = 0.1
"""Largest change of a training window's pace: heart rates and device clocks differ."""


@dataclass(frozen=True)
class Recipe(Schedule):
    """What a run depends on.

    Attributes
    ----------
    seconds : float
        Length of a window.
    start : str
        SHA-256 of the encoder's checkpoint that the run began from; empty where it began from nothing.
    noise : bool
        Whether recorded noise (NSTDB) is added to some windows.
    """

    epochs: int = 24
    peak_rate: float = 2e-3
    average: float = 0.99
    seconds: float = 30.0
    start: str = ""
    noise: bool = False


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished run: the averaged network and what is known about how it came about."""

    net: Rhythm1
    recipe: Recipe
    seconds: float
    machine: str


def train(
    data: cinc2017.Cinc2017,
    work: Path,
    recipe: Recipe,
    start: Path | None = None,
    noise: NDArray[np.float32] | None = None,
) -> Path:
    """Train, or go on with, the run in the folder ``work``; return its checkpoint.

    Parameters
    ----------
    start : Path, optional
        The finished checkpoint of a wide encoder to begin from.
    noise : float32 [channels, samples], optional
        Recorded noise in mV to add to some windows.
    """
    torch.set_num_threads(1)
    rows, watched = data.rows(cinc2017.TRAIN_FOLDS), data.rows(cinc2017.CHOOSE_FOLDS)
    log.info("%d training and %d validation recordings", len(rows), len(watched))
    recordings = [data.millivolts(int(row)) for row in rows]
    validation = cut(data, watched, recipe.seconds, Preprocessing())
    classes = len(cinc2017.CLASSES)
    labels = one_hot(torch.from_numpy(data.label[rows]), classes).float()
    length = round(recipe.seconds * cinc2017.FS)
    pool = None if noise is None else torch.from_numpy(noise)

    torch.manual_seed(recipe.seed)
    net = Rhythm1(classes)
    if start is not None:
        begun = encoder.load(start)
        if begun.recipe.shape != "wide":
            raise ExportError(
                f"{start} is not a wide encoder's: give one that train encoder --shape wide has left"
            )
        start_from(net, begun.net)
        recipe = replace(recipe, start=encoder.sha256(start))
    recipe = replace(recipe, noise=noise is not None)
    net.guess(labels.mean(dim=0))
    run = Run(net, recipe, len(rows) // recipe.batch, work / "rhythm1.pt", {"rhythm": classes})
    for epoch, g in run.epochs():
        for batch in run.batches(len(rows), g):
            x = torch.stack([window(recordings[i], length, g) for i in batch.tolist()])
            x = augment(x, g, pool)
            with reduced():
                _, logits = run.net(x, torch.ones(len(x), 1))
            run.step(classes * binary_cross_entropy_with_logits(logits.float(), labels[batch]))
        run.report(epoch, seen(run, validation) if run.watched(epoch) else "")
    return run.path


def load(path: Path) -> Trained:
    """Read a finished checkpoint of :func:`train`."""
    saved = finished(path)
    net = Rhythm1(saved["groups"]["rhythm"])
    net.load_state_dict(saved["averaged"])
    return Trained(net.eval(), Recipe(**json.loads(saved["recipe"])), saved["seconds"], saved["machine"])


def seen(run: Run, validation: Windows) -> str:
    """Lay out the F1 of each class and the challenge's score on the validation recordings."""
    signal = torch.from_numpy(validation.signal) * 1000
    logits = predict(run.averaged, signal, torch.from_numpy(validation.mask), fast=True)[1]
    return " ".join(f"{code} {f1.value:.3f}" for code, f1 in score(validation, logits).items())


def window(x: NDArray[np.float32], length: int, g: torch.Generator) -> Tensor:
    """Draw a window ``[1, length]`` from a recording ``[1, n]``, at another pace, prepared as models see it."""
    pace, at, where = torch.rand(3, generator=g).tolist()
    pace = 1 + STRETCH * (2 * pace - 1)
    n = min(x.shape[1], int(length * pace))
    at = int(at * (x.shape[1] - n + 1))
    times = np.arange(0, n - 1, pace)[:length]
    part = np.interp(times, np.arange(n), x[0, at : at + n])[None]
    return torch.from_numpy(placed(condition(part, cinc2017.FS, Preprocessing())[0], length, where))


def augment(signal: Tensor, g: torch.Generator, noise: Tensor | None) -> Tensor:
    """Vary windows ``[N, 1, L]``; half of them are turned upside down, as the device is held either way."""
    n = len(signal)
    signal = signal * (1 - 2 * torch.randint(0, 2, (n, 1, 1), generator=g))
    if noise is not None:
        some = torch.rand(n, generator=g) < NOISY
        signal[some] = disturb(signal[some], noise, SNR * torch.rand(int(some.sum()), generator=g), g)
    return vary(signal, g, cinc2017.FS)
