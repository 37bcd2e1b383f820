"""The engine: blocks from a decoder in, everything measured on them out. Pure; no I/O, no threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from wearecg.block import (
    Beat,
    Event,
    Gap,
    HeartRate,
    Intervals,
    LeadQuality,
    Notice,
    Quality,
    Samples,
    SignalBlock,
    StreamInfo,
    Summary,
    Trace,
    Window,
    sensor_of,
)
from wearecg.ecg.leads import is_ecg, select
from wearecg.errors import SignalError
from wearecg.pipeline.frontend import FrontEnd
from wearecg.pipeline.intervals import IntervalStream
from wearecg.pipeline.pulse import Drawer, Lag, PulseStream
from wearecg.pipeline.resample import Resampler
from wearecg.pipeline.timeline import Timeline
from wearecg.pipeline.twelve import Estimator, TwelveStream
from wearecg.pipeline.windows import Windower

CLOCK_REPORT_S = 2.0
LONG_GAP_S = 2.0
"""Behind a gap longer than this the resampler starts over; shorter ones pass through it as NaN."""


@dataclass(frozen=True, slots=True)
class PulseSpec:
    """What draws a lead from a pulse, and how its lag is known."""

    model: Drawer
    lag: Lag = None


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """What windows a model wants: rate in Hz, length and hop in seconds."""

    fs: float
    seconds: float
    hop: float = 1.0


class Engine:
    """Runs every stage over all streams of one source.

    Parameters
    ----------
    source : str, or sequence of str
        Name for people; one each where several sensors are streamed together. Windows are cut, leads chosen and
        reconstructed of the first alone.
    windows : WindowSpec or None
        What to cut for a model; None for no windows.
    leads : sequence of str
        The leads to keep of the ECG stream, in this order; empty for all.
    wall_offset : float
        Unix time minus host monotonic time, to date timeline 0; NaN where that means nothing.
    epoch : float or None
        Unix time of timeline 0 where the source knows it itself (a recording).
    trace : bool
        Make `Trace` events: the filtered signal, for a display.
    twelve : Estimator or None
        What reconstructs the leads of the ECG stream that were not measured, as a stream ``twelve`` of its own.
        Beats, quality and windows are of the measured leads alone.
    pulse : PulseSpec or None
        What draws ``II*`` from the lead ``PPG``, as a stream ``pulse`` of its own. No window is cut from it.
    """

    def __init__(
        self,
        source: str | Sequence[str],
        windows: WindowSpec | None = None,
        leads: tuple[str, ...] = (),
        wall_offset: float = float("nan"),
        epoch: float | None = None,
        trace: bool = False,
        twelve: Estimator | None = None,
        pulse: PulseSpec | None = None,
    ) -> None:
        self.names = [source] if isinstance(source, str) else list(source)
        """What is read, a name for each sensor, for the `StreamInfo` of streams that begin from here on."""
        self._leads, self._wanted = leads, _Wanted(windows, trace, twelve, pulse)
        self._wall_offset, self._epoch = wall_offset, epoch
        self.rate_notes = [""] * len(self.names)
        """How the rate of each is known, likewise."""
        self._streams: dict[str, _Stream] = {}
        self._intervals: dict[str, IntervalStream] = {}

    def feed(self, block: SignalBlock | Intervals, arrival: float) -> list[Event]:
        """Take one measurement, received at ``arrival`` (host monotonic seconds).

        Raises
        ------
        SignalError
            The stream changed its rate or its leads: another sensor was plugged in.
        LeadError
            The stream does not have a lead that was asked for, or not those from which to make twelve.
        """
        if isinstance(block, Intervals):
            return self._take_intervals(block, arrival)
        number = sensor_of(block.stream)
        name, first = self.names[number - 1], number == 1
        if first and self._leads and any(is_ecg(lead) for lead in block.leads):
            block = _pick(block, self._leads, name)
        stream = self._streams.get(block.stream)
        events: list[Event] = []
        if stream is None:
            stream = self._streams[block.stream] = _Stream(block, self._wanted if first else _Wanted())
            epoch, host = self._epoch, None
            if epoch is None:
                host = arrival - len(block) / block.fs
                epoch = host + self._wall_offset
            info = StreamInfo(
                block.stream,
                name,
                block.fs,
                block.leads,
                block.lsb,
                epoch,
                self.rate_notes[number - 1],
                host=host,
            )
            events += [info, *stream.describe_made(info)]
            if self._wanted.pulse and "PPG" not in block.leads and len(self._streams) == 1:
                leads = " ".join(block.leads)
                events.append(
                    Notice(f"stream {block.stream} has no lead PPG to draw from, only {leads}", "warning")
                )
        found = stream.feed(block, arrival)
        for other in self._streams.values():
            other.hear(stream, found)
        return events + found

    @property
    def end(self) -> float:
        """Timeline seconds up to which the furthest stream has come."""
        ends = [stream.end for stream in self._streams.values()]
        return max([0.0, *ends, *(stream.end for stream in self._intervals.values())])

    def link_lost(self, sensor: int = 1) -> None:
        """Note that the link to a sensor, by its number, went down."""
        for name, stream in self._streams.items():
            if sensor_of(name) == sensor:
                stream.timeline.link_lost()
        for name, intervals in self._intervals.items():
            if sensor_of(name) == sensor:
                intervals.link_lost()

    def finish(self) -> list[Event]:
        """Everything still inside, then a `Summary` for each stream."""
        events = [event for stream in self._streams.values() for event in stream.finish()]
        return events + [event for stream in self._intervals.values() for event in stream.finish()]

    def _take_intervals(self, intervals: Intervals, arrival: float) -> list[Event]:
        """Beats, rate and rhythm of a sensor that has no waveform; beside one, intervals are only handed on."""
        if not intervals.alone:
            return [intervals]
        name = intervals.stream
        if name not in self._intervals:
            source = self.names[sensor_of(name) - 1]
            self._intervals[name] = IntervalStream(source, self._wall_offset, name)
        return self._intervals[name].feed(intervals, arrival)


@dataclass(frozen=True, slots=True)
class _Wanted:
    windows: WindowSpec | None = None
    trace: bool = False
    twelve: Estimator | None = None
    pulse: PulseSpec | None = None


class _Stream:
    def __init__(self, block: SignalBlock, wanted: _Wanted) -> None:
        self.timeline = Timeline(block.stream)
        self._name, self._fs, self._leads = block.stream, block.fs, block.leads
        self._front = FrontEnd(block.fs, block.leads, wanted.trace)
        ecg = any(is_ecg(lead) for lead in block.leads)
        self._spec = wanted.windows if ecg else None
        self._twelve = self._pulse = None
        if wanted.twelve and ecg:
            self._twelve = TwelveStream(wanted.twelve, block, self._usable_between, wanted.trace)
        if wanted.pulse and "PPG" in block.leads:
            self._pulse = PulseStream(
                wanted.pulse.model, block, wanted.pulse.lag, self._pulse_between, wanted.trace
            )
        self._made = [made for made in (self._twelve, self._pulse) if made]
        rates = {stage.fs for stage in (self._spec, *self._made) if stage}
        self._resamplers = {fs: Resampler(block.fs, fs, len(block.leads)) for fs in rates}
        self._origin = block.start
        """What the sensor's clock showed at timeline 0; NaN without a clock."""
        if self._spec:
            length, hop = round(self._spec.seconds * self._spec.fs), round(self._spec.hop * self._spec.fs)
            self._windower = Windower(length, hop, len(block.leads))
        self._samples = self._gaps = self._beats = 0
        self._lost: dict[str, int] = {}
        self._next_clock_report = CLOCK_REPORT_S
        self.end = 0.0

    def feed(self, block: SignalBlock, arrival: float) -> list[Event]:
        if (block.fs, block.leads) != (self._fs, self._leads):
            raise SignalError(
                f"the sensor changed from {self._fs:g} Hz {' '.join(self._leads)} to {block.fs:g} Hz "
                f"{' '.join(block.leads)}: another one was plugged in; start a new stream for it"
            )
        events = self._follow(self.timeline.feed(block, arrival))
        if self.end >= self._next_clock_report:
            self._next_clock_report = self.end + CLOCK_REPORT_S
            events.append(self.timeline.fit(self.end))
        return events

    def describe_made(self, info: StreamInfo) -> list[StreamInfo]:
        return [made.describe(info) for made in self._made]

    def hear(self, other: _Stream, events: Sequence[Event]) -> None:
        """Take the beats of another stream of this sensor, where both are on its clock."""
        apart = other._origin - self._origin
        same = sensor_of(other._name) == sensor_of(self._name)
        if self._pulse and same and other is not self and isfinite(apart):
            self._pulse.beats(events, apart)

    def finish(self) -> list[Event]:
        events = self._follow(self.timeline.flush())
        events += self._count(self._front.flush())
        for fs, resampler in self._resamplers.items():
            events += self._look(fs, resampler.next, resampler.flush())
        for made in self._made:
            events += made.flush()
        clock = self.timeline.fit(self.end)
        summary = Summary(
            self._name, self.end, self._samples, dict(self._lost), self._gaps, self._beats, 0, 0, clock
        )
        return [*events, summary, *(made.summary() for made in self._made)]

    def _follow(self, placed: list[SignalBlock | Gap | Notice]) -> list[Event]:
        events: list[Event] = []
        for item in placed:
            events.append(item)
            if isinstance(item, Gap):
                self._gaps += 1
                self._lost[item.reason] = self._lost.get(item.reason, 0) + item.samples
            elif isinstance(item, SignalBlock):
                events += self._measure(item)
        return events

    def _measure(self, block: SignalBlock) -> list[Event]:
        self._samples += len(block)
        self.end = block.end
        events = self._count(self._front.feed(block))
        if len(self._front.trace):
            front = self._front
            events.append(Trace(front.trace, self._fs, self._leads, front.trace_start, self._name))
        for fs, resampler in self._resamplers.items():
            if block.lost > LONG_GAP_S * self._fs:
                events += self._look(fs, resampler.next, resampler.flush())
                resampler.seek(round(block.start * self._fs))
            elif block.lost:
                missing: Samples = np.full((block.lost, len(self._leads)), np.nan, np.float32)
                events += self._look(fs, resampler.next, resampler.feed(missing))
            events += self._look(fs, resampler.next, resampler.feed(block.samples))
        return events

    def _look(self, fs: float, index: int, samples: Samples) -> list[Event]:
        events: list[Event] = []
        if self._spec and self._spec.fs == fs:
            events += self._cut(self._spec, index, samples)
        for made in self._made:
            if made.fs == fs:
                events += made.feed(index, samples)
        return events

    def _cut(self, spec: WindowSpec, index: int, samples: Samples) -> list[Event]:
        windows: list[Event] = []
        for first, window in self._windower.feed(index, samples):
            start = first / spec.fs
            quality = self._front.quality_between(start, start + spec.seconds)
            lost = int(np.isnan(window).all(1).sum())
            windows.append(Window(window, spec.fs, self._leads, start, self._usable(quality), quality, lost))
        return windows

    def _usable_between(self, start: float, end: float) -> tuple[bool, ...]:
        return self._usable(self._front.quality_between(start, end))

    def _pulse_between(self, start: float, end: float) -> LeadQuality:
        return self._front.quality_between(start, end).leads[self._leads.index("PPG")]

    def _usable(self, quality: Quality) -> tuple[bool, ...]:
        verdicts = {lead.lead: lead.verdict for lead in quality.leads}
        return tuple(is_ecg(lead) and verdicts.get(lead) != "unusable" for lead in self._leads)

    def _count(self, events: Sequence[Event]) -> list[Event]:
        self._beats += sum(isinstance(event, Beat) for event in events)
        if self._pulse:
            self._pulse.beats(events)
        stretch = self.timeline.stretch
        if stretch != 1.0:
            events = [_in_true_seconds(event, stretch) for event in events]
        if self._name != "ecg":
            events = [
                replace(event, stream=self._name) if isinstance(event, Beat | HeartRate | Quality) else event
                for event in events
            ]
        return list(events)


def _in_true_seconds(event: Event, stretch: float) -> Event:
    """Intervals and rates are of the heart, not of the sensor's oscillator."""
    match event:
        case Beat(rr=float() as rr):
            return replace(event, rr=rr * stretch)
        case HeartRate(bpm=float() as bpm):
            return replace(event, bpm=bpm / stretch)
    return event


def _pick(block: SignalBlock, leads: tuple[str, ...], source: str) -> SignalBlock:
    columns = select(leads, block.leads, source)
    return replace(
        block,
        samples=block.samples[:, columns],
        leads=tuple(block.leads[i] for i in columns),
        lead_off=tuple(block.lead_off[i] for i in columns),
        lsb=tuple(block.lsb[i] for i in columns),
    )
