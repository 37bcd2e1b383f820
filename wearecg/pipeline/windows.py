"""Cutting a stream into overlapping windows on a fixed grid."""

from __future__ import annotations

from math import isnan

import numpy as np

from wearecg.block import Samples


class Windower:
    """Windows of ``length`` samples that start every ``hop`` samples, NaN where nothing was received.

    Windows without any sample are not made.
    """

    def __init__(self, length: int, hop: int, leads: int) -> None:
        self._length, self._hop = length, hop
        self._buffer: Samples = np.empty((0, leads), np.float32)
        self._start = 0

    def feed(self, index: int, samples: Samples) -> list[tuple[int, Samples]]:
        """Take ``samples`` [n, leads], the first with number ``index``; return (first number, window) pairs."""
        windows: list[tuple[int, Samples]] = []
        missing = index - self._start - len(self._buffer)
        if missing:
            fill = np.full((min(missing, self._length), samples.shape[1]), np.nan, np.float32)
            windows += self._cut(fill)
            if missing > self._length:
                # The first window that reaches back over the gap's end.
                self._start = max(self._start, (index - self._length) // self._hop * self._hop + self._hop)
                self._buffer = np.full((index - self._start, samples.shape[1]), np.nan, np.float32)
        return windows + self._cut(samples)

    def _cut(self, samples: Samples) -> list[tuple[int, Samples]]:
        self._buffer = np.concatenate([self._buffer, samples])
        windows = []
        while len(self._buffer) >= self._length:
            window = self._buffer[: self._length].copy()
            if not (isnan(window[-1, 0]) and np.isnan(window).all()):
                windows.append((self._start, window))
            self._buffer = self._buffer[self._hop :]
            self._start += self._hop
        return windows
