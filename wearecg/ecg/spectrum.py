"""Filters without phase: a gain over the spectrum of a window that is mirrored at both ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Gain: TypeAlias = Callable[[NDArray[np.floating]], NDArray[np.floating]]


def filtered(x: NDArray[np.floating], fs: float, pad_s: float, gain: Gain) -> NDArray[np.float64]:
    """Apply ``gain`` (of frequency in Hz) along the last axis of ``x``; ``pad_s`` seconds are mirrored."""
    n = x.shape[-1]
    pad = min(round(pad_s * fs), n - 1)
    wide = np.pad(np.asarray(x, np.float64), [(0, 0)] * (x.ndim - 1) + [(pad, pad)], mode="reflect")
    spectrum = np.fft.rfft(wide) * gain(np.fft.rfftfreq(wide.shape[-1], 1 / fs))
    return np.fft.irfft(spectrum, wide.shape[-1])[..., pad : pad + n]
