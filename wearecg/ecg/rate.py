"""Heart rate from beats: a number, or the reason why there is none. Never 0."""

from __future__ import annotations

from collections import deque

from wearecg.block import Beat, HeartRate

PAUSE_S = 3.0
"""Without a beat for longer, the last rate no longer holds."""
LONGEST_S = 4.0
"""A longer interval is a pause: the rate begins anew behind it."""
BEATS = 8
"""RR intervals in the median."""
SURE, UNEVEN = 6, 1.3
"""Fewer intervals make no rate when the longest is so many times the shortest."""
FEWEST = 3
HORIZON_S = 10.0


class HeartRateMeter:
    """Median of the last RR intervals, over at most 8 beats and 10 seconds.

    Feed `beat` in order of time and ask `at` whenever a figure is wanted.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._times: deque[float] = deque(maxlen=BEATS)
        self._rr: deque[float] = deque(maxlen=BEATS)
        self._last: float | None = None
        self._since = start

    def beat(self, beat: Beat) -> None:
        """Take a beat."""
        self._last = beat.time
        if beat.rr is not None and beat.rr > LONGEST_S:
            self._times.clear()
            self._rr.clear()
        elif beat.rr is not None:
            self._times.append(beat.time)
            self._rr.append(beat.rr)

    def gap(self, end: float) -> None:
        """Forget the beats before a gap that ends at ``end``."""
        self._since = end
        self._last = None
        self._times.clear()
        self._rr.clear()

    def at(self, time: float, trouble: str = "") -> HeartRate:
        """Return the rate at ``time``; ``trouble`` is why the signal cannot be trusted, if it cannot."""
        if trouble:
            return HeartRate(time, None, trouble)
        quiet = time - (self._since if self._last is None else self._last)
        if quiet > PAUSE_S:
            return HeartRate(time, None, f"no beats for {quiet:.1f} s")
        while self._times and self._times[0] < time - HORIZON_S:
            self._times.popleft()
            self._rr.popleft()
        intervals = sorted(self._rr)
        if len(intervals) < FEWEST or (len(intervals) < SURE and intervals[-1] > UNEVEN * intervals[0]):
            return HeartRate(time, None, "learning")
        middle = len(intervals) // 2
        median = (intervals[middle] + intervals[~middle]) / 2
        return HeartRate(time, 60.0 / median)
