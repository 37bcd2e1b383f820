"""The lag from the R peak to the pulse, measured with a simultaneous ECG."""

from __future__ import annotations

from collections import deque

import numpy as np

RANGE_S = (0.1, 0.9)
"""A pulse belongs to the latest R peak that precedes it by a time in this range."""
PULSES, MIN_PULSES = 15, 8
"""The lag is the median over the last ``PULSES``, and at least ``MIN_PULSES``."""
STEADY_S = 0.03
"""It is known when the interquartile range of the delays is at most this; a change by more is reported."""


class LagMeter:
    """Running median of the delay from R peak to pulse; feed `beat` and `pulse` in order of time, beats first.

    If the pulse comes after the next R peak, the delay is too short by an RR interval: two regular series do not show
    that.
    """

    def __init__(self) -> None:
        self._beats: deque[float] = deque(maxlen=1000)
        self._delays: deque[float] = deque(maxlen=PULSES)
        self._reported: float | None = None

    def beat(self, time: float) -> None:
        """Take the time of an R peak, s."""
        self._beats.append(time)

    def pulse(self, time: float) -> None:
        """Take the time of a pulse, s."""
        shortest, longest = RANGE_S
        while self._beats and self._beats[0] < time - longest:
            self._beats.popleft()
        before = [time - beat for beat in self._beats if time - beat >= shortest]
        if before:
            self._delays.append(before[-1])

    @property
    def lag(self) -> float | None:
        """Seconds from the R peak to the pulse; None while too few were seen, or they vary."""
        if len(self._delays) < MIN_PULSES:
            return None
        low, middle, high = np.percentile(self._delays, [25, 50, 75])
        return float(middle) if high - low <= STEADY_S else None

    def changed(self) -> float | None:
        """Return the lag if it has become known, or has changed since it was last returned here."""
        lag = self.lag
        if lag is None or (self._reported is not None and abs(lag - self._reported) <= STEADY_S):
            return None
        self._reported = lag
        return lag
