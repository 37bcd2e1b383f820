"""Whether a finding follows from what it cites: it is recomputed from that stretch of the raw recording alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wearecg.account import Account
from wearecg.account.episodes import Episode, Kind
from wearecg.block import Measure
from wearecg.formats import Recording, RRSeries, Stored
from wearecg.pipeline.observer import Observer
from wearecg.report.gather import Gathered
from wearecg.report.strips import Strip, cut
from wearecg.session import Session
from wearecg.transports.replay import TOGETHER_S, replay

LEAD_IN_S = 60.0
"""What is read before a stretch: beats, quality and mains are learnt there, and no finding is looked for."""
BEHIND_S = 15.0
LEAST_S, MOST_S = 30.0, 180.0
"""How long a stretch is cited, at least where the finding held so long, and at most."""
SETTLED = 1.5
"""So many times what a finding needs to settle: it must stand without what was before."""
SAME = 0.5
"""The share of the stretch over which it must be found again."""
SAME_BEAT_S = 0.15
"""As EC57 matches beats."""


@dataclass(frozen=True, slots=True)
class Cited:
    """What a finding rests on, in seconds from the beginning of the recording.

    Attributes
    ----------
    code, text, source : str
    start, end : float
    leads : tuple of str
    beats : tuple of float
        Its R peaks.
    probability : float or None
    measures : tuple of Measure
    """

    code: str
    text: str
    source: str
    start: float
    end: float
    leads: tuple[str, ...]
    beats: tuple[float, ...]
    probability: float | None
    measures: tuple[Measure, ...]

    def moved(self, by: float) -> Cited:
        """Return the same, ``by`` seconds later."""
        beats = tuple(time + by for time in self.beats)
        return replace(self, start=self.start + by, end=self.end + by, beats=beats)


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of a finding.

    Attributes
    ----------
    share : float
        Of the stretch, over which it was found again.
    found : Cited or None
        As it was found again.
    beats : int
        How many of the cited beats were.
    strip : Strip or None
        The signal; None of intervals alone.
    """

    share: float
    found: Cited | None
    beats: int
    strip: Strip | None

    @property
    def holds(self) -> bool:
        """Whether the finding follows from what it cites."""
        return self.share >= SAME


def cite(account: Account, kind: Kind, episode: Episode) -> Cited:
    """Return what a finding rests on: where it was likeliest, for as long as it must be stated to be one."""
    best = episode.best
    length = min(max(SETTLED * best.settle, best.end - best.start, LEAST_S), MOST_S)
    end = min(max(best.end + episode.shift, episode.since + length), episode.end)
    start = max(episode.since, end - length)
    main = account.main
    beats = main.beats.between(start, end) if main else []
    return Cited(
        kind.code,
        kind.text,
        kind.source,
        start,
        end,
        best.leads,
        tuple(time for time, _ in beats),
        best.probability,
        best.evidence,
    )


def excerpt(stored: Stored, start: float, end: float) -> Recording:
    """Return ``start`` to ``end`` (s) of a recording as one of its own, as far as the recording goes."""
    recording = stored.recording
    if recording.intervals is not None:
        times, rr = recording.intervals.times, recording.intervals.rr
        inside = (times >= start) & (times < end)
        return replace(recording, intervals=RRSeries(times[inside] - start, rr[inside]))
    first, last = (min(max(round(at * recording.fs), 0), stored.length) for at in (start, end))
    return replace(recording, samples=stored.read(first, last))


def recompute(
    stored: Stored,
    observers: Sequence[Observer],
    cited: Cited,
    leads: Sequence[str] = (),
    blanked: tuple[float, float] | None = None,
    lead_in: float = LEAD_IN_S,
) -> Proof:
    """Look for a finding in its own stretch, with what the observers must hear before it.

    Parameters
    ----------
    stored : Stored
    observers : sequence of Observer
        Those that made it.
    cited : Cited
    leads : sequence of str
        The leads that were looked at; all by default.
    blanked : (float, float), optional
        Seconds of the recording that are made missing: without its evidence a finding must go.
    lead_in : float
        Seconds before the stretch that are read, too.
    """
    fs = stored.recording.fs
    begins = max(0.0, cited.start - lead_in)
    if stored.recording.intervals is None:
        begins = round(begins * fs) / fs
    part = excerpt(stored, begins, cited.end + BEHIND_S)
    if blanked and part.intervals is None:
        samples = part.samples.copy()
        first, last = (max(0, round((at - begins) * fs)) for at in blanked)
        samples[first:last] = np.nan
        part = replace(part, samples=samples)
    elif blanked and part.intervals is not None:
        times = part.intervals.times
        there = (times < blanked[0] - begins) | (times >= blanked[1] - begins)
        part = replace(part, intervals=RRSeries(times[there], part.intervals.rr[there]))
    gathered = Gathered(stored.recording.name)
    source = replay(part, math.inf, TOGETHER_S)
    for event in Session(source, observers, leads=leads):
        gathered.feed(event)
    account = gathered.account
    main = account.main
    if main is None:
        return Proof(0.0, None, 0, None)
    start, end = cited.start - begins, cited.end - begins
    again = [
        (kind, one)
        for kind in main.kinds
        if (kind.code, kind.source) == (cited.code, cited.source)
        for one in kind.kept
        if one.since < end and one.end > start
    ]
    held, reached = 0.0, start
    for _, one in sorted(again, key=lambda one: one[1].since):
        held += max(0.0, min(one.end, end) - max(one.since, reached))
        reached = max(reached, min(one.end, end))
    found = None
    if again:
        kind, longest = max(again, key=lambda one: min(one[1].end, end) - max(one[1].since, start))
        found = cite(account, kind, longest).moved(begins)
    heard = np.array([time + begins for time, _ in main.beats.between(start, end)])
    same = sum(bool(len(heard)) and np.abs(heard - time).min() < SAME_BEAT_S for time in cited.beats)
    strip = None
    if part.intervals is None:
        shown = [lead for lead in part.leads if not cited.leads or lead in cited.leads]
        strip = cut(part, shown, begins, cited.start, cited.end, main.beats.between(0.0, end))
    share = held / (cited.end - cited.start) if cited.end > cited.start else float(bool(again))
    return Proof(share, found, int(same), strip)
