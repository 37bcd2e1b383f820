"""The engine: blocks from a decoder in, everything measured on them out. Pure; no I/O, no threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
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
    RRIntervals,
    Samples,
    SignalBlock,
    Statement,
    StreamId,
    StreamInfo,
    Summary,
    Trace,
)
from wearecg.ecg.leads import SYNTHETIC, is_ecg, select
from wearecg.errors import LeadError, SignalError
from wearecg.pipeline.frontend import FrontEnd, FrontEvent
from wearecg.pipeline.observer import About, Observer, Windows, not_scored
from wearecg.pipeline.resample import Resampler
from wearecg.pipeline.rr import LONGEST_S, SHORTEST_S, RRStream, possible
from wearecg.pipeline.timeline import Timeline
from wearecg.pipeline.watching import Later, Watching

CLOCK_REPORT_S = 2.0
LONG_GAP_S = 2.0
"""Behind a gap longer than this the resampler starts over; shorter ones pass through it as NaN."""
KEEP_BEATS_S = 60.0
"""Observers may ask for beats that are at most so much older than the newest."""
UNUSED_S = 5.0
"""After so long an observer that no stream suits is told of."""


class Engine:
    """Runs every stage over all streams of one source, and the observers that look at them.

    Parameters
    ----------
    source : str, or sequence of str
        Name for people; one each where several sensors are streamed together. Leads are chosen of the first alone,
        and only that is made ready for a display.
    observers : sequence of Observer
        Each looks at the streams that it accepts. What it says are `Statement` and `Measure` events.
    leads : sequence of str
        The leads to keep of the ECG stream, in this order; empty for all.
    wall_offset : float
        Unix time minus host monotonic time, to date timeline 0; NaN where that means nothing.
    epoch : float or None
        Unix time of timeline 0 where the source knows it itself (a recording).
    trace : bool
        Make `Trace` events: the filtered signal, for a display.
    later : Later, optional
        Takes windows for slow observers; without it they are fed at once.
    """

    def __init__(
        self,
        source: str | Sequence[str],
        observers: Sequence[Observer] = (),
        leads: tuple[str, ...] = (),
        wall_offset: float = float("nan"),
        epoch: float | None = None,
        trace: bool = False,
        later: Later | None = None,
    ) -> None:
        self.names = [source] if isinstance(source, str) else list(source)
        """What is read, a name for each sensor, for the `StreamInfo` of streams that begin from here on."""
        self._leads, self._observers, self._trace, self._later = leads, observers, trace, later
        self._wall_offset, self._epoch = wall_offset, epoch
        self.rate_notes = [""] * len(self.names)
        """How the rate of each is known, likewise."""
        self.uncalibrated: list[tuple[str, ...]] = [()] * len(self.names)
        """Leads of each that are of no known size, likewise."""
        self._streams: dict[StreamId, _Stream] = {}
        self._rr: dict[StreamId, RRStream] = {}
        self._refused: set[StreamId] = set()
        """Streams of which an impossible interval was told."""
        self._earlier: dict[StreamId, Summary] = {}
        """Accounts of what streams were before they began anew."""
        self._unfit: dict[StreamId, str] = {}
        """Why nothing of what a stream has become can be taken, as told."""
        self._used: set[Observer] = set()
        self._unused_told = False

    def feed(self, block: SignalBlock | RRIntervals, arrival: float) -> list[Event]:
        """Take one measurement, received at ``arrival`` (host monotonic seconds).

        Where the rate or the leads have changed (another sensor was plugged in) the stream ends and begins anew, with
        a new `StreamInfo` and from second 0. What then cannot be begun is told in a `Notice`, and not taken.

        Raises
        ------
        SignalError, LeadError
            The stream begins with a rate that nothing can be found at, or without a lead that was asked for, or that
            an observer needs.
        """
        if isinstance(block, RRIntervals):
            return self._take_rr(block, arrival)
        number = block.stream.sensor
        events: list[Event] = []
        try:
            if number == 1 and self._leads and any(is_ecg(lead) for lead in block.leads):
                block = _pick(block, self._leads, self.names[0])
            stream = self._streams.get(block.stream)
            if stream is None or not stream.takes(block):
                stream, events = self._begin(block, arrival)
        except (SignalError, LeadError) as error:
            if block.stream not in self._streams:
                raise
            return self._refuse(block.stream, str(error))
        found = stream.feed(block, arrival)
        for other in self._streams.values():
            found += other.hear(stream, found)
        if not self._unused_told and self.end >= UNUSED_S:
            found += self._unused()
        return events + found

    def hear(self, events: Iterable[Event]) -> list[Event]:
        """Let the observers of a stream hear what slow ones have said about it; return what they say to that."""
        said: list[Event] = []
        for event in events:
            stream = self._streams.get(getattr(event, "stream", ECG))
            said += stream.watching.hear([event]) if stream else []
        return said

    @property
    def end(self) -> float:
        """Timeline seconds up to which the furthest stream has come."""
        streams, series = self._streams.values(), self._rr.values()
        return max([0.0, *(one.end for one in streams), *(one.end for one in series)])

    def link_lost(self, sensor: int = 1) -> None:
        """Note that the link to a sensor, by its number, went down."""
        for name, stream in self._streams.items():
            if name.sensor == sensor:
                stream.timeline.link_lost()
        for name, series in self._rr.items():
            if name.sensor == sensor:
                series.link_lost()

    def finish(self) -> list[Event]:
        """Everything still inside, then a `Summary` for each stream."""
        events = [event for stream in self._streams.values() for event in stream.finish()]
        events += [event for stream in self._rr.values() for event in stream.finish()]
        events = [
            event.behind(self._earlier.pop(event.stream, None)) if isinstance(event, Summary) else event
            for event in events
        ]
        unused = [] if self._unused_told else self._unused()
        return [*unused, *events, *self._earlier.values(), *self._unscored()]

    def _begin(self, block: SignalBlock, arrival: float) -> tuple[_Stream, list[Event]]:
        """Begin a stream, and first end what it was before its rate or its leads changed."""
        info, trace = self._info(block, arrival), self._trace and block.stream.sensor == 1
        before = self._streams.get(block.stream)
        events: list[Event] = []
        try:
            stream = _Stream(block, info, self._observers, trace, self._later)
        except (SignalError, LeadError) as error:
            if before is None:
                raise
            stream = _Stream(block, info, (), trace, self._later)
            events.append(Notice(f"{error}; {info.stream} goes on, and nothing scores it", "warning"))
        if before:
            for event in before.finish():
                if isinstance(event, Summary):
                    self._earlier[event.stream] = event.behind(self._earlier.get(event.stream))
                else:
                    events.append(event)
            what = f"{info.source} has become {_as_text(info)}, and was {_as_text(before.info)}"
            events.append(Notice(f"{what}: {info.stream} begins anew", "warning"))
        self._unfit.pop(block.stream, None)
        self._streams[block.stream] = stream
        self._used.update(stream.watching.asked)
        return stream, events + stream.begin()

    def _refuse(self, stream: StreamId, why: str) -> list[Event]:
        if self._unfit.get(stream) == why:
            return []
        self._unfit[stream] = why
        return [Notice(f"{why}; nothing of this sensor is taken until it fits", "warning")]

    def _info(self, block: SignalBlock, arrival: float) -> StreamInfo:
        epoch, host = self._epoch, None
        if epoch is None:
            host = arrival - len(block) / block.fs
            epoch = host + self._wall_offset
        number = block.stream.sensor - 1
        name, note = self.names[number], self.rate_notes[number]
        unsized = tuple(lead for lead in block.leads if lead in self.uncalibrated[number])
        leads, lsb = block.leads, block.lsb
        return StreamInfo(
            block.stream, name, block.fs, leads, lsb, epoch, note, host=host, uncalibrated=unsized
        )

    def _take_rr(self, intervals: RRIntervals, arrival: float) -> list[Event]:
        """Beats and rate of a sensor that has no waveform; beside one, intervals are only handed on."""
        intervals, refused = possible(intervals)
        told: list[Event] = []
        if refused and intervals.stream not in self._refused:
            self._refused.add(intervals.stream)
            name = self.names[intervals.stream.sensor - 1]
            what = f"{name} told an interval of {refused[0]:.3g} s between two beats"
            text = f"{what}: those not of {SHORTEST_S:g} to {LONGEST_S:g} s are left out"
            told.append(Notice(text, "warning"))
        if not intervals.alone:
            return [*told, intervals]
        stream = self._rr.get(intervals.stream)
        if stream is None:
            name = self.names[intervals.stream.sensor - 1]
            stream = RRStream(name, self._wall_offset, intervals.stream, self._observers, self._epoch)
            self._rr[intervals.stream] = stream
        return told + stream.feed(intervals, arrival)

    def _unused(self) -> list[Event]:
        """Tell which observers look at nothing; of those that score windows the end of the stream tells."""
        self._unused_told = True
        leads = " ".join(lead for stream in self._streams.values() for lead in stream.info.leads)
        return [
            Notice(f"{one.source} has nothing to look at: it needs {one.needs}, not {leads}", "warning")
            for one in self._observers
            if leads and one.needs and one not in self._used and not _scores(one)
        ]

    def _unscored(self) -> list[Event]:
        """Say of observers that score windows and found no stream to look at, why."""
        if not self._streams:
            return []
        info, end = next((stream.info, stream.end) for stream in self._streams.values())
        leads = ", ".join(info.leads)
        why = f"no ECG lead among {leads}; name them with --leads or in the file"
        if any(lead.startswith(SYNTHETIC) for lead in info.leads):
            why = f"{leads}: what is drawn from a pulse is no ECG, and nothing scores it"
        return [
            not_scored(observer.source, info, 0.0, end, "leads", why)
            for observer in self._observers
            if observer not in self._used and _scores(observer)
        ]


def _scores(observer: Observer) -> bool:
    return any(isinstance(want, Windows) for want in observer.wants)


class _Stream:
    def __init__(
        self,
        block: SignalBlock,
        info: StreamInfo,
        observers: Sequence[Observer],
        trace: bool,
        later: Later | None,
    ) -> None:
        self.info = info
        self.timeline = Timeline(block.stream)
        self._front = FrontEnd(block.fs, block.leads, trace)
        self._beats: deque[Beat] = deque()
        about = About(info, self._beats_between, self._quality_between, trace)
        self.watching = Watching(observers, about, later)
        self._resamplers = {fs: Resampler(block.fs, fs, len(block.leads)) for fs in self.watching.rates}
        self._origin = block.start
        """What the sensor's clock showed at timeline 0; NaN without a clock."""
        self._samples = self._gaps = self._beat_count = 0
        self._lost: dict[str, int] = {}
        self._next_clock_report = CLOCK_REPORT_S
        self.end = 0.0

    def begin(self) -> list[Event]:
        return [self.info, *self.watching.hear([self.info])]

    def takes(self, block: SignalBlock) -> bool:
        """Whether the block has the rate and the leads of this stream."""
        return (block.fs, block.leads) == (self.info.fs, self.info.leads)

    def feed(self, block: SignalBlock, arrival: float) -> list[Event]:
        events = self._follow(self.timeline.feed(block, arrival))
        if self.end >= self._next_clock_report:
            self._next_clock_report = self.end + CLOCK_REPORT_S
            events.append(self.timeline.fit(self.end))
        return events

    def hear(self, other: _Stream, events: Sequence[Event]) -> list[Event]:
        """Take the beats of another stream of this sensor, where both are on its clock."""
        apart = other._origin - self._origin
        same = other.info.stream.sensor == self.info.stream.sensor
        if other is self or not same or not isfinite(apart):
            return []
        return self.watching.hear_sibling(events, apart)

    def finish(self) -> list[Event]:
        events = self._follow(self.timeline.flush())
        events += self._found(self._front.flush())
        for fs, resampler in self._resamplers.items():
            events += self.watching.take_resampled(fs, resampler.next, resampler.flush())
        events += self.watching.flush()
        for observer, windows in self.watching.given.items():
            if not windows and _scores(observer):
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
            events.append(item)
            if isinstance(item, Gap):
                self._gaps += 1
                self._lost[item.reason] = self._lost.get(item.reason, 0) + item.samples
                events += self.watching.hear([item])
            elif isinstance(item, SignalBlock):
                events += self._measure(item)
        return events

    def _measure(self, block: SignalBlock) -> list[Event]:
        self._samples += len(block)
        self.end = block.end
        events = self._found(self._front.feed(block))
        front, info = self._front, self.info
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
        stretch, stream, trouble = self.timeline.stretch, self.info.stream, self.timeline.trouble
        found: list[Event] = []
        for event in events:
            if trouble:
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


def _withheld(event: FrontEvent, trouble: str) -> FrontEvent:
    """Leave out what is wrong when samples come at another rate than stated."""
    match event:
        case Beat():
            return replace(event, rr=None)
        case HeartRate():
            return replace(event, bpm=None, reason=trouble)
    return event


def _in_true_seconds(event: FrontEvent, stretch: float) -> FrontEvent:
    """RRIntervals and rates are of the heart, not of the sensor's oscillator."""
    match event:
        case Beat(rr=float() as rr):
            return replace(event, rr=rr * stretch)
        case HeartRate(bpm=float() as bpm):
            return replace(event, bpm=bpm / stretch)
    return event


def _as_text(info: StreamInfo) -> str:
    return f"{' '.join(info.leads)} at {info.fs:g} Hz"


def _pick(block: SignalBlock, leads: tuple[str, ...], source: str) -> SignalBlock:
    columns = select(leads, block.leads, source)
    return replace(
        block,
        samples=block.samples[:, columns],
        leads=tuple(block.leads[i] for i in columns),
        lead_off=tuple(block.lead_off[i] for i in columns),
        lsb=tuple(block.lsb[i] for i in columns),
    )
