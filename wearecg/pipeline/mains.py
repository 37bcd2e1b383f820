"""Mains hum: whether there is any and at which frequency, and a notch for what is measured."""

from __future__ import annotations

from cmath import phase, rect
from math import cos, exp, pi

import numpy as np
from numpy.typing import NDArray

from wearecg.pipeline.cascade import Cascade

Array = NDArray[np.float64]

MAINS_HZ = (50.0, 60.0)
LOWEST_HZ = 36.0
"""A mains frequency that sampling folds below this lies among the QRS and cannot be taken out."""
WIDTH_HZ = 6.0
"""Of each of two notches on the mains: 60 dB down at 0.1 Hz beside it, 31 dB at 0.5 Hz, settled in 0.1 s."""
HARMONICS = (2, 3, 5, 7)
"""They drift so many times as far: their notches are so much wider."""
STEPS_PER_MV = 2.0**16
"""What is filtered is rounded to this, so that it does not depend on how the signal was cut."""


class MainsFinder:
    """Decides from a second of signal whether there is mains hum and at which frequency.

    Two half-second Hann windows a second, half a second apart: the line's power against that 8 Hz
    to either side says whether, the phase advance between the halves says where (+-1 Hz). A line at half the
    sampling rate has no phase and is taken to be where it should.

    Parameters
    ----------
    fs : float
        Samples per second.
    mains : float or None
        Where the line was last.
    votes : int
        Seconds that must agree before a line is believed.
    gain : float
        Weight of a new second in where the line is.
    drift_hz : float
        The notch follows when it is off by this much (one that is 2 Hz wide still takes 16 dB off at 0.15 Hz).
    """

    ON_RATIO, OFF_RATIO = 10.0, 4.0
    OFF_VOTES = 4
    MIN_MV = 0.003
    STEP_HZ = 0.05

    def __init__(
        self,
        fs: float,
        mains: float | None,
        votes: int = 2,
        gain: float = 0.25,
        drift_hz: float = 0.15,
    ) -> None:
        folded = [f if f <= 0.5 * fs else fs - f for f in MAINS_HZ]
        self._candidates = [f for f in folded if f > LOWEST_HZ]
        self._mains = mains
        self._on_votes, self._gain, self._drift = votes, gain, drift_hz
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
        self._traceable = [f < 0.49 * fs for f in self._candidates]

    def feed(self, x: NDArray[np.floating]) -> float | None:
        """Take one second [n, leads]; return the mains frequency or None."""
        if not self._candidates or len(x) < 2 * self._half or not x.shape[1]:
            return self._mains
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
            if self._traceable[line]:
                self._turn[line] += self._gain * (turn - self._turn[line])
            self._votes = min(self._votes + 1, 0) if same else max(self._votes, 0) + 1
            if same or self._votes >= self._on_votes:
                found = nominal + phase(self._turn[line]) / (2 * pi * self._gap)
                if self._mains is None or abs(found - self._mains) > self._drift:
                    self._mains = round(found / self.STEP_HZ) * self.STEP_HZ
                self._votes = 0
        else:
            self._votes = min(self._votes, 0) - 1
            if self._votes <= -self.OFF_VOTES:
                self._mains = None
        return self._mains


class HumFilter:
    """Takes mains hum and its harmonics out of what is measured and scored, while there is any.

    Wide enough that a drifting line stays inside, and above the band of the QRS. It is asked for with `begin` when
    a second looks like noise, and ends by itself.

    Parameters
    ----------
    fs : float
        Samples per second.
    leads : int
        Number of columns.
    """

    def __init__(self, fs: float, leads: int) -> None:
        self._fs, self._leads = fs, leads
        self.hz: float | None = None
        """The frequency that is being removed."""
        self._finder: MainsFinder | None = None
        self._second: list[NDArray[np.floating]] = []

    def gap(self) -> None:
        """Begin anew behind a gap; the line is kept."""
        self._second = []
        if self.hz is not None:
            self._cascade = Cascade(_notches(self._fs, self.hz), self._leads)

    def feed(self, x: NDArray[np.floating]) -> NDArray[np.float32]:
        """Take ``x`` [n, leads] in mV, none of it behind the end of this second; return it without hum."""
        self._second.append(x)
        return self._rounded(x)

    def begin(self, x: NDArray[np.floating]) -> NDArray[np.float32] | None:
        """Look for hum in a whole second [n, leads]; return it without hum, None if there is none."""
        if self._finder is None:
            self._finder = MainsFinder(self._fs, None, votes=1, gain=0.8, drift_hz=0.06)
        self.hz = self._finder.feed(_whole(x))
        return None if self.hz is None else self._tune(x)

    def end_second(self) -> None:
        """Follow the line, at the end of a second that was fed."""
        x = np.concatenate(self._second) if self._second else np.empty((0, self._leads))
        self._second = []
        assert self._finder is not None
        hz = self._finder.feed(_whole(x))
        if hz == self.hz:
            return
        self.hz = hz
        if hz is not None:
            self._tune(x)

    def _tune(self, x: NDArray[np.floating]) -> NDArray[np.float32]:
        """Set the notches; they begin in the state that a whole number of periods has left."""
        assert self.hz is not None
        self._cascade = Cascade(_notches(self._fs, self.hz), self._leads)
        period = self._fs / self.hz
        turns = min(range(15, 30), key=lambda n: abs(n * period - round(n * period)))
        self._cascade.feed(x[: round(turns * period)])
        return self._rounded(x)

    def _rounded(self, x: NDArray[np.floating]) -> NDArray[np.float32]:
        y: NDArray[np.float32] = (np.rint(self._cascade.feed(x) * STEPS_PER_MV) / STEPS_PER_MV).astype(
            np.float32
        )
        return y


def _whole(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the leads of ``x`` [n, leads] of which every sample is there."""
    there = np.isfinite(x).all(axis=0)
    return x if there.all() else x[:, there]


def _notches(fs: float, hz: float) -> Array:
    mains = _notch(fs, hz, WIDTH_HZ)
    above = [_notch(fs, n * hz, n * WIDTH_HZ) for n in HARMONICS if n * hz < 0.49 * fs]
    return np.stack([mains, mains, *above])


def _notch(fs: float, hz: float, width: float) -> Array:
    """Section with its zeros at ``hz`` and its poles right below; settles as fast up to half the sampling rate."""
    radius, turn = exp(-pi * width / fs), 2 * cos(2 * pi * hz / fs)
    gain = (1 - radius * turn + radius * radius) / (2 - turn)
    return np.array([gain, -turn * gain, gain, 1.0, -radius * turn, radius * radius])
