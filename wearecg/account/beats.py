"""The beats of a stream: when each was, of which class, and which followed each other."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from math import isnan, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Beat, BeatClass
from wearecg.runs import runs

CLASSES = {
    "N": "normal",
    "S": "supraventricular",
    "V": "ventricular",
    "F": "fusion",
    "Q": "paced or unclassifiable",
}
"""AAMI's classes (ANSI/AAMI EC57)."""
UNKNOWN = ord("?")
SAME_S = 1e-3
RUN = 3
"""Beats from which a row of them is a run."""


@dataclass(frozen=True, slots=True)
class Run:
    """Beats of one class in a row: the first and the last (s), how many, and their rate (bpm)."""

    code: str
    start: float
    end: float
    beats: int

    @property
    def rate(self) -> float:
        """Beats per minute within it."""
        return 60 * (self.beats - 1) / (self.end - self.start) if self.beats > 1 else nan


class Beats:
    """Every beat, at 17 bytes each: two million a fortnight."""

    def __init__(self) -> None:
        self._times, self._rr = array("d"), array("d")
        self._codes = bytearray()
        self._classed = 0
        self.source = ""
        """Who gave the classes; empty where nobody did."""

    def __len__(self) -> int:
        return len(self._times)

    def beat(self, beat: Beat, offset: float) -> None:
        """Take a beat."""
        self._times.append(beat.time + offset)
        self._rr.append(nan if beat.rr is None else beat.rr)
        self._codes.append(UNKNOWN)

    def classed(self, beat: BeatClass, offset: float) -> None:
        """Take the class of a beat that was taken before."""
        self.source = beat.source
        time = beat.time + offset
        while self._classed < len(self._times) and self._times[self._classed] < time - SAME_S:
            self._classed += 1
        if self._classed < len(self._times) and abs(self._times[self._classed] - time) <= SAME_S:
            self._codes[self._classed] = ord(beat.code)

    @property
    def spanned(self) -> float:
        """Seconds of all intervals that are known."""
        return float(np.nansum(self.rr))

    def spanned_between(self, start: float, end: float) -> float:
        """Seconds of the intervals that are known and end between two times."""
        first, last = bisect_right(self._times, start), bisect_right(self._times, end)
        return float(np.nansum(self._rr[first:last]))

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of every R peak."""
        return np.array(self._times, np.float64)

    @property
    def rr(self) -> NDArray[np.float64]:
        """Seconds from the beat before each; NaN where that is not known."""
        return np.array(self._rr, np.float64)

    @property
    def codes(self) -> NDArray[np.uint8]:
        """The letter of each beat's class, as its number; that of ``?`` where there is none."""
        return np.frombuffer(bytes(self._codes), np.uint8)

    @property
    def counts(self) -> Counter[str]:
        """Beats of each class."""
        return Counter({code: int(n) for code in CLASSES if (n := self._codes.count(ord(code)))})

    def between(self, start: float, end: float) -> list[tuple[float, str]]:
        """Return time and class (empty where there is none) of the beats in a stretch."""
        times = self.times
        first, last = np.searchsorted(times, [start, end])
        return [
            (float(times[i]), "" if self._codes[i] == UNKNOWN else chr(self._codes[i]))
            for i in range(int(first), int(last))
        ]

    def events(self) -> tuple[list[Beat], list[BeatClass]]:
        """Return the beats and their classes as events, on the timeline of the whole recording."""
        beats = [Beat(t, "", None if isnan(rr) else rr) for t, rr in zip(self._times, self._rr, strict=True)]
        classes = [
            BeatClass(t, chr(code), 1.0, self.source)
            for t, code in zip(self._times, self._codes, strict=True)
            if code != UNKNOWN
        ]
        return beats, classes

    def rows(self, code: str) -> list[Run]:
        """Return the rows of one or more beats of a class that follow each other, in order."""
        times, rr = self.times, self.rr
        found: list[Run] = []
        for inside, at in runs(self.codes == ord(code)):
            if not inside:
                continue
            # Beats that are not known to follow each other are no row.
            cuts = [at.start, *(at.start + 1 + np.flatnonzero(np.isnan(rr[at.start + 1 : at.stop]))), at.stop]
            found += [Run(code, float(times[a]), float(times[b - 1]), int(b - a)) for a, b in pairwise(cuts)]
        return found


def interval(part: int, whole: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927)."""
    if not whole:
        return 0.0, 1.0
    z = 1.96
    share = part / whole
    middle = share + z * z / (2 * whole)
    half = z * sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    scale = 1 + z * z / whole
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
