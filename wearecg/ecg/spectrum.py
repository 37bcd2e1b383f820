"""Filters without phase: a gain over the spectrum of a window that is mirrored at both ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Gain: TypeAlias = Callable[[NDArray[np.floating]], NDArray[np.floating]]

LONGEST_BLOCK = 64
NEGLIGIBLE = 1e-6
"""Share of the strongest way in which one block of a window reaches another, below which a way is left out."""


def filtered(x: NDArray[np.floating], fs: float, pad_s: float, gain: Gain) -> NDArray[np.float64]:
    """Apply ``gain`` (of frequency in Hz) along the last axis of ``x``; ``pad_s`` seconds are mirrored.

    Give the same function for the same gain: what it says of a length and a rate is asked once.
    """
    n = x.shape[-1]
    pad = _padding(n, fs, pad_s)
    wide = np.empty((*x.shape[:-1], n + 2 * pad))
    wide[..., pad : pad + n] = x
    wide[..., :pad] = x[..., pad:0:-1]
    wide[..., pad + n :] = x[..., -2 : -pad - 2 : -1]
    spectrum = np.fft.rfft(wide)
    spectrum *= _curve(gain, n + 2 * pad, fs)
    return np.fft.irfft(spectrum, n + 2 * pad)[..., pad : pad + n]


class WindowFilter:
    """What `filtered` does to windows of one length ``n``, as a few small products in place of two transforms.

    The filter is a matrix [n, n]. Cut into blocks of some fifty samples it is the same small matrix all along its
    diagonal, plus what one block does to another. That is smooth, as it comes from the slow part of the filter alone: a
    high-pass of second order, run forwards and backwards, remembers two numbers for each direction, whatever the
    length of its window (the mirrored ends add two more). These few ways in and out of a block are found by
    decomposing the matrix itself. To 1e-6 of the largest sample the result is that of `filtered`, in float32.
    """

    def __init__(self, n: int, fs: float, pad_s: float, gain: Gain) -> None:
        m = max(size for size in range(1, LONGEST_BLOCK + 1) if n % size == 0)
        self._blocks = blocks = n // m
        pad = _padding(n, fs, pad_s)

        def response(first: NDArray[np.int64], inputs: NDArray[np.floating]) -> NDArray[np.float64]:
            """Return [first, inputs, blocks, m]: what ``inputs`` [k, m] in each of the blocks ``first`` become."""
            x = np.zeros((len(first), len(inputs), blocks, m))
            x[np.arange(len(first)), :, first] = inputs
            return filtered(x.reshape(*x.shape[:2], n), fs, pad_s, gain).reshape(x.shape)

        # One in the middle, and those where the mirrored stretches begin and end.
        telling = np.unique([0, pad // m, blocks // 2, (n - 1 - pad) // m, blocks - 1])
        known = response(telling, np.eye(m))
        near = known[telling == blocks // 2, :, blocks // 2][0]
        known[np.arange(len(telling)), :, telling] -= near
        ways_in, ways_out = _directions(known.swapaxes(0, 1)), _directions(known.transpose(3, 0, 1, 2))
        every = np.arange(blocks)
        far = response(every, ways_in.T)
        far[every, :, every] -= ways_in.T @ near
        between = (far @ ways_out).reshape(blocks * ways_in.shape[1], blocks * ways_out.shape[1])
        self._near, self._in, self._between, self._out = (
            np.ascontiguousarray(matrix, np.float32) for matrix in (near, ways_in, between, ways_out.T)
        )

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter windows [windows, n]; each comes out the same, to the last bit, whatever stands beside it."""
        # Window by window (a stack of products), as BLAS adds up in another order for another number of rows.
        windows, blocks = len(x), self._blocks
        cut = x.reshape(windows, blocks, -1)
        y: NDArray[np.float32] = cut @ self._near
        passed = (cut @ self._in).reshape(windows, 1, -1) @ self._between
        y += passed.reshape(windows, blocks, -1) @ self._out
        return y.reshape(x.shape)


@lru_cache(maxsize=8)
def window_filter(n: int, fs: float, pad_s: float, gain: Gain) -> WindowFilter:
    """Return the filter for windows of ``n`` samples; it is made once."""
    return WindowFilter(n, fs, pad_s, gain)


def _directions(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an orthonormal basis [m, k] of the columns of ``rows`` [m, ...], as far as they are not negligible."""
    table = rows.reshape(len(rows), -1)
    power, directions = np.linalg.eigh(table @ table.T)
    return directions[:, power > NEGLIGIBLE**2 * power[-1]]


def _padding(n: int, fs: float, pad_s: float) -> int:
    return min(round(pad_s * fs), n - 1)


@lru_cache(maxsize=16)
def _curve(gain: Gain, n: int, fs: float) -> NDArray[np.floating]:
    return gain(np.fft.rfftfreq(n, 1 / fs))
