"""Ten-second windows of pulse and ECG, varied as sensors vary: what ppg2ecg trains on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.datasets.pulses import FS, NEAR, Pair, f1, matches
from export.models.ppg2ecg.net import LENGTH
from wearecg.models.preprocess import Preprocessing, condition

PREPROCESSING = Preprocessing(name="pulse/1")
SECONDS = LENGTH / FS
HOP_S = 5.0
"""Between the windows that are looked at; one that is drawn starts up to half of it away."""
CLEAN = 0.85
"""Agreement of pulse and ECG from which a window is trained on."""
SURE = 0.92
"""Agreement from which its lag is."""
SPREAD = 1.5
"""Standard deviation of a beat's target, samples."""
STRETCH = 0.25
"""The largest change of speed, as a logarithm."""

Array = NDArray[np.float32]


class Batch(NamedTuple):
    """What the network sees and should say."""

    pulse: Tensor
    """Conditioned, ``[N, 1, L]``."""
    ecg: Tensor
    """At zero lag, mV, ``[N, 1, L]``."""
    beats: Tensor
    """Chance of a beat at each sample, ``[N, L]``."""
    lag: Tensor
    """Seconds, ``[N]``; NaN where it is not known, or the window's speed was changed."""


class Window(NamedTuple):
    """A place in a recording, the lag there (s), and how well pulse and ECG agree."""

    pair: int
    start: float
    lag: float
    agreement: float


class Windows:
    """The windows of these recordings in which pulse and ECG go together."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = [pair for pair in pairs if pair.agreement > 0.3]
        self._windows = [
            window
            for k, pair in enumerate(self.pairs)
            for start in np.arange(HOP_S, len(pair.ppg) / FS - SECONDS - HOP_S, HOP_S)
            for window in [look(k, pair, float(start))]
            if window.agreement >= CLEAN
        ]

    def __len__(self) -> int:
        return len(self._windows)

    def batch(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Batch:
        """Draw a variation of each of these windows."""
        pulse, ecg, beats, lag = (
            list(x) for x in zip(*(self._drawn(self._windows[i], rng) for i in rows), strict=True)
        )
        signal, _ = condition(np.stack(pulse)[:, None], FS, PREPROCESSING)
        return Batch(
            *map(
                torch.from_numpy, (signal, np.stack(ecg)[:, None], np.stack(beats), np.array(lag, np.float32))
            )
        )

    def _drawn(self, window: Window, rng: np.random.Generator) -> tuple[Array, Array, Array, float]:
        pair = self.pairs[window.pair]
        speed = float(np.exp(STRETCH * rng.uniform(-1, 1))) if rng.random() < 0.5 else 1.0
        start = window.start + rng.uniform(-0.5, 0.5) * HOP_S
        start = float(np.clip(start, 1.0, len(pair.ppg) / FS - SECONDS * speed - 0.1))
        at = start + np.arange(LENGTH) * speed / FS
        pulse = disturbed(np.interp(at * FS, np.arange(len(pair.ppg)), pair.ppg), rng)
        # Rounded, not interpolated: a QRS must keep its height.
        ecg = pair.ecg[np.clip(np.rint((at - window.lag) * 2 * FS).astype(int), 0, len(pair.ecg) - 1)]
        beats = chances((pair.beats + window.lag - start) / speed)
        sure = speed == 1.0 and window.agreement >= SURE
        return pulse.astype(np.float32), np.nan_to_num(ecg), beats, window.lag if sure else float("nan")


def look(number: int, pair: Pair, start: float) -> Window:
    """Say what pulse and ECG have to do with each other in the ten seconds from ``start``."""
    end = start + SECONDS
    beats, pulses = (x[(x >= start) & (x < end)] for x in (pair.beats + pair.lag, pair.pulses))
    i, j = matches(beats, pulses, NEAR)
    samples = pair.ecg[int((start - 1) * 2 * FS) : int(end * 2 * FS)]
    whole = (
        np.isfinite(pair.ppg[int(start * FS) : int(end * FS)]).all() and np.isfinite(samples).mean() > 0.98
    )
    if len(i) < 3 or not whole:
        return Window(number, start, float("nan"), 0.0)
    late = float(np.median(pulses[j] - beats[i]))
    return Window(number, start, pair.lag + late, f1(beats + late, pulses))


def chances(beats: NDArray[np.float64]) -> Array:
    """A bump at each beat (s from the window's start), 1 at its top."""
    out = np.zeros(LENGTH)
    for beat in beats[(beats > -0.1) & (beats < SECONDS + 0.1)] * FS:
        near = np.arange(max(int(beat) - 6, 0), min(int(beat) + 8, LENGTH))
        out[near] = np.maximum(out[near], np.exp(-0.5 * ((near - beat) / SPREAD) ** 2))
    return out.astype(np.float32)


def disturbed(pulse: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Do to a pulse what sensors, cuffs and moving hands do to it; half of the time nothing."""
    x = (pulse - pulse.mean()) / max(pulse.std(), 1e-9)
    if rng.random() < 0.5:
        return np.asarray(x)
    if rng.random() < 0.4:
        x = x * dip(rng)
    if rng.random() < 0.5:
        x = x + motion(rng, 10 ** rng.uniform(-0.7, 0.3))
    if rng.random() < 0.3:
        x = x + rng.uniform(0.5, 3) * np.sin(
            2 * np.pi * (rng.uniform(0.05, 0.4) * np.arange(len(x)) / FS + rng.random())
        )
    if rng.random() < 0.3:
        low, high = np.quantile(x, [rng.uniform(0, 0.15), 1 - rng.uniform(0, 0.15)])
        x = np.clip(x, low, high)
    out: NDArray[np.float64] = x + rng.uniform(0, 0.15) * rng.standard_normal(len(x))
    return out


def motion(rng: np.random.Generator, strength: float) -> NDArray[np.float64]:
    """A burst of one to five seconds of noise in the pulse's own band, of this standard deviation."""
    f = np.fft.rfftfreq(LENGTH, 1 / FS)
    colour = f**2 / (f**2 + 0.6**2) / (1 + (f / rng.uniform(1.5, 6)) ** 4)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(LENGTH)) * colour, LENGTH)
    out: NDArray[np.float64] = strength * noise / noise.std() * _burst(rng, rng.uniform(1, 5))
    return out


def dip(rng: np.random.Generator) -> NDArray[np.float64]:
    """Pulses that hardly arrive for up to three seconds."""
    out: NDArray[np.float64] = 1 - rng.uniform(0.6, 1.0) * _burst(rng, rng.uniform(0.5, 3))
    return out


def _burst(rng: np.random.Generator, seconds: float) -> NDArray[np.float64]:
    """A window of this length, with soft edges, somewhere in the ten seconds."""
    centre, t = rng.uniform(0, SECONDS), np.arange(LENGTH) / FS
    out: NDArray[np.float64] = 1 / (1 + np.exp(20 * (np.abs(t - centre) - seconds / 2)))
    return out
