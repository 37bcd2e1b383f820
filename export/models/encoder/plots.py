"""The plots of export/README.md: reliability, risk and coverage, noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from export.evaluate import Fold
from export.models.encoder.augment import LEAD_SETS
from export.models.encoder.card import METRIC
from export.models.encoder.evaluate import run
from export.models.encoder.noise import REFUSED
from wearecg.models.calibration import entropy
from wearecg.models.card import Card, Measured
from wearecg.models.model import Model
from wearecg.models.runner import Runner

GROUPS = ("superclass", "rhythm")
SHOWN = ("12 leads", "II+V1+V5", "II")
BINS = 10
FEW = 20
"""A bin with fewer windows says nothing."""


def draw(card: Card, folder: Path, fold: Fold, noise: Sequence[Measured], out: Path) -> list[Path]:
    """Draw all plots of the int8 ONNX file on patients that calibration has not seen; return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    runner = Runner(card, folder)
    model = Model(card, runner)
    logits = {leads: run(runner, fold, LEAD_SETS[leads]) for leads in SHOWN}
    figures = {
        "reliability": _reliability(model, fold, logits["12 leads"]),
        "risk_coverage": _risk_coverage(model, fold, logits),
        "noise": _noise(noise),
    }
    paths = []
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "wearecg"}):
        for name, figure in figures.items():
            paths.append(out / f"{card.name}_{name}.svg")
            figure.savefig(paths[-1], metadata={"Date": None})
    return paths


def _reliability(model: Model, fold: Fold, logits: dict[str, np.ndarray]) -> Figure:
    figure = Figure(figsize=(8, 4), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2, sharey=True), GROUPS, strict=True):
        z, y = logits[name][fold.unseen], fold.labels[name][fold.unseen]
        axes.plot([0, 1], [0, 1], color="#b0b0b0", linewidth=1)
        for label, p in (
            ("bare sigmoid", 1 / (1 + np.exp(-z))),
            ("calibrated", model.probabilities(name, z)),
        ):
            which = np.minimum((p * BINS).astype(int), BINS - 1).ravel()
            count = np.bincount(which, minlength=BINS)
            said, held = (np.bincount(which, v.ravel(), BINS) for v in (p, y.astype(float)))
            there = count >= FEW
            axes.plot(said[there] / count[there], held[there] / count[there], "o-", label=label, markersize=4)
        axes.set(title=f"{name}, 12 leads", xlabel="probability said", aspect="equal")
    figure.axes[0].set(ylabel="share that held")
    figure.axes[0].legend()
    return figure


def _risk_coverage(model: Model, fold: Fold, logits: dict[str, dict[str, np.ndarray]]) -> Figure:
    figure = Figure(figsize=(8, 4), layout="constrained")
    groups = {g.name: g for g in model.card.outputs.groups}
    for axes, name in zip(figure.subplots(1, 2), GROUPS, strict=True):
        for leads, out in logits.items():
            p = model.probabilities(name, out[name][fold.unseen])
            called = p >= [s.threshold for s in groups[name].statements]
            wrong = (called != fold.labels[name][fold.unseen]).any(axis=1)[entropy(p).argsort()]
            kept = np.arange(1, len(wrong) + 1)
            start = len(wrong) // 20
            axes.plot((kept / len(kept))[start:], (wrong.cumsum() / kept)[start:], label=leads)
        axes.set(title=name, xlabel="share of windows kept, the least doubtful first", ylim=(0, None))
        axes.grid(alpha=0.3)
    figure.axes[0].set(ylabel="share with a wrong call")
    figure.axes[0].legend()
    return figure


def _noise(rows: Sequence[Measured]) -> Figure:
    figure = Figure(figsize=(8, 4), layout="constrained")
    area, refused = figure.subplots(1, 2)
    levels = list(dict.fromkeys(r.data.rpartition(", ")[2] for r in rows))
    for group, style in zip(GROUPS, ("-", "--"), strict=True):
        for leads, colour in zip(dict.fromkeys(r.leads for r in rows), ("#2a6f97", "#c1440e"), strict=True):
            some = [r for r in rows if (r.metric, r.group, r.leads) == (METRIC, group, leads)]
            error = [[r.value - r.low for r in some], [r.high - r.value for r in some]]
            area.errorbar(
                levels,
                [r.value for r in some],
                error,
                color=colour,
                linestyle=style,
                label=f"{group}, {leads}",
            )
    for leads, colour in zip(dict.fromkeys(r.leads for r in rows), ("#2a6f97", "#c1440e"), strict=True):
        some = [r for r in rows if (r.metric, r.leads) == (REFUSED, leads)]
        refused.plot(levels, [r.value for r in some], "o-", color=colour, label=leads)
    area.set(title="macro AUROC of the windows scored", xlabel="signal to noise")
    refused.set(title="share of windows turned away", xlabel="signal to noise", ylim=(0, None))
    area.legend(fontsize=8)
    refused.legend(fontsize=8)
    return figure
