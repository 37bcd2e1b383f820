"""A beat as the network `beats` sees it: its shape beside the wearer's normal one, and its place in the rhythm.

The same code live and in training. Nothing here is in millivolts: shapes are compared with the wearer's own.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from math import log

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

FS = 125.0
BEFORE, AFTER = 36, 44
"""Samples before the R peak, and from it on: 0.29 s, which has the P wave, and 0.35 s."""
SHAPE = BEFORE + AFTER
BEFORE_S, AFTER_S = BEFORE / FS, AFTER / FS
QRS = slice(BEFORE - 8, BEFORE + 12)
P = slice(4, BEFORE - 8)
LATE = slice(BEFORE + 12, SHAPE)
P_PART, QRS_PART, LATE_PART = range(3)
EDGES = np.array([P.start, QRS.start, LATE.start])
COUNTS = (P.stop - P.start, QRS.stop - QRS.start, LATE.stop - LATE.start)
AROUND = slice(BEFORE - 12, BEFORE + 20)
CORE = slice(QRS.start - AROUND.start, QRS.stop - AROUND.start)
"""The QRS complex in it."""
RHYTHM = 17
"""Numbers on the place in the rhythm."""
LIKENESS = 12
"""Numbers on the shape beside the shapes that were there before."""
LENGTH = 2 * SHAPE + RHYTHM + LIKENESS
"""Of what the network gets for a beat on one lead: its shape, the normal shape, then the numbers."""
SHORT, LONG = 8, 32
"""RR intervals of which the median is what the next is expected to be."""
EARLY = -0.12
"""A beat is early where the log of its RR interval over the expected one is less."""
UNEVEN = 0.1
"""Two intervals are uneven where the log of their ratio is more."""
MOST_SHAPES = 5
ALIKE = 0.88
"""Beats whose QRS complexes correlate so much are of one shape."""
MEMORY = 64.0
"""Beats after which what was before counts half, about."""
KEEP = 1.0 - 1.0 / MEMORY
SMALLEST = 1e-5

_OFFSETS = (np.arange(SHAPE) - BEFORE) / FS


class Rhythm:
    """The place of each beat among the RR intervals before it and the one behind it."""

    def __init__(self) -> None:
        self._rr: deque[float] = deque(maxlen=LONG)
        self._sorted: list[float] = []
        self._steps: deque[float] = deque(maxlen=64)
        self._early: deque[bool] = deque(maxlen=64)

    def numbers(self, rr: float | None, behind: float, whole: bool) -> tuple[list[float], float]:
        """Return `RHYTHM` numbers, and the log of the RR interval over the expected one; call it once for each beat.

        Parameters
        ----------
        rr : float or None
            Seconds since the previous beat; None after a gap and for the first beat.
        behind : float
            Seconds to the next beat, or, where that has not come yet, those that have passed without it.
        whole : bool
            Whether the next beat has come.
        """
        before = self._rr
        expected = _median(list(before)[-SHORT:]) or rr or behind
        usual = self._sorted[len(self._sorted) // 2] if self._sorted else expected
        known = rr is not None and bool(before)
        now = log(rr / expected) if rr and known else 0.0
        last = log(before[-1] / expected) if before else 0.0
        last2 = log(before[-2] / expected) if len(before) > 1 else 0.0
        after = log(max(behind, 0.1) / expected)
        steps = list(self._steps)
        irregular = _median(steps[-16:])
        early = list(self._early)
        spread = 0.0
        if len(self._sorted) >= 8:
            n = len(self._sorted)
            spread = log(self._sorted[3 * n // 4] / self._sorted[n // 4])
        numbers = [
            _clip(now),
            _clip(log(rr / usual)) if rr and known else 0.0,
            _clip(last),
            _clip(last2),
            _clip(after),
            1.0 if whole else 0.0,
            _clip(after - now) if whole else 0.0,
            _clip(log(((rr or expected) + behind) / (2 * expected))),
            _clip(log(usual / 0.8)),
            min(10 * irregular, 3.0),
            min(5 * spread, 3.0),
            sum(early[-16:]) / 16,
            min(10 * _median(steps), 3.0),
            sum(step > UNEVEN for step in steps) / 64,
            sum(early) / 64,
            1.0 if known else 0.0,
            min(len(before) / LONG, 1.0),
        ]
        self._take(rr, now)
        return numbers, now

    def _take(self, rr: float | None, now: float) -> None:
        if rr is None:
            return
        if self._rr:
            self._steps.append(abs(log(rr / self._rr[-1])))
        if len(self._rr) == LONG:
            self._sorted.remove(self._rr[0])
        self._rr.append(rr)
        insort(self._sorted, rr)
        self._early.append(now < EARLY)


class Shapes:
    """The shapes of a wearer's beats on one lead, and which of them is the normal one."""

    def __init__(self) -> None:
        self._shapes = [_Shape() for _ in range(MOST_SHAPES)]
        self._units = np.zeros((MOST_SHAPES, QRS.stop - QRS.start), np.float32)
        """Their QRS complexes, each without its mean and of length 1."""
        self._beats = 0.0
        self._last: Array | None = None

    def numbers(self, beat: Array, now: float, rhythm: list[float]) -> Array:
        """Return what the network gets for a beat on this lead, float32 [LENGTH]; call it once for each beat.

        Parameters
        ----------
        beat : float32 [SHAPE]
            As `cut` gives it; NaN where samples are missing.
        now : float
            The log of its RR interval over the expected one.
        rhythm : list of float
            The numbers of `Rhythm`.
        """
        beat, whole = _levelled(beat)
        parts = _Parts(beat)
        like = (self._units @ beat[QRS] / np.float32(parts.norms[QRS_PART])).tolist()
        normal = self._shapes[self._normal()]
        known = normal.count > 0.0
        usual, theirs = (normal.mean, normal.parts) if known else (beat, parts)
        size = theirs.height or SMALLEST
        best = like.index(max(like))
        own = self._shapes[best] if like[best] > ALIKE and self._shapes[best].count else None
        total = sum([shape.count for shape in self._shapes]) or 1.0
        unit = (beat[QRS] - np.float32(parts.means[QRS_PART])) / np.float32(parts.norms[QRS_PART])
        given = np.empty(LENGTH, np.float32)
        given[:SHAPE] = beat
        given[SHAPE : 2 * SHAPE] = usual
        shapes = given[: 2 * SHAPE]
        shapes *= np.float32(1 / size)
        np.clip(shapes, -4.0, 4.0, out=shapes)
        given[2 * SHAPE :] = [
            *rhythm,
            like[self._shapes.index(normal)] if known else 1.0,
            parts.like(theirs, beat, usual, P_PART, P),
            parts.like(theirs, beat, usual, LATE_PART, LATE),
            _clip(log(max(parts.height, SMALLEST) / size)),
            _clip(log(parts.width / theirs.width)),
            _clip(log((parts.p_range + SMALLEST) / (theirs.p_range + SMALLEST))),
            own.count / total if own else 0.0,
            _clip(5 * own.early / own.count) if own else 0.0,
            1.0 if own is normal else 0.0,
            float(unit @ self._last) if self._last is not None else 1.0,
            normal.count / total,
            min(self._beats / MEMORY, 1.0),
        ]
        if whole:
            self._learn(beat, own, now)
            self._last = unit
        return given

    def _normal(self) -> int:
        """The shape of most beats, those that come early counting a quarter."""
        worth = [shape.count * (0.25 if shape.early < EARLY * shape.count else 1.0) for shape in self._shapes]
        return worth.index(max(worth))

    def _learn(self, beat: Array, own: _Shape | None, now: float) -> None:
        self._beats += 1.0
        if own is None:
            rarest = min(self._shapes, key=lambda shape: shape.count)
            place = self._shapes.index(rarest)
            own = self._shapes[place] = _Shape()
        for shape in self._shapes:
            shape.count *= KEEP
            shape.early *= KEEP
        own.count += 1.0
        own.early += now
        own.take(beat)
        core = own.mean[QRS] - np.float32(own.parts.means[QRS_PART])
        core /= np.float32(own.parts.norms[QRS_PART])
        self._units[self._shapes.index(own)] = core


class _Shape:
    """The mean of the beats of one shape, how many they are of late, and how early they came in all."""

    def __init__(self) -> None:
        self.mean = np.zeros(SHAPE, np.float32)
        self.count = self.early = 0.0
        self.parts = _Parts(self.mean)

    def take(self, beat: Array) -> None:
        """Take one more."""
        self.mean += np.float32(1 / min(self.count, 16.0)) * (beat - self.mean)
        self.parts = _Parts(self.mean)


class _Parts:
    """What is compared of two beats."""

    def __init__(self, beat: Array) -> None:
        sums = np.add.reduceat(beat, EDGES).tolist()
        squares = np.add.reduceat(beat * beat, EDGES).tolist()
        self.means = [sums[part] / COUNTS[part] for part in (P_PART, QRS_PART, LATE_PART)]
        """Of P wave, QRS complex and what follows; and the length of each without its mean."""
        self.norms = [
            max(squares[part] - sums[part] * sums[part] / COUNTS[part], SMALLEST**2) ** 0.5
            for part in (P_PART, QRS_PART, LATE_PART)
        ]
        around = np.abs(beat[AROUND])
        self.height = float(around[CORE].max())
        self.width = float(around.sum()) / max(float(around.max()), SMALLEST) + 1.0
        """How many samples a QRS complex of this area and height is wide."""
        p = beat[P]
        self.p_range = float(p.max() - p.min())

    def like(self, other: _Parts, mine: Array, theirs: Array, part: int, where: slice) -> float:
        """Return the correlation of one part of two beats."""
        dot = float(mine[where] @ theirs[where]) - COUNTS[part] * self.means[part] * other.means[part]
        return float(dot / (self.norms[part] * other.norms[part]))


class Leads:
    """Every ECG lead of a wearer: what the network gets for each beat."""

    def __init__(self, count: int) -> None:
        self._rhythm = Rhythm()
        self._shapes = [Shapes() for _ in range(count)]

    def see(self, beats: Array, rr: float | None, behind: float, whole: bool) -> Array:
        """Return float32 [leads, LENGTH] for the next beat.

        Parameters
        ----------
        beats : float32 [leads, SHAPE]
            As `cut` gives them.
        rr, behind, whole
            As `Rhythm.numbers` takes them.
        """
        rhythm, now = self._rhythm.numbers(rr, behind, whole)
        return np.stack(
            [shapes.numbers(beat, now, rhythm) for shapes, beat in zip(self._shapes, beats, strict=True)]
        )


def cut(samples: Array, fs: float, peak: float) -> Array:
    """Return one beat on every lead, float32 [leads, SHAPE] at `FS`, of samples [n, leads] in which R is at ``peak`` s.

    A straight line joins two samples, each the mean of those that a step of `FS` holds. NaN where there are none.
    """
    wide = max(round(fs / FS), 1)
    if wide > 1 and len(samples) >= wide:
        count = len(samples) - wide + 1
        mean = samples[:count].copy()
        for step in range(1, wide):
            mean += samples[step : step + count]
        samples = mean / np.float32(wide)
        peak -= 0.5 * (wide - 1) / fs
    if len(samples) < 2:
        return np.full((samples.shape[1], SHAPE), np.nan, np.float32)
    places = (peak + _OFFSETS) * fs
    low = np.floor(places).astype(np.intp)
    outside = (low < 0) | (low >= len(samples) - 1)
    low[outside] = 0
    first = samples[low]
    beat: Array = first + (samples[low + 1] - first) * (places - low).astype(np.float32)[:, None]
    beat[outside] = np.nan
    return beat.T


def _levelled(beat: Array) -> tuple[Array, bool]:
    """Return a beat without its median, 0 where samples are missing, and whether its QRS complex is whole."""
    ordered = np.sort(beat)  # NaN comes last
    if ordered[-1] == ordered[-1]:
        return beat - np.float32(0.5) * (ordered[SHAPE // 2 - 1] + ordered[SHAPE // 2]), True
    missing = np.isnan(beat)
    known = beat[~missing]
    levelled = beat - np.median(known) if len(known) else np.zeros(SHAPE, np.float32)
    levelled[missing] = 0.0
    return levelled, not missing[QRS].any()


def _median(values: list[float]) -> float:
    """The upper median; 0 of none."""
    return sorted(values)[len(values) // 2] if values else 0.0


def _clip(x: float) -> float:
    return min(max(3.0 * x, -3.0), 3.0)
