"""What a synthetic person has: a rhythm, perhaps an ST shift, and what disturbs the recording."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wearecg.errors import SourceError

RHYTHMS = (
    "sinus",
    "af",
    "pac",
    "pvc",
    "bigeminy",
    "vt",
    "pause",
    "alternans",
    "standstill",
    "paced",
    "pacing-lost",
)
"""Of the last four: every second QRS low; P waves alone for a while; a pacemaker with and without capture."""
RATED = {"rate": "sinus", "vt": "sustained"}
"""``rate-40`` is sinus rhythm at 40 a minute, ``vt-190`` a ventricular tachycardia that does not end."""
BPM = (20, 300)


@dataclass(frozen=True, slots=True)
class Injury:
    """What ischaemia does to a beat; vectors are dipoles (left, down, back) in mV.

    ``st`` is the injury current at its plateau, ``q`` the early forces that dead muscle no longer gives,
    ``t`` the factor on the T wave (negative: inverted).
    """

    st: tuple[float, float, float]
    q: tuple[float, float, float] = (0.0, 0.0, 0.0)
    t: float = 1.0


INJURIES = {
    "st": Injury(st=(0.05, -0.10, -0.26), q=(-0.15, 0.0, 0.55)),
    "st-inferior": Injury(st=(-0.07, 0.24, 0.06), q=(0.0, -0.36, 0.0)),
    "st-depression": Injury(st=(-0.20, -0.12, 0.06), t=-0.4),
    "tall-t": Injury(st=(0.0, 0.0, 0.0), t=7.0),
}
"""Anterior and inferior ST elevation with the Q waves of an infarction, subendocardial ischaemia, and T waves that are
taller than the QRS, as in hyperkalaemia."""
OVERLAYS = ("noise", "lead-off", "motion", "hum", "rails")
"""Of the last two: a millivolt of mains hum that drifts, and single samples at the end of the ADC's range."""

_DEMO = (
    ("sinus", 20),
    ("pvc", 25),
    ("bigeminy", 20),
    ("af", 30),
    ("pause", 25),
    ("vt", 25),
    ("st", 25),
    ("sinus+noise", 20),
    ("sinus+motion", 20),
    ("sinus+lead-off", 20),
)


@dataclass(frozen=True, slots=True)
class Act:
    """One part of a scenario; ``duration`` in seconds, infinite when it is the only one."""

    name: str
    duration: float
    rhythm: str = "sinus"
    injury: Injury | None = None
    overlays: frozenset[str] = frozenset()
    bpm: float | None = None
    """Beats a minute where the name says so, else the person's own."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Acts in a row, over and over."""

    name: str
    acts: tuple[Act, ...]

    @classmethod
    def parse(cls, text: str) -> Scenario:
        """Return the scenario called ``text``: names joined by ``+`` (``af+noise``), or ``demo`` for a tour.

        ``rate-N`` and ``vt-N`` are rhythms at a rate of N, 20 to 300 a minute.

        Raises
        ------
        SourceError
            An unknown name, or two rhythms or two ST shifts at once.
        """
        if text.strip().lower() == "demo":
            return cls("demo", tuple(_act(parts, seconds) for parts, seconds in _DEMO))
        return cls(text, (_act(text, math.inf),))

    def spans(self, since: float, until: float) -> list[tuple[Act, float, float, float]]:
        """Return (act, its start, from, to) for every stretch of ``[since, until)``, 0 <= since, in order."""
        total = sum(act.duration for act in self.acts)
        spans = []
        start = 0.0 if math.isinf(total) else since // total * total
        while start < until:
            for act in self.acts:
                end = start + act.duration
                low, high = max(since, start), min(until, end)
                if low < high:
                    spans.append((act, start, low, high))
                start = end
        return spans

    def at(self, time: float) -> Act:
        """Return the act at ``time`` seconds; the first one before time 0."""
        time = max(time, 0.0)
        return self.spans(time, time + 1e-6)[0][0]


def names() -> tuple[str, ...]:
    """Every name that `Scenario.parse` knows."""
    return (*RHYTHMS, *INJURIES, *OVERLAYS, "rate-40", "vt-190", "demo")


def _act(text: str, duration: float) -> Act:
    parts = [part.strip().lower().replace("_", "-") for part in text.split("+")]
    rated = {part: bpm for part in parts if (bpm := _bpm(part))}
    for part in parts:
        if part == "demo" or (part not in names() and part not in rated):
            raise SourceError(f"there is no scenario {part!r}; known: {', '.join(names())}; join with +")
    rhythms = [p for p in parts if p in RHYTHMS or p in rated]
    shifts = [p for p in parts if p in INJURIES]
    if len(rhythms) > 1 or len(shifts) > 1:
        raise SourceError(f"scenario {text!r} asks for {' and '.join(rhythms or shifts)} at once; choose one")
    return Act(
        name=text,
        duration=duration,
        rhythm=RATED.get(rhythms[0].rpartition("-")[0], rhythms[0]) if rhythms else "sinus",
        injury=INJURIES[shifts[0]] if shifts else None,
        overlays=frozenset(p for p in parts if p in OVERLAYS),
        bpm=next(iter(rated.values()), None),
    )


def _bpm(name: str) -> float | None:
    """Return the rate in a name such as ``vt-190``, None if it has none that can be."""
    rhythm, _, number = name.rpartition("-")
    if rhythm not in RATED or not number.isdecimal():
        return None
    return float(number) if BPM[0] <= int(number) <= BPM[1] else None
