"""What a model is worth on PTB-XL, through wearecg's own runner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.augment import LEAD_SETS
from export.calibrate import halves
from export.datasets import ptbxl
from export.metrics import calibration_error, interval, macro_auroc, patient_draws
from wearecg.ecg.leads import TWELVE
from wearecg.models.card import Card, Measured
from wearecg.models.model import Model, entropy
from wearecg.models.preprocess import Preprocessing, condition
from wearecg.models.runner import Runner

DRAWS = 1000
SEED = 9
CHUNK = 64
METRIC = "macro AUROC"
WRONG = "share of windows with a wrong call"
CERTAIN = 0.8
"""Share of the windows that is kept where the most doubtful are left out."""

Logits = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Fold:
    """Some folds of PTB-XL as models are fed them."""

    name: str
    signal: NDArray[np.float32]
    mask: NDArray[np.float32]
    labels: dict[str, NDArray[np.bool_]]
    patient: NDArray[np.int64]
    unseen: NDArray[np.bool_]
    """Rows whose patients were not used for calibration."""

    @classmethod
    def of(cls, data: ptbxl.PtbXl, fold: int, spec: Preprocessing) -> Fold:
        """Prepare one fold. On fold 9 calibration has used half of the patients."""
        rows = data.rows([fold])
        signal, mask = condition(data.millivolts(rows), ptbxl.FS, spec)
        patient = data.patient[rows]
        return cls(
            name=f"PTB-XL 1.0.3 fold {fold}",
            signal=signal,
            mask=mask,
            labels={name: labels[rows] for name, labels in data.labels.items()},
            patient=patient,
            unseen=~halves(patient) if fold == 9 else np.ones(len(rows), bool),
        )

    def masked(self, leads: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return signal and mask with these leads alone."""
        mask = self.mask * np.array([name in leads for name in TWELVE], np.float32)
        return self.signal * mask[..., None], mask


def in_chunks(runner: Runner, signal: NDArray[np.float32], mask: NDArray[np.float32]) -> Logits:
    """Run a model over many windows, some at a time; every output whole."""
    parts = [runner.run(signal[i : i + CHUNK], mask[i : i + CHUNK]) for i in range(0, len(signal), CHUNK)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


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
