"""The sensor's clock against the host's, from nothing but when things arrived; and its samples against its clock."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from wearecg.block import ClockFit

BIN_S = 5.0
HORIZON_S = 600.0
MIN_FIT_S = 20.0
MAX_PPM = 30_000.0
"""What no sensor's oscillator is off by: beyond it the rate is not what is stated."""
PACE_BIN_S, PACE_HORIZON_S, PACE_FIT_S, PACE_SURE_S = 1.0, 60.0, 2.0, 10.0
PACE_JITTER_S, PACE_STEADY_S = 0.5, 0.1
"""Seconds by which the fastest delivery of one second may be later than that of another, and nothing is wrong: as long
as little is known of the link, and on a link of which `PACE_KNOWN` seconds were steady."""
PACE_KNOWN = 6
PACE_BREAKS = 3
"""So many losses in a row, with not even `PACE_FIT_S` between them, are none."""
PACE_DOUBT = MAX_PPM * 1e-6 + 0.01
"""A drift of more than this is not believed, nor that there is none, until its link is known."""
WAITED_S = 0.2
"""What comes so soon after the first delivery had been waiting with it, and tells nothing."""
PERIODS = 5
"""Blocks of which most must follow each other in the same way for that to be the usual one."""
RATE_MARK_S, RATE_MIN_S, RATE_MARKS = 1.0, 2.0, 61
"""Marks that a sampling rate is measured on: their distance, the least span, and how many are kept (a minute)."""


class MinimumDelayClock:
    """Fits ``host = offset + rate * sensor`` through the fastest deliveries.

    A delivery can be late by any amount but never early, so the truth lies on the lower edge of the
    cloud (sensor time, arrival - sensor time). Of all lines below the cloud the fit is the one that
    lies closest to it in sum: the edge of the lower convex hull under the mean sensor time (Moon,
    Skelly and Towsley, INFOCOM 1999). Only the earliest delivery of every five seconds of the last ten minutes
    is kept, so memory and time do not grow.

    ``slope`` is what is known of the rate from before (of the same sensor, started anew). ``bin_s``, ``horizon_s`` and
    ``fit_s`` are how far apart the deliveries are that are kept, for how long, and over how many seconds is fitted.
    """

    def __init__(
        self,
        slope: float = 0.0,
        bin_s: float = BIN_S,
        horizon_s: float = HORIZON_S,
        fit_s: float = MIN_FIT_S,
    ) -> None:
        self._bin_s, self._horizon_s, self._fit_s = bin_s, horizon_s, fit_s
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
    def drift(self) -> float:
        """The same as `slope`, whatever it is."""
        return self._slope

    @property
    def span(self) -> float:
        """Seconds of the sensor over which it was fitted."""
        return self._bins[-1][0] - self._bins[0][0] if self._bins else 0.0

    @property
    def scatter(self) -> tuple[int, float]:
        """How many deliveries it was fitted to, and how far they lie above the line on average, in seconds."""
        above = self._above()
        return len(above), sum(above) / len(above) if above else 0.0

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
        index = int(sensor // self._bin_s)
        if index != self._bin:
            self._bin = index
            self._bins.append((sensor, delay))
            while self._bins[0][0] < sensor - self._horizon_s:
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
        above = sorted(self._above())
        # The truth lies on the lower edge: where only a tenth of the points come closer, it is not far.
        error = above[min(len(above) // 10 + 2, len(above) - 1)]  # two of them are on it
        if not self.fitted:  # at the limit it is no clock error
            return ClockFit(time, None, error, self._last_delay)
        # The sensor runs fast (positive ppm) when arrival minus sensor time shrinks.
        return ClockFit(time, -self._slope * 1e6, error, self._last_delay, 4e6 * error / self.span)

    def _above(self) -> list[float]:
        """Return how far each delivery lies above the line, s."""
        if self._anchor is None:
            return [delay for _, delay in self._bins]
        (first, least), slope = self._anchor, self._slope
        return [delay - (least + slope * (sensor - first)) for sensor, delay in self._bins]

    def _at(self, sensor: float) -> float:
        if self._anchor is None:
            return 0.0
        return self._anchor[1] + self._slope * (sensor - self._anchor[0])

    def _fit(self) -> None:
        if self.span < self._fit_s:
            self._anchor = min(self._bins, key=lambda p: p[1])
            return
        hull: list[tuple[float, float]] = []
        for point in self._bins:
            x, y = point
            while len(hull) > 1:
                (ax, ay), (bx, by) = hull[-2:]
                if (bx - ax) * (y - ay) > (by - ay) * (x - ax):
                    break
                hull.pop()  # not below the line from the one before it to this one
            hull.append(point)
        mean = sum([sensor for sensor, _ in self._bins]) / len(self._bins)
        left, right = next((a, b) for a, b in pairwise(hull) if b[0] >= mean)
        self._fitted = True
        self._slope = (right[1] - left[1]) / (right[0] - left[0])
        self._anchor = left


class Pace:
    """Whether samples come as fast as their times say: a coarse judgement from the first seconds on.

    `drift` is host seconds beyond one that pass in a second of the samples, 0 unless that is more than any clock
    is off by; `doubtful` is whether it may be.
    """

    def __init__(self) -> None:
        self.drift = 0.0
        self.doubtful = False
        self.restart()

    def restart(self) -> None:
        """Times begin anew; what was judged holds until there is more to judge by."""
        self._clock = MinimumDelayClock(0.0, PACE_BIN_S, PACE_HORIZON_S, PACE_FIT_S)
        self._began: float | None = None
        self._whole: tuple[float, float] | None = None
        self._breaks = 0

    def broken(self) -> None:
        """Something is missing, by nothing but how late the rest came."""
        whole, breaks = self._whole, self._breaks + 1
        judged = self._clock.span >= PACE_FIT_S
        self.restart()
        if not judged:
            self._whole, self._breaks = whole, breaks

    def observe(self, time: float, arrival: float) -> None:
        """Learn that samples up to ``time``, by their own clock or their number, arrived at ``arrival``."""
        clock = self._clock
        if self._began is None:
            self._began = arrival
        if self._whole is None:
            self._whole = time, arrival
        if self._breaks >= PACE_BREAKS:
            # What is late all the time is not lost: it comes at another rate.
            self.drift = (arrival - self._whole[1]) / max(time - self._whole[0], 1e-3) - 1.0
        if arrival - self._began < WAITED_S:
            return
        clock.observe(time, arrival)
        drift, span = clock.drift, clock.span
        # What comes ten times too fast comes from a file.
        if span < PACE_FIT_S or drift < -0.9:
            return
        self.doubtful = abs(drift) > PACE_DOUBT
        known, above = clock.scatter
        jitter = max(PACE_STEADY_S, 3 * above) if known > PACE_KNOWN else PACE_JITTER_S
        if abs(drift) > MAX_PPM * 1e-6 + jitter / span:
            self.drift = drift
        elif span >= PACE_SURE_S:
            self.drift = 0.0


class SensorRate:
    """Measures how many samples the sensor takes in a second of its own clock, over the last minute without losses.

    What is missing was counted by this rate; to measure on it would confirm any rate.
    """

    def __init__(self) -> None:
        self._periods: deque[float] = deque(maxlen=PERIODS)
        self.measured: float | None = None
        """Samples per second; None in the first two seconds."""
        self._last: tuple[float, int] | None = None
        self._time, self._samples = 0.0, 0
        self._marks: deque[tuple[float, int]] = deque([(0.0, 0)], maxlen=RATE_MARKS)

    def observe(self, time: float, samples: int, broken: bool) -> None:
        """Learn that so many were taken from ``time`` (the sensor's clock) on; ``broken``: some are missing before."""
        if self._last is not None:
            self._periods.append((time - self._last[0]) / self._last[1])
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

    def is_usual(self, time: float, tolerance: float) -> bool:
        """Whether samples from ``time`` on follow the last ones as others did: a hole that is everywhere is none."""
        if self._last is None or len(self._periods) < PERIODS:
            return False
        usual = sorted(self._periods)[PERIODS // 2]
        return abs(time - self._last[0] - usual * self._last[1]) <= tolerance

    def restart(self) -> None:
        """The sensor's clock was set."""
        self._last = None
        self._periods.clear()
