"""Running a source through the engine, the observers and the outputs: `stream` for live, `score` for recordings."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, replace

from numpy.typing import ArrayLike

from wearecg.arguments import as_numbers, typed
from wearecg.block import Event, HeartRate, LinkState, Notice, StreamId, StreamInfo, Summary
from wearecg.ecg.leads import canonical, names_of
from wearecg.errors import LeadError, SignalError, WearECGError
from wearecg.fanout import Fanout
from wearecg.findings import Board, Report, report
from wearecg.observers import Observer, open_observers
from wearecg.observers.episodes import EpisodesObserver
from wearecg.pipeline.engine import Engine
from wearecg.rates import as_rate
from wearecg.scoring import Scoring, ScoringThread
from wearecg.sinks import Sink
from wearecg.transports.base import Item, Source, joined

READ_PERIOD_S = 0.05
"""How often a live source is read: often enough for the eye, seldom enough for a small board."""


class Session:
    """A source, what looks at it, and where everything goes. Iterate over it once.

    Parameters
    ----------
    source : Source
        Not yet open.
    observers : sequence of Observer
        What looks at the streams, beside beats, quality and the rhythm of RR intervals (`wearecg.open_observer`).
    sinks : sequence of str or Sink
        Outputs, by URI (``wfdb:DIR``, ``jsonl:FILE``) or opened; each gets every event.
    leads : str or sequence of str
        Leads of the first sensor's ECG to keep, in this order; all if empty.
    duration : float, optional
        Seconds after which to end.
    stop : threading.Event, optional
        Ends the session when it is set.
    trace : bool
        Yield `Trace` events even if no output draws them.
    turn : callable, optional
        Called at every turn of the loop, several times a second also when nothing comes.

    Yields
    ------
    Event
        In order; the last are a `Summary` for each stream.

    Raises
    ------
    SinkError
        An output cannot be opened (on construction).
    SourceError, LeadError, SignalError
        From the iteration: the source cannot be opened, or a lead is not there.

    Examples
    --------
    >>> import wearecg
    >>> source = wearecg.open_source("simulate:sinus?speed=max")
    >>> session = wearecg.Session(source, [wearecg.open_observer("encoder")], duration=12)
    >>> sum(isinstance(event, wearecg.Finding) for event in session) > 0
    True
    """

    @typed
    def __init__(
        self,
        source: Source,
        observers: Sequence[Observer] = (),
        sinks: Sequence[str | Sink] = (),
        *,
        leads: str | Sequence[str] = (),
        duration: float | None = None,
        stop: threading.Event | None = None,
        trace: bool = False,
        turn: Callable[[Session], object] | None = None,
    ) -> None:
        if duration is not None and not 0 < duration < float("inf"):
            raise SignalError(f"duration is {duration}: give the seconds after which to end, above 0")
        self.source = source
        self.outputs = Fanout(sinks, patient=not source.realtime)
        self._board = Board()
        self._duration, self._stop, self._turn = duration, stop or threading.Event(), turn
        self._scoring = Scoring()
        self._started = float("-inf")
        self._begun: set[StreamId] = set()
        self._over_for_good = False
        wall = time.time() - time.monotonic() if source.realtime else float("nan")
        asked = any(isinstance(one, EpisodesObserver) for one in observers)
        straps = () if asked else (EpisodesObserver(straps=True),)
        self._engine = Engine(
            _names(source),
            (*observers, *straps),
            names_of(leads),
            wall,
            source.epoch,
            trace or self.outputs.shows_trace,
            lambda *window: self._scoring.submit(*window),
            source.realtime,
        )

    @property
    def scored(self) -> int:
        """Windows that were scored so far."""
        return self._scoring.scored.total()

    def __iter__(self) -> Generator[Event, None, None]:
        """Open the source and yield every event until it ends, ``duration`` has passed or ``stop`` is set.

        What an output says (a full disk) is among them. Raises RuntimeError the second time, and when closed.
        """
        if self._over_for_good:
            raise RuntimeError("a session is iterated over once, before it is closed: make another one")
        self._over_for_good = True
        try:
            for event in self._events():
                for told in self._board.feed(event):
                    self.outputs.write(told)
                    yield from self.outputs.said()
                    yield told
        finally:
            self.close()
        yield from self.outputs.said()

    def close(self) -> None:
        """Let the outputs write what they have, and end; after the last event this has happened already."""
        self._over_for_good = True
        self.outputs.close()

    def _events(self) -> Iterator[Event]:
        ending: list[Event] = []
        with self.source:
            if self.source.realtime:
                self._scoring = ScoringThread()
            self._started = time.monotonic()
            try:
                while not self._over():
                    if self._turn:
                        self._turn(self)
                    read_at = time.monotonic()
                    items = self.source.read(READ_PERIOD_S)
                    if items is None:
                        break
                    yield from self._take(joined(items) if self.source.realtime else items)
                    if self.source.realtime:
                        time.sleep(max(0.0, read_at + READ_PERIOD_S - time.monotonic()))
                # Slow observers have their say before the others say their last.
                yield from self._heard(self._engine.settle(), last=True)
                ending = self._engine.finish()
                yield from self._heard([event for event in ending if not isinstance(event, Summary)])
            except WearECGError:
                yield from self._heard([], last=True)
                raise
            finally:
                self._scoring.close()
        yield from self._heard([], last=True)
        for event in ending:
            if isinstance(event, Summary):
                yield self._account(event)

    def _take(self, items: Sequence[Item]) -> Iterator[Event]:
        engine = self._engine
        engine.names = _names(self.source)
        engine.rate_notes = [sensor.rate_note for sensor in self.source.sensors]
        engine.uncalibrated = [sensor.uncalibrated for sensor in self.source.sensors]
        for item in items:
            if isinstance(item, LinkState | Notice):
                if isinstance(item, LinkState) and item.state == "lost":
                    engine.link_lost(item.sensor)
                yield from self._heard([item])
                continue
            events: list[Event] = []
            for event in engine.feed(*item):
                if isinstance(event, StreamInfo):
                    if event.stream in self._begun:
                        # What is still to be said of the stream, before it begins anew.
                        for found, said in self._scoring.turn(events, last=True):
                            yield from (*found, *said)
                        events = []
                    self._begun.add(event.stream)
                    if engine.overheard:
                        self._scoring.together = 1
                events.append(event)
            yield from self._heard(events)
            if self._over():
                break

    def _heard(self, events: list[Event], last: bool = False) -> Iterator[Event]:
        """Yield what was found, then what slow observers say to that, then what is said to this."""
        for found, said in self._scoring.turn(events, last):
            yield from _in_time(found, said)
            yield from self._engine.hear(said)

    def _over(self) -> bool:
        if self._stop.is_set():
            return True
        # A source that waits for us has a time of its own.
        passed = time.monotonic() - self._started if self.source.realtime else self._engine.end
        return self._duration is not None and passed >= self._duration

    def _account(self, summary: Summary) -> Summary:
        stream = summary.stream
        counters = self.source.sensors[stream.sensor - 1].counters
        return replace(
            summary,
            windows_scored=self._scoring.scored[stream],
            windows_skipped=self._scoring.skipped[stream],
            counters=asdict(counters) if counters else {},
        )


@typed
def stream(
    source: str | Source,
    *,
    device: str | None = None,
    leads: str | Sequence[str] = (),
    observe: str | Sequence[str] = "auto",
    to: str | Sink | Sequence[str | Sink] = (),
    duration: float | None = None,
) -> Iterator[Event]:
    """Yield live events of a sensor, a recording or the simulator: blocks, beats, heart rate, quality, findings.

    Parameters
    ----------
    source : str or Source
        A serial port (``/dev/ttyUSB0``, ``COM3``, ``socket://host:port``), a Bluetooth sensor
        (``ble:NAME``), a recording's path, or ``simulate:SCENARIO``.
    device : str, optional
        The sensor (see ``wearecg devices``); if not given, ``bridge`` on a port, detected on Bluetooth.
    leads : str or sequence of str
        Leads to keep, in this order (``"II,V1,V5"``); all if not given.
    observe : str or sequence of str
        What looks at the signal: models by name or card (``"encoder"``, ``"rhythm1?runtime=tflite"``, ``"lead12"``
        for twelve leads, ``"ppg2ecg"`` for a lead drawn from a pulse), third-party observers, or ``"auto"``: the
        encoder for leads of known place, else the one-lead rhythm model. Empty for beats and quality only.
    to : str or sequence of str or Sink
        Where to record and send everything: ``"wfdb:DIR"``, ``"jsonl:FILE"``.
    duration : float, optional
        Seconds after which to end.

    Raises
    ------
    SourceError, LeadError, ModelError, SinkError
        Before the first event where possible.

    Examples
    --------
    >>> from wearecg import Beat, stream
    >>> beats = [e for e in stream("simulate:sinus?seed=1&speed=max", duration=30) if isinstance(e, Beat)]
    >>> 20 < len(beats) < 60
    True
    """
    from wearecg.sources import open_source

    names = names_of(leads)
    opened = open_source(source, device, leads=names) if isinstance(source, str) else source
    observers = open_observers(observe)
    outputs = [to] if isinstance(to, str | Sink) else to
    # An empty name leaves out a channel of a sensor that does not name them itself.
    kept = [name for name in names if name]
    return iter(Session(opened, observers, outputs, leads=kept, duration=duration, trace=True))


@typed
def score(
    samples: ArrayLike,
    fs: float,
    leads: str | Sequence[str],
    *,
    observe: str | Sequence[str] = "auto",
    name: str = "samples",
) -> Report:
    """Run the whole engine over a recording: the same stages, windows and findings as live.

    Parameters
    ----------
    samples : array [n, leads]
        mV, NaN where missing.
    fs : float
        Hz.
    leads : str or sequence of str
        Names of the columns, in any order (``"II,V5"``).
    observe : str or sequence of str
        What looks at the signal, as in `stream`.
    name : str
        What the recording is called in messages.

    Returns
    -------
    Report

    Raises
    ------
    SignalError, LeadError
        Samples that cannot be used, or names that do not fit them.

    Examples
    --------
    >>> import wearecg
    >>> ecg = wearecg.Person(seed=1, scenario="sinus", fs=250)
    >>> report = wearecg.score(ecg.samples(250 * 30), 250, ecg.leads)
    >>> report.summary.duration
    30.0
    """
    from wearecg.formats import Recording, Stored
    from wearecg.transports.replay import TOGETHER_S, ReplaySource

    given = names_of(leads)
    x = as_numbers(samples, name)
    fs = as_rate(fs)
    if x.ndim != 2 or x.shape[1] != len(given):
        raise SignalError(
            f"{name}: shape {x.shape} for {len(given)} leads; give [n, leads], one column a lead"
        )
    names = tuple(canonical(lead) for lead in given)
    if len(set(names)) < len(names):
        raise LeadError(f"{name}: a lead is given twice in {', '.join(given)}")
    recording = Stored.of(Recording(x, fs, names, name))
    recording.check(name)
    source = ReplaySource(recording, math.inf, longest_s=TOGETHER_S)
    return report(Session(source, open_observers(observe)))


def _in_time(found: Sequence[Event], said: Sequence[Event]) -> Iterator[Event]:
    """Put what is said of windows between the heart rates that were found, in time: blocks may be long."""
    waiting = deque(said)
    for event in found:
        if isinstance(event, HeartRate):
            while waiting and getattr(waiting[0], "end", -math.inf) < event.time:
                yield waiting.popleft()
        yield event
    yield from waiting


def _names(source: Source) -> list[str]:
    return [sensor.name for sensor in source.sensors]
