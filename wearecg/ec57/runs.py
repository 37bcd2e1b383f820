"""Runs of ectopic beats: couplets, short runs, long ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from wearecg.ec57.marks import Marks, Spans, inside
from wearecg.ec57.pairs import ROUNDING_S, WINDOW_S

MOST = 6
"""Runs of more beats, and fibrillation, are not told apart by length."""
LENGTHS = {"couplet": (2, 2), "short": (3, 5), "long": (MOST, MOST)}


@dataclass(slots=True)
class Run:
    """Beats in succession; ``whole`` if fibrillation is part of it, whose beats do not count."""

    start: float
    end: float
    times: list[float] = field(default_factory=list)
    whole: bool = False

    @property
    def length(self) -> int:
        """Beats, `MOST` at most."""
        return MOST if self.whole else min(MOST, len(self.times))


def runs(marks: Marks, classes: str, since: float = 0.0) -> list[Run]:
    """Return the runs of beats of these classes, of one beat or more, from ``since`` on.

    Ventricular fibrillation is a ventricular run; atrial fibrillation and flutter are supraventricular ones, in which
    every beat that is not ventricular counts.
    """
    upper, spans = "S" in classes, fibrillation(marks, classes)
    kinds = {
        t: code in classes or (upper and code == "N" and inside(t, spans))
        for t, code in marks.beats
        if t >= since
    }
    # Of marks at one time a stretch begins before its beats and ends after them.
    order = [(t, 1, "in" if ours else "out") for t, ours in kinds.items()]
    order += [(start, 0, "out") for start, _ in marks.unreadable if start >= since]
    order += [(max(start, since), 0, "span") for start, end in spans if end >= since]
    order += [(end, 2, "end") for _, end in spans if end >= since]
    found: list[Run] = []
    current: Run | None = None
    for t, _, what in sorted(order):
        if what == "out":
            current = None
        elif what != "end" and current is None:
            current = Run(t, t)
            found.append(current)
        if current is None:
            continue
        current.end = t
        if what == "in":
            current.times.append(t)
        current.whole = current.whole or what == "span"
    return found


def fibrillation(marks: Marks, classes: str) -> Spans:
    """Return the stretches that are runs of beats of these classes as a whole."""
    return tuple(sorted((*marks.af, *marks.afl))) if "S" in classes else marks.vf


def matched(ours: Marks, others: Marks, classes: str, since: float) -> dict[str, tuple[int, int]]:
    """Return for each of `LENGTHS` how many runs of ``ours`` from ``since`` on the ``others`` have, and of how many."""
    counts = {name: [0, 0] for name in LENGTHS}
    theirs, spans = runs(others, classes), fibrillation(others, classes)
    for run in runs(ours, classes, since):
        name = next((name for name, (low, high) in LENGTHS.items() if low <= run.length <= high), None)
        if name is None:
            continue
        start, end = run.start - WINDOW_S - ROUNDING_S, run.end + WINDOW_S + ROUNDING_S
        longest = max((sum(start <= t <= end for t in other.times) for other in theirs), default=0)
        if any(a <= end and b >= start for a, b in spans):
            longest = MOST
        counts[name][0] += longest >= LENGTHS[name][0]
        counts[name][1] += 1
    return {name: (hit, total) for name, (hit, total) in counts.items()}
