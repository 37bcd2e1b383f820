"""The monitoring filter: 0.5 to 40 Hz and a mains notch, causal, chunk after chunk."""

from __future__ import annotations

from cmath import phase
from functools import lru_cache
from math import ceil, pi
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.errors import SignalError
from wearecg.pipeline import biquad
from wearecg.pipeline.cascade import Cascade
from wearecg.pipeline.mains import MainsFinder

Array = NDArray[np.float64]

BAND_HZ = (0.5, 40.0)
"""The monitoring bandwidth of IEC 60601-2-27."""


class MonitorFilter:
    """Causal 0.5-40 Hz Butterworth band (order 2 each side) and a notch on the mains that it finds itself.

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
        self._tune(self.mains_hz)
        self._finder = MainsFinder(self.fs, self.mains_hz)
        self._second: list[NDArray[Any]] = []
        self._n = 0
        self._edge = ceil(self.fs)
        self._seconds = 1

    def _tune(self, mains: float | None) -> None:
        self.mains_hz = mains
        self.delay = _delay(self.fs, mains)
        self._cascade = Cascade(_sos(self.fs, mains), self._leads)

    def feed(self, x: ArrayLike) -> Array:
        """Filter ``x`` [n, leads] and return as many samples; NaN where x is NaN.

        A lead starts, also after NaN, in the state that a constant first sample would have left:
        neither a step nor ringing. ``x`` may be looked at again until the second that it is in has ended.
        """
        x = np.asarray(x)
        if self._n + len(x) < self._edge:
            return self._part(x)
        done = []
        while len(x):
            room = self._edge - self._n
            done.append(self._part(x[:room]))
            x = x[room:]
            if self._n == self._edge:
                self._end_second()
        return done[0] if len(done) == 1 else np.concatenate(done)

    def _part(self, x: NDArray[Any]) -> Array:
        """Filter ``x``, none of which lies behind the end of this second."""
        self._second.append(x)
        self._n += len(x)
        return self._cascade.feed(x)

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
        state, cold = self._cascade.state, self._cascade.cold
        if mains is not None:
            sos = _notch(self.fs, mains)
            known = np.nan_to_num(x).astype(float)
            _, warm = biquad.run(sos, known, biquad.resting(sos)[:, :, None] * known[0])
            state = np.concatenate((warm[0], state))
        self._tune(mains)
        self._cascade.take_over(state, cold)


@lru_cache(maxsize=64)
def _notch(fs: float, mains: float) -> Array:
    return biquad.notch(fs, mains, 2.0)[None]  # 2 Hz wide: settles in a third of a second


@lru_cache(maxsize=64)
def _sos(fs: float, mains: float | None) -> Array:
    band = biquad.lowpass(fs, min(BAND_HZ[1], 0.4 * fs)), biquad.highpass(fs, BAND_HZ[0])
    notch = [] if mains is None else [_notch(fs, mains)]
    return np.concatenate([*notch, band])


@lru_cache(maxsize=64)
def _delay(fs: float, mains: float | None) -> float:
    low, high = (biquad.response(_sos(fs, mains), fs, hz) for hz in (14.0, 16.0))
    return -phase(high / low) / (2 * pi * 2.0)
