"""Places the RR intervals of a sensor without a waveform in time, as beats."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from wearecg.block import RR, Beat, Event, Gap, HeartRate, Quality, RRIntervals, StreamId, StreamInfo, Summary
from wearecg.pipeline.observer import About, Observer
from wearecg.pipeline.watching import Watching

RESOLUTION_HZ = 1024.0
"""RR intervals are sent in units of 1/1024 s (Bluetooth Heart Rate Service)."""
SHORTEST_S, LONGEST_S = 0.2, 10.0
"""Shorter (above 300 a minute) and longer intervals are taken for errors of the sensor."""
LATE_S = 2.5
"""Intervals that arrive later than their sum by more than this: some were lost. A strap sends them within 2 s."""
KEEP_BEATS = 300
"""The last beats that observers may ask for."""


def possible(intervals: RRIntervals) -> tuple[RRIntervals, tuple[float, ...]]:
    """Return a measurement without impossible values (0 s, 64 s, a rate of 1023), and the intervals removed."""
    rr, bpm = intervals.rr, intervals.bpm
    kept = tuple(one for one in rr if SHORTEST_S <= one <= LONGEST_S)
    if bpm is not None and not 60 / LONGEST_S <= bpm <= 60 / SHORTEST_S:
        bpm = None
    refused = tuple(one for one in rr if not SHORTEST_S <= one <= LONGEST_S)
    return replace(intervals, rr=kept, bpm=bpm), refused


class RRStream:
    """Turns `RRIntervals` into `Beat`, `HeartRate` and `Gap`, and feeds these to observers.

    The intervals carry no time, so beats are placed by adding them up and compared with the host's clock: their
    sum may be late by the sensor's delay, but not by a beat; then some were lost, and there is a gap.

    Parameters
    ----------
    source : str
        Name for people.
    wall_offset : float
        Unix time minus host monotonic time.
    stream : StreamId
    observers : sequence of Observer
    epoch : float, optional
        Unix time of timeline 0 where the source knows it itself (a recording).
    """

    def __init__(
        self,
        source: str,
        wall_offset: float,
        stream: StreamId = RR,
        observers: Sequence[Observer] = (),
        epoch: float | None = None,
    ) -> None:
        self._source, self._wall_offset, self._stream = source, wall_offset, stream
        self._epoch = epoch
        self._observers = observers
        self.end = 0.0
        self._origin: float | None = None
        """Host time of timeline 0, from the fastest delivery so far."""
        self._watching: Watching | None = None
        self._recent: deque[Beat] = deque(maxlen=KEEP_BEATS)
        self._lost = ""
        """Why intervals are missing before the next ones, if known."""
        self._beats = self._gaps = 0

    def feed(self, intervals: RRIntervals, arrival: float) -> list[Event]:
        """Take one measurement, received at ``arrival`` (host monotonic seconds)."""
        events: list[Event] = []
        if self._origin is None:
            self._origin = arrival - sum(intervals.rr)
            epoch = self._origin + self._wall_offset if self._epoch is None else self._epoch
            events.append(self._begin(epoch))
        assert self._watching is not None
        self._lost = self._lost or intervals.lost
        found: list[Event] = self._place(sum(intervals.rr), arrival)
        start = self.end
        for interval in intervals.rr:
            self.end += interval
            self._beats += 1
            beat = Beat(self.end, "RR", interval, self._stream)
            self._recent.append(beat)
            found.append(beat)
        found.append(self._rate(intervals, arrival - self._origin))
        return [*events, replace(intervals, start=start, end=self.end), *found, *self._watching.hear(found)]

    def link_lost(self) -> None:
        """Note that the link went down: the beats until it is back are unknown."""
        self._lost = "unplugged"

    def finish(self) -> list[Event]:
        """Return the last events and the summary of the stream; its ``samples`` are intervals."""
        said = self._watching.flush() if self._watching else []
        return [*said, Summary(self._stream, self.end, self._beats, {}, self._gaps, self._beats, 0, 0)]

    def _begin(self, epoch: float) -> StreamInfo:
        note = "RR intervals only, no waveform"
        info = StreamInfo(
            self._stream, self._source, RESOLUTION_HZ, ("RR",), (1 / RESOLUTION_HZ,), epoch, note
        )
        about = About(info, self._beats_between, lambda start, end: Quality(start, end, (), self._stream))
        self._watching = Watching(self._observers, about, None)
        return info

    def _beats_between(self, start: float, end: float) -> tuple[Beat, ...]:
        return tuple(beat for beat in self._recent if start <= beat.time < end)

    def _place(self, length: float, arrival: float) -> list[Event]:
        assert self._origin is not None
        late = arrival - self._origin - (self.end + length)
        if late < 0:  # the fastest delivery yet
            self._origin += late
            return []
        if not length or not (late > LATE_S or self._lost):
            return []
        reason, self._lost = self._lost or "link", ""
        gap = Gap(self.end, late, 0, reason, self._stream)
        self.end += late
        self._gaps += 1
        return [gap]

    def _rate(self, intervals: RRIntervals, time: float) -> HeartRate:
        if intervals.contact is False:
            return HeartRate(time, None, "no skin contact", self._stream)
        if intervals.bpm is None:
            return HeartRate(time, None, "the sensor gives none", self._stream)
        return HeartRate(time, intervals.bpm, "", self._stream)
