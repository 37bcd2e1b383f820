"""Calibrated probabilities: Platt scaling for each statement, and thresholds for findings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from wearecg.models.calibration import entropy
from wearecg.models.card import CardStatement, Doubt, Group, Outputs

PRIOR = 1.0
"""Strength of the prior at slope 1, offset 0, in records: a statement with two records stays near the sigmoid."""
FEW = 30
"""With fewer positive records than this no threshold is fitted."""
DEFAULT_THRESHOLD = 0.5
SOUND = 0.5
"""The positive predictive value that a statement needs to be reported live."""


Logits = Mapping[str, NDArray[np.float32]]


def fit(
    outputs: Outputs,
    logits: Sequence[Logits],
    labels: Mapping[str, NDArray[np.bool_]],
    unseen: NDArray[np.bool_],
    always: Sequence[str],
) -> Outputs:
    """Fit slope, offset and threshold of every statement, and decide which are reported live.

    Parameters
    ----------
    logits : sequence of dict
        For each lead set, float [n, statements] of each group.
    labels : dict of bool [n, statements]
    unseen : bool [n]
        Rows of the patients to leave out of the fit; which statements are reported is decided on them.
    always : sequence of str
        Groups that are always reported.
    """
    taken: set[str] = set()
    fitted = {}
    for group in sorted(outputs.groups, key=lambda group: group.name not in always):
        z, rest = (np.concatenate([part[group.name][rows] for part in logits]) for rows in (~unseen, unseen))
        y, truth = (
            np.tile(labels[group.name][rows], (len(logits), 1)).astype(bool) for rows in (~unseen, unseen)
        )
        statements = []
        for k, statement in enumerate(group.statements):
            enough = bool(y[:, k].sum() >= FEW * len(logits))
            statement = _statement(statement, z[:, k], y[:, k], enough)
            called = _probability(statement, rest[:, k]) >= statement.threshold
            sound = enough and bool((truth[:, k] & called).sum() >= SOUND * max(1, called.sum()))
            reported = statement.code not in taken and (group.name in always or sound)
            statements.append(dataclasses.replace(statement, reported=reported))
        fitted[group.name] = Group(group.name, tuple(statements), _doubt(statements, z, y))
        taken |= {s.code for s in statements if s.reported}
    return dataclasses.replace(outputs, groups=tuple(fitted[group.name] for group in outputs.groups))


def unfitted(texts: Mapping[str, str]) -> tuple[CardStatement, ...]:
    """Return statements, given code and text, as they are before anything is fitted or reported."""
    return tuple(
        CardStatement(code, text, 1.0, 0.0, DEFAULT_THRESHOLD, reported=False) for code, text in texts.items()
    )


def _statement(
    statement: CardStatement, z: NDArray[np.floating], y: NDArray[np.bool_], enough: bool
) -> CardStatement:
    slope, offset = platt(z, y)
    statement = dataclasses.replace(statement, slope=round(slope, 4), offset=round(offset, 4))
    threshold = best_f1_threshold(_probability(statement, z), y) if enough else DEFAULT_THRESHOLD
    return dataclasses.replace(statement, threshold=round(threshold, 3))


def _doubt(statements: Sequence[CardStatement], z: NDArray[np.floating], y: NDArray[np.bool_]) -> Doubt:
    p = np.stack([_probability(s, z[:, k]) for k, s in enumerate(statements)], axis=1)
    called = p >= [s.threshold for s in statements]
    slope, offset = platt(entropy(p), (called != y).any(axis=1))
    return Doubt(round(slope, 4), round(offset, 4))


def _probability(statement: CardStatement, z: NDArray[np.floating]) -> NDArray[np.float64]:
    p: NDArray[np.float64] = expit(statement.slope * z.astype(np.float64) + statement.offset)
    return p


def platt(logits: NDArray[np.floating], labels: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit slope and offset of ``sigmoid(slope * logit + offset)``, maximum a posteriori, by Newton's method."""
    x = np.stack([logits, np.ones_like(logits)]).astype(np.float64)
    start = np.array([1.0, 0.0])
    w = start.copy()
    for _ in range(50):
        p = expit(w @ x)
        gradient = x @ (p - labels) + PRIOR * (w - start)
        curvature = (x * (p * (1 - p))) @ x.T + PRIOR * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        w -= step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    return float(w[0]), float(w[1])


def best_f1_threshold(probabilities: NDArray[np.floating], labels: NDArray[np.bool_]) -> float:
    """Return the probability from which calling the statement gives the highest F1."""
    order = np.argsort(-probabilities, kind="stable")
    p, hits = probabilities[order], np.cumsum(labels[order])
    f1 = 2 * hits / (np.arange(1, len(p) + 1) + labels.sum())
    last_of_ties = np.append(p[1:] < p[:-1], True)
    best = int(np.argmax(np.where(last_of_ties, f1, -1.0)))
    after = p[best + 1] if best + 1 < len(p) else 0.0
    return float((p[best] + after) / 2)


def halves(patient: NDArray[np.int64], seed: int = 9) -> NDArray[np.bool_]:
    """Mark the rows of a random half of the patients: the half that calibration may look at."""
    ids = np.unique(patient)
    chosen = np.random.default_rng(seed).permutation(ids)[: len(ids) // 2]
    return np.isin(patient, chosen)
