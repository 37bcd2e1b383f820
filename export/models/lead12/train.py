"""Training of lead12 on PTB-XL folds 1 to 8, watched on fold 9: twelve leads in, some of them hidden."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool1d, pad

from export.augment import lead_mask, lead_subsets
from export.datasets import ptbxl
from export.loop import TRAIN_FOLDS, VALIDATION_FOLD, Run, Schedule, conditioned, finished, predict
from export.models.lead12.net import INDEPENDENT as OUTPUTS
from export.models.lead12.net import Lead12
from export.reduced import reduced
from wearecg.ecg.lead12 import INDEPENDENT, twelve
from wearecg.ecg.leads import TWELVE
from wearecg.models.preprocess import Preprocessing

log = logging.getLogger("export.train")

LEAD_SETS: dict[str, tuple[str, ...]] = {
    "II+V1+V5": ("II", "V1", "V5"),
    "I+II": ("I", "II"),
    "I+II+V2": ("I", "II", "V2"),
    "II": ("II",),
}
"""The lead sets that every table of lead12 reports."""

SHARES = {"II+V1+V5": 0.45, "I+II": 0.12, "I+II+V2": 0.1, "II": 0.13}
"""How often training shows each of them; the rest of the time, random subsets."""

LIMB_WEIGHT = 3.5
"""An error of lead I is one of III, and half of one of aVR and aVL, and one of aVF: squared, 3.5 in all."""

LOGVAR = (-9.5, 3.0)
"""Error bars are trained between 9 uV and 4.5 mV."""

CHEST = slice(2, 8)
QRS = 5
"""Samples to either side of a fast one that count as QRS."""
HIGHEST = 10
"""So many samples make an amplitude: about one for each beat."""
PEAK = 9.0
"""mV; lower than minus this no sample is."""
FEW = 8
"""From so few windows no slope is taken."""


@dataclass(frozen=True)
class Recipe(Schedule):
    """What a run depends on.

    Attributes
    ----------
    latent : int
        Channels of the latent.
    divergence : float
        Weight of the latent's divergence from the standard normal; 1 is the bound on the likelihood.
    certainty : float
        The likelihood of each sample counts by its variance to this power (Seitzer et al., ICLR 2022):
        with 0 the mean learns only what is easy, with 1 it learns as from the squared error.
    amplitude : float
        Weight of :func:`shrinkage`.
    correlation : float
        Weight of one minus Pearson's r.
    """

    latent: int = 32
    divergence: float = 0.001
    certainty: float = 1.0
    amplitude: float = 0.015
    correlation: float = 0.06


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished run: the averaged network and what is known about how it came about."""

    net: Lead12
    recipe: Recipe
    seconds: float
    machine: str


def train(data: ptbxl.PtbXl, work: Path, recipe: Recipe) -> Path:
    """Train, or go on with, the run in the folder ``work``; return its checkpoint."""
    torch.set_num_threads(1)
    train_rows, val_rows = data.rows(TRAIN_FOLDS), data.rows([VALIDATION_FOLD])
    log.info("reading %d training and %d validation windows", len(train_rows), len(val_rows))
    signal, present = conditioned(data, train_rows, Preprocessing())
    validation = conditioned(data, val_rows, Preprocessing())
    torch.manual_seed(recipe.seed)
    net = Lead12(recipe.latent)
    run = Run(net, recipe, len(train_rows) // recipe.batch, work / "lead12.pt", {})
    for epoch, g in run.epochs():
        for rows in run.batches(len(train_rows), g):
            clean, x, mask = hidden(signal[rows].float() / 1000, present[rows], g)
            with reduced():
                mean, logvar, divergence = net.sampled(x, mask)
            run.step(
                loss(mean.float(), logvar.float(), divergence, clean, present[rows] * (1 - mask), recipe)
            )
        seen = ""
        if run.watched(epoch):
            seen = "; ".join(
                f"{name}: {glance(run.averaged, *validation, leads)}" for name, leads in LEAD_SETS.items()
            )
        run.report(epoch, seen)
    return run.path


def load(path: Path) -> Trained:
    """Read a finished checkpoint of :func:`train`."""
    saved = finished(path)
    recipe = Recipe(**json.loads(saved["recipe"]))
    net = Lead12(recipe.latent)
    net.load_state_dict(saved["averaged"])
    return Trained(net.eval(), recipe, saved["seconds"], saved["machine"])


def hidden(signal: Tensor, present: Tensor, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Vary a batch ``[N, 12, L]`` (mV): what is to be found, what is shown of it, and the mask.

    All leads of a window get one gain. What is shown may carry some noise, what is to be found does not.
    """
    n, leads, _ = signal.shape
    shares = {LEAD_SETS[name]: share for name, share in SHARES.items()}
    mask = lead_subsets(n, shares, leads - 1, g) * present  # something is to be found
    clean = signal * torch.exp(0.2 * torch.randn(n, 1, 1, generator=g))
    noisy = (torch.rand(n, 1, 1, generator=g) < 0.5).float()
    sigma = 0.03 * noisy * torch.rand(n, leads, 1, generator=g) ** 2
    shown = clean + sigma * torch.randn(signal.shape, generator=g)
    return clean, shown * mask.unsqueeze(-1), mask


def loss(
    mean: Tensor, logvar: Tensor, divergence: Tensor, clean: Tensor, hidden: Tensor, recipe: Recipe
) -> Tensor:
    """Likelihood of the hidden leads, the latent's divergence, what amplitude is missing, and what correlation."""
    columns = [TWELVE.index(name) for name in INDEPENDENT]
    truth, hidden = clean[:, columns], hidden[:, columns]
    weight = (hidden * torch.tensor([LIMB_WEIGHT] * 2 + [1.0] * 6)).unsqueeze(-1)
    logvar = logvar.clamp(*LOGVAR)
    nll = (logvar + (mean - truth).square() * (-logvar).exp()) / 2
    nll = nll * (recipe.certainty * logvar.detach()).exp()
    likelihood = (weight * nll).sum() / (weight.sum() * mean.shape[-1]).clamp(min=1)
    told = divergence.mean() / (OUTPUTS * mean.shape[-1])
    shrunk = shrinkage(mean[:, CHEST], truth[:, CHEST], hidden[:, CHEST], qrs(clean))
    total = likelihood + recipe.divergence * told + recipe.amplitude * shrunk
    return total + recipe.correlation * unlikeness(mean, truth, hidden)


def unlikeness(mean: Tensor, truth: Tensor, hidden: Tensor) -> Tensor:
    """Mean over hidden leads of one minus Pearson's r; all ``[N, 8, L]`` but ``hidden`` ``[N, 8]``."""
    a, b = (x - x.mean(dim=-1, keepdim=True) for x in (mean, truth))
    r = (a * b).sum(-1) / (a.square().sum(-1) * b.square().sum(-1) + 1e-3).sqrt()
    return (hidden * (1 - r)).sum() / hidden.sum().clamp(min=1)


def qrs(clean: Tensor) -> Tensor:
    """Mark the samples near which the leads together move fast, ``[N, 1, L]``."""
    speed = pad((clean[..., 2:] - clean[..., :-2]).abs().sum(dim=1, keepdim=True), (1, 1))
    near = max_pool1d(speed, 2 * QRS + 1, 1, QRS)
    return near > speed.amax(dim=-1, keepdim=True) / 2


def shrinkage(mean: Tensor, truth: Tensor, hidden: Tensor, where: Tensor) -> Tensor:
    """Mean over the leads of what their amplitudes' slope lacks to 1, squared.

    The slope is that of the regression, over the batch, of found on true amplitude: the mean of the
    highest samples in the QRS. Squared error alone makes every heart beat like the average one.
    """
    found, true = (x.masked_fill(~where, -PEAK).topk(HIGHEST).values.mean(dim=-1) for x in (mean, truth))
    share = hidden / hidden.sum(dim=0).clamp(min=1)
    found, true = (x - (share * x).sum(dim=0) for x in (found, true))
    slope = (share * found * true).sum(dim=0) / (share * true.square()).sum(dim=0).clamp(min=1e-3)
    return ((1 - slope).clamp(min=0).square() * (hidden.sum(dim=0) > FEW)).mean()


def glance(net: torch.nn.Module, signal: Tensor, present: Tensor, leads: tuple[str, ...]) -> str:
    """Lay out mean correlation, mean RMSE of a record (uV) and pooled R2 over the missing leads."""
    mask = present * lead_mask(leads)
    mean, logvar = predict(net, signal, mask, fast=True)
    truth = (signal.numpy() / 1000).astype(np.float32)
    found, _ = twelve(truth, mask.numpy(), mean, np.exp(logvar))
    missing = [k for k, name in enumerate(TWELVE) if name not in leads]
    x, y = truth[:, missing], found[:, missing]
    error = np.square(y - x).mean(axis=-1)
    a, b = (v - v.mean(axis=-1, keepdims=True) for v in (x, y))
    r = (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1) + 1e-12)
    r2 = 1 - error.mean(axis=0).sum() / x.var(axis=(0, 2)).sum()
    return f"{r.mean():.4f} {1000 * np.sqrt(error).mean():.1f} {r2:.4f}"
