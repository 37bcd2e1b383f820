"""Whether the atria fibrillate, beat by beat: a model of two states that change seldom, and what speaks for each.

Evidence is the irregularity of the intervals (`wearecg.ecg.irregular`), which may be all there is, and P waves.
The states are followed forward from beat to beat and corrected
by the beats behind it, as far as `LAG` of them (a hidden Markov model, smoothed with a fixed lag).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from math import exp
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.irregular import AHEAD, Irregularity

BLOCK = 16
"""Beats that are taken together."""
LAG = 32
BEGINS, ENDS = 1 / 2000, 1 / 2000
"""Chance that atrial fibrillation begins, and ends, from one beat to the next."""
WEIGHT, OFFSET = 0.1, -0.1
"""Log odds of an interval, of those of the network: neighbours are judged by the same intervals, and count as one. Both
were chosen for few false episodes on records that the network had not seen (`benchmarks.rhythm`)."""
P_WAVE = -0.25
"""What a P wave adds. That none is seen may have many reasons, and adds nothing."""
BESIDE, LIKELY = 0.4, 1.0
"""What the mean log odds of the network count beside those of a model that looked at the whole of a short recording,
and what is added to both: chosen on fold 8 of CinC 2017."""
MOST = 30.0


class Judged(NamedTuple):
    """A beat: time (s), interval before it (s, None if not known), probability that it is one of fibrillation."""

    time: float
    rr: float | None
    probability: float


class Judge(Protocol):
    """Gives the log odds of intervals, `AHEAD` behind, as `Irregularity` does."""

    def feed(self, rr: Sequence[float], codes: Sequence[str]) -> NDArray[np.float32]:
        """Take the next intervals and the classes of their beats."""


class Atrial:
    """The model over one stream.

    Parameters
    ----------
    judge : Judge, optional
        The network, if it is another than the one that ships.
    """

    def __init__(self, judge: Judge | None = None) -> None:
        self._net = judge or Irregularity()
        self._waiting: list[tuple[float, float | None, str]] = []
        self._known: deque[tuple[float, float | None]] = deque()
        """Beats that the network has not judged yet."""
        self._p: set[float] = set()
        self._windows: list[float] = []
        self._sum = self._beats = 0.0
        self._forward = BEGINS / (BEGINS + ENDS)
        self._steps: deque[tuple[float, float | None, float, float]] = deque()
        """Time, interval, odds by the past, and by its own evidence, of beats whose future is not known yet."""

    def p_wave(self, time: float) -> None:
        """Note that the beat at ``time`` has a P wave."""
        self._p.add(time)

    def window(self, odds: float) -> None:
        """Note the log odds that a model gives for the window of a short recording."""
        self._windows.append(odds)

    @property
    def verdict(self) -> float | None:
        """Log odds that a short recording is fibrillation, by models and intervals; None where no model judged it."""
        if not self._windows:
            return None
        return sum(self._windows) / len(self._windows) + BESIDE * self._sum / max(1.0, self._beats) + LIKELY

    def feed(self, time: float, rr: float | None, code: str) -> list[Judged]:
        """Take the next beat; return those that are judged now, some `AHEAD` and `LAG` beats behind."""
        self._waiting.append((time, rr, code))
        return self._block() if len(self._waiting) >= BLOCK else []

    def flush(self) -> list[Judged]:
        """Return all that are left."""
        judged = self._block()
        nothing = [float("nan")] * AHEAD
        self._follow(self._net.feed(nothing, [""] * AHEAD).tolist()[: len(self._known)])
        return judged + self._smoothed(0)

    def _block(self) -> list[Judged]:
        beats, self._waiting = self._waiting, []
        self._known.extend((time, rr) for time, rr, _ in beats)
        rr = [float("nan") if rr is None else rr for _, rr, _ in beats]
        self._follow(self._net.feed(rr, [code for _, _, code in beats]).tolist())
        return self._smoothed(LAG)

    def _follow(self, odds: list[float]) -> None:
        """Go forward over the next beats, with the network's log odds for them."""
        past = self._forward
        for one in odds:
            time, rr = self._known.popleft()
            evidence = 0.0
            if rr is not None:
                evidence = WEIGHT * one + OFFSET
                self._sum += one
                self._beats += 1
            if time in self._p:
                self._p.discard(time)
                evidence += P_WAVE
            evidence = exp(min(MOST, max(-MOST, evidence)))
            before = past * (1 - ENDS) + (1 - past) * BEGINS
            ratio = before / (1 - before) * evidence
            past = ratio / (1 + ratio)
            self._steps.append((time, rr, ratio, evidence))
        self._forward = past

    def _smoothed(self, lag: int) -> list[Judged]:
        """Go back over the beats, and return those that have ``lag`` of them behind."""
        count = len(self._steps) - lag
        if count <= 0:
            return []
        ratio, later = 1.0, []
        for time, rr, odds, evidence in reversed(self._steps):
            later.append(Judged(time, rr, odds * ratio / (1 + odds * ratio)))
            ahead = evidence * ratio
            ratio = ((1 - ENDS) * ahead + ENDS) / (BEGINS * ahead + 1 - BEGINS)
        self._steps = deque(islice(self._steps, count, None))
        return later[: -count - 1 : -1]
