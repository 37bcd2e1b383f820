"""Resampling a stream to a model's rate: polyphase, aligned with the timeline, no phase shift."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Samples

PASS_BAND = 0.8
"""Kept up to this share of the lower Nyquist rate: 40 Hz at 100 Hz, the monitoring band."""
STOP_DB = 60.0
MOST = 1000
"""Outputs that are made at a time: what they need would not fit the memory for a whole recording."""
MAX_DENOMINATOR = 2000
"""Keeps the ratio of any two rates below 1 kHz within 3 ppm (30 us in 10 s) with a small filter bank."""


class Resampler:
    """Turns samples at ``fs_in`` into samples at ``fs_out``, output ``j`` at timeline second ``j / fs_out``.

    A windowed-sinc filter bank (Kaiser, 60 dB), centred: an output needs input up to `delay` seconds
    after it. Missing input (NaN) is not invented: an output whose nearest input sample is missing is NaN,
    and in the sums of its neighbours a missing sample counts as equal to the one at the centre.
    """

    def __init__(self, fs_in: float, fs_out: float, leads: int) -> None:
        ratio = Fraction(fs_out / fs_in).limit_denominator(MAX_DENOMINATOR)
        self._up, self._down = ratio.numerator, ratio.denominator
        self._bank = _filter_bank(self._up, self._down)
        self._half = self._bank.shape[1] // 2
        self._leads = leads
        self.delay = self._half / fs_in
        self.seek(0)

    def seek(self, index: int) -> None:
        """Start over at input sample ``index`` of the timeline, with nothing known before it."""
        self._buffer: Samples = np.full((self._half, self._leads), np.nan, np.float32)
        self._first = index - self._half
        self.next = ceil((index - 0.5) * self._up / self._down) if index else 0
        """Index of the output that comes next."""

    def feed(self, samples: Samples) -> Samples:
        """Take the next input samples [n, leads]; return the outputs that they complete, [m, leads] float32."""
        if self._up == self._down:
            self.next += len(samples)
            return samples
        x = np.concatenate([self._buffer, samples])
        # The last output whose kernel ends inside x: centre + half <= first + len(x) - 1.
        last_centre = self._first + len(x) - 1 - self._half
        stop = ceil((last_centre + 0.5) * self._up / self._down)
        y = self._outputs(x, max(stop - self.next, 0))
        self.next += len(y)
        keep = self._centre(self.next) - self._half - self._first
        self._buffer = x[keep:]
        self._first += keep
        return y

    def flush(self) -> Samples:
        """Return the outputs that still wait for input that will not come."""
        return self.feed(np.full((self._half, self._leads), np.nan, np.float32))

    def _centre(self, j: int) -> int:
        return (2 * j * self._down + self._up) // (2 * self._up)

    def _outputs(self, x: Samples, count: int) -> Samples:
        """Return the next ``count`` outputs."""
        if count > MOST:
            parts = [self._some(x, first, min(MOST, count - first)) for first in range(0, count, MOST)]
            return np.concatenate(parts)
        return self._some(x, 0, count) if count else np.empty((0, self._leads), np.float32)

    def _some(self, x: Samples, ahead: int, count: int) -> Samples:
        """Return ``count`` outputs from the one on that comes ``ahead`` after the next."""
        first = self.next + ahead
        several = self._leads > 1
        taps, bank = _plan(self._up, self._down, first % self._up, count, several)
        low = self._centre(first) - self._half - self._first
        x = x[low : low + taps.item(-1) + 1]
        around = x.T.take(taps, axis=1) if several else x.T.take(taps.T, axis=1).swapaxes(1, 2)
        centre = around[:, self._half].copy()
        around -= centre[:, None]
        if np.isnan(x).any():
            around[np.isnan(around)] = 0.0
        y: Samples = np.ascontiguousarray((centre + np.einsum("ltj,tj->lj", around, bank)).T[:-1])
        return y


def resample(samples: Samples, fs_in: float, fs_out: float) -> Samples:
    """Resample a whole recording [n, leads]; output ``j`` lies at ``j / fs_out`` seconds.

    >>> import numpy as np
    >>> t = np.arange(5000) / 500
    >>> y = resample(np.sin(2 * np.pi * 5 * t)[:, None].astype(np.float32), 500, 100)
    >>> bool(np.abs(y[100:900, 0] - np.sin(2 * np.pi * 5 * np.arange(100, 900) / 100)).max() < 2e-3)
    True
    """
    resampler = Resampler(fs_in, fs_out, samples.shape[1])
    return np.concatenate([resampler.feed(samples), resampler.flush()])


@lru_cache(maxsize=32)
def _plan(
    up: int, down: int, phase: int, count: int, several: bool
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return which input samples make ``count`` outputs, from one with this ``phase`` on, and weights: [taps, outputs].

    The inner loops are over what is many. numpy adds up the taps of one lead in another order than those of several,
    and those of a single output in another than those of many: the first is kept, and of the second there is always
    one more than asked for, so that no cut is seen.
    """
    bank = _filter_bank(up, down)
    j = phase + np.append(np.arange(count), count - 1)
    centres = (2 * j * down + up) // (2 * up)
    weights = bank[j * down % up].T
    taps = np.arange(bank.shape[1])[:, None] + (centres - centres[0])
    return taps, np.ascontiguousarray(weights) if several else weights


@lru_cache(maxsize=8)
def _filter_bank(up: int, down: int) -> NDArray[np.float32]:
    """One row for each phase of the output grid, taps over the input around its nearest sample; rows sum to 1."""
    if up == down:
        return np.ones((1, 1), np.float32)
    lower = min(1.0, up / down)
    cutoff, width = lower * (1 + PASS_BAND) / 4, lower * (1 - PASS_BAND) / 2
    half = ceil((STOP_DB - 7.95) / (14.36 * width) / 2)
    phases = np.arange(up)
    # Signed distance of each phase's output from its nearest input sample, in input samples.
    offset = phases / up - (2 * phases + up) // (2 * up)
    distance = np.arange(-half, half + 1)[None, :] - offset[:, None]
    beta = 0.1102 * (STOP_DB - 8.7)
    inside = np.clip(1 - (distance / (half + 1)) ** 2, 0, None)
    bank = np.sinc(2 * cutoff * distance) * np.i0(beta * np.sqrt(inside))
    return np.asarray(bank / bank.sum(1, keepdims=True), np.float32)
