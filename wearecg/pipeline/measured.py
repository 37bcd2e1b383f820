"""One stream with samples: its timeline, front end and resamplers, and the observers that look at it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from wearecg.block import (
    ECG,
    Beat,
    Event,
    Gap,
    HeartRate,
    Notice,
    Quality,
    Samples,
    SignalBlock,
    Statement,
    StreamInfo,
    Summary,
    Trace,
)
from wearecg.ecg.size import Size
from wearecg.pipeline.frontend import FrontEnd, FrontEvent
from wearecg.pipeline.observer import About, Observer, Windows
from wearecg.pipeline.recent import Recent
from wearecg.pipeline.resample import Resampler
from wearecg.pipeline.timeline import LEARNING, Timeline
from wearecg.pipeline.watching import Later, Watching
from wearecg.statement import not_scored

CLOCK_REPORT_S = 2.0
LONG_GAP_S = 2.0
"""Behind a gap longer than this the resampler starts over; shorter ones pass through it as NaN."""
PIECE_S = 1.0
"""Longer blocks are taken piece by piece: observers hear each other at most so much late, however the stream comes."""
KEEP_BEATS_S = 60.0
"""Observers may ask for beats that are at most so much older than the newest."""


class MeasuredStream:
    """Runs every stage over one stream, from its first block on; `Engine` tells what comes next."""

    def __init__(
        self,
        block: SignalBlock,
        info: StreamInfo,
        observers: Sequence[Observer],
        trace: bool,
        later: Later | None,
        realtime: bool,
        sizes: Mapping[str, Size],
    ) -> None:
        self.info = info
        self._sizes = [sizes.get(lead, Size(0.0, 1.0)) for lead in info.leads] if info.uncalibrated else []
        self.timeline = Timeline(block.stream, realtime)
        self._front = FrontEnd(block.fs, block.leads, trace)
        self._beats: deque[Beat] = deque()
        self._recent = Recent(info.fs, len(info.leads))
        about = About(info, self._beats_between, self._quality_between, self._samples_between, trace)
        self.watching = Watching(observers, about, later)
        self._resamplers = {fs: Resampler(block.fs, fs, len(block.leads)) for fs in self.watching.rates}
        self._origin = block.start
        """What the sensor's clock showed at timeline 0; NaN without a clock."""
        self._samples = self._gaps = self._beat_count = 0
        self._lost: dict[str, int] = {}
        self._next_clock_report = CLOCK_REPORT_S
        self._settled = False
        self.end = 0.0

    def begin(self) -> list[Event]:
        """Return what the stream is, and what is said to that."""
        return [self.info, *self.watching.hear([self.info])]

    def takes(self, block: SignalBlock) -> bool:
        """Whether the block has the rate and the leads of this stream."""
        return (block.fs, block.leads) == (self.info.fs, self.info.leads)

    def feed(self, block: SignalBlock, arrival: float) -> list[Event]:
        """Take the next block, received at ``arrival`` (host monotonic seconds)."""
        events = self._follow(self.timeline.feed(block, arrival))
        if self.end >= self._next_clock_report:
            self._next_clock_report = self.end + CLOCK_REPORT_S
            events.append(self.timeline.fit(self.end))
        return events

    def hear(self, other: MeasuredStream, events: Sequence[Event]) -> list[Event]:
        """Take the beats of another stream of this sensor, where both are on its clock."""
        apart = other._origin - self._origin
        same = other.info.stream.sensor == self.info.stream.sensor
        if other is self or not same or not isfinite(apart):
            return []
        return self.watching.hear_sibling(events, apart)

    def settle(self) -> list[Event]:
        """Return what is still inside, when nothing more comes; observers may yet have more to say."""
        self._settled = True
        events = self._follow(self.timeline.flush())
        events += self._found(self._front.flush())
        for fs, resampler in self._resamplers.items():
            events += self.watching.take_resampled(fs, resampler.next, resampler.flush())
        return events

    def finish(self) -> list[Event]:
        """Return everything still inside, and the account of the stream."""
        events = [] if self._settled else self.settle()
        events += self.watching.flush()
        for observer, windows in self.watching.given.items():
            if not windows and scores(observer):
                events.append(self._too_short(observer))
        made = [event for event in events if isinstance(event, Summary)]
        clock = self.timeline.fit(self.end)
        lost = dict(self._lost)
        summary = Summary(
            self.info.stream, self.end, self._samples, lost, self._gaps, self._beat_count, 0, 0, clock
        )
        return [*(event for event in events if not isinstance(event, Summary)), summary, *made]

    def _too_short(self, observer: Observer) -> Statement:
        seconds = max(want.seconds for want in observer.wants if isinstance(want, Windows))
        reason = f"{self.end:.1f} s of signal; {observer.source} scores windows of {seconds:g} s"
        return not_scored(observer.source, self.info, 0.0, self.end, "short", reason)

    def _follow(self, placed: list[SignalBlock | Gap | Notice]) -> list[Event]:
        events: list[Event] = []
        for item in placed:
            if isinstance(item, SignalBlock):
                for block in _pieces(item) if self.watching.converses else (item,):
                    events += [block, *self._measure(block)]
                continue
            events.append(item)
            if isinstance(item, Gap):
                self._gaps += 1
                self._lost[item.reason] = self._lost.get(item.reason, 0) + item.samples
                events += self.watching.hear([item])
        return events

    def _measure(self, block: SignalBlock) -> list[Event]:
        self._samples += len(block)
        self.end = block.end
        if self._sizes:
            # What looks at samples expects them in mV; what is recorded stays as it came.
            middle, usual = np.array(self._sizes).T
            block = replace(block, samples=((block.samples - middle) / usual).astype(np.float32))
        front, info = self._front, self.info
        found = front.feed(block)
        if self.watching.asked:
            self._recent.add(round(block.start * info.fs), front.clean)
        events = self._found(found)
        if len(front.trace):
            events.append(Trace(front.trace, info.fs, info.leads, front.trace_start, info.stream))
        events += self.watching.take(block)
        for fs, resampler in self._resamplers.items():
            take = self.watching.take_resampled
            if block.lost > LONG_GAP_S * info.fs:
                events += take(fs, resampler.next, resampler.flush())
                resampler.seek(round(block.start * info.fs))
            elif block.lost:
                missing: Samples = np.full((block.lost, len(info.leads)), np.nan, np.float32)
                events += take(fs, resampler.next, resampler.feed(missing))
            events += take(fs, resampler.next, resampler.feed(front.clean))
        return events

    def _found(self, events: Sequence[FrontEvent]) -> list[Event]:
        """Put what the front end found on this stream and in true seconds, and let the observers hear of it."""
        stretch, stream = self.timeline.stretch, self.info.stream
        found: list[Event] = []
        for event in events:
            if not isinstance(event, Quality) and (trouble := self.timeline.trouble_at(event.time)):
                event = _withheld(event, trouble)
            elif stretch != 1.0:
                event = _in_true_seconds(event, stretch)
            if stream != ECG:
                event = replace(event, stream=stream)
            if isinstance(event, Beat):
                self._beat_count += 1
                self._beats.append(event)
                while self._beats[0].time < event.time - KEEP_BEATS_S:
                    self._beats.popleft()
            found.append(event)
        return found + self.watching.hear(found)

    def _quality_between(self, start: float, end: float) -> Quality:
        """Return the verdict on a stretch; nothing can be used of samples that come at another rate than stated."""
        quality, trouble = self._front.quality_between(start, end), self.timeline.trouble
        if not trouble:
            return quality
        leads = tuple(replace(lead, verdict="unusable", reason=trouble) for lead in quality.leads)
        return replace(quality, leads=leads)

    def _beats_between(self, start: float, end: float) -> tuple[Beat, ...]:
        return tuple(beat for beat in self._beats if start <= beat.time < end)

    def _samples_between(self, start: float, end: float) -> Samples:
        fs = self.info.fs
        return self._recent.between(round(start * fs), round(end * fs))


def _pieces(block: SignalBlock) -> list[SignalBlock]:
    """Cut a block so that what is found in it, and what is said to that, is never further apart than `PIECE_S`."""
    most = max(1, int(PIECE_S * block.fs))
    if len(block) <= most:
        return [block]
    return [
        replace(
            block,
            samples=block.samples[first : first + most],
            start=(round(block.start * block.fs) + first) / block.fs,
            lost=0 if first else block.lost,
            sd=None if block.sd is None else block.sd[first : first + most],
        )
        for first in range(0, len(block), most)
    ]


def _withheld(event: Beat | HeartRate, trouble: str) -> Beat | HeartRate:
    """Leave out what is wrong when samples come at another rate than stated."""
    if isinstance(event, Beat):
        return replace(event, rr=None)
    if event.bpm is None and trouble == LEARNING:
        return event
    return replace(event, bpm=None, reason=trouble)


def _in_true_seconds(event: FrontEvent, stretch: float) -> FrontEvent:
    """Intervals and rates are of the heart, not of the sensor's oscillator."""
    match event:
        case Beat(rr=float() as rr):
            return replace(event, rr=rr * stretch)
        case HeartRate(bpm=float() as bpm):
            return replace(event, bpm=bpm / stretch)
    return event


def scores(observer: Observer) -> bool:
    """Whether an observer scores windows."""
    return any(isinstance(want, Windows) for want in observer.wants)
