"""The monitoring filter: 0.5 to 40 Hz and a mains notch, causal, chunk after chunk."""

from __future__ import annotations

from cmath import phase, rect
from functools import lru_cache
from math import ceil, pi
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.errors import SignalError
from wearecg.pipeline import biquad

Array = NDArray[np.float64]

BAND_HZ = (0.5, 40.0)
"""The monitoring bandwidth of IEC 60601-2-27."""
MAINS_HZ = (50.0, 60.0)
_MAX_BLOCK = 64


class MonitorFilter:
    """Causal 0.5-40 Hz Butterworth band (order 2 each side) and a notch on the mains that it finds itself.

    Each block is one matrix product, ``[y; state'] = M [state; x]``: for short blocks much cheaper than
    a recursion called through Python, and the same for every lead.

    Parameters
    ----------
    fs : float
        Samples per second, 100 Hz or more (from 80 Hz on it works with a lower upper edge).
    leads : int
        Number of columns.
    """

    def __init__(self, fs: float, leads: int) -> None:
        if not fs >= 80:
            raise SignalError(f"the monitoring band ends at 40 Hz and needs 80 Hz or more, not fs = {fs:g}")
        self.fs = fs
        self.mains_hz: float | None = None
        """The mains frequency that is being removed, None while there is none to remove."""
        self.delay = 0.0
        """Group delay in the QRS band (15 Hz), seconds: a peak of the output lies this much late."""
        self._leads = leads
        self.reset()

    def reset(self) -> None:
        """Forget the signal (after a gap); the mains frequency is kept."""
        self._tune(self.mains_hz, np.zeros((4 if self.mains_hz is None else 6, self._leads)))
        self._cold = [True] * self._leads
        self._any_cold = True
        self._finder = _MainsFinder(self.fs, self.mains_hz)
        self._second: list[NDArray[Any]] = []
        self._n = 0
        self._edge = ceil(self.fs)
        self._seconds = 1

    def _tune(self, mains: float | None, state: Array) -> None:
        self.mains_hz = mains
        self.delay = _delay(self.fs, mains)
        self._states = len(state)
        self._matrices: dict[int, Array] = {}
        self._in = np.zeros((self._states + _MAX_BLOCK, self._leads))
        self._z = self._in[: self._states]
        self._z[:] = state

    def feed(self, x: ArrayLike) -> Array:
        """Filter ``x`` [n, leads] and return as many samples; NaN where x is NaN.

        A lead starts, also after NaN, in the state that a constant first sample would have left:
        neither a step nor ringing. ``x`` may be looked at again until the second that it is in has ended.
        """
        x = np.asarray(x)
        n = len(x)
        if n <= _MAX_BLOCK and self._n + n <= self._edge:
            return self._block(x, n)
        done = []
        while n := min(_MAX_BLOCK, len(x), self._edge - self._n):
            done.append(self._block(x[:n], n))
            x = x[n:]
        return np.concatenate(done)

    def _block(self, x: NDArray[Any], n: int) -> Array:
        """Filter the next ``n`` samples, none of them after the end of this second."""
        states = self._states
        matrix = self._matrices.get(n)
        if matrix is None:
            matrix = self._matrices[n] = _matrix(self.fs, self.mains_hz, n)
        v = self._in[: states + n]
        v[states:] = x
        out: Array = matrix.dot(v)
        # NaN anywhere in a lead reaches every row of its column.
        total = out.item(-1) if self._leads == 1 else sum(out[-1].tolist())
        if self._any_cold or total != total:
            y = self._careful(v[states:])
        else:
            self._z[:] = out[n:]
            y = out[:n]
        self._second.append(x)
        self._n += n
        if self._n == self._edge:
            self._end_second()
        return y

    def _careful(self, x: Array) -> Array:
        """As `_block`, lead by lead and run by run of numbers."""
        y = np.full(x.shape, np.nan)
        for lead in range(self._leads):
            known = ~np.isnan(x[:, lead])
            edges = np.flatnonzero(np.diff(known)) + 1
            for run in np.split(np.arange(len(x)), edges):
                if not len(run):
                    continue
                if not known[run[0]]:
                    self._cold[lead] = True
                    continue
                if self._cold[lead]:
                    self._z[:, lead] = _resting(self.fs, self.mains_hz) * x[run[0], lead]
                    self._cold[lead] = False
                v = np.concatenate((self._z[:, lead], x[run, lead]))
                out = _matrix(self.fs, self.mains_hz, len(run)).dot(v)
                y[run, lead] = out[: len(run)]
                self._z[:, lead] = out[len(run) :]
        self._any_cold = True in self._cold
        return y

    def _end_second(self) -> None:
        self._seconds += 1
        self._edge = ceil(self._seconds * self.fs)
        if self._seconds % 2:
            self._second = []
            return
        x = np.concatenate(self._second)
        self._second = []
        mains = self._finder.feed(x)
        if mains == self.mains_hz:
            return
        # The notch stands first, so that the band keeps its state; it warms up on the second just past.
        state = self._z[-4:]
        if mains is not None:
            sos = _notch(self.fs, mains)
            known = np.nan_to_num(x).astype(float)
            _, warm = biquad.run(sos, known, biquad.resting(sos)[:, :, None] * known[0])
            state = np.concatenate((warm[0], state))
        self._tune(mains, state)


class _MainsFinder:
    """Decides every other second whether there is mains hum and at which frequency.

    Two half-second Hann windows a second, half a second apart: the line's power against that 8 Hz
    to either side says whether, the phase advance between the halves says where (+-1 Hz).
    """

    ON_RATIO, OFF_RATIO = 10.0, 4.0
    ON_VOTES, OFF_VOTES = 2, 4
    MIN_MV = 0.003
    STEP_HZ = 0.05
    DRIFT_HZ = 0.15
    """The notch follows when it is off by this much (it still takes 16 dB off there)."""

    def __init__(self, fs: float, mains: float | None) -> None:
        self._candidates = [f for f in MAINS_HZ if f < 0.47 * fs]
        self._mains = mains
        self._votes = 0
        self._half = half = int(fs // 2)
        self._gap = half / fs
        t = np.arange(half) / fs
        window = np.hanning(half + 2)[1:-1]
        window *= 2 / window.sum()
        bins = [g for f in self._candidates for g in (f, f - 8, f + 8 if f + 8 < 0.49 * fs else f - 12)]
        tones = np.exp(-2j * pi * np.outer(bins, t)) * window
        self._tones = np.concatenate((tones.real, tones.imag))
        self._turn = [0j] * len(self._candidates)
        self._expected = [rect(1.0, 2 * pi * f * self._gap) for f in self._candidates]

    def feed(self, x: Array) -> float | None:
        """Take one second [n, leads]; return the mains frequency or None."""
        if not self._candidates:
            return None
        half, k = self._half, 3 * len(self._candidates)
        leads = x.shape[1]
        halves = self._tones.dot(
            x[: 2 * half].reshape(2, half, leads).swapaxes(0, 1).reshape(half, 2 * leads)
        )
        squares = halves * halves
        power = [sum(row) for row in (squares[:k] + squares[k:]).tolist()]
        if not power[0] < float("inf"):
            return self._mains
        line = max(range(len(self._candidates)), key=lambda i: power[3 * i])
        beside = max(power[3 * line + 1], power[3 * line + 2], leads * 2 * self.MIN_MV**2 / self.ON_RATIO)
        ratio = power[3 * line] / beside
        nominal = self._candidates[line]
        same = self._mains is not None and abs(self._mains - nominal) < 5
        if ratio > (self.OFF_RATIO if same else self.ON_RATIO):
            tone = list(map(complex, halves[3 * line].tolist(), halves[k + 3 * line].tolist()))
            advance = sum(a.conjugate() * b for a, b in zip(tone[:leads], tone[leads:], strict=True))
            turn = advance * self._expected[line].conjugate() / power[3 * line]
            self._turn[line] += 0.25 * (turn - self._turn[line])
            self._votes = min(self._votes + 1, 0) if same else max(self._votes, 0) + 1
            if same or self._votes >= self.ON_VOTES:
                found = nominal + phase(self._turn[line]) / (2 * pi * self._gap)
                if self._mains is None or abs(found - self._mains) > self.DRIFT_HZ:
                    self._mains = round(found / self.STEP_HZ) * self.STEP_HZ
                self._votes = 0
        else:
            self._votes = min(self._votes, 0) - 1
            if self._votes <= -self.OFF_VOTES:
                self._mains = None
        return self._mains


@lru_cache(maxsize=64)
def _notch(fs: float, mains: float) -> Array:
    return biquad.notch(fs, mains, 2.0)[None]  # 2 Hz wide: settles in a third of a second


@lru_cache(maxsize=64)
def _sos(fs: float, mains: float | None) -> Array:
    band = biquad.lowpass(fs, min(BAND_HZ[1], 0.4 * fs)), biquad.highpass(fs, BAND_HZ[0])
    notch = [] if mains is None else [_notch(fs, mains)]
    return np.concatenate([*notch, band])


@lru_cache(maxsize=256)
def _matrix(fs: float, mains: float | None, n: int) -> Array:
    """Return M [n + states, states + n]: what n samples and the states before them become."""
    sos = _sos(fs, mains)
    states = 2 * len(sos)
    x = np.concatenate((np.zeros((n, states)), np.eye(n)), axis=1)
    y, z = biquad.run(sos, x, np.eye(states, states + n).reshape(len(sos), 2, states + n))
    return np.concatenate((y, z.reshape(states, -1)))


@lru_cache(maxsize=64)
def _resting(fs: float, mains: float | None) -> Array:
    return biquad.resting(_sos(fs, mains)).reshape(-1)


@lru_cache(maxsize=64)
def _delay(fs: float, mains: float | None) -> float:
    low, high = (biquad.response(_sos(fs, mains), fs, hz) for hz in (14.0, 16.0))
    return -phase(high / low) / (2 * pi * 2.0)
