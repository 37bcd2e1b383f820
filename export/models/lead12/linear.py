"""lead12-linear: one matrix from the measured leads to the others, the floor that a network must beat.

The same numbers for every sample and everybody, as Dower et al. (J Electrocardiol 13:149, 1980) had them for
the Frank leads. The error bar of a lead is the standard deviation of what was left on the training records.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.lead12 import INDEPENDENT
from wearecg.ecg.leads import TWELVE

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Linear:
    """Least squares from ``leads`` to the leads of ``INDEPENDENT``.

    Attributes
    ----------
    leads : tuple of str
    matrix : float64 [8, leads]
    constant : float64 [8]
        mV.
    variance : float64 [8]
        Of what is left, mV^2.
    """

    leads: tuple[str, ...]
    matrix: NDArray[np.float64]
    constant: NDArray[np.float64]
    variance: NDArray[np.float64]

    def estimate(self, signal: Array) -> tuple[Array, Array]:
        """Return mean and variance ``[N, 8, L]`` from signals ``[N, 12, L]``, of which it looks at its own."""
        x = signal[:, [TWELVE.index(name) for name in self.leads]]
        mean = np.einsum("kl,nlt->nkt", self.matrix, x, optimize=True) + self.constant[:, None]
        variance = np.broadcast_to(self.variance[:, None], mean.shape)
        return mean.astype(np.float32), variance.astype(np.float32)


def moments(parts: Iterable[Array]) -> NDArray[np.float64]:
    """Sum the products of the leads of ``INDEPENDENT`` and of a constant 1, ``[9, 9]``, over all samples.

    Each part is ``[N, 12, L]`` in mV, conditioned as the model's input is.
    """
    columns = [TWELVE.index(name) for name in INDEPENDENT]
    total = np.zeros((len(columns) + 1, len(columns) + 1))
    for part in parts:
        x = part[:, columns].transpose(1, 0, 2).reshape(len(columns), -1).astype(np.float64)
        x = np.concatenate([x, np.ones((1, x.shape[1]))])
        total += x @ x.T
    return total


def fit(moments: NDArray[np.float64], leads: tuple[str, ...]) -> Linear:
    """Fit the estimates from ``leads``, which are of ``INDEPENDENT``, to what :func:`moments` has summed."""
    known = [*(INDEPENDENT.index(name) for name in leads), -1]
    answer = np.asarray(np.linalg.solve(moments[np.ix_(known, known)], moments[known, :-1]), np.float64)
    left = np.diag(moments)[:-1] - (answer * moments[known, :-1]).sum(axis=0)
    return Linear(leads, answer[:-1].T, answer[-1], left.clip(min=0) / moments[-1, -1])
