"""Training of the encoder on PTB-XL folds 1 to 8, watched on fold 9: labels, and a teacher's answers.

The teacher sees all 12 leads of a recording, the encoder some of them: so that one lead learns what twelve
knew (Hinton et al., arXiv:1503.02531; Lopez-Paz et al., ICLR 2016). A large teacher has answered once for
every recording; small ones are asked about each window as it is shown, varied (Beyer et al., CVPR 2022).
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity

from export.augment import lead_mask
from export.datasets import ptbxl
from export.errors import ExportError
from export.layers import start_from
from export.loop import (
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
from export.models.encoder import jepa
from export.models.encoder.augment import LEAD_SETS, augment, slowed
from export.models.encoder.net import SHAPES, Encoder
from export.reduced import reduced
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
        SHA-256 of the teacher's answers or checkpoints; empty where there are labels alone.
    noise : bool
        Whether recorded noise (NSTDB) is added to some windows.
    jepa : int
        Epochs of pre-training without labels.
    shape : str
        Which of the encoders this trains: a key of :data:`export.models.encoder.net.SHAPES`.
    """

    soft: float = 0.5
    embedding: float = 0.1
    teacher: str = ""
    noise: bool = False
    jepa: int = 0
    shape: str = "fast"


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished run: the averaged network and what is known about how it came about."""

    net: Encoder
    groups: dict[str, int]
    recipe: Recipe
    seconds: float
    machine: str


class Teacher(Protocol):
    """Someone to learn from."""

    @property
    def sha256(self) -> str:
        """Hash of its file, or of its files."""

    @property
    def size(self) -> int:
        """Dimensions of its embedding."""

    def answer(self, rows: Tensor, signal: Tensor, present: Tensor, /) -> tuple[Tensor, Tensor]:
        """Return probabilities ``[n, statements]`` and embeddings ``[n, size]`` of comparable dimensions.

        ``rows`` are the windows' numbers among the training windows, ``signal`` ``[n, 12, L]`` what was made of them.
        """


@dataclass(frozen=True, eq=False)
class Answers:
    """What a large teacher said about every training window, whatever is made of it."""

    logits: Tensor
    embedding: Tensor
    sha256: str

    @classmethod
    def read(cls, path: Path, windows: int) -> Answers:
        """Read the file that ``teach`` has written."""
        if not path.is_file():
            raise ExportError(f"no teacher's answers {path}: run `python -m export teach own` first")
        with np.load(path) as saved:
            logits, embedding = (torch.from_numpy(np.float32(saved[k])) for k in ("logits", "embedding"))
        if len(logits) != windows:
            raise ExportError(f"{path} answers {len(logits)} windows, there are {windows}: teach again")
        return cls(logits, standardised(embedding), sha256(path))

    @property
    def size(self) -> int:
        """Dimensions of its embedding."""
        return self.embedding.shape[1]

    def answer(self, rows: Tensor, _signal: Tensor, _present: Tensor, /) -> tuple[Tensor, Tensor]:
        """Look the windows up."""
        return self.logits[rows].sigmoid(), self.embedding[rows]


@dataclass(frozen=True, eq=False)
class Asked:
    """Encoders that are asked together about every window as it is shown, with all its leads."""

    nets: tuple[Encoder, ...]
    sha256: str

    @classmethod
    def read(cls, *paths: Path) -> Asked:
        """Read the checkpoints of finished runs."""
        nets = (load(path).net.to(memory_format=torch.channels_last) for path in paths)  # type: ignore[call-overload]
        return cls(tuple(nets), " ".join(map(sha256, paths)))

    @property
    def size(self) -> int:
        """Dimensions of their embeddings together."""
        return sum(net.embed.out_features for net in self.nets)

    @torch.no_grad()
    def answer(self, _rows: Tensor, signal: Tensor, present: Tensor, /) -> tuple[Tensor, Tensor]:
        """Ask; the probabilities are their mean, the embeddings beside each other."""
        with reduced():
            said = [net(signal, present) for net in self.nets]
        probabilities = torch.stack([torch.cat(logits, 1).float().sigmoid() for _, *logits in said])
        return probabilities.mean(dim=0), standardised(torch.cat([found[0] for found in said], 1).float())


def standardised(embedding: Tensor) -> Tensor:
    """Give each dimension the same say."""
    return (embedding - embedding.mean(dim=0)) / (embedding.std(dim=0) + 1e-3)


def sha256(path: Path) -> str:
    """Hash a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def train(
    data: ptbxl.PtbXl,
    work: Path,
    recipe: Recipe,
    teacher: Teacher | None = None,
    noise: NDArray[np.float32] | None = None,
) -> Path:
    """Train, or go on with, the run in the folder ``work``; return its checkpoint."""
    if recipe.jepa and recipe.shape != "wide":
        raise ExportError(
            f"jepa {recipe.jepa}: only the wide encoder is pre-trained; leave --jepa out, or add --shape wide"
        )
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
    net = Encoder(groups, SHAPES[recipe.shape])
    net.load_state_dict(start, strict=False)
    start_from(net.heads, labels.mean(dim=0))
    weight = weights(labels.mean(dim=0))
    if teacher is not None:
        project = nn.Linear(net.embed.out_features, teacher.size)
        net.add_module("project", project)
    run = Run(net, recipe, len(train_rows) // recipe.batch, work / "encoder.pt", groups)
    for epoch, g in run.epochs():
        for rows in run.batches(len(train_rows), g):
            x, mask = augment(signal[rows].float() / 1000, g, ptbxl.FS, pool)
            with reduced():
                embedding, *logits = run.net(slowed(x, g, ptbxl.FS), mask * present[rows])
            target, apart = labels[rows], torch.zeros(())
            if teacher is not None:
                said, theirs = teacher.answer(rows, x, present[rows])
                target = torch.lerp(target, said, recipe.soft)
                apart = 1 - cosine_similarity(project(embedding.float()), theirs).mean()
            loss = binary_cross_entropy_with_logits(torch.cat(logits, 1).float(), target, weight)
            run.step(loss + recipe.embedding * apart)
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
    recipe = Recipe(**json.loads(saved["recipe"]))
    net = Encoder(saved["groups"], SHAPES[recipe.shape])
    net.load_state_dict({k: v for k, v in saved["averaged"].items() if not k.startswith("project.")})
    return Trained(net.eval(), saved["groups"], recipe, saved["seconds"], saved["machine"])
