"""A strip of signal for every kind of finding, cut out while the signal goes by."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from wearecg.account.beats import CLASSES, RUN
from wearecg.block import Beat, BeatClass, Finding, Samples, SignalBlock, StreamInfo
from wearecg.ecg.leads import is_ecg
from wearecg.formats import Recording

STRIP_S = 7.0
"""At 25 mm/s a strip is as wide as a printed page."""
KEEP_S = 120.0
"""How long the signal is kept."""
APART_S = 6.0
"""Beats that are further apart are no row."""
LATE_S = 3.0
"""Beats and their classes are told so late at most."""
FIRST_S = 20.0
"""When a strip is cut out whatever is found."""
MOST_LEADS = 3
SHOWN_HZ = 250.0
MOST_MISSING = 0.6
"""Of a strip; one that lacks more is none."""
BETTER = 0.05
"""A strip gives way to one that is likelier by so much."""
PREFERRED = ("II", "V1", "V5")


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """A few seconds of signal.

    Attributes
    ----------
    key : tuple of str
        What it shows: ``finding`` and a code, ``beat`` and a class, ``run`` and a class, or ``signal``.
    start, fs : float
        Seconds of the first sample from the beginning of the recording; samples per second.
    leads : tuple of str
    samples : float32 [n, leads]
        mV, NaN where missing.
    beats : list of (float, str)
        Seconds and class of each beat, ? where it is not known.
    cited : (float, float)
        The seconds that what it shows rests on.
    sized : tuple of bool
        For each lead, whether its samples are mV.
    """

    key: tuple[str, ...]
    start: float
    fs: float
    leads: tuple[str, ...]
    samples: Samples
    beats: list[tuple[float, str]]
    cited: tuple[float, float]
    sized: tuple[bool, ...]

    @property
    def end(self) -> float:
        """Seconds just after its last sample."""
        return self.start + len(self.samples) / self.fs


@dataclass(slots=True)
class _Asked:
    key: tuple[str, ...]
    start: float
    end: float
    cited: tuple[float, float]
    worth: float
    leads: tuple[str, ...]


@dataclass(slots=True)
class _Row:
    """Beats of one class that follow each other."""

    code: str = ""
    start: float = 0.0
    end: float = 0.0
    beats: int = 0
    longest: dict[str, int] = field(default_factory=dict)


class Strips:
    """Cuts strips out of one stream. Times are those of the stream, plus ``offset``."""

    def __init__(self, info: StreamInfo) -> None:
        self.offset = 0.0
        self._kept: deque[SignalBlock] = deque()
        self._beats: deque[tuple[float, str]] = deque()
        self._asked: list[_Asked] = []
        self._worth: dict[tuple[str, ...], float] = {}
        self._strips: dict[tuple[str, ...], Strip] = {}
        self._row = _Row()
        self.begin(info, 0.0)

    def begin(self, info: StreamInfo, offset: float) -> None:
        """Begin, or go on with a stream that begins anew ``offset`` seconds behind its beginning."""
        self._info, self.offset = info, offset
        self._kept.clear()
        self._beats.clear()
        self._asked.clear()
        if ("signal",) not in self._strips:
            self._ask(("signal",), FIRST_S - STRIP_S, FIRST_S, 0.0)

    @property
    def found(self) -> list[Strip]:
        """The strips, in the order of time."""
        return sorted(self._strips.values(), key=lambda strip: strip.start)

    def feed(self, event: Beat | BeatClass | Finding | SignalBlock) -> None:
        """Take the next event of the stream."""
        match event:
            case SignalBlock():
                self._signal(event)
            case Beat():
                self._beats.append((event.time, "?"))
                while self._beats[0][0] < event.time - KEEP_S:
                    self._beats.popleft()
            case BeatClass():
                self._classed(event)
            case Finding() if event.change != "ends" and not event.why:
                worth = event.probability or 0.0
                self._ask(("finding", event.code), event.start, event.end, worth, event.leads)

    def flush(self) -> None:
        """Cut out what is still asked for: nothing more comes."""
        self._cut(float("inf"))

    def _classed(self, event: BeatClass) -> None:
        for back in range(1, min(len(self._beats), 8) + 1):
            if abs(self._beats[-back][0] - event.time) < 1e-3:
                self._beats[-back] = (event.time, event.code)
                break
        row = self._row
        if event.code != row.code or event.time - row.end > APART_S:
            self._end_row(row)
            self._row = row = _Row(event.code, event.time, event.time, 0, row.longest)
        row.end = event.time
        row.beats += 1
        if event.code in CLASSES and event.code != "N":
            middle = event.time
            self._ask(("beat", event.code), middle, middle, event.probability)

    def _end_row(self, row: _Row) -> None:
        if row.code in ("S", "V") and row.beats >= RUN and row.beats > row.longest.get(row.code, 0):
            row.longest[row.code] = row.beats
            self._ask(("run", row.code), row.start, row.end, float(row.beats))

    def _ask(
        self, key: tuple[str, ...], start: float, end: float, worth: float, leads: tuple[str, ...] = ()
    ) -> None:
        """Ask for a strip of the end of a stretch, or around it if that is short, if there is none as good."""
        if key in self._worth and worth < self._worth[key] + BETTER:
            return
        self._worth[key] = worth
        last = end if end - start >= STRIP_S else (start + end + STRIP_S) / 2
        first = max(0.0, last - STRIP_S)
        self._asked = [one for one in self._asked if one.key != key]
        self._asked.append(_Asked(key, first, first + STRIP_S, (start, end), worth, leads))

    def _signal(self, block: SignalBlock) -> None:
        self._kept.append(block)
        while self._kept[0].end < block.end - KEEP_S:
            self._kept.popleft()
        if self._asked:
            # What was found in this block is told behind it.
            self._cut(block.start)

    def _cut(self, now: float) -> None:
        due = [one for one in self._asked if now >= one.end + LATE_S]
        for one in due:
            self._asked.remove(one)
            if strip := self._strip(one):
                self._strips[one.key] = strip

    def _strip(self, asked: _Asked) -> Strip | None:
        info, fs = self._info, self._info.fs
        there = [lead for lead in info.leads if is_ecg(lead)]
        wanted = [lead for lead in (*PREFERRED, *there) if lead in there]
        cited = [lead for lead in wanted if not asked.leads or lead in asked.leads]
        leads = list(dict.fromkeys(cited or wanted))[:MOST_LEADS]
        columns = [info.leads.index(lead) for lead in leads]
        samples = np.full((round((asked.end - asked.start) * fs), len(leads)), np.nan, np.float32)
        for block in self._kept:
            at = round((block.start - asked.start) * fs)
            first, last = max(at, 0), min(at + len(block), len(samples))
            if first < last:
                samples[first:last] = block.samples[first - at : last - at, columns]
        if np.isnan(samples).mean() > MOST_MISSING:
            return None
        step = max(1, round(fs / SHOWN_HZ))
        beats = [(t + self.offset, code) for t, code in self._beats if asked.start <= t < asked.end]
        return Strip(
            asked.key,
            asked.start + self.offset,
            fs / step,
            tuple(leads),
            samples[::step],
            beats,
            (asked.cited[0] + self.offset, asked.cited[1] + self.offset),
            tuple(lead not in info.uncalibrated for lead in leads),
        )


def cut(
    recording: Recording,
    leads: Sequence[str],
    begins: float,
    start: float,
    end: float,
    beats: Sequence[tuple[float, str]],
) -> Strip:
    """Return the last seconds of a stretch of a recording that begins at ``begins``; ``beats`` are in its own time."""
    ordered = [lead for lead in (*PREFERRED, *leads) if lead in leads and lead in recording.leads]
    shown = list(dict.fromkeys(ordered))[:MOST_LEADS]
    fs = recording.fs
    first = max(0, round((end - begins - STRIP_S) * fs))
    samples = recording.samples[first : first + round(STRIP_S * fs)]
    step = max(1, round(fs / SHOWN_HZ))
    at = begins + first / fs
    return Strip(
        ("proof",),
        at,
        fs / step,
        tuple(shown),
        samples[::step, [recording.leads.index(lead) for lead in shown]],
        [(time + begins, code or "?") for time, code in beats if at <= time + begins < at + STRIP_S],
        (start, end),
        tuple(lead not in recording.uncalibrated for lead in shown),
    )
