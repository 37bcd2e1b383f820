"""Our own teacher: trained on PTB-XL folds 1 to 8 with all 12 leads, asked once for every training window.

Most epochs see five seconds of each recording, which halves their time and shows the network
more of what differs; the last ones see all ten, as the teacher is used.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from export.augment import crop, mix, vary
from export.datasets import ptbxl
from export.layers import start_from
from export.loop import (
    TRAIN_FOLDS,
    VALIDATION_FOLD,
    Run,
    Schedule,
    conditioned,
    predict,
    saved,
    scores,
    targets,
    weights,
)
from export.models.encoder import train as encoder
from export.reduced import reduced
from export.teachers.net import Teacher
from wearecg.models.preprocess import Preprocessing

log = logging.getLogger("export.teachers")

SHORT = 500
"""Samples that all but the last epochs see of each window."""


@dataclass(frozen=True)
class Recipe(Schedule):
    """``whole`` is the number of last epochs that see whole windows."""

    epochs: int = 16
    peak_rate: float = 4e-3
    weight_decay: float = 0.05
    whole: int = 2


def teach(data: ptbxl.PtbXl, work: Path, recipe: Recipe, beside: Sequence[Path] = ()) -> Path:
    """Train, or go on with, the teacher in the folder ``work``; return its answers (``teacher.npz``).

    The file holds, row for row of folds 1 to 8, float16: ``logits [n, statements]``, all groups
    beside each other, and ``embedding [n, size]``.
    """
    torch.set_num_threads(1)
    groups = {name: labels.shape[1] for name, labels in data.labels.items()}
    train_rows, val_rows = data.rows(TRAIN_FOLDS), data.rows([VALIDATION_FOLD])
    signal, present = conditioned(data, train_rows, Preprocessing())
    val_signal, val_present = conditioned(data, val_rows, Preprocessing())
    labels = targets(data, train_rows)

    torch.manual_seed(recipe.seed)
    net = Teacher(groups)
    start_from(net.heads, labels.mean(dim=0))
    weight = weights(labels.mean(dim=0))
    run = Run(net, recipe, len(train_rows) // recipe.batch, work / "teacher.pt", groups)
    for epoch, g in run.epochs():
        length = SHORT if epoch < recipe.epochs - recipe.whole else signal.shape[-1]
        for rows in run.batches(len(train_rows), g):
            x = vary(crop(signal[rows].float() / 1000, length, g), g, ptbxl.FS)
            x, y = mix(x, labels[rows], g)
            with reduced():
                logits = run.net(x, present[rows])[1:]
            run.step(binary_cross_entropy_with_logits(torch.cat(logits, 1).float(), y, weight))
        seen = ""
        if run.watched(epoch):
            seen = scores(data, val_rows, predict(run.averaged, val_signal, val_present, fast=True))
        run.report(epoch, seen)
    return answer(data, work, beside)


def answer(data: ptbxl.PtbXl, work: Path, beside: Sequence[Path] = ()) -> Path:
    """Ask the finished teacher about every training window; write its answers beside its checkpoint.

    The logits are the mean over the teacher and the networks whose checkpoints are ``beside`` it, other teachers
    or encoders; the embedding is the teacher's.
    """
    signal, present = conditioned(data, data.rows(TRAIN_FOLDS), Preprocessing())
    answers = []
    for path in (work / "teacher.pt", *beside):
        net = load(path) if path.name == "teacher.pt" else encoder.load(path).net
        answers.append(predict(net, signal, present, fast=True))
        log.info("%d of %d networks asked about %d windows", len(answers), 1 + len(beside), len(signal))
    logits = np.mean([np.concatenate(groups, axis=1) for _, *groups in answers], axis=0)
    path = work / "teacher.npz"
    np.savez(path, logits=np.float16(logits), embedding=np.float16(answers[0][0]))
    return path


def load(path: Path) -> Teacher:
    """Read a checkpoint of :func:`teach`, finished or not, and say in the log how far it is.

    Of a run that is not finished these are the last weights: their average is still much of the untrained network.
    """
    read = saved(path)
    done, epochs = read["epochs"], json.loads(read["recipe"])["epochs"]
    log.info("%s: %d of %d epochs", path, done, epochs)
    net = Teacher(read["groups"])
    net.load_state_dict(read["averaged" if done == epochs else "net"])
    return net.eval()
