"""What a profile is worth later: fitted to a patient's first recording, tried on the next one.

PTB-XL numbers its recordings in the order in which they were made. Some of a patient's are of the same day,
others years apart.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.datasets import ptbxl
from export.metrics import interval, patient_draws
from wearecg.ecg.leads import TWELVE
from wearecg.errors import SignalError
from wearecg.models.lead12 import Reconstructor
from wearecg.models.preprocess import condition
from wearecg.models.profile import RIDGE, calibrate

LEADS = ("II", "V1", "V5")
MISSING = tuple(k for k, name in enumerate(TWELVE) if name not in LEADS)
RIDGES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
CHOOSING_FOLDS = (6, 7)
DRAWS = 1000
SEED = 9

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Errors:
    """Of each patient's later recording, without and with the profile: ``[patients, 2, missing leads]``."""

    rmse: NDArray[np.float64]
    """uV."""
    r: NDArray[np.float64]
    """Pearson correlation."""


def pairs(data: ptbxl.PtbXl, folds: Sequence[int]) -> NDArray[np.int64]:
    """Return the rows of the first and second recording of every patient of these folds who has two, ``[n, 2]``."""
    rows = data.rows(folds)
    order = rows[np.argsort(data.patient[rows], kind="stable")]
    patient = data.patient[order]
    first = np.flatnonzero(np.r_[True, patient[1:] != patient[:-1]])
    first = first[first + 1 < len(patient)]
    first = first[patient[first + 1] == patient[first]]
    return np.stack([order[first], order[first + 1]], axis=1)


def errors(model: Reconstructor, data: ptbxl.PtbXl, rows: NDArray[np.int64], ridge: float = RIDGE) -> Errors:
    """Fit a profile to each first recording of ``rows`` [n, 2] and try it on the second.

    Pairs in which a lead of either recording cannot be used are left out.
    """
    rmse, r = [], []
    for first, second in rows:
        reference, later = data.millivolts(np.array([first, second]))
        truth, mask = condition(later, ptbxl.FS, model.input.preprocessing)
        try:
            profile = calibrate(model, reference.T, ptbxl.FS, TWELVE, LEADS, "first", "", ridge)
        except SignalError:
            continue
        fitted = copy.copy(model)
        fitted.profile = profile
        shown = later[[TWELVE.index(name) for name in LEADS]].T
        found = [one.estimate(shown, LEADS) for one in (model, fitted)]
        if not mask.all() or None in found:
            continue
        guesses = np.stack([one.mean.T[list(MISSING)] for one in found if one])
        rmse.append(1000 * np.sqrt(np.square(guesses - truth[list(MISSING)]).mean(axis=-1)))
        r.append(
            [[np.corrcoef(a, b)[0, 1] for a, b in zip(g, truth[list(MISSING)], strict=True)] for g in guesses]
        )
    return Errors(np.array(rmse), np.array(r))


def choose(model: Reconstructor, data: ptbxl.PtbXl) -> str:
    """Lay out the mean RMSE of the missing leads on folds 6 and 7, without a profile and with each ridge."""
    rows = pairs(data, CHOOSING_FOLDS)
    lines = []
    for ridge in RIDGES:
        without, fitted = errors(model, data, rows, ridge).rmse.mean(axis=(0, 2))
        lines.append(f"{model.source}, folds 6 and 7, ridge {ridge:5g}: {without:.2f} > {fitted:.2f} uV")
    return "\n".join(lines)


def table(model: Reconstructor, data: ptbxl.PtbXl, fold: int) -> str:
    """Lay out the errors on one fold, without and with the shipped ridge, with 95 % intervals by patient."""
    found = errors(model, data, pairs(data, [fold]))
    n = len(found.rmse)
    draws = np.concatenate([np.ones((1, n)), patient_draws(np.arange(n), DRAWS, SEED)]) / n
    lines = [
        f"{model.source}, {'+'.join(LEADS)}: {n} patients of PTB-XL 1.0.3 fold {fold}, "
        "fitted on the first recording, tried on the second",
        f"{'':12}{'without':>24}{'with profile':>24}{'change':>24}",
    ]

    def row(title: str, values: NDArray[np.float64], digits: int) -> None:
        drawn = [draws @ v for v in (values[:, 0], values[:, 1], values[:, 1] - values[:, 0])]
        lines.append(f"{title:12}" + "".join(f"{_cell(v, digits):>24}" for v in drawn))

    for k, lead in enumerate(MISSING):
        row(f"RMSE {TWELVE[lead]}", found.rmse[:, :, k], 1)
    row("RMSE, uV", found.rmse.mean(axis=-1), 1)
    row("Pearson r", found.r.mean(axis=-1), 3)
    mean = found.rmse.mean(axis=-1)
    lines.append(
        f"smaller RMSE with the profile in {100 * (mean[:, 1] < mean[:, 0]).mean():.0f} % of patients"
    )
    return "\n".join(lines)


def _cell(values: NDArray[np.float64], digits: int) -> str:
    low, high = interval(values[1:])
    return f"{values[0]:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
