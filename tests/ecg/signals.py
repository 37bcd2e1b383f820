"""Made-up ECG whose R peaks are known to the sample."""

from __future__ import annotations

import numpy as np


def ecg(fs, seconds, bpm=70.0, mv=1.0, noise=0.005, wander=0.1, seed=0, first=0.6):
    """One lead in mV and the R-peak times in seconds (each on a sample)."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * fs)) / fs
    x = rng.normal(0, noise, len(t)) + wander * np.sin(2 * np.pi * 0.2 * t)
    peaks, beat = [], first
    while beat < seconds - 0.4:
        at = round(beat * fs) / fs
        near = t - at
        x += mv * np.exp(-0.5 * (near / 0.012) ** 2) - 0.2 * mv * np.exp(-0.5 * ((near - 0.035) / 0.01) ** 2)
        x += 0.12 * mv * np.exp(-0.5 * ((near + 0.16) / 0.025) ** 2)
        x += 0.25 * mv * np.exp(-0.5 * ((near - 0.28) / 0.05) ** 2)
        peaks.append(at)
        beat += 60 / bpm + rng.normal(0, 0.02)
    return x.astype(np.float32), np.array(peaks)


def cuts(n, sizes):
    """Slices that cut n samples into pieces of the given sizes, over and over."""
    start, i = 0, 0
    while start < n:
        size = max(1, sizes[i % len(sizes)])
        yield slice(start, start + size)
        start, i = start + size, i + 1


QRS = ((-0.022, 0.008, -0.08), (0.0, 0.01, 1.0), (0.025, 0.01, -0.22))
T = (0.28, 0.045, 0.28)
P = (-0.16, 0.02, 0.12)
WIDE = ((-0.03, 0.02, 0.35), (0.0, 0.026, 1.0), (0.045, 0.024, 0.35), (0.24, 0.055, -0.4))


def add(x, fs, times, waves, size=1.0):
    """Add ``waves``, each (centre s, width s, mV), around each of ``times`` to ``x`` in place."""
    t = np.arange(len(x)) / fs
    for time in times:
        for centre, width, height in waves:
            near = np.abs(t - time - centre) < 5 * width
            x[near] += size * height * np.exp(-0.5 * ((t[near] - time - centre) / width) ** 2)


def quiet(fs, seconds, noise=0.006, seed=0):
    """Return a lead without a heart."""
    return np.random.default_rng(seed).normal(0, noise, round(seconds * fs))
