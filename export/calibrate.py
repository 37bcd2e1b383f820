"""Probabilities that mean what they say: Platt scaling per statement, and thresholds for findings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PRIOR = 1.0
"""Strength of the pull to slope 1, offset 0, in records: a statement seen twice stays near the bare sigmoid."""
FEW = 30
"""With fewer positive records than this a threshold is not fitted."""
DEFAULT_THRESHOLD = 0.5

METHOD = (
    "Platt scaling per statement (Platt, 1999), penalised towards the bare sigmoid, and the threshold of "
    f"best F1 ({DEFAULT_THRESHOLD} where fewer than {FEW} records carry the statement); fitted on the fp32 "
    "ONNX model, fold 9, half of its patients, the windows of all reported lead sets together"
)


def platt(logits: NDArray[np.floating], labels: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit slope and offset of ``sigmoid(slope * logit + offset)``, maximum a posteriori, by Newton's method."""
    x = np.stack([logits, np.ones_like(logits)]).astype(np.float64)
    start = np.array([1.0, 0.0])
    w = start.copy()
    for _ in range(50):
        p = 1 / (1 + np.exp(-(w @ x)))
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
