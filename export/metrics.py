"""AUROC and F1 with patient-wise bootstrap intervals, and calibration error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Labels = NDArray[np.bool_]


def auroc(scores: Array, labels: Labels, weights: Array | None = None) -> Array:
    """Area under the ROC curve of one statement; ties count half.

    Parameters
    ----------
    scores : float [n]
    labels : bool [n]
    weights : float [draws, n], optional
        How often each row counts in each draw.

    Returns
    -------
    float [draws]
        NaN for a draw with only one class.
    """
    w = np.ones((1, len(scores))) if weights is None else np.asarray(weights, np.float64)
    order = np.argsort(scores, kind="stable")
    s, y, w = scores[order], labels[order], w[:, order]
    below = np.concatenate([np.zeros((len(w), 1)), np.cumsum(w * ~y, axis=1)], axis=1)
    left, right = np.searchsorted(s, s[y], "left"), np.searchsorted(s, s[y], "right")
    wins = (w[:, y] * (below[:, left] + below[:, right]) / 2).sum(axis=1)
    pairs = w[:, y].sum(axis=1) * below[:, -1]
    area: Array = np.divide(wins, pairs, out=np.full(len(w), np.nan), where=pairs > 0)
    return area


def macro_auroc(scores: Array, labels: Labels, weights: Array | None = None) -> Array:
    """Mean AUROC over the statements, on the rows that carry at least one of them.

    The rule of the PTB-XL benchmark: rows without a statement of the task are left out, and so is a statement with
    only one class among the rows (of a draw).
    """
    rows = labels.any(axis=1)
    w = None if weights is None else weights[:, rows]
    areas = np.stack([auroc(scores[rows, k], labels[rows, k], w) for k in range(labels.shape[1])])
    with np.errstate(invalid="ignore"):
        known = np.isfinite(areas)
        mean: Array = np.where(known, areas, 0).sum(axis=0) / known.sum(axis=0)
    return mean


def class_f1(
    said: NDArray[np.int64], truth: NDArray[np.int64], classes: int, weights: Array | None = None
) -> Array:
    """F1 of each class, where every row has one true and one predicted class.

    ``weights`` as for :func:`auroc`. Returns ``[draws, classes]``, NaN for a class that is neither true nor predicted.
    """
    w = np.ones((1, len(said))) if weights is None else np.asarray(weights, np.float64)
    each = np.arange(classes)
    called, true = (np.float64(x[:, None] == each) for x in (said, truth))
    both = w @ (called + true)
    f1: Array = np.divide(2 * (w @ (called * true)), both, out=np.full(both.shape, np.nan), where=both > 0)
    return f1


def patient_draws(patient: NDArray[np.int64], draws: int, seed: int) -> NDArray[np.float32]:
    """Resample patients with replacement: how often each row counts, ``[draws, rows]``."""
    _, member = np.unique(patient, return_inverse=True)
    n = int(member.max()) + 1
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=draws)
    return counts[:, member].astype(np.float32)


def interval(values: Array) -> tuple[float, float]:
    """Return the central 95 % of bootstrap values."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def calibration_error(probabilities: Array, labels: Labels, bins: int = 15) -> float:
    """Expected calibration error: mean over statements, bins of equal width (Naeini et al., AAAI 2015)."""
    n, statements = labels.shape
    total = 0.0
    for k in range(statements):
        which = np.minimum((probabilities[:, k] * bins).astype(int), bins - 1)
        excess = np.bincount(which, probabilities[:, k] - labels[:, k], bins)
        total += float(np.abs(excess).sum()) / n
    return float(total / statements)


def frechet(true: Array, found: Array) -> float:
    """Frechet distance of two sets of embeddings ``[n, size]`` as normal distributions (Heusel et al., NIPS 2017)."""
    a, b = (np.cov(x, rowvar=False, dtype=np.float64) for x in (true, found))
    # tr sqrt(ab) from the symmetric sqrt(a) b sqrt(a), whose eigenvalues are real.
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ b @ root), 0, None)).sum()
    apart = np.square(true.mean(axis=0, dtype=np.float64) - found.mean(axis=0, dtype=np.float64)).sum()
    return float(apart + np.trace(a) + np.trace(b) - 2 * shared)
