"""Second-order filter sections, designed and run with numpy alone.

scipy.signal designs the same ones, but importing it costs 77 MB and most of a second, which is more than
the rest of the runtime together on a small board. The tests hold these to it.
"""

from __future__ import annotations

from math import cos, pi, sqrt, tan

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def lowpass(fs: float, hz: float) -> Array:
    """Section [b0 b1 b2 1 a1 a2] of a second-order Butterworth low-pass (bilinear transform, pre-warped)."""
    k = tan(pi * hz / fs)
    return _section(k * k, 2 * k * k, k * k, k)


def highpass(fs: float, hz: float) -> Array:
    """Section of a second-order Butterworth high-pass."""
    return _section(1.0, -2.0, 1.0, tan(pi * hz / fs))


def notch(fs: float, hz: float, width: float) -> Array:
    """Section that removes ``hz``, 3 dB at ``width`` Hz across."""
    gain = 1 / (1 + tan(pi * width / fs))
    turn = -2 * cos(2 * pi * hz / fs) * gain
    return np.array([gain, turn, gain, 1.0, turn, 2 * gain - 1])


def resting(sos: Array) -> Array:
    """State [sections, 2] of a cascade that has seen a constant 1 for ever."""
    state, level = [], 1.0
    for b0, b1, b2, _, a1, a2 in sos.tolist():
        out = level * (b0 + b1 + b2) / (1 + a1 + a2)
        second = b2 * level - a2 * out
        state.append((b1 * level - a1 * out + second, second))
        level = out
    return np.array(state)


def run(sos: Array, x: Array, state: Array) -> tuple[Array, Array]:
    """Filter ``x`` [n, columns] from ``state`` [sections, 2, columns] (transposed direct form II).

    Return the output and the new state; the arguments stay as they are.
    """
    y, state = x.copy(), state.copy()
    for (b0, b1, b2, _, a1, a2), z in zip(sos.tolist(), state, strict=True):
        first, second = z[0].copy(), z[1].copy()
        for i, sample in enumerate(y):
            out = b0 * sample + first
            first = b1 * sample - a1 * out + second
            second = b2 * sample - a2 * out
            y[i] = out
        z[0], z[1] = first, second
    return y, state


def response(sos: Array, fs: float, hz: float) -> complex:
    """Complex gain at ``hz``."""
    z = np.exp(-2j * pi * hz / fs * np.arange(3))
    return complex(np.prod((sos[:, :3] @ z) / (sos[:, 3:] @ z)))


def _section(b0: float, b1: float, b2: float, k: float) -> Array:
    norm = 1 + sqrt(2) * k + k * k
    return np.array(
        [b0 / norm, b1 / norm, b2 / norm, 1.0, 2 * (k * k - 1) / norm, (1 - sqrt(2) * k + k * k) / norm]
    )
