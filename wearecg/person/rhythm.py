"""When the synthetic heart beats.

Sinus rhythm is a mean RR interval modulated by respiration (0.2-0.3 Hz), Mayer waves (0.1 Hz) and a slow
wander, the spectrum of McSharry et al., IEEE Trans Biomed Eng 50(3), 2003. In atrial fibrillation RR
intervals are drawn independently from a log-normal distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from wearecg.person.scenario import Scenario

PACED_S, ESCAPE_S = 60 / 70, 60 / 32
"""Between spikes of a pacemaker, and between the beats of a heart that does not follow it."""
ALTERNANS = 0.15
LEAD_IN = 4.0
"""The heart beats for so many seconds before time 0, so that the first sample sits in the middle of life."""


@dataclass(frozen=True, slots=True)
class TrueBeat:
    """A beat as it really was.

    Attributes
    ----------
    time : float
        Seconds of the R peak (in lead II) from the first sample.
    kind : str
        ``N`` normal, ``A`` atrial premature, ``V`` ventricular (the symbols of WFDB annotations).
    rhythm : str
        ``N``, ``AFIB``, ``B`` (bigeminy), ``VT`` or ``P`` (paced) (the names of WFDB rhythm annotations).
    rr : float
        Seconds since the beat before.
    rr_slow : float
        Mean of the last RR intervals: what the QT interval has adapted to.
    size : float
        Height of its waves as a share of the usual one.
    """

    time: float
    kind: str
    rhythm: str
    rr: float
    rr_slow: float
    size: float = 1.0


@dataclass(slots=True)
class Pacemaker:
    """The sinus node of one person."""

    rng: np.random.Generator
    rr_mean: float
    resp_hz: float
    now: float = -LEAD_IN
    wander: float = 0.0

    def next_rr(self) -> float:
        """Seconds from the beat at ``now`` to the next sinus beat."""
        self.wander = 0.95 * self.wander + 0.005 * float(self.rng.standard_normal())
        respiration = 0.035 * math.sin(2 * math.pi * self.resp_hz * self.now)
        mayer = 0.020 * math.sin(2 * math.pi * 0.1 * self.now)
        return self.rr_mean * (1 + respiration + mayer + self.wander)


_Beats: TypeAlias = Iterator[tuple[float, str, str]]
"""(RR before it, kind, rhythm) of each beat."""


def _sinus(heart: Pacemaker) -> _Beats:
    while True:
        yield heart.next_rr(), "N", "N"


def _fibrillation(heart: Pacemaker) -> _Beats:
    while True:
        rr = 0.80 * heart.rr_mean * float(heart.rng.lognormal(0.0, 0.24))
        yield min(max(rr, 0.34), 1.6), "N", "AFIB"


def _premature(heart: Pacemaker, rhythm: str) -> _Beats:
    """Give a ventricular premature beat and its full compensatory pause: the sinus node never noticed it."""
    rr = heart.next_rr()
    coupling = float(heart.rng.uniform(0.54, 0.62)) * rr
    yield coupling, "V", rhythm
    yield 2 * rr - coupling, "N", rhythm


def _pvc(heart: Pacemaker) -> _Beats:
    while True:
        for _ in range(int(heart.rng.integers(3, 10))):
            yield heart.next_rr(), "N", "N"
        yield from _premature(heart, "N")


def _bigeminy(heart: Pacemaker) -> _Beats:
    while True:
        yield from _premature(heart, "B")


def _pac(heart: Pacemaker) -> _Beats:
    while True:
        for _ in range(int(heart.rng.integers(3, 10))):
            yield heart.next_rr(), "N", "N"
        yield float(heart.rng.uniform(0.60, 0.70)) * heart.next_rr(), "A", "N"
        yield 1.1 * heart.next_rr(), "N", "N"


def _tachycardia(heart: Pacemaker) -> _Beats:
    while True:
        for _ in range(8):
            yield heart.next_rr(), "N", "N"
        cycle = float(heart.rng.uniform(0.33, 0.38))
        yield 0.6 * heart.next_rr(), "V", "VT"
        for _ in range(int(heart.rng.integers(16, 28))):
            yield cycle * (1 + 0.02 * float(heart.rng.standard_normal())), "V", "VT"
        yield 1.2 * heart.next_rr(), "N", "N"


def _pause(heart: Pacemaker) -> _Beats:
    while True:
        for _ in range(int(heart.rng.integers(7, 11))):
            yield heart.next_rr(), "N", "N"
        yield float(heart.rng.uniform(3.0, 3.6)), "N", "N"


def _sustained(heart: Pacemaker) -> _Beats:
    while True:
        yield heart.rr_mean * (1 + 0.01 * float(heart.rng.standard_normal())), "V", "VT"


def _standstill(heart: Pacemaker) -> _Beats:
    while True:
        for _ in range(20):
            yield heart.next_rr(), "N", "N"
        yield float(heart.rng.uniform(18, 22)), "N", "N"


def _paced(_: Pacemaker) -> _Beats:
    while True:
        yield PACED_S, "V", "P"


def _pacing_lost(heart: Pacemaker) -> _Beats:
    while True:
        yield ESCAPE_S * (1 + 0.02 * float(heart.rng.standard_normal())), "V", "N"


_RHYTHMS: dict[str, Callable[[Pacemaker], _Beats]] = {
    "sinus": _sinus,
    "af": _fibrillation,
    "pac": _pac,
    "pvc": _pvc,
    "bigeminy": _bigeminy,
    "vt": _tachycardia,
    "pause": _pause,
    "alternans": _sinus,
    "standstill": _standstill,
    "paced": _paced,
    "pacing-lost": _pacing_lost,
    "sustained": _sustained,
}


def beats(scenario: Scenario, heart: Pacemaker) -> Iterator[TrueBeat]:
    """Yield the beats of ``scenario`` without end; a rhythm starts with the first beat after its act began."""
    playing, own, low = None, heart.rr_mean, False
    rr_slow = heart.rr_mean
    source: _Beats = iter(())
    while True:
        act = scenario.at(heart.now)
        if act is not playing:
            playing, source = act, _RHYTHMS[act.rhythm](heart)
            heart.rr_mean = 60 / act.bpm if act.bpm else own
        rr, kind, rhythm = next(source)
        heart.now += rr
        rr_slow += 0.25 * (rr - rr_slow)
        low = act.rhythm == "alternans" and not low
        yield TrueBeat(heart.now, kind, rhythm, rr, rr_slow, ALTERNANS if low else 1.0)
