"""The board: what observers say, in its place in time. Here, and nowhere else, findings begin, hold and end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Literal, TypeVar

from wearecg.block import (
    Beat,
    Event,
    Finding,
    Gap,
    HeartRate,
    Measure,
    Notice,
    Quality,
    Statement,
    StreamId,
    StreamInfo,
    Summary,
)
from wearecg.ecg.contradiction import FEWEST, contradicts
from wearecg.settling import Settling
from wearecg.statement import NOTHING

T = TypeVar("T")

STATED = attrgetter(*(one.name for one in fields(Statement)))
"""The fields that a finding has from its statement, which are its first ones."""
RECENT_S = 12.0
"""A heart rate is compared with what was stated on a stretch that ended no longer ago."""
OF_THE_RATE = frozenset({"heart_rate", "rr_irregularity"})
UNSEEN_S = 10.0
"""What a model states of windows does not hold over a longer stretch in which it could judge none."""
KEEP_S = 120.0
"""Measures that ended so much earlier than the newest of their stream are no evidence any more."""


@dataclass(slots=True)
class _Source:
    """What one source says of one stream; statements on the same stretch (same ``end``) are one round of it."""

    end: float = float("-inf")
    judged: float = float("-inf")
    """Where the last stretch that it could judge ends."""
    blind: float = 0.0
    """Seconds between that and the one before, if they do not touch."""
    seen: set[str] = field(default_factory=set)
    holds: dict[str, Finding] = field(default_factory=dict)
    settling: Settling = field(default_factory=Settling)


class Board:
    """Turns the statements of all observers into findings that begin, hold and end.

    A finding begins with the first round of its source in which it is stated, or when its reason becomes another
    (``why``), or when the stretch does not reach back to where it held last; where nothing is said, the time between
    is no break, but for a model's windows if it is longer than `UNSEEN_S`. It ends when a whole round of its source,
    and the time that the statement may be absent (`Statement.hold`), went by without it; that is known one round late.
    What holds in a stream ends when that begins anew (another `StreamInfo`). Measures of the same stream that overlap
    a statement become evidence beside its own, unless it says why nothing is said. A heart rate that a finding
    contradicts becomes unknown, and one that is unknown is no evidence.
    """

    def __init__(self) -> None:
        self._sources: dict[tuple[StreamId, str], _Source] = {}
        self._measures: dict[StreamId, deque[Measure]] = {}
        self._intervals: dict[StreamId, deque[float]] = {}
        self._unknown: set[StreamId] = set()

    def feed(self, event: Event) -> list[Event]:
        """Take the next event of a session and return what goes on to the outputs in its place, in order."""
        match event:
            case Finding():
                return [event]
            case Statement():
                return [*self._place(event)]
            case Measure():
                self._remember(event)
            case Beat(rr=float() as rr):
                self._intervals.setdefault(event.stream, deque(maxlen=FEWEST)).append(rr)
            case HeartRate():
                return [self._judge(event)]
            case StreamInfo():
                return [*self._end(event.stream), event]
            case Summary():
                return [*self._settle(event.stream), event]
        return [event]

    def _judge(self, rate: HeartRate) -> HeartRate:
        """Return a heart rate as it goes on to the outputs."""
        if rate.bpm is not None and (found := self._against(rate, rate.bpm)):
            rate = replace(rate, bpm=None, reason=f"it contradicts {found.text}")
        if rate.bpm is None:
            self._unknown.add(rate.stream)
        else:
            self._unknown.discard(rate.stream)
        return rate

    def _against(self, rate: HeartRate, bpm: float) -> Finding | None:
        """Return what was found lately that contradicts a heart rate."""
        intervals = self._intervals.get(rate.stream, ())
        for (stream, _), source in self._sources.items():
            if stream != rate.stream:
                continue
            for held in source.holds.values():
                if (
                    not held.why
                    and held.end >= rate.time - RECENT_S
                    and contradicts(held.code, bpm, tuple(intervals))
                ):
                    return held
        return None

    def _place(self, statement: Statement) -> list[Finding]:
        source = self._sources.setdefault((statement.stream, statement.source), _Source())
        findings: list[Finding] = []
        if statement.end > source.end:
            for code, held in list(source.holds.items()):
                absent = code not in source.seen and source.end - held.end >= held.hold
                if absent or (held.settle and source.settling.gone(held)):
                    del source.holds[code]
                    findings.append(replace(held, change="ends", seen=statement.end))
            source.seen.clear()
            source.end = statement.end
            if not statement.why:
                source.blind = statement.start - source.judged
                source.judged = statement.end
                if source.blind > UNSEEN_S:
                    source.settling.forget()
                source.settling.look(statement.start, statement.end)
        if statement.code == NOTHING:
            return findings
        since: float | None = statement.start
        if statement.settle:
            source.settling.say(statement)
            if statement.code not in source.holds:
                since = source.settling.since(statement)
        return findings if since is None else [*findings, self._hold(source, statement, since)]

    def _hold(self, source: _Source, statement: Statement, since: float) -> Finding:
        before = source.holds.get(statement.code)
        unbroken = before is not None and (
            statement.start <= before.end + before.hold or bool(before.why and statement.why)
        )
        if statement.settle and not statement.why and source.blind > UNSEEN_S:
            unbroken = False
        since = before.since if before and unbroken else since
        same = before is not None and unbroken and before.why == statement.why
        evidence = () if statement.why else (*statement.evidence, *self._beside(statement))
        if statement.stream in self._unknown:
            evidence = tuple(measure for measure in evidence if measure.name not in OF_THE_RATE)
        change: Literal["holds", "begins"] = "holds" if same else "begins"
        finding = Finding(*STATED(statement), since=since, change=change, seen=statement.end)
        if len(evidence) != len(statement.evidence):
            finding = replace(finding, evidence=evidence)
        source.holds[statement.code] = finding
        source.seen.add(statement.code)
        return finding

    def _settle(self, stream: StreamId) -> list[Finding]:
        """Begin what was stated most of the time in a stream that ends before it could settle."""
        return [
            self._hold(source, statement, since)
            for (one, _), source in self._sources.items()
            if one == stream
            for statement, since in source.settling.at_the_end()
            if statement.code not in source.holds
        ]

    def _end(self, stream: StreamId) -> list[Finding]:
        """End what holds in a stream and forget it."""
        self._measures.pop(stream, None)
        self._intervals.pop(stream, None)
        self._unknown.discard(stream)
        known = [key for key in self._sources if key[0] == stream]
        sources = [self._sources.pop(key) for key in known]
        return [
            replace(held, change="ends", seen=source.end)
            for source in sources
            for held in source.holds.values()
        ]

    def _remember(self, measure: Measure) -> None:
        kept = self._measures.setdefault(measure.stream, deque())
        kept.append(measure)
        while kept[0].end < measure.end - KEEP_S:
            kept.popleft()

    def _beside(self, statement: Statement) -> Iterable[Measure]:
        measures = self._measures.get(statement.stream, ())
        if not measures:
            return ()
        own = {measure.key for measure in statement.evidence}
        newest = {
            measure.key: measure
            for measure in measures
            if measure.start < statement.end and measure.end > statement.start and measure.key not in own
        }
        return newest.values()


class Active:
    """Which findings hold now; `feed` it every finding."""

    def __init__(self) -> None:
        self._held: dict[tuple[StreamId, str, str], Finding] = {}

    def feed(self, finding: Finding) -> None:
        """Take one finding."""
        if finding.change == "ends":
            self._held.pop(finding.key, None)
        else:
            self._held[finding.key] = finding

    def __iter__(self) -> Iterator[Finding]:
        """Yield them, likeliest first."""
        return iter(
            sorted(
                self._held.values(),
                key=lambda f: -1.0 if f.probability is None else f.probability,
                reverse=True,
            )
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a recording. Times in seconds from its first sample.

    Attributes
    ----------
    findings : tuple of Finding
        Each once for every stretch over which it held (``since`` to ``end``), with its highest probability.
    beats : tuple of Beat
    heart_rate : tuple of HeartRate
        One a second.
    quality : tuple of Quality
        One a second.
    gaps : tuple of Gap
    measures : tuple of Measure
    notices : tuple of Notice
    summary : Summary
        Of the first stream.
    """

    findings: tuple[Finding, ...]
    beats: tuple[Beat, ...]
    heart_rate: tuple[HeartRate, ...]
    quality: tuple[Quality, ...]
    gaps: tuple[Gap, ...]
    measures: tuple[Measure, ...]
    notices: tuple[Notice, ...]
    summary: Summary


class Stretches:
    """Findings of a whole session, each once for every stretch over which it held, with its highest probability."""

    def __init__(self) -> None:
        self._best: dict[tuple[object, ...], Finding] = {}
        self._ends: dict[tuple[object, ...], float] = {}

    def feed(self, finding: Finding) -> None:
        """Take the next one."""
        key = (*finding.key, finding.why, finding.since)
        best = self._best.get(key)
        if best is None:
            self._best[key] = finding
        elif finding.change == "ends":
            return
        elif (finding.probability or 0.0) > (best.probability or 0.0):
            self._best[key] = replace(finding, start=best.start)
        self._ends[key] = finding.end

    def __iter__(self) -> Iterator[Finding]:
        """Yield them in the order in which they began."""
        return (replace(best, end=self._ends[key]) for key, best in self._best.items())


def report(events: Iterable[Event]) -> Report:
    """Collect a whole session into a `Report`."""
    kept: list[Event] = []
    findings = Stretches()
    for event in events:
        if isinstance(event, Finding):
            findings.feed(event)
        elif isinstance(event, Beat | HeartRate | Quality | Gap | Measure | Notice | Summary):
            kept.append(event)
    return Report(
        findings=tuple(findings),
        beats=_only(Beat, kept),
        heart_rate=_only(HeartRate, kept),
        quality=_only(Quality, kept),
        gaps=_only(Gap, kept),
        measures=_only(Measure, kept),
        notices=_only(Notice, kept),
        summary=_only(Summary, kept)[0],
    )


def _only(kind: type[T], events: Sequence[Event]) -> tuple[T, ...]:
    return tuple(event for event in events if isinstance(event, kind))
