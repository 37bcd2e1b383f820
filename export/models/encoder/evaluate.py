"""What the encoder is worth on PTB-XL, through wearecg's own runner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.evaluate import Fold, Logits, in_chunks
from export.metrics import calibration_error, interval, macro_auroc, patient_draws
from export.models.encoder.augment import LEAD_SETS
from export.models.encoder.card import METRIC
from wearecg.models.calibration import entropy
from wearecg.models.card import Card, Measured
from wearecg.models.model import Model
from wearecg.models.runner import Runner

DRAWS = 1000
SEED = 9
WRONG = "share of windows with a wrong call"
CERTAIN = 0.8
"""Share of the windows that is kept where the most doubtful are left out."""


def run(runner: Runner, fold: Fold, leads: Sequence[str]) -> Logits:
    """Run a model over a fold; logits of each group."""
    return in_chunks(runner, *fold.masked(leads))


def measure(card: Card, folder: Path, precision: str, runtime: str, fold: Fold) -> list[Measured]:
    """Measure every group with every reported lead set, on the file that lies beside its card."""
    runner = Runner(card, folder, precision, runtime)
    model = Model(card, runner)
    draws = patient_draws(fold.patient, DRAWS, SEED)
    logits = {name: run(runner, fold, leads) for name, leads in LEAD_SETS.items()}
    rows = []
    for group in card.outputs.groups:
        y = fold.labels[group.name]
        for name in LEAD_SETS:
            z = logits[name][group.name]
            low, high = interval(macro_auroc(z, y, draws))
            rows.append(
                Measured(
                    data=fold.name,
                    metric=METRIC,
                    group=group.name,
                    leads=name,
                    precision=precision,
                    runtime=runtime,
                    records=int(y.any(axis=1).sum()),
                    value=_round(macro_auroc(z, y)[0]),
                    low=_round(low),
                    high=_round(high),
                    ece_raw=_round(calibration_error(1 / (1 + np.exp(-z[fold.unseen])), y[fold.unseen])),
                    ece=_round(
                        calibration_error(model.probabilities(group.name, z[fold.unseen]), y[fold.unseen])
                    ),
                )
            )
    return rows


def abstaining(card: Card, folder: Path, precision: str, runtime: str, fold: Fold) -> list[Measured]:
    """Measure what is gained by leaving the most doubtful windows out, on patients unseen in calibration."""
    runner = Runner(card, folder, precision, runtime)
    model = Model(card, runner)
    rows = np.flatnonzero(fold.unseen)
    draws = patient_draws(fold.patient[rows], DRAWS, SEED)
    found = []
    for leads, names in LEAD_SETS.items():
        logits = run(runner, fold, names)
        for group in (g for g in card.outputs.groups if g.doubt):
            y, z = fold.labels[group.name][rows], logits[group.name][rows]
            p = model.probabilities(group.name, z)
            wrong = ((p >= [s.threshold for s in group.statements]) != y).any(axis=1)
            doubt = entropy(p)
            for share in (1.0, CERTAIN):
                keep = doubt <= np.quantile(doubt, share)
                w = draws * keep
                for metric, value, spread in (
                    (WRONG, wrong[keep].mean(), (w @ wrong) / w.sum(axis=1)),
                    (METRIC, macro_auroc(z[keep], y[keep])[0], macro_auroc(z[keep], y[keep], draws[:, keep])),
                ):
                    low, high = interval(spread)
                    found.append(
                        Measured(
                            data=f"{fold.name}, patients unseen in calibration",
                            metric=metric if share == 1 else f"{metric}, most certain {share:.0%}",
                            group=group.name,
                            leads=leads,
                            precision=precision,
                            runtime=runtime,
                            records=int(keep.sum()),
                            value=_round(value),
                            low=_round(low),
                            high=_round(high),
                        )
                    )
    return found


def _round(x: float) -> float:
    return round(float(x), 5)
