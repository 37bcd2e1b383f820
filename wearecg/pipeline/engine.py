"""The engine: blocks from a decoder in, everything measured on them out. Pure; no I/O, no threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from wearecg.block import (
    ECG,
    Event,
    Notice,
    RRIntervals,
    SignalBlock,
    StreamId,
    StreamInfo,
    Summary,
)
from wearecg.ecg.leads import SYNTHETIC, is_ecg, select
from wearecg.ecg.size import Size
from wearecg.errors import LeadError, SignalError
from wearecg.pipeline.measured import MeasuredStream, scores
from wearecg.pipeline.observer import Observer
from wearecg.pipeline.rr import LONGEST_S, SHORTEST_S, RRStream, possible
from wearecg.pipeline.watching import Later
from wearecg.statement import not_scored

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
    realtime : bool
        Whether blocks arrive when they are measured. Else their arrival does not show whether the stated rate is right.
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
        realtime: bool = True,
    ) -> None:
        self.names = [source] if isinstance(source, str) else list(source)
        """What is read, a name for each sensor, for the `StreamInfo` of streams that begin from here on."""
        self._leads, self._observers, self._trace, self._later = leads, observers, trace, later
        self._wall_offset, self._epoch, self._realtime = wall_offset, epoch, realtime
        self.rate_notes = [""] * len(self.names)
        """How the rate of each is known, likewise."""
        self.uncalibrated: list[Mapping[str, Size]] = [{}] * len(self.names)
        """Leads of each that are of no known size, likewise."""
        self._streams: dict[StreamId, MeasuredStream] = {}
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
    def overheard(self) -> bool:
        """Whether an observer wants to hear what others say."""
        return any(stream.watching.overhears for stream in self._streams.values())

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

    def settle(self) -> list[Event]:
        """What is still inside, when nothing more comes; `finish` ends the streams."""
        return [event for stream in self._streams.values() for event in stream.settle()]

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

    def _begin(self, block: SignalBlock, arrival: float) -> tuple[MeasuredStream, list[Event]]:
        """Begin a stream, and first end what it was before its rate or its leads changed."""
        info, trace = self._info(block, arrival), self._trace and block.stream.sensor == 1
        sizes = self.uncalibrated[block.stream.sensor - 1]
        before = self._streams.get(block.stream)
        events: list[Event] = []
        try:
            stream = MeasuredStream(block, info, self._observers, trace, self._later, self._realtime, sizes)
        except (SignalError, LeadError) as error:
            if before is None:
                raise
            stream = MeasuredStream(block, info, (), trace, self._later, self._realtime, sizes)
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
            if leads and one.needs and one not in self._used and not scores(one)
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
            if observer not in self._used and scores(observer)
        ]


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
