"""Running a source through the engine and the model: `stream` for live, `score` for recordings."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from wearecg.block import (
    Beat,
    Event,
    Finding,
    Gap,
    HeartRate,
    LinkState,
    Notice,
    Quality,
    StreamInfo,
    Summary,
    Window,
    sensor_of,
)
from wearecg.ecg.leads import SYNTHETIC, canonical, is_ecg
from wearecg.errors import LeadError, SignalError
from wearecg.pipeline.engine import Engine, PulseSpec, WindowSpec
from wearecg.pipeline.twelve import Estimator
from wearecg.scoring import InlineScoring, Scorer, ScoringThread
from wearecg.transports.base import Source, joined

if TYPE_CHECKING:
    from wearecg.models import Model

T = TypeVar("T")

READ_PERIOD_S = 0.05
"""How often a live source is read: often enough for the eye, seldom enough for a small board."""
KEEP_BEATS_S = 60.0


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a recording. Times in seconds from its first sample."""

    findings: tuple[Finding, ...]
    """Each statement once for every stretch over which it held (``since`` to ``end``), with its highest probability."""
    beats: tuple[Beat, ...]
    heart_rate: tuple[HeartRate, ...]
    quality: tuple[Quality, ...]
    gaps: tuple[Gap, ...]
    notices: tuple[Notice, ...]
    summary: Summary


def run(
    source: Source,
    model: Model | None,
    leads: Sequence[str] = (),
    duration: float | None = None,
    stop: threading.Event | None = None,
    trace: bool = False,
    twelve: Estimator | None = None,
    turn: Callable[[int], None] | None = None,
    pulse: PulseSpec | None = None,
) -> Generator[Event, None, None]:
    """Open ``source`` and yield every event until it ends, ``duration`` seconds have passed or ``stop`` is set.

    With ``trace`` there are `Trace` events, for a display. With ``twelve`` there is a second stream of that
    name: the twelve leads, of which it reconstructs those that were not measured; no finding rests on those.
    With ``pulse`` there is a third, ``pulse``: a trace drawn from the lead ``PPG``, its beats, their rate and
    rhythm. ``turn`` is called at every turn of the loop, several times a second also when nothing comes, with the
    number of windows scored so far. The last events are a `Summary` for each stream. Raises what the source raises.
    """
    spec = WindowSpec(model.card.input.fs, model.card.input.seconds) if model else None
    wall = time.time() - time.monotonic() if source.realtime else float("nan")
    engine = Engine(_names(source), spec, tuple(leads), wall, source.epoch, trace, twelve, pulse)
    scoring: ScoringThread | InlineScoring | None = None
    beats: deque[Beat] = deque()
    ecg: tuple[str, ...] = ()

    def follow(events: list[Event]) -> Iterator[Event]:
        nonlocal ecg
        for event in events:
            if isinstance(event, StreamInfo) and event.stream == "ecg":
                ecg = event.leads
            elif isinstance(event, Beat) and event.lead != SYNTHETIC and sensor_of(event.stream) == 1:
                beats.append(event)
                while beats[0].time < event.time - KEEP_BEATS_S:
                    beats.popleft()
            elif isinstance(event, Window) and scoring:
                scoring.submit(event, tuple(b for b in beats if event.start <= b.time < event.end))
            yield event
        if scoring:
            yield from scoring.drain()
            if scoring.failed:
                yield Notice(f"{scoring.failed}; beats, quality and the recording go on", "error")
                scoring.failed = ""

    started = time.monotonic()

    def over() -> bool:
        # A source that waits for us has a time of its own.
        passed = time.monotonic() - started if source.realtime else engine.end
        return duration is not None and passed >= duration

    with source:
        if model:
            scoring = ScoringThread(Scorer(model)) if source.realtime else InlineScoring(Scorer(model))
        try:
            while not (stop and stop.is_set()) and not over():
                if turn:
                    turn(scoring.scored if scoring else 0)
                read_at = time.monotonic()
                items = source.read(READ_PERIOD_S)
                if items is None:
                    break
                engine.names, engine.rate_notes = _names(source), [one.rate_note for one in source.sensors]
                for item in joined(items) if source.realtime else items:
                    if isinstance(item, LinkState):
                        if item.state == "lost":
                            engine.link_lost(item.sensor)
                        yield item
                    elif isinstance(item, Notice):
                        yield item
                    else:
                        yield from follow(engine.feed(*item))
                        if over():
                            break
                yield from follow([])
                if source.realtime:
                    time.sleep(max(0.0, read_at + READ_PERIOD_S - time.monotonic()))
            ending = engine.finish()
            yield from follow([event for event in ending if not isinstance(event, Summary)])
        finally:
            if scoring:
                scoring.close()
    yield from follow([])
    for summary in ending:
        if isinstance(summary, Summary):
            counters = source.sensors[sensor_of(summary.stream) - 1].counters
            scored, skipped = (scoring.scored, scoring.skipped) if scoring else (0, 0)
            if summary.stream == "ecg":
                if model and not scored and not skipped:
                    yield _not_scored(model, summary, ecg)
                summary = replace(summary, windows_scored=scored, windows_skipped=skipped)
            yield replace(summary, counters=asdict(counters) if counters else {})


def stream(
    source: str | Source,
    *,
    device: str | None = None,
    leads: Sequence[str] = (),
    model: str | None = "encoder",
    duration: float | None = None,
    twelve: str | None = None,
    ppg_to_ecg: str | None = None,
) -> Iterator[Event]:
    """Yield live events of a sensor, a recording or the simulator: blocks, beats, heart rate, quality, findings.

    Parameters
    ----------
    source : str or Source
        A serial port (``/dev/ttyUSB0``, ``COM3``, ``socket://host:port``), a Bluetooth sensor
        (``ble:NAME``), a recording's path, or ``simulate:SCENARIO``.
    device : str, optional
        The sensor (see ``wearecg devices``); if not given, ``bridge`` on a port, found out on Bluetooth.
    leads : sequence of str
        Leads to keep, in this order; all if not given.
    model : str or None
        Name of the model that scores windows; None for beats and quality only.
    duration : float, optional
        Seconds after which to end.
    twelve : str, optional
        Name of the model (``lead12``) that reconstructs the leads which were not measured, as a second stream.
    ppg_to_ecg : str, optional
        Name of the model (``ppg2ecg``) that draws ``II*`` from the lead ``PPG``, as a stream ``pulse``.

    Raises
    ------
    SourceError, LeadError, ModelError
        Before the first event where possible.

    Examples
    --------
    >>> from wearecg import Beat, stream
    >>> beats = [e for e in stream("simulate:sinus?seed=1&speed=max", duration=30) if isinstance(e, Beat)]
    >>> 20 < len(beats) < 60
    True
    """
    from wearecg.models.lead12 import load_reconstructor
    from wearecg.models.model import load_scorer
    from wearecg.models.pulse import load_pulse_model
    from wearecg.sources import open_source

    opened = open_source(source, device, leads=leads) if isinstance(source, str) else source
    loaded = load_scorer(model) if model else None
    reconstructor = load_reconstructor(twelve) if twelve else None
    pulse = PulseSpec(load_pulse_model(ppg_to_ecg)) if ppg_to_ecg else None
    return run(opened, loaded, leads, duration, trace=True, twelve=reconstructor, pulse=pulse)


def score(
    samples: ArrayLike,
    fs: float,
    leads: Sequence[str],
    *,
    model: str | None = "encoder",
    name: str = "samples",
) -> Report:
    """Run the whole engine over a recording: the same stages, windows and findings as live.

    Parameters
    ----------
    samples : array [n, leads]
        mV, NaN where missing.
    fs : float
        Hz.
    leads : sequence of str
        Names of the columns, in any order.

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
    from wearecg.formats import Recording, check_samples
    from wearecg.models.model import load_scorer
    from wearecg.transports.replay import ReplaySource

    try:
        x = np.asarray(samples, np.float32)
    except (TypeError, ValueError) as error:
        raise SignalError(f"{name}: not an array of numbers ({error})") from error
    if not 0 < fs < float("inf"):
        raise SignalError(f"{name}: fs = {fs} is no rate; give samples per second")
    if x.ndim != 2 or x.shape[1] != len(leads):
        raise SignalError(
            f"{name}: shape {x.shape} for {len(leads)} leads; give [n, leads], one column a lead"
        )
    check_samples(x, name)
    names = tuple(canonical(lead) for lead in leads)
    if len(set(names)) < len(names):
        raise LeadError(f"{name}: a lead is given twice in {', '.join(leads)}")
    recording = Recording(x, fs, names, name)
    source = ReplaySource(recording, speed=float("inf"))
    return report(run(source, load_scorer(model) if model else None))


def _names(source: Source) -> list[str]:
    return [one.name for one in source.sensors]


def report(events: Iterator[Event]) -> Report:
    """Collect a whole run into a `Report`."""
    kept: list[Event] = []
    findings: dict[tuple[str, float], Finding] = {}
    for event in events:
        if isinstance(event, Finding):
            key = (event.code, event.since)
            best = findings.get(key, event)
            strongest = max(best, event, key=lambda f: f.probability or 0.0)
            findings[key] = replace(strongest, start=best.start, end=event.end)
        elif isinstance(event, Beat | HeartRate | Quality | Gap | Notice | Summary):
            kept.append(event)
    return Report(
        findings=tuple(findings.values()),
        beats=_only(Beat, kept),
        heart_rate=_only(HeartRate, kept),
        quality=_only(Quality, kept),
        gaps=_only(Gap, kept),
        notices=_only(Notice, kept),
        summary=_only(Summary, kept)[0],
    )


def _only(kind: type[T], events: Sequence[Event]) -> tuple[T, ...]:
    return tuple(event for event in events if isinstance(event, kind))


def _not_scored(model: Model, summary: Summary, leads: tuple[str, ...]) -> Finding:
    needed = model.card.input.seconds
    reason = f"{summary.duration:.1f} s of signal; {model.card.name} scores windows of {needed:g} s"
    if any(lead.startswith(SYNTHETIC) for lead in leads):
        reason = f"{', '.join(leads)}: what is drawn from a pulse is no ECG, and nothing scores it"
    elif not any(is_ecg(lead) for lead in leads):
        reason = f"no ECG lead among {', '.join(leads)}; name them with --leads or in the file"
    source = f"{model.card.name}@{model.card.version}"
    return Finding("NOT_SCORED", "not scored", 0.0, 0.0, summary.duration, None, source, reason=reason)
