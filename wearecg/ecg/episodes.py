"""Rhythms as episodes: from beats that were judged one by one to stretches that begin, hold and end.

A rhythm is another one when it has lasted long enough, and then from its first beat on: atrial fibrillation of less
than thirty seconds is no episode, and no shorter break in it ends it than `LEAST_S` says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import exp, hypot, inf, isnan, nan, sqrt
from statistics import median
from typing import NamedTuple

from wearecg.ecg.atrial import Judged
from wearecg.ecg.ectopy import ASYSTOLE_S
from wearecg.ecg.told import Number, Told

AF, OTHER = "AFIB", ""
EVEN = 0.5
LEAST_S = {AF: 30.0, OTHER: 15.0}
"""How long a rhythm lasts at least, s; shorter ones belong to what is around them."""
BEATS = 5
"""The shorter rule for atrial fibrillation: five beats (CPSC 2021). Its burden is told too."""
WHOLE_S, WHOLE = 60.0, 0.8
"""In a recording shorter than this, atrial fibrillation over this share of it counts (as in a 12-lead ECG)."""
BREAK_S = 10.0
"""A time without intervals this long ends a rhythm."""
JUDGED = 24
"""Intervals that a rhythm is judged on at least."""
RECENT = 64
SLOW_BPM, FAST_BPM = (58.0, 62.0), (102.0, 98.0)
"""Rates at which sinus brady- and tachycardia begin and end."""
IRREGULAR = (0.12, 0.06)
"""Irregularity (RMSSD over mean RR) at which a pulse begins and ends to be called irregular."""
HOUR_S = 3600.0
DOUBT, LEAST_ERROR = 4.6, 0.1
"""The standard error of a burden, %: the doubt about its beats, who are wrong together, times the first, and at least
the second. Chosen so that 95 % of records that the network had not seen lie within twice of it."""
HOLD_S = BREAK_S


@dataclass(slots=True)
class _Run:
    """Beats in a row of one rhythm."""

    kind: str
    start: float
    end: float
    beats: int = 0
    sure: float = 0.0

    def take(self, one: Judged) -> None:
        self.end = one.time
        self.beats += 1
        self.sure += one.probability

    def join(self, other: _Run) -> None:
        self.end = other.end
        self.beats += other.beats
        self.sure += other.sure


@dataclass(slots=True)
class _Hour:
    """Seconds of an hour: that could be judged, in episodes, in runs of five beats; and how sure these two are."""

    known: float = 0.0
    episodes: float = 0.0
    runs: float = 0.0
    doubt: float = 0.0


class Burden(NamedTuple):
    """A share of the time that could be judged, and the stretch that it is of, s."""

    number: Number
    start: float
    end: float


class Episodes:
    """Turns the judged beats of one stream into what holds.

    Parameters
    ----------
    sinus : callable
        Whether P waves or a model speak for sinus rhythm up to a time (s).
    """

    def __init__(self, sinus: Callable[[float], bool]) -> None:
        self._sinus = sinus
        self._held = _Run(OTHER, 0.0, 0.0)
        self._pending: _Run | None = None
        self._begun = self._last = nan
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._name = ""
        self._since = 0.0
        """Since when the rhythm that is held has its name."""
        self._told_to = 0.0
        self._counted = 0.0
        """Up to where fibrillation that is held has been added to the hours."""
        self._hours: dict[int, _Hour] = {}
        self._told_hours = 0

    def feed(self, beats: list[Judged], last: bool = False) -> list[Told]:
        """Take judged beats; return what holds up to where that is settled, unless these are the ``last``."""
        told: list[Told] = []
        for one in beats:
            told += self._take(one)
        return told if last or not beats else told + self._state()

    def flush(self, verdict: float | None = None) -> list[Told]:
        """Return what holds at the end.

        Parameters
        ----------
        verdict : float, optional
            Log odds that a short recording is fibrillation as a whole, if that was judged.
        """
        pending, self._pending = self._pending, None
        whole = self._last - self._begun
        if whole < WHOLE_S and (verdict is not None or self._held.kind == OTHER):
            sure = self._sure_of_all(pending, whole) if verdict is None else 1 / (1 + exp(-verdict))
            if sure > EVEN:
                beats = self._held.beats + (pending.beats if pending else 0)
                self._held = _Run(AF, self._begun, self._last, beats, sure * beats)
                return self._state()
            if verdict is not None:
                self._held.kind = OTHER
        if pending:
            self._absorb(pending)
        return self._state(last=True)

    def _sure_of_all(self, pending: _Run | None, whole: float) -> float:
        """Return how sure fibrillation is where it was nearly all of a short recording, else 0."""
        if pending is None or pending.kind != AF or pending.end - pending.start < WHOLE * whole:
            return 0.0
        return pending.sure / pending.beats

    def burdens(self, over: bool = False) -> list[Burden]:
        """Return those of the hours that are settled, and with ``over`` the last one and all together."""
        settled = min(self._held.end, self._pending.start if self._pending else inf)
        told: list[Burden] = []
        while self._hours and (over or self._begun + HOUR_S * (self._told_hours + 1) <= settled):
            start = self._begun + HOUR_S * self._told_hours
            hour = self._hours.get(self._told_hours)
            if hour:
                told += _burdens(hour, start, min(start + HOUR_S, self._last))
            self._told_hours += 1
            if over and self._told_hours > max(self._hours):
                break
        if over and len(self._hours) > 1:
            every = self._hours.values()
            both = _Hour(*(sum(getattr(one, name) for one in every) for name in _Hour.__slots__))
            told += _burdens(both, self._begun, self._last)
        return told

    def _take(self, one: Judged) -> list[Told]:
        told: list[Told] = []
        start = one.time if one.rr is None or one.rr >= ASYSTOLE_S else one.time - one.rr
        if isnan(self._begun):
            self._begun = self._last = start
            self._held = _Run(OTHER, start, start)
            self._since = self._counted = start
        elif one.rr is None and one.time - self._last > BREAK_S:
            told += self._end(one.time, OTHER)
            self._recent.clear()
        elif one.rr is not None and one.rr >= ASYSTOLE_S:
            # No rhythm holds while the heart stands still.
            told += [ended._replace(hold=0.0) for ended in self._end(one.time, self._held.kind)]
            one = one._replace(rr=None)
        self._last = one.time
        if one.rr is not None:
            self._measure(one)
        kind = AF if one.probability > EVEN else OTHER
        if kind == self._held.kind:
            if self._pending:
                self._absorb(self._pending)
                self._pending = None
            self._held.take(one)
            return told
        if self._pending is None:
            self._pending = _Run(kind, start, start)
        self._pending.take(one)
        if self._pending.end - self._pending.start >= LEAST_S[kind]:
            told += self._change(self._pending)
            self._pending = None
        return told

    def _end(self, time: float, kind: str) -> list[Told]:
        """End the rhythm that is held, and let one of ``kind`` begin with the beat at ``time``."""
        if self._pending:
            self._absorb(self._pending)
            self._pending = None
        told = self._state(last=True)
        self._held = _Run(kind, time, time)
        self._name, self._since = "", time
        self._told_to = self._counted = time
        return told

    def _measure(self, one: Judged) -> None:
        self._recent.append(one.rr or 0.0)
        hour = self._hour(one.time)
        hour.known += one.rr or 0.0
        hour.doubt += (one.rr or 0.0) * sqrt(one.probability * (1 - one.probability))

    def _hour(self, time: float) -> _Hour:
        return self._hours.setdefault(int((time - self._begun) / HOUR_S), _Hour())

    def _absorb(self, run: _Run) -> None:
        """Let a run that was too short belong to what is around it."""
        if run.kind == AF and run.beats >= BEATS:
            self._count(run.start, run.end, episode=False)
        self._held.join(run)

    def _change(self, run: _Run) -> list[Told]:
        """Let another rhythm begin, and tell the last of the one before."""
        told = self._state()
        self._held = run
        self._name, self._since = "", run.start
        self._counted = run.start
        return told

    def _count(self, start: float, end: float, episode: bool) -> None:
        while start < end:
            hour = self._hour(start)
            edge = self._begun + HOUR_S * (int((start - self._begun) / HOUR_S) + 1)
            part = min(end, max(edge, start + 1e-6)) - start
            hour.runs += part
            hour.episodes += part * episode
            start += part

    def _state(self, last: bool = False) -> list[Told]:
        """Tell the rhythm that is held, up to where it is settled; with ``last`` nothing more comes of it."""
        held = self._held
        if not held.beats or held.end <= self._since:
            return []
        numbers = _numbers(list(self._recent))
        if held.kind == AF:
            self._count(self._counted, held.end, episode=True)
            self._counted = held.end
            beats = (Number("beats", held.beats), *numbers)
            sure = round(held.sure / held.beats, 4)
            return [Told(AF, held.start, held.end, beats, sure, hold=HOLD_S)]
        if len(self._recent) < JUDGED:
            if not last:
                return []
            reason = f"{len(self._recent)} intervals without a break; the rhythm needs {JUDGED} or more"
            return [Told("", self._since, held.end, reason=reason)]
        if (name := self._named(numbers, held.end)) != self._name:
            self._since = max(self._since, self._told_to) if self._name else held.start
            self._name = name
        self._told_to = held.end
        return [Told(name, self._since, held.end, numbers, hold=HOLD_S)]

    def _named(self, numbers: tuple[Number, ...], end: float) -> str:
        irregularity, rate = numbers[0].value, numbers[1].value
        if not self._sinus(end):
            return "RR_IRREGULAR" if irregularity >= IRREGULAR[self._name == "RR_IRREGULAR"] else "RR_REGULAR"
        if rate < SLOW_BPM[self._name == "SBRAD"]:
            return "SBRAD"
        return "STACH" if rate > FAST_BPM[self._name == "STACH"] else "SR"


def _burdens(hour: _Hour, start: float, end: float) -> list[Burden]:
    if not hour.known:
        return []
    error = round(hypot(100 * DOUBT * hour.doubt / hour.known, LEAST_ERROR), 3)
    return [
        Burden(Number(name, round(min(100.0, 100 * part / hour.known), 3), "%", error), start, end)
        for name, part in (("af_burden", hour.episodes), ("af_burden_5_beats", hour.runs))
    ]


def _numbers(rr: list[float]) -> tuple[Number, ...]:
    if len(rr) < 2:
        return ()
    mean = sum(rr) / len(rr)
    irregularity = sqrt(sum((b - a) ** 2 for a, b in pairwise(rr)) / (len(rr) - 1)) / mean
    return (
        Number("rr_irregularity", round(irregularity, 3)),
        Number("heart_rate", round(60 / median(rr), 1), "bpm"),
    )
