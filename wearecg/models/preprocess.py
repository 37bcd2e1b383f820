"""From a window in mV to what a model is fed: the same code in training and on the device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg import beat_shape
from wearecg.ecg.pulse import FLAT, pulse_band
from wearecg.ecg.spectrum import Gain, filtered, window_filter

ROWS = 16
"""Leads that are prepared together: the arrays of more come from the system anew each time, which doubles the cost."""
FLAT_MV = 0.001
"""A lead whose root mean square after the high-pass is below this has measured nothing."""
ECG, PULSE, BEAT, CONTEXT = "highpass-clip/1", "pulse/1", "beat/1", "beat-context/1"
"""The procedures: leads in mV, a pulse wave (PPG) in units of its own, a beat beside the mean of those like it, and
what `wearecg.ecg.beat_context` gives of a beat, which is ready."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The parameters of :func:`condition`, as a card states them.

    Attributes
    ----------
    highpass_hz : float
        The high-pass has gain 1/2 here; removes baseline wander.
    pad_s : float
        Seconds mirrored at both ends before filtering.
    clip_mv : float
        Samples beyond plus or minus this are clipped; of a pulse in standard deviations of the window.
    max_missing : float
        A lead with a larger fraction of missing samples counts as absent.
    name : str
        The procedure, `ECG`, `PULSE`, `BEAT` or `CONTEXT`; the last two have no other parameters.
    """

    highpass_hz: float = 0.5
    pad_s: float = 3.0
    clip_mv: float = 5.0
    max_missing: float = 0.05
    name: str = ECG


def highpass(x: NDArray[np.floating], fs: float, cutoff: float, pad_s: float) -> NDArray[np.float64]:
    """Remove what is slower than ``cutoff`` Hz along the last axis, without shifting phase.

    The gain is that of a second-order Butterworth high-pass run forwards and backwards,
    ``1 / (1 + (cutoff / f)**4)``, applied to the spectrum of the window mirrored at both ends.
    A cut-off up to 0.67 Hz leaves the ST segment alone when the phase is linear
    (Kligfield et al., Circulation 115:1306, 2007).
    """
    return filtered(x, fs, pad_s, _above(cutoff))


@lru_cache(maxsize=4)
def _above(cutoff: float) -> Gain:
    return lambda f: f**4 / (f**4 + cutoff**4)


def condition(
    x: NDArray[np.floating], fs: float, spec: Preprocessing
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn leads in mV into a model's input.

    Parameters
    ----------
    x : float [..., leads, n]
        mV, a pulse in any unit; NaN where a sample is missing or a lead is absent.
    fs : float
        Hz.
    spec : Preprocessing

    Returns
    -------
    signal : float32 [..., leads, n]
        High-passed and clipped; a pulse in its band (`pulse_band`) and divided by the window's standard
        deviation before it is clipped. Missing samples are 0 (a straight line bridges them only while the
        filter runs), and so is every sample of an absent lead.
    mask : float32 [..., leads]
        1 for a lead that is there, 0 for one that is absent: too much of it is missing, or
        it does not vary.
    """
    if spec.name == CONTEXT:
        ready = np.where(np.isfinite(x), x, 0.0).astype(np.float32)
        return ready, np.ones(ready.shape[:-1], np.float32)
    if spec.name == BEAT:
        return _beats(np.where(np.isfinite(x), x, 0.0))
    rows = x.reshape(-1, x.shape[-1])
    parts = [_condition(rows[at : at + ROWS], fs, spec) for at in range(0, len(rows), ROWS)]
    signals, masks = zip(*parts, strict=True)
    signal, mask = parts[0] if len(parts) == 1 else (np.concatenate(signals), np.concatenate(masks))
    return signal.reshape(x.shape), mask.reshape(x.shape[:-1])


def _condition(
    x: NDArray[np.floating], fs: float, spec: Preprocessing
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """As `condition`, of a few rows [rows, n]. Few have samples missing, which the power of what is filtered shows."""
    y = _in_band(x, fs, spec)
    power = _power(y)
    there = [True] * len(x)
    if not isfinite(sum(power)):
        missing = ~np.isfinite(x)
        present = missing.mean(axis=-1) <= spec.max_missing
        y = _in_band(np.where(present[:, None], _bridge(x, missing & present[:, None]), 0.0), fs, spec)
        y[missing] = 0.0
        power, there = _power(y), present.tolist()
    least = FLAT_MV**2 * x.shape[-1]
    there = [one and of_it >= least for one, of_it in zip(there, power, strict=True)]
    if not all(there):
        y[np.logical_not(there)] = 0.0
    return y, np.array(there, np.float32)


def _in_band(x: NDArray[np.floating], fs: float, spec: Preprocessing) -> NDArray[np.float32]:
    """Filter and clip rows [rows, n]; where a sample is missing, so is the whole row."""
    if spec.name == PULSE:
        pulse = pulse_band(x, fs, spec.highpass_hz, spec.pad_s)
        deviation = pulse.std(axis=-1, keepdims=True)
        still = deviation <= FLAT * np.abs(x).max(axis=-1, keepdims=True)
        y = np.where(still, 0.0, pulse / np.where(still, 1.0, deviation)).astype(np.float32)
    else:
        # float32 is exact enough once the offset is gone, which the filter would remove anyhow.
        level = np.subtract(x, x[:, :1], dtype=np.float32)
        y = window_filter(x.shape[-1], fs, spec.pad_s, _above(spec.highpass_hz))(level)
    np.maximum(y, -spec.clip_mv, out=y)
    np.minimum(y, spec.clip_mv, out=y)
    return y


def _power(y: NDArray[np.float32]) -> list[float]:
    power: list[float] = np.einsum("ij,ij->i", y, y).tolist()
    return power


def _beats(x: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return windows [..., 1, 2 LENGTH], a beat and the mean of those like it, as `beat_shape.prepared` makes them."""
    pairs = x.reshape(-1, 2, beat_shape.LENGTH).astype(np.float32)
    pairs -= pairs.mean(axis=-1, keepdims=True)
    return beat_shape.scaled(pairs).reshape(x.shape), np.ones(x.shape[:-1], np.float32)


def _bridge(x: NDArray[np.floating], missing: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Draw a straight line over the missing samples of each lead that has any."""
    out = np.array(x)
    at = np.arange(x.shape[-1])
    for lead in zip(*np.nonzero(missing.any(axis=-1)), strict=True):
        gone = missing[lead]
        out[lead][gone] = np.interp(at[gone], at[~gone], x[lead][~gone])
    return out
