"""Filters without phase: a gain over the spectrum of a window that is mirrored at both ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Gain: TypeAlias = Callable[[NDArray[np.floating]], NDArray[np.floating]]


def filtered(x: NDArray[np.floating], fs: float, pad_s: float, gain: Gain) -> NDArray[np.float64]:
    """Apply ``gain`` (of frequency in Hz) along the last axis of ``x``; ``pad_s`` seconds are mirrored.

    Give the same function for the same gain: what it says of a length and a rate is asked once.
    """
    n = x.shape[-1]
    pad = min(round(pad_s * fs), n - 1)
    wide = np.empty((*x.shape[:-1], n + 2 * pad))
    wide[..., pad : pad + n] = x
    wide[..., :pad] = x[..., pad:0:-1]
    wide[..., pad + n :] = x[..., -2 : -pad - 2 : -1]
    spectrum = np.fft.rfft(wide)
    spectrum *= _curve(gain, n + 2 * pad, fs)
    return np.fft.irfft(spectrum, n + 2 * pad)[..., pad : pad + n]


@lru_cache(maxsize=16)
def _curve(gain: Gain, n: int, fs: float) -> NDArray[np.floating]:
    return gain(np.fft.rfftfreq(n, 1 / fs))
