"""A cascade of second-order sections over chunks of any size, lead by lead, with signals that stop and start."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wearecg.pipeline import biquad
from wearecg.runs import runs

Array = NDArray[np.float64]

_MAX_BLOCK = 64


class Cascade:
    """Filters ``[n, leads]``, causally.

    Each block is one matrix product, ``[y; state'] = M [state; x]``: for short blocks much cheaper than
    a recursion called through Python, and the same for every lead.

    Parameters
    ----------
    sos : float64 [sections, 6]
    leads : int
        Number of columns.
    """

    def __init__(self, sos: Array, leads: int) -> None:
        self._sos = sos
        self._key = sos.tobytes()
        self._leads = leads
        self._states = 2 * len(sos)
        self._matrices: dict[int, Array] = {}
        self._in = np.zeros((self._states + _MAX_BLOCK, leads))
        self._z = self._in[: self._states]
        self._cold = [True] * leads
        self._any_cold = True

    @property
    def state(self) -> Array:
        """What the last two sections of the cascade remember, [4, leads]."""
        return self._z[-4:].copy()

    def take_over(self, state: Array, cold: list[bool]) -> None:
        """Go on from ``state`` [states, leads] on all leads but those that are ``cold``."""
        self._z[:] = state
        self._cold, self._any_cold = list(cold), True in cold

    @property
    def cold(self) -> list[bool]:
        """Which leads have seen no signal, or none since it stopped."""
        return self._cold

    def feed(self, x: NDArray[np.floating]) -> Array:
        """Filter ``x`` [n, leads] and return as many samples; NaN where x is NaN.

        A lead starts, also after NaN, in the state that a constant first sample would have left:
        neither a step nor ringing.
        """
        n = len(x)
        if n <= _MAX_BLOCK:
            return self._block(x, n)
        return np.concatenate(
            [self._block(x[i : i + _MAX_BLOCK], min(_MAX_BLOCK, n - i)) for i in range(0, n, _MAX_BLOCK)]
        )

    def _block(self, x: NDArray[np.floating], n: int) -> Array:
        states = self._states
        matrix = self._matrices.get(n)
        if matrix is None:
            matrix = self._matrices[n] = _matrix(self._key, n)
        v = self._in[: states + n]
        v[states:] = x
        out: Array = matrix.dot(v)
        # NaN anywhere in a lead reaches every row of its column.
        total = out.item(-1) if self._leads == 1 else sum(out[-1].tolist())
        if self._any_cold or total != total:
            return self._careful(v[states:])
        self._z[:] = out[n:]
        return out[:n]

    def _careful(self, x: Array) -> Array:
        """As `_block`, lead by lead and run by run of numbers."""
        y = np.full(x.shape, np.nan)
        for lead in range(self._leads):
            for known, run in runs(~np.isnan(x[:, lead])):
                if not known:
                    self._cold[lead] = True
                    continue
                if self._cold[lead]:
                    self._z[:, lead] = _resting(self._key) * x[run.start, lead]
                    self._cold[lead] = False
                v = np.concatenate((self._z[:, lead], x[run, lead]))
                length = run.stop - run.start
                out = _matrix(self._key, length).dot(v)
                y[run, lead] = out[:length]
                self._z[:, lead] = out[length:]
        self._any_cold = True in self._cold
        return y


def _sections(key: bytes) -> Array:
    return np.frombuffer(key).reshape(-1, 6)


@lru_cache(maxsize=256)
def _matrix(key: bytes, n: int) -> Array:
    """Return M [n + states, states + n]: what n samples and the states before them become."""
    sos = _sections(key)
    states = 2 * len(sos)
    x = np.concatenate((np.zeros((n, states)), np.eye(n)), axis=1)
    y, z = biquad.run(sos, x, np.eye(states, states + n).reshape(len(sos), 2, states + n))
    return np.concatenate((y, z.reshape(states, -1)))


@lru_cache(maxsize=64)
def _resting(key: bytes) -> Array:
    return biquad.resting(_sections(key)).reshape(-1)
