"""What each part of lead12's training is worth: one change at a time, three epochs on a third of the patients."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from export.datasets import ptbxl
from export.loop import VALIDATION_FOLD, predict
from export.models.lead12.evaluate import Truth, metrics, overall, sums
from export.models.lead12.net import Lead12
from export.models.lead12.train import LEAD_SETS, Recipe, load, train
from wearecg.ecg.lead12 import twelve

SMALL = Recipe(epochs=3, average=0.98)
"""The average over the last fifty steps: that of whole runs would still be half the untrained network."""
VARIANTS = {
    "as shipped": SMALL,
    "without correlation": dataclasses.replace(SMALL, correlation=0.0),
    "half of correlation": dataclasses.replace(SMALL, correlation=SMALL.correlation / 2),
    "twice correlation": dataclasses.replace(SMALL, correlation=2 * SMALL.correlation),
    "without amplitude": dataclasses.replace(SMALL, amplitude=0.0),
    "divergence 0": dataclasses.replace(SMALL, divergence=0.0),
    "divergence x 10": dataclasses.replace(SMALL, divergence=0.01),
    "latent 64": dataclasses.replace(SMALL, latent=64),
    "latent 16": dataclasses.replace(SMALL, latent=16),
    "another seed": dataclasses.replace(SMALL, seed=2),
}
CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")


def ablate(data: ptbxl.PtbXl, work: Path) -> None:
    """Train every variant in its folder of ``work``, or take it up, and print what it reaches on fold 9."""
    small = dataclasses.replace(data, fold=np.where(data.patient % 3 > 0, 0, data.fold))
    truth = Truth.of(small, VALIDATION_FOLD)
    print(f"{'':22} {'leads':9} {'r':>6} {'RMSE':>6} {'R2':>6}  slope of the unseen chest leads", flush=True)
    for name, recipe in VARIANTS.items():
        net = load(train(small, work / name.replace(" ", "-"), recipe)).net
        for leads, known in LEAD_SETS.items():
            print(f"{name:22} {leads:9} {_row(truth, net, known)}", flush=True)


def _row(truth: Truth, net: Lead12, leads: tuple[str, ...]) -> str:
    """Lay out correlation, RMSE (uV), R2 and the slopes of one lead set."""
    signal, mask = truth.shown(leads)
    mean, logvar = predict(net, torch.from_numpy(signal) * 1000, torch.from_numpy(mask))
    found, _ = twelve(signal, mask, mean, np.exp(logvar))
    once = np.ones((1, len(truth.patient)))
    parts = {lead: part for lead, part in sums(truth, found).items() if lead not in leads}
    each = metrics(parts, once)
    whole = overall(parts, each, once)
    slopes = " ".join(f"{lead} {each[lead]['slope'][0]:.2f}" for lead in CHEST if lead in each)
    return f"{whole['r'][0]:6.3f} {whole['rmse'][0]:6.1f} {whole['r2'][0]:6.3f}  {slopes}"
