"""The monitoring filter: 0.5 to 40 Hz and a mains notch, causal, chunk after chunk."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, pi
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.errors import SignalError

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
        self._leads = leads
        self.reset()

    def reset(self) -> None:
        """Forget the signal (after a gap); the mains frequency is kept."""
        self._states = 4 if self.mains_hz is None else 6
        self._z = np.zeros((self._states, self._leads))
        self._cold = [True] * self._leads
        self._any_cold = True
        self._finder = _MainsFinder(self.fs, self.mains_hz)
        self._second: list[Array] = []
        self._n = 0
        self._edge = ceil(self.fs)
        self._seconds = 1

    @property
    def delay(self) -> float:
        """Group delay in the QRS band (15 Hz), seconds: a peak of the output lies this much late."""
        return _delay(self.fs, self.mains_hz)

    def feed(self, x: ArrayLike) -> Array:
        """Filter ``x`` [n, leads] and return as many samples; NaN where x is NaN.

        A lead starts, also after NaN, in the state that a constant first sample would have left:
        neither a step nor ringing.
        """
        x = np.asarray(x)
        n = len(x)
        if n <= _MAX_BLOCK and self._n + n < self._edge:
            return self._block(x)
        done = []
        while n := min(_MAX_BLOCK, len(x), self._edge - self._n):
            done.append(self._block(x[:n]))
            x = x[n:]
            if self._n == self._edge:
                self._end_second()
        return done[0] if len(done) == 1 else np.concatenate(done)

    def _block(self, x: NDArray[Any]) -> Array:
        n, states = len(x), self._states
        v = np.empty((states + n, self._leads))
        v[:states] = self._z
        v[states:] = x
        self._n += n
        self._second.append(v)
        out: Array = _matrix(self.fs, self.mains_hz, n).dot(v)
        # NaN anywhere in a lead reaches every row of its column.
        total = out.item(-1) if self._leads == 1 else sum(out[-1].tolist())
        if self._any_cold or total != total:
            return self._careful(v[states:])
        self._z = out[n:]
        return out[:n]

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
        x = np.concatenate([v[self._states :] for v in self._second])
        self._second = []
        mains = self._finder.feed(x)
        if mains == self.mains_hz:
            return
        # The notch stands first, so that the band keeps its state; it warms up on the second just past.
        band, notch = self._z[-4:], np.zeros((0, self._leads))
        if mains is not None:
            from scipy.signal import sosfilt, sosfilt_zi

            sos = _notch(self.fs, mains)
            known = np.nan_to_num(x)
            _, warm = sosfilt(sos, known, axis=0, zi=sosfilt_zi(sos)[:, :, None] * known[0])
            notch = warm[0]
        self.mains_hz = mains
        self._z = np.concatenate((notch, band))
        self._states = len(self._z)


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
        self._turn = np.zeros(len(self._candidates), dtype=complex)

    def feed(self, x: Array) -> float | None:
        """Take one second [n, leads]; return the mains frequency or None."""
        if not self._candidates:
            return None
        half, k = self._half, 3 * len(self._candidates)
        both = self._tones.dot(np.concatenate((x[:half], x[half : 2 * half]), axis=1))
        spectrum = both[:k] + 1j * both[k:]
        power = (spectrum.real**2 + spectrum.imag**2).sum(axis=1).tolist()
        if not power[0] < float("inf"):
            return self._mains
        line = max(range(len(self._candidates)), key=lambda i: power[3 * i])
        beside = max(
            power[3 * line + 1], power[3 * line + 2], x.shape[1] * 2 * self.MIN_MV**2 / self.ON_RATIO
        )
        ratio = power[3 * line] / beside
        nominal = self._candidates[line]
        same = self._mains is not None and abs(self._mains - nominal) < 5
        if ratio > (self.OFF_RATIO if same else self.ON_RATIO):
            first, second = spectrum[3 * line].reshape(2, -1)
            turn = np.vdot(first, second) * np.exp(-2j * pi * nominal * self._gap) / power[3 * line]
            self._turn[line] += 0.25 * (turn - self._turn[line])
            self._votes = min(self._votes + 1, 0) if same else max(self._votes, 0) + 1
            if same or self._votes >= self.ON_VOTES:
                found = nominal + float(np.angle(self._turn[line])) / (2 * pi * self._gap)
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
    from scipy.signal import iirnotch, tf2sos

    return np.asarray(tf2sos(*iirnotch(mains, mains / 2.0, fs)))  # 2 Hz wide: settles in a third of a second


@lru_cache(maxsize=64)
def _sos(fs: float, mains: float | None) -> Array:
    from scipy.signal import butter

    low = butter(2, min(BAND_HZ[1], 0.4 * fs), "lowpass", fs=fs, output="sos")
    high = butter(2, BAND_HZ[0], "highpass", fs=fs, output="sos")
    notch = [] if mains is None else [_notch(fs, mains)]
    return np.concatenate([*notch, low, high])


@lru_cache(maxsize=256)
def _matrix(fs: float, mains: float | None, n: int) -> Array:
    """Return M [n + states, states + n]: what n samples and the states before them become."""
    from scipy.signal import sosfilt

    sos = _sos(fs, mains)
    states = 2 * len(sos)
    x = np.concatenate((np.zeros((n, states)), np.eye(n)), axis=1)
    z = np.eye(states, states + n).reshape(len(sos), 2, states + n)
    if n == 0:
        return np.eye(states)
    y, z = sosfilt(sos, x, axis=0, zi=z)
    return np.ascontiguousarray(np.concatenate((y, z.reshape(states, -1))))


@lru_cache(maxsize=64)
def _resting(fs: float, mains: float | None) -> Array:
    from scipy.signal import sosfilt_zi

    return np.asarray(sosfilt_zi(_sos(fs, mains)).reshape(-1))


@lru_cache(maxsize=64)
def _delay(fs: float, mains: float | None) -> float:
    from scipy.signal import sosfreqz

    w = np.array([14.0, 16.0])
    _, h = sosfreqz(_sos(fs, mains), worN=w, fs=fs)
    return float(-np.angle(h[1] / h[0]) / (2 * pi * (w[1] - w[0])))
