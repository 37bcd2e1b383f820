"""A recording of RR intervals as the strap that told them."""

from __future__ import annotations

import math
import time

from wearecg.block import LinkState, RRIntervals
from wearecg.formats import Recording
from wearecg.transports.base import Item, Source

TURN_S = 60.0
"""So much of the recording is handed over at once, where nobody waits for it."""


class RRReplaySource(Source):
    """Play the intervals of a recording at ``speed`` times real time, ``math.inf`` for as fast as they are read.

    Parameters
    ----------
    recording : Recording
        With ``intervals``.
    speed : float
    """

    def __init__(self, recording: Recording, speed: float = 1.0) -> None:
        assert recording.intervals is not None
        self._series = recording.intervals
        self._speed = speed
        self.realtime = not math.isinf(speed)
        pace = f"at {speed:g}x" if self.realtime else "as fast as it is read"
        self.name = f"{recording.name} {pace}"
        self.rate_note = "given by the recording"
        self.epoch = recording.epoch
        self._began = 0.0
        self._next = 0
        self._announced = False

    def open(self) -> None:
        """Start the schedule: the recording begins now."""
        self._began = time.monotonic()

    def read(self, timeout: float) -> list[Item] | None:
        """Return what is due, waiting at most ``timeout`` seconds for it; None after the last beat."""
        if not self._announced:
            self._announced = True
            return [LinkState("live", f"{self.name} is playing", self._began)]
        times = self._series.times
        if self._next == len(times):
            return None
        if self.realtime:
            time.sleep(timeout)
            until = (time.monotonic() - self._began) * self._speed
        else:
            until = float(times[self._next]) + TURN_S
        items: list[Item] = []
        while self._next < len(times) and times[self._next] <= until:
            items.append(self._measurement(self._next))
            self._next += 1
        return items

    def close(self) -> None:
        """Nothing is open."""

    def _measurement(self, number: int) -> Item:
        rr, beat = float(self._series.rr[number]), float(self._series.times[number])
        known = math.isfinite(rr)
        told = RRIntervals(
            (rr,) if known else (), 60 / rr if known else None, lost="" if known else "recording"
        )
        return told, self._began + beat / (self._speed if self.realtime else 1.0)
