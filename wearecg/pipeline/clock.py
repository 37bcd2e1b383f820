"""The sensor's clock against the host's, from nothing but when things arrived; and its samples against its clock."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from wearecg.block import ClockFit

BIN_S = 5.0
HORIZON_S = 600.0
MIN_FIT_S = 20.0
MAX_PPM = 30_000.0
RATE_MARK_S, RATE_MIN_S, RATE_MARKS = 1.0, 2.0, 61
"""Marks that a sampling rate is measured on: their distance, the least span, and how many are kept (a minute)."""


class MinimumDelayClock:
    """Fits ``host = offset + rate * sensor`` through the fastest deliveries.

    A delivery can be late by any amount but never early, so the truth lies on the lower edge of the
    cloud (sensor time, arrival - sensor time). Of all lines below the cloud the fit is the one that
    lies closest to it in sum: the edge of the lower convex hull under the mean sensor time (Moon,
    Skelly and Towsley, INFOCOM 1999). Only the earliest delivery of every five seconds of the last ten minutes
    is kept, so memory and time do not grow.

    ``slope`` is what is known of the rate from before (of the same sensor, started anew).
    """

    def __init__(self, slope: float = 0.0) -> None:
        self._bins: deque[tuple[float, float]] = deque()
        self._bin = -1
        self._slope = slope
        self._fitted = False
        self._anchor: tuple[float, float] | None = None
        self._last_delay = 0.0

    @property
    def known(self) -> bool:
        """Whether anything has been observed yet."""
        return self._anchor is not None

    @property
    def slope(self) -> float:
        """Host seconds beyond one that pass in a second of the sensor; 0 where it is not known, or at its limit."""
        return 0.0 if abs(self._slope) >= MAX_PPM * 1e-6 else self._slope

    @property
    def fitted(self) -> bool:
        """Whether the rate has been fitted, and is one that a sensor may have."""
        return self._fitted and abs(self._slope) < MAX_PPM * 1e-6

    def observe(self, sensor: float, arrival: float) -> None:
        """Learn that what the sensor finished at ``sensor`` seconds arrived at ``arrival`` (host monotonic seconds)."""
        delay = arrival - sensor
        index = int(sensor // BIN_S)
        if index != self._bin:
            self._bin = index
            self._bins.append((sensor, delay))
            while self._bins[0][0] < sensor - HORIZON_S:
                self._bins.popleft()
            self._fit()
        elif delay < self._bins[-1][1]:
            self._bins[-1] = (sensor, delay)
        if self._anchor is None or delay < self._at(sensor):
            self._anchor = (sensor, delay)
        self._last_delay = delay - self._at(sensor)

    def to_host(self, sensor: float) -> float:
        """Host monotonic seconds at which the fastest delivery of sensor time ``sensor`` would arrive."""
        return sensor + self._at(sensor)

    def fit(self, time: float) -> ClockFit:
        """Report the fit for timeline second ``time``; ``ppm`` and ``error`` are None in the first seconds."""
        if not self._fitted:
            return ClockFit(time, None, None, self._last_delay)
        above = sorted(delay - self._at(sensor) for sensor, delay in self._bins)
        # The truth lies on the lower edge: where only a tenth of the points come closer, it is not far.
        error = above[min(len(above) // 10 + 2, len(above) - 1)]  # two of them are on it
        if not self.fitted:  # at the limit it is no clock error
            return ClockFit(time, None, error, self._last_delay)
        span = self._bins[-1][0] - self._bins[0][0]
        # The sensor runs fast (positive ppm) when arrival minus sensor time shrinks.
        return ClockFit(time, -self._slope * 1e6, error, self._last_delay, 4e6 * error / span)

    def _at(self, sensor: float) -> float:
        if self._anchor is None:
            return 0.0
        return self._anchor[1] + self._slope * (sensor - self._anchor[0])

    def _fit(self) -> None:
        hull: list[tuple[float, float]] = []
        for point in self._bins:
            while len(hull) > 1 and _turns_right(hull[-2], hull[-1], point):
                hull.pop()
            hull.append(point)
        if self._bins[-1][0] - self._bins[0][0] < MIN_FIT_S:
            self._anchor = min(self._bins, key=lambda p: p[1])
            return
        mean = sum(sensor for sensor, _ in self._bins) / len(self._bins)
        left, right = next((a, b) for a, b in pairwise(hull) if b[0] >= mean)
        slope = (right[1] - left[1]) / (right[0] - left[0])
        self._fitted = True
        self._slope = min(max(slope, -MAX_PPM * 1e-6), MAX_PPM * 1e-6)
        self._anchor = left


def _turns_right(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0])


class SensorRate:
    """Measures how many samples the sensor takes in a second of its own clock, over the last minute without losses.

    What is missing was counted by this rate; to measure on it would confirm any rate.
    """

    def __init__(self) -> None:
        self.measured: float | None = None
        """Samples per second; None in the first two seconds."""
        self._last: tuple[float, int] | None = None
        self._time, self._samples = 0.0, 0
        self._marks: deque[tuple[float, int]] = deque([(0.0, 0)], maxlen=RATE_MARKS)

    def observe(self, time: float, samples: int, broken: bool) -> None:
        """Learn that so many were taken from ``time`` (the sensor's clock) on; ``broken``: some are missing before."""
        if self._last is not None and not broken:
            self._time += time - self._last[0]
            self._samples += self._last[1]
        self._last = time, samples
        first_time, first = self._marks[0]
        if self._time - self._marks[-1][0] < RATE_MARK_S:
            return
        self._marks.append((self._time, self._samples))
        if self._time - first_time >= RATE_MIN_S:
            # To 1 ppm: the rest would be noise of the time stamps.
            self.measured = round((self._samples - first) / (self._time - first_time), 4)

    def restart(self) -> None:
        """The sensor's clock was set."""
        self._last = None
