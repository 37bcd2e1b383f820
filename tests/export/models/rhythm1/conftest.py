"""A small made-up set of clear rhythms."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.datasets import cinc2017
from export.datasets.cache import MISSING, microvolts


def rhythm(label: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Spikes at an even pace, at an uneven one, at twice the pace, or noise."""
    gaps = {0: 80 + rng.integers(-2, 3, 200), 1: rng.integers(40, 130, 200), 2: np.full(200, 40)}
    x = rng.normal(scale=0.02 if label < 3 else 0.4, size=samples)
    if label < 3:
        at = np.cumsum(gaps[label])
        x[at[at < samples]] += 1.0
        x = np.convolve(x, [0.3, 1.0, 0.3], "same")
    return x


@pytest.fixture(scope="session")
def data():
    rng = np.random.default_rng(4)
    label = np.arange(160) % 4
    length = rng.integers(920, 1800, len(label))
    signals = np.full((len(label), 1, cinc2017.LENGTH), MISSING, np.int16)
    for row, (k, n) in enumerate(zip(label, length, strict=True)):
        signals[row, 0, :n] = microvolts(rhythm(int(k), int(n), rng))
    return cinc2017.Cinc2017(signals, length, label, fold=np.arange(len(label)) // 4 % 10 + 1)
