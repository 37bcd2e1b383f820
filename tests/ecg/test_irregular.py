"""The network over intervals: the same however they come, and what it says of rhythms that anyone can tell."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wearecg.ecg.irregular import AHEAD, Irregularity


def odds(rr: np.ndarray, cuts: list[int], codes: str = "") -> np.ndarray:
    net, found = Irregularity(), []
    told = list(codes) or [""] * len(rr)
    edges = sorted({0, len(rr), *(cut for cut in cuts if cut < len(rr))})
    for a, b in pairwise(edges):
        found.append(net.feed(rr[a:b].tolist(), told[a:b]))
    found.append(net.feed([np.nan] * AHEAD, [""] * AHEAD))
    return np.concatenate(found)


def fibrillating(beats: int, rng: np.random.Generator) -> np.ndarray:
    return np.clip(rng.gamma(12, 0.7 / 12, beats), 0.35, 1.6)


def breathing(beats: int, rng: np.random.Generator) -> np.ndarray:
    return 0.8 + 0.05 * np.sin(np.arange(beats) * 1.3) + 0.01 * rng.normal(size=beats)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, 399), max_size=40))
def test_it_says_the_same_however_intervals_come(cuts):
    rng = np.random.default_rng(1)
    rr = np.concatenate([breathing(200, rng), fibrillating(200, rng)])
    rr[120] = np.nan
    whole = odds(rr, [])
    assert len(whole) == len(rr)
    np.testing.assert_allclose(odds(rr, cuts), whole, atol=1e-4)


def test_it_looks_no_further_ahead_than_it_says():
    rng = np.random.default_rng(2)
    rr = breathing(300, rng)
    other = rr.copy()
    other[200:] = fibrillating(100, rng)
    changed = np.flatnonzero(np.abs(odds(rr, []) - odds(other, [])) > 1e-4)
    assert changed[0] >= 200 - AHEAD
    assert changed[0] < 200


@pytest.mark.parametrize("seed", range(3))
def test_it_tells_fibrillation_from_breathing_and_from_bigeminy(seed):
    rng = np.random.default_rng(seed)
    middle = slice(80, 220)
    assert (odds(fibrillating(300, rng), [])[middle] > 0).mean() > 0.95
    assert (odds(breathing(300, rng), [])[middle] < 0).mean() > 0.95
    bigeminy = np.tile([0.55, 1.05], 150) + 0.01 * rng.normal(size=300)
    assert (odds(bigeminy, [])[middle] < 0).mean() > 0.95
