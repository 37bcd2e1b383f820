"""Gathers what is told of a recording, however long it is, from the events of a session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite, nan

from wearecg.account.beats import Beats
from wearecg.account.episodes import Episode, Episodes, Kind
from wearecg.account.spread import Spread
from wearecg.block import (
    Beat,
    BeatClass,
    Event,
    Finding,
    Gap,
    HeartRate,
    Mark,
    Measure,
    Notice,
    Quality,
    StreamId,
    StreamInfo,
    Summary,
)
from wearecg.ecg.leads import is_ecg
from wearecg.ecg.statements import find

MINUTE_S, HOUR_S = 60.0, 3600.0
INTERVALS = ("pr", "qrs", "qt", "qtc_fridericia", "qtc_bazett")
ST = ("st60", "st80")
BY_CLASSES = frozenset({"PVC", "PAC", "PRC(S)", "BIGU", "TRIGU"})
"""What the classes of the beats show better than a model's windows."""
BY_RHYTHM_RULE = ("episodes@", "runs@")
"""The sources that judge rhythm over the whole recording: beside it no model's windows are told of rhythm."""


@dataclass(slots=True)
class Minute:
    """One minute of a stream: seconds that were judged and that could be read; heart rate, bpm."""

    judged: float = 0.0
    readable: float = 0.0
    rates: int = 0
    total: float = 0.0
    slowest: float = nan
    fastest: float = nan

    @property
    def rate(self) -> float:
        """The mean heart rate; NaN where none is known."""
        return self.total / self.rates if self.rates else nan


class StreamAccount:
    """What is told of one stream. Times are seconds from the beginning of its recording."""

    def __init__(self, info: StreamInfo) -> None:
        self.info = info
        self.offset = 0.0
        """Seconds from the beginning to time 0 of what comes now: a stream may begin anew."""
        self.end = 0.0
        self.windows = 0
        """Looked at by models; known at the end."""
        self.lost = 0.0
        self.gaps = 0
        self.longest_gap: tuple[float, float] = (0.0, 0.0)
        """Its start and its length."""
        self.beats = Beats()
        self.rate = Spread(1.0)
        self.no_rate: Counter[str] = Counter()
        self.good: Counter[str] = Counter()
        self.usable: Counter[str] = Counter()
        self.judged: Counter[str] = Counter()
        self.reasons: dict[str, Counter[str]] = {}
        self.minutes: dict[int, Minute] = {}
        self.marks: list[Mark] = []
        self.measures: dict[tuple[str, str, tuple[str, ...]], Spread] = {}
        """By name, unit and, for ST, leads."""
        self._unreadable = bytearray()
        """1 for each whole second in which no ECG lead could be read."""
        self._episodes = Episodes(self.seen)
        self._begun = 1
        """How often it has."""

    def begin_anew(self, info: StreamInfo) -> None:
        """Go on with a stream that has begun again, at its place in time where that is known."""
        passed = info.epoch - self.info.epoch
        known = isfinite(passed) and passed >= self.end - 1.0
        self._episodes.settle()
        self._begun += 1
        self.offset = passed if known else self.end

    def feed(self, event: Event) -> None:
        """Take one event of this stream."""
        match event:
            case Beat():
                self.beats.beat(event, self.offset)
                self._reach(event.time)
            case BeatClass():
                self.beats.classed(event, self.offset)
            case HeartRate():
                self._rate(event)
            case Quality():
                self._quality(event)
            case Gap():
                self.gaps += 1
                self.lost += event.duration
                if event.duration > self.longest_gap[1]:
                    self.longest_gap = (event.start + self.offset, event.duration)
                self._reach(event.end)
            case Measure():
                self._measure(event)
            case Mark():
                self.marks.append(replace(event, time=event.time + self.offset))
            case Finding():
                self._episodes.feed(event, self.offset)
                self._reach(event.end)
            case Summary():
                self.windows = event.windows_scored
                self._reach(event.duration)

    def _reach(self, time: float) -> None:
        if time + self.offset > self.end:
            self.end = time + self.offset

    def _minute(self, time: float) -> Minute:
        number = int((time + self.offset) // MINUTE_S)
        if number not in self.minutes:
            self.minutes[number] = Minute()
        return self.minutes[number]

    def _rate(self, event: HeartRate) -> None:
        self._reach(event.time)
        if event.bpm is None:
            self.no_rate[event.reason] += 1
            return
        self.rate.add(event.bpm, event.time + self.offset)
        minute = self._minute(event.time)
        minute.rates += 1
        minute.total += event.bpm
        minute.slowest = event.bpm if not minute.slowest <= event.bpm else minute.slowest
        minute.fastest = event.bpm if not minute.fastest >= event.bpm else minute.fastest

    def _quality(self, event: Quality) -> None:
        seconds = event.end - event.start
        readable = False
        for lead in event.leads:
            self.judged[lead.lead] += round(seconds)
            if lead.verdict == "good":
                self.good[lead.lead] += round(seconds)
            else:
                self.reasons.setdefault(lead.lead, Counter())[lead.reason] += round(seconds)
            if lead.verdict != "unusable":
                self.usable[lead.lead] += round(seconds)
                readable = readable or is_ecg(lead.lead)
        if not readable:
            first, last = (round(time + self.offset) for time in (event.start, event.end))
            self._unreadable.extend(bytes(max(last - len(self._unreadable), 0)))
            self._unreadable[first:last] = b"\1" * (last - first)
        minute = self._minute(event.start)
        minute.judged += seconds
        minute.readable += seconds if readable else 0.0
        self._reach(event.end)

    def _measure(self, event: Measure) -> None:
        if event.name in INTERVALS or event.name in ST:
            key = (event.name, event.unit, event.leads if event.name in ST else ())
            spread = self.measures.get(key)
            if spread is None:
                spread = self.measures[key] = Spread(1.0 if event.unit == "ms" else 0.005)
            spread.add(event.value, event.start + self.offset, event.error)

    @property
    def readable(self) -> float:
        """Seconds in which an ECG lead could be read; of a strap, those of its intervals."""
        if self.info.waveform:
            return sum(minute.readable for minute in self.minutes.values())
        return self.beats.spanned

    def seen(self, start: float, end: float) -> float:
        """Seconds between two times in which an ECG lead could be read; of a strap, those of its intervals."""
        if not self.info.waveform:
            return min(self.beats.spanned_between(start, end), end - start)
        first, last = int(start), int(end)
        unseen = float(self._unreadable.count(1, first, last + 1))
        if self._unreadable[first : first + 1] == b"\1":
            unseen -= start - first
        if self._unreadable[last : last + 1] == b"\1":
            unseen -= last + 1 - end
        return end - start - unseen

    @property
    def whole(self) -> float:
        """Seconds of which `readable` is a share: the rest of a second at an end is judged by nobody."""
        judged = sum(minute.judged for minute in self.minutes.values())
        rest_of_seconds = self.info.waveform and judged and self.end - judged < self._begun
        return judged if rest_of_seconds else self.end

    @property
    def kinds(self) -> list[Kind]:
        """What was found, the most of it first. What a better source judges of the same is left out."""
        kinds = [kind for kind in self._episodes if not kind.why]
        ruled = any(kind.source.startswith(BY_RHYTHM_RULE) for kind in self._episodes)
        return sorted(
            (kind for kind in kinds if not self._superseded(kind, ruled)), key=lambda kind: -kind.seconds
        )

    @property
    def not_judged(self) -> list[Kind]:
        """What was not scored, by source and reason, the most of it first."""
        return sorted((kind for kind in self._episodes if kind.why), key=lambda kind: -kind.rounds)

    def _superseded(self, kind: Kind, ruled: bool) -> bool:
        term = find(kind.code)
        if term is None or kind.source.startswith(BY_RHYTHM_RULE):
            return False
        if kind.code in BY_CLASSES:
            return bool(self.beats.source)
        return ruled and term.rests_on == "rhythm"

    @property
    def numbered(self) -> list[tuple[int, Kind, Episode]]:
        """Every finding in the order of time, with the number by which it is cited, from 1 on."""
        found = [(episode, kind) for kind in self.kinds for episode in kind.kept]
        found.sort(key=lambda one: (one[0].since, one[0].end, one[1].code))
        return [(number, kind, episode) for number, (episode, kind) in enumerate(found, 1)]


class Account:
    """The account of a session; `feed` it every event.

    Attributes
    ----------
    notices : list of Notice
        Warnings and errors.

    Examples
    --------
    >>> import wearecg
    >>> from wearecg.account import Account
    >>> account = Account()
    >>> for event in wearecg.stream("simulate:sinus?speed=max", observe="encoder", duration=40):
    ...     account.feed(event)
    >>> main = account.main
    >>> main.end, [kind.code for kind in main.kinds if kind.code == "SR"]
    (40.0, ['SR'])
    """

    def __init__(self) -> None:
        self._streams: dict[StreamId, StreamAccount] = {}
        self.notices: list[Notice] = []

    def feed(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, Notice):
            if event.level != "info":
                self.notices.append(event)
            return
        if isinstance(event, StreamInfo):
            if event.reconstructed or event.synthetic:
                return
            if event.stream in self._streams:
                self._streams[event.stream].begin_anew(event)
            else:
                self._streams[event.stream] = StreamAccount(event)
            return
        stream = self._streams.get(getattr(event, "stream", None) or StreamId("ecg"))
        if stream is not None:
            stream.feed(event)

    def __iter__(self) -> Iterator[StreamAccount]:
        """Yield the streams with an ECG or RR intervals, in the order in which they began."""
        return (
            one
            for one in self._streams.values()
            if not one.info.waveform or any(is_ecg(lead) for lead in one.info.leads)
        )

    @property
    def main(self) -> StreamAccount | None:
        """The first stream with an ECG, else the first with RR intervals."""
        there = sorted(self, key=lambda one: not one.info.waveform)
        return there[0] if there else None
