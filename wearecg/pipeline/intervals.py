"""What can be said from RR intervals alone: beats, rate, and whether the rhythm is regular. No waveform is made up."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from statistics import fmean, median

from wearecg.block import Beat, Event, Finding, Gap, HeartRate, Intervals, StreamInfo, Summary

RESOLUTION_HZ = 1024.0
"""RR intervals are told in 1/1024 s (Bluetooth Heart Rate Service)."""
LATE_S = 2.5
"""Intervals that arrive so much later than they add up to: some were lost. A strap tells them at most 2 s late."""
WINDOW_RR, MIN_RR = 64, 24
"""The rhythm is judged on the last so many intervals, and not on fewer than the second number."""
EVERY_S = 5.0
IRREGULAR = 0.1
"""RMSSD over mean RR from which a rhythm is called irregular: see ``benchmarks/rr_rhythm.py``."""
PLAUSIBLE_S = (0.2, 3.0)
SOURCE = "rr-rhythm@1"


class IntervalStream:
    """Turns `Intervals` into `Beat`, `HeartRate`, `Gap` and `Finding`.

    The intervals carry no time, so beats are placed by adding them up, and held to the host's clock: their sum may
    fall behind it by the sensor's delay, but not by a beat; then some were lost, and there is a gap.
    """

    def __init__(self, source: str, wall_offset: float, stream: str = "rr") -> None:
        self._source, self._wall_offset, self._stream = source, wall_offset, stream
        self.end = 0.0
        self._origin: float | None = None
        """Host time of timeline 0, by the fastest delivery so far."""
        self._rhythm = Rhythm(SOURCE, "RR")
        self._link_lost = False
        self._beats = self._gaps = 0
        self._next_finding = 0.0

    def feed(self, intervals: Intervals, arrival: float) -> list[Event]:
        """Take one measurement, received at ``arrival`` (host monotonic seconds)."""
        rr = intervals.rr
        events: list[Event] = []
        if self._origin is None:
            self._origin = arrival - sum(rr)
            epoch = arrival - sum(rr) + self._wall_offset
            note = "RR intervals only, no waveform"
            events.append(
                StreamInfo(
                    self._stream, self._source, RESOLUTION_HZ, ("RR",), (1 / RESOLUTION_HZ,), epoch, note
                )
            )
        events.append(intervals)
        events += self._place(sum(rr), arrival)
        for interval in rr:
            self.end += interval
            self._beats += 1
            events.append(Beat(self.end, "RR", interval, self._stream))
            self._rhythm.add(interval)
        events.append(self._rate(intervals, arrival - self._origin))
        if self.end >= self._next_finding:
            self._next_finding = self.end + EVERY_S
            events.append(self._rhythm.finding(self.end))
        return events

    def link_lost(self) -> None:
        """Note that the link went down: what was beaten meanwhile is unknown."""
        self._link_lost = True

    def finish(self) -> list[Event]:
        """The account of the stream; ``samples`` are intervals."""
        return [Summary(self._stream, self.end, self._beats, {}, self._gaps, self._beats, 0, 0)]

    def _place(self, length: float, arrival: float) -> list[Event]:
        assert self._origin is not None
        late = arrival - self._origin - (self.end + length)
        if late < 0:  # the fastest delivery yet
            self._origin += late
            return []
        if not length or not (late > LATE_S or self._link_lost):
            return []
        reason = "unplugged" if self._link_lost else "link"
        self._link_lost = False
        gap = Gap(self.end, late, 0, reason, self._stream)
        self.end += late
        self._gaps += 1
        self._rhythm.gap()
        return [gap]

    def _rate(self, intervals: Intervals, time: float) -> HeartRate:
        if intervals.contact is False:
            return HeartRate(time, None, "no skin contact", self._stream)
        if intervals.bpm is None:
            return HeartRate(time, None, "the sensor gives none", self._stream)
        return HeartRate(time, intervals.bpm, "", self._stream)


class Rhythm:
    """Whether the last intervals are regular.

    ``source`` names the rule and ``lead`` what the intervals were seen on, as in a `Finding`.
    """

    def __init__(self, source: str, lead: str) -> None:
        self._source, self._lead = source, lead
        self._rr: deque[float] = deque(maxlen=WINDOW_RR)
        self._since: tuple[str, float] = ("", 0.0)

    def add(self, interval: float) -> None:
        """Take the next interval, s; one that is no beat's length is a break."""
        self._rr.append(interval)
        if not PLAUSIBLE_S[0] <= interval <= PLAUSIBLE_S[1]:
            self._rr.clear()

    def gap(self) -> None:
        """Forget the intervals before a gap."""
        self._rr.clear()

    def finding(self, end: float, trouble: str = "") -> Finding:
        """Judge the intervals, of which the last ended at ``end`` (s); ``trouble`` is why they cannot be, if so."""
        rr = [] if trouble else list(self._rr)
        start = end - sum(rr)
        if len(rr) < MIN_RR:
            code, text, evidence = "NOT_SCORED", "rhythm not judged", {}
            reason = (
                trouble or f"{len(rr)} intervals without a break; the rhythm is judged on {MIN_RR} or more"
            )
        else:
            differences = [b - a for a, b in pairwise(rr)]
            irregularity = fmean([d * d for d in differences]) ** 0.5 / fmean(rr)
            irregular = irregularity >= IRREGULAR
            code = "RR_IRREGULAR" if irregular else "RR_REGULAR"
            text = "irregular pulse" if irregular else "regular pulse"
            evidence = {
                "rr_irregularity": round(irregularity, 3),
                "heart_rate_bpm": round(60 / median(rr), 1),
                "intervals": float(len(rr)),
            }
            reason = ""
        if self._since[0] != code:
            self._since = code, start
        return Finding(
            code,
            text,
            self._since[1],
            start,
            end,
            None,
            self._source,
            evidence=evidence,
            leads=(self._lead,),
            reason=reason,
        )
