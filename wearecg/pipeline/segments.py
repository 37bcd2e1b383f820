"""Cutting a stream around each beat."""

from __future__ import annotations

from collections import deque

import numpy as np

from wearecg.block import Samples

LATE_S = 5.0
"""A beat is told at most so long after its R peak."""


class Segmenter:
    """Segments from ``before`` samples before each R peak to ``after`` behind it, NaN where nothing was received."""

    def __init__(self, fs: float, before: int, after: int, leads: int) -> None:
        self._fs, self._before, self._after = fs, before, after
        self._kept = before + after + round(LATE_S * fs)
        self._buffer: Samples = np.empty((0, leads), np.float32)
        self._start = 0
        self._peaks: deque[int] = deque()

    def beat(self, time: float) -> None:
        """Take the next R peak, timeline seconds; its segment comes with the samples that complete it."""
        self._peaks.append(round(time * self._fs))

    def feed(self, index: int, samples: Samples) -> list[tuple[int, Samples]]:
        """Take ``samples`` [n, leads], the first with number ``index``; return (first number, segment) pairs."""
        missing = index - self._start - len(self._buffer)
        if missing > self._kept:
            self._buffer, self._start, missing = self._buffer[:0], index - self._kept, self._kept
        fill = np.full((missing, samples.shape[1]), np.nan, np.float32)
        self._buffer = np.concatenate([self._buffer, fill, samples])
        end = self._start + len(self._buffer)
        segments = []
        while self._peaks and self._peaks[0] + self._after <= end:
            segments.append(self._cut(self._peaks.popleft()))
        surplus = len(self._buffer) - self._kept
        if surplus > 0:
            self._buffer, self._start = self._buffer[surplus:], self._start + surplus
        return segments

    def _cut(self, peak: int) -> tuple[int, Samples]:
        first = peak - self._before
        segment = np.full((self._before + self._after, self._buffer.shape[1]), np.nan, np.float32)
        held = self._buffer[max(first - self._start, 0) : peak + self._after - self._start]
        if len(held):
            segment[len(segment) - len(held) :] = held
        return first, segment
