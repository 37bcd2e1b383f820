"""Training of the encoder on PTB-XL folds 1 to 8, watched on fold 9: labels, and a teacher's answers.

The teacher has seen all 12 leads of a recording, the encoder sees some of them: so that one lead
learns what twelve knew (Hinton et al., arXiv:1503.02531; Lopez-Paz et al., ICLR 2016).
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity

from export.augment import LEAD_SETS, augment, lead_mask
from export.datasets import ptbxl
from export.errors import ExportError
from export.nets.encoder import Encoder, start_from
from export.reduced import reduced
from export.train import jepa
from export.train.loop import (
    TRAIN_FOLDS,
    VALIDATION_FOLD,
    Run,
    Schedule,
    conditioned,
    finished,
    predict,
    scores,
    targets,
    weights,
)
from wearecg.models.preprocess import Preprocessing

log = logging.getLogger("export.train")


@dataclass(frozen=True)
class Recipe(Schedule):
    """What a run depends on.

    Attributes
    ----------
    soft : float
        Share of the teacher's probabilities in the targets; the labels have the rest.
    embedding : float
        Weight of one minus the cosine between the teacher's embedding and what a linear layer
        makes of the encoder's.
    teacher : str
        SHA-256 of the teacher's answers; empty where there are labels alone.
    noise : bool
        Whether recorded noise (NSTDB) is added to some windows.
    jepa : int
        Epochs of pre-training without labels.
    """

    soft: float = 0.5
    embedding: float = 0.1
    teacher: str = ""
    noise: bool = False
    jepa: int = 0


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished run: the averaged network and what is known about how it came about."""

    net: Encoder
    groups: dict[str, int]
    recipe: Recipe
    seconds: float
    machine: str


@dataclass(frozen=True, eq=False)
class Answers:
    """What a teacher said about every training window, and the hash of the file it is in."""

    logits: Tensor
    embedding: Tensor
    sha256: str

    @classmethod
    def read(cls, path: Path, windows: int) -> Answers:
        """Read the file that ``teach`` has written; the embedding's dimensions are made comparable."""
        if not path.is_file():
            raise ExportError(f"no teacher's answers {path}: run `python -m export teach own` first")
        with np.load(path) as saved:
            logits, embedding = (torch.from_numpy(np.float32(saved[k])) for k in ("logits", "embedding"))
        if len(logits) != windows:
            raise ExportError(f"{path} answers {len(logits)} windows, there are {windows}: teach again")
        embedding = (embedding - embedding.mean(dim=0)) / (embedding.std(dim=0) + 1e-3)
        return cls(logits, embedding, hashlib.sha256(path.read_bytes()).hexdigest())


def train(
    data: ptbxl.PtbXl,
    work: Path,
    recipe: Recipe,
    answers: Answers | None = None,
    noise: NDArray[np.float32] | None = None,
) -> Path:
    """Train, or go on with, the run in the folder ``work``; return its checkpoint."""
    torch.set_num_threads(1)
    groups = {name: labels.shape[1] for name, labels in data.labels.items()}
    train_rows, val_rows = data.rows(TRAIN_FOLDS), data.rows([VALIDATION_FOLD])
    log.info("reading %d training and %d validation windows", len(train_rows), len(val_rows))
    log.info("macro AUROC follows in the order %s", ", ".join(groups))
    signal, present = conditioned(data, train_rows, Preprocessing())
    val_signal, val_present = conditioned(data, val_rows, Preprocessing())
    labels = targets(data, train_rows)
    pool = None if noise is None else torch.from_numpy(noise)

    start = {}
    if recipe.jepa:
        start = jepa.pretrain(signal, present, work, jepa.Recipe(epochs=recipe.jepa, seed=recipe.seed))
    torch.manual_seed(recipe.seed)
    net = Encoder(groups)
    net.load_state_dict(start, strict=False)
    start_from(net.heads, labels.mean(dim=0))
    weight = weights(labels.mean(dim=0))
    if answers is not None:
        project = nn.Linear(net.embed.out_features, answers.embedding.shape[1])
        net.add_module("project", project)
        labels = torch.lerp(labels, answers.logits.sigmoid(), recipe.soft)
    run = Run(net, recipe, len(train_rows) // recipe.batch, work / "encoder.pt", groups)
    for epoch, g in run.epochs():
        for rows in run.batches(len(train_rows), g):
            x, mask = augment(signal[rows].float() / 1000, g, ptbxl.FS, pool)
            with reduced():
                embedding, *logits = run.net(x, mask * present[rows])
            loss = binary_cross_entropy_with_logits(torch.cat(logits, 1).float(), labels[rows], weight)
            if answers is not None:
                near = cosine_similarity(project(embedding.float()), answers.embedding[rows]).mean()
                loss = loss + recipe.embedding * (1 - near)
            run.step(loss)
        seen = ""
        if run.watched(epoch):
            seen = "; ".join(
                f"{name}: "
                + scores(
                    data,
                    val_rows,
                    predict(run.averaged, val_signal, val_present * lead_mask(leads), fast=True),
                )
                for name, leads in LEAD_SETS.items()
            )
        run.report(epoch, seen)
    return run.path


def load(path: Path) -> Trained:
    """Read a finished checkpoint of :func:`train`."""
    saved = finished(path)
    net = Encoder(saved["groups"])
    net.load_state_dict({k: v for k, v in saved["averaged"].items() if not k.startswith("project.")})
    recipe = Recipe(**json.loads(saved["recipe"]))
    return Trained(net.eval(), saved["groups"], recipe, saved["seconds"], saved["machine"])
