"""How likely each RR interval is one of atrial fibrillation: a small network over the intervals around it.

It looks at the intervals alone, and at the classes of the beats where they are known: 190 intervals back and 62 on.
Numbers and how they came about: ``irregular.json`` beside this file, made by ``python -m export.irregular``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

PARAMETERS = Path(__file__).with_suffix(".json")
LAGS = (1, 2, 3, 4)
"""An interval is compared with so many before it: with two before it because of bigeminy, and so on."""
STEP = 0.03
"""Differences (as a share) below this count in proportion, larger ones less and less."""
USUAL_S, SHORTEST_S, LONGEST_S = 0.8, 0.2, 3.0
CODES = "NSV"
"""The classes of beats that are told from one that is not known."""
INPUTS = len(LAGS) + 2 + len(CODES)
TAPS = (
    (-2, -1, 0, 1, 2),
    (-4, -2, 0, 2, 4),
    (-8, -4, 0, 4, 8),
    (-16, -8, 0, 8, 16),
    (-32, -16, 0, 16, 32),
    (-128, -96, -64, -32, 0),
)
"""For each layer, which places around its own it looks at."""
AHEAD = sum(taps[-1] for taps in TAPS)
"""Intervals behind it that must be there before an interval is judged."""


def features(rr: NDArray[np.floating], codes: NDArray[np.str_], before: int = 0) -> Array:
    """Return what the network sees of each interval ``[n - before, INPUTS]``.

    Parameters
    ----------
    rr : float [n]
        Seconds; NaN where an interval is not known.
    codes : str [n]
        Class of the beat that ends each interval; empty where it is not known.
    before : int
        How many of them, at least the last four before the others, are there for comparison only.
    """
    known = np.isfinite(rr)
    log = np.log(np.clip(np.where(known, rr, USUAL_S), SHORTEST_S, LONGEST_S) / USUAL_S)
    seen = np.zeros((len(rr) - before, INPUTS), np.float32)
    for k, lag in enumerate(LAGS):
        first = max(before, lag)
        both = known[first:] & known[first - lag : len(rr) - lag]
        step = np.where(both, log[first:] - log[first - lag : len(rr) - lag], 0.0)
        seen[first - before :, k] = np.arcsinh(step / STEP) / 3
    seen[:, len(LAGS)] = log[before:]
    seen[:, len(LAGS) + 1] = known[before:]
    for k, code in enumerate(CODES):
        seen[:, len(LAGS) + 2 + k] = codes[before:] == code
    return seen


@cache
def parameters() -> tuple[tuple[tuple[Array, Array], ...], Array, float]:
    """Return weight ``[taps * in, out]`` and bias of each layer, and weight and bias of the last step."""
    told = json.loads(PARAMETERS.read_text())
    layers = tuple(
        (np.array(one["weight"], np.float32), np.array(one["bias"], np.float32)) for one in told["layers"]
    )
    return layers, np.array(told["head"]["weight"], np.float32), float(told["head"]["bias"])


class Irregularity:
    """The network over one stream of intervals, however they come: each layer keeps what it still looks back on."""

    def __init__(self) -> None:
        self._layers, self._head, self._bias = parameters()
        self._kept = []
        still: Array = np.zeros(INPUTS, np.float32)  # what a layer gives while nothing is known
        for taps, (weight, bias) in zip(TAPS, self._layers, strict=True):
            self._kept.append(np.tile(still, (-taps[0], 1)))
            y = np.maximum(np.tile(still, len(taps)) @ weight + bias, 0)
            still = y + still if len(y) == len(still) else y
        self._rr = np.full(max(LAGS), np.nan)
        self._codes = np.full(max(LAGS), "", "U1")
        # Before its first interval a stream was still, and the last of that already looks ahead.
        self._before = 0
        self.feed([np.nan] * AHEAD, [""] * AHEAD)
        self._before = AHEAD

    def feed(self, rr: Sequence[float], codes: Sequence[str]) -> Array:
        """Take the next intervals; return the log odds of those that can be judged now, `AHEAD` behind."""
        self._rr = np.concatenate([self._rr, rr])
        self._codes = np.concatenate([self._codes, np.array(codes, "U1")])
        x = features(self._rr, self._codes, max(LAGS))
        self._rr, self._codes = self._rr[-max(LAGS) :], self._codes[-max(LAGS) :]
        for k, (taps, (weight, bias)) in enumerate(zip(TAPS, self._layers, strict=True)):
            have = np.concatenate([self._kept[k], x])
            ready = len(have) + taps[0] - taps[-1]
            if ready <= 0:
                self._kept[k] = have
                return np.zeros(0, np.float32)
            self._kept[k] = have[ready:]
            parts = [have[tap - taps[0] : tap - taps[0] + ready] for tap in taps]
            y = np.maximum(np.concatenate(parts, axis=1) @ weight + bias, 0)
            x = y + parts[taps.index(0)] if y.shape == parts[0].shape else y
        found: Array = x @ self._head + np.float32(self._bias)
        before = min(self._before, len(found))
        self._before -= before
        return found[before:]
