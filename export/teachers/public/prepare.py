"""Signals the way the published models were trained on them: rate, whole windows, scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Samples
from wearecg.ecg.leads import TWELVE
from wearecg.errors import SignalError
from wearecg.pipeline.resample import resample

STEADY = 1e-8
"""What their code adds to a standard deviation before it divides."""


def check(samples: Samples, fs: float, seconds: float, model: str) -> None:
    """Refuse a recording [n, 12] that a model cannot take.

    Raises
    ------
    SignalError
        Not 12 leads, shorter than one window, or with samples that are missing: a teacher that
        fills a gap teaches what was never measured.
    """
    if samples.ndim != 2 or samples.shape[1] != len(TWELVE):
        raise SignalError(f"{model} takes samples [n, 12] of {', '.join(TWELVE)}; got {list(samples.shape)}")
    if len(samples) / fs < seconds - 0.5 / fs:
        raise SignalError(
            f"{model} looks at {seconds:g} s at a time; got {len(samples) / fs:g} s "
            f"({len(samples)} samples at {fs:g} Hz)"
        )
    if not np.isfinite(samples).all():
        raise SignalError(f"{model} takes no missing samples; choose a window without a gap")


def to_rate(samples: Samples, fs: float, rate: float) -> Samples:
    """Resample a whole recording [n, leads] to ``rate``: exactly ``n * rate / fs`` samples, rounded.

    The last outputs lie after the last input sample when the rate goes up; they hold its value.
    """
    wanted = round(len(samples) * rate / fs)
    y = resample(samples.astype(np.float32), fs, rate)[:wanted]
    y = y[np.isfinite(y).all(axis=1)]
    return np.concatenate([y, np.repeat(y[-1:], wanted - len(y), axis=0)])


def cut(x: NDArray[np.floating], window: int) -> NDArray[np.floating]:
    """Cut [n, leads] into whole windows side by side, [k, window, leads]; the rest is left out."""
    k = len(x) // window
    return x[: k * window].reshape(k, window, x.shape[1])


def standardise(x: NDArray[np.floating], axis: int | tuple[int, ...]) -> NDArray[np.floating]:
    """Zero mean and unit standard deviation over ``axis``; what is constant becomes 0."""
    x = x.astype(np.float64)  # so that a constant lead leaves no rounding error to blow up
    centred = x - x.mean(axis=axis, keepdims=True)
    out: NDArray[np.floating] = centred / (x.std(axis=axis, keepdims=True) + STEADY)
    return out


def channels_first(windows: NDArray[np.floating]) -> Samples:
    """Turn windows [k, n, leads] into the float32 [k, leads, n] that convolutions take."""
    return np.ascontiguousarray(np.swapaxes(windows, 1, 2), dtype=np.float32)
