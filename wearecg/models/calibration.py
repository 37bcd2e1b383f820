"""From the logits of a model's groups to calibrated probabilities, and how sure they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wearecg.models.card import Outputs

Array = NDArray[np.float64]

LEAST = 700.0
"""A logit below minus this would be one of 0 in float64, and its exponential infinite."""


class Calibration:
    """What a card says of its model's logits, as arrays: all groups at once.

    Attributes
    ----------
    statements : list of Statement
        The card's, group after group: the columns of what is calibrated.
    columns : dict of slice
        By group, its columns.
    group_of : list of int
        For each statement, the number of its group.
    doubted : list of bool
        For each group, whether the card says how sure it is.
    """

    def __init__(self, outputs: Outputs) -> None:
        groups = outputs.groups
        self.statements = [s for g in groups for s in g.statements]
        self.group_of = [k for k, g in enumerate(groups) for _ in g.statements]
        self._first = [sum(len(g.statements) for g in groups[:k]) for k in range(len(groups))]
        self.columns = {
            g.name: slice(first, first + len(g.statements))
            for g, first in zip(groups, self._first, strict=True)
        }
        self._slope = np.array([s.slope for s in self.statements])
        self._offset = np.array([s.offset for s in self.statements])
        self._limit = np.array([s.threshold if s.reported else np.inf for s in self.statements])
        self.doubted = [g.doubt is not None for g in groups]
        self._doubt_slope = np.array([g.doubt.slope if g.doubt else 0.0 for g in groups])
        self._doubt_offset = np.array([g.doubt.offset if g.doubt else 0.0 for g in groups])

    def __call__(self, out: Mapping[str, NDArray[np.float32]]) -> tuple[Array, Array]:
        """Return the probabilities [N, statements], and the chance of a wrong call in each group [N, groups]."""
        logits = np.concatenate([out[name] for name in self.columns], axis=1)
        p, entropies = _with_entropy(self._slope * logits + self._offset)
        doubts = self._doubt_slope * np.add.reduceat(entropies, self._first, axis=1) + self._doubt_offset
        return p, _logistic(doubts)

    def probabilities(self, group: str, logits: NDArray[np.float32]) -> Array:
        """Turn a group's logits [N, statements] into calibrated probabilities."""
        columns = self.columns[group]
        return _logistic(self._slope[columns] * logits + self._offset[columns])

    def reported(self, probabilities: Array) -> list[list[int]]:
        """Return for each window [N, statements] those that are reported: at or above their threshold."""
        found: list[list[int]] = [[] for _ in probabilities]
        windows, statements = np.nonzero(probabilities >= self._limit)
        for window, statement in zip(windows.tolist(), statements.tolist(), strict=True):
            found[window].append(statement)
        return found


def entropy(probabilities: NDArray[np.floating]) -> Array:
    """Return the sum of the binary entropies (nats) of probabilities ``[N, statements]``, ``[N]``."""
    p = np.clip(np.asarray(probabilities, np.float64), 1e-9, 1 - 1e-9)
    total: Array = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=1)
    return total


def _with_entropy(x: Array) -> tuple[Array, Array]:
    """Return the probabilities whose logits are ``x``, and their binary entropies (nats)."""
    x = np.maximum(x, -LEAST)
    whole = 1 + np.exp(-x)
    p = 1 / whole
    return p, np.log(whole) + (1 - p) * x


def _logistic(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))
