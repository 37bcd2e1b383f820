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
BLOCK = 100
"""Outputs that are one matrix product: of more, each would meet more weights of 0."""
MAX_DENOMINATOR = 2000
"""Keeps the ratio of any two rates below 1 kHz within 3 ppm (30 us in 10 s) with a small filter bank."""


class Resampler:
    """Turns samples at ``fs_in`` into samples at ``fs_out``, output ``j`` at timeline second ``j / fs_out``.

    A windowed-sinc filter bank (Kaiser, 60 dB), centred: an output needs input up to `delay` seconds
    after it. Missing input (NaN) is not invented: an output whose nearest input sample is missing is NaN,
    and in the sums of its neighbours a missing sample counts as equal to the one at the centre.

    Outputs are made in blocks, always the same ones, each by a product of the same shape: what has not come yet is met
    by weights of 0. So no cut of the input is seen, not in the last bit.
    """

    def __init__(self, fs_in: float, fs_out: float, leads: int) -> None:
        ratio = Fraction(fs_out / fs_in).limit_denominator(MAX_DENOMINATOR)
        self._up, self._down = ratio.numerator, ratio.denominator
        self._half = _filter_bank(self._up, self._down).shape[1] // 2
        self._leads = leads
        self.delay = self._half / fs_in
        self.seek(0)

    def seek(self, index: int) -> None:
        """Start over at input sample ``index`` of the timeline, with nothing known before it."""
        self._buffer: Samples = np.full((self._half, self._leads), np.nan, np.float32)
        self._first = index - self._half
        self.next = ceil((index - 0.5) * self._up / self._down) if index else 0
        """Index of the output that comes next."""
        self._block = self.next

    def feed(self, samples: Samples) -> Samples:
        """Take the next input samples [n, leads]; return the outputs that they complete, [m, leads] float32."""
        if self._up == self._down:
            self.next += len(samples)
            return samples
        x = np.concatenate([self._buffer, samples])
        # The last output whose kernel ends inside x: centre + half <= first + len(x) - 1.
        last_centre = self._first + len(x) - 1 - self._half
        stop = max(ceil((last_centre + 0.5) * self._up / self._down), self.next)
        y = np.empty((stop - self.next, self._leads), np.float32)
        for at in range(self._block, stop, BLOCK):
            # Of the first block some have been given out before, of the last some have yet to come.
            fresh = slice(max(self.next - at, 0), min(stop - at, BLOCK))
            y[at + fresh.start - self.next : at + fresh.stop - self.next] = self._outputs(x, at)[fresh]
        self.next = stop
        self._block += (stop - self._block) // BLOCK * BLOCK
        keep = self._centre(self._block) - self._half - self._first
        self._buffer = x[keep:]
        self._first += keep
        return y

    def flush(self) -> Samples:
        """Return the outputs that still wait for input that will not come."""
        return self.feed(np.full((self._half, self._leads), np.nan, np.float32))

    def _centre(self, j: int) -> int:
        return (2 * j * self._down + self._up) // (2 * self._up)

    def _outputs(self, x: Samples, first: int) -> Samples:
        """Return the block of outputs [BLOCK, leads] that begins with ``first``."""
        weights, centres = _block(self._up, self._down, first % self._up)
        low = self._centre(first) - self._half - self._first
        x = x[low : low + len(weights)]
        if short := len(weights) - len(x):
            x = np.concatenate([x, np.broadcast_to(x[-1:], (short, self._leads))])
        level = x[0]
        near: Samples = (x - level).T @ weights
        if np.isnan(near).any():
            return self._with_holes(x, weights, centres)
        y: Samples = near.T + level
        return y

    def _with_holes(self, x: Samples, weights: Samples, centres: NDArray[np.int64]) -> Samples:
        missing = np.isnan(x)
        level = x[missing.argmin(axis=0), np.arange(self._leads)]
        apart = np.where(missing, np.float32(0), x - level)
        of_missing = missing.T.astype(np.float32) @ weights
        y: Samples = (apart.T @ weights + apart[centres].T * of_missing).T + level
        y[missing[centres]] = np.nan
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
def _block(up: int, down: int, phase: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return weights [inputs, BLOCK] of a block that begins with ``phase``, and the input nearest to each output."""
    bank = _filter_bank(up, down)
    taps = bank.shape[1]
    j = phase + np.arange(BLOCK)
    nearest = (2 * j * down + up) // (2 * up)
    lows = nearest - nearest[0]
    weights = np.zeros((lows.item(-1) + taps, BLOCK), np.float32)
    weights[lows + np.arange(taps)[:, None], np.arange(BLOCK)] = bank[j * down % up].T
    return weights, lows + taps // 2


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
