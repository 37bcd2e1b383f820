"""Waves that may be beats and beats that may be waves: T waves that are tall, and what stands between two beats."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

BEATS = 8
"""Beats that are looked back on."""
MATTERS = 0.05
"""Another reading of the signal matters if it changes the rate by so much."""
BLUNT_S, BLUNT = 0.36, 0.3
"""A wave this soon after a beat with less than this share of its curvature is its T wave, however tall."""
LONG_QT_S, SMOOTH = 0.46, 0.15
"""One that comes later and has less than this share may be a T wave or a wide beat: it counts, the rate does not."""
STEEP, ALIKE_S, ALIKE, LATELY = 0.6, 0.025, 0.2, 3
"""With less than this share it is, if two of the last ones came as soon after a beat and as high."""
BROAD, BROADER, BROAD_S = 0.22, 0.62, 0.42
"""So soon after a beat a wave as broad as this (see `QrsWavelet.narrowness`) is its T wave, if the beat is narrower."""
UNEVEN = 1.25
PAIR_S, PAIR_EVEN, PAIRS = 0.42, 0.15, 3
"""Every other beat so soon after the one before, so many times alike: bigeminy, or T waves."""
LATE_S, SOON_S, BEFORE_S, HALFWAY = 0.4, 0.31, 0.3, (0.44, 0.56)
"""A wave that comes again and again so late behind one beat and so long before the next may be a beat itself, and so
may one that is narrower and comes as soon as the second, or at this share of the interval."""
SOONEST_S = 0.24
ODD, TOGETHER_S, LONGER = 5, 0.15, 0.75
"""Intervals that are watched for such waves, one of which may miss it, if it is not shorter than this share of the
longest; and how close the waves must come to each other."""
NARROW, SOON_NARROW, QT_S, QT, ALONE = 0.26, 0.38, 0.4, 0.33, 2
"""A wave that is broader is no QRS but a T wave, or one of a flutter if there are more of them later than
T waves, which are within the first of the beat and within the second times the root of the interval."""
T_FROM_S, T_UNTIL_S, NEXT_S = 0.16, 0.4, 0.25
"""A T wave swings so long after its QRS, and the next beat with its P wave begins so long before its R peak."""
OWN_T, EARLY_S, TALL, WIDE = 0.14, 0.45, 0.22, (0.2, 0.45)
"""A wave that comes so early, has this share of a beat's height, is as wide as a ventricular beat, and has a T wave of
the first share of its own, is a beat."""
NO_T, SMALLER, LONELY, P_MV, P_NARROW = 0.06, 0.65, 3, 0.05, 0.7
"""So many beats may be P waves if the signal behind them swings by less than the first share of their height, they are
lower than the second share of the tallest or than this wavelet amplitude, and not narrower than P waves."""
BRIEF_S, BRIEF = 0.27, 0.5
"""An interval below both, the second as a share of the one before, is seldom one."""
LOW_NOW, FEW, LOW_FOR, GAIN = 0.45, 3, 63, 0.2
"""A few beats in a row of less than this share of those before are doubted, up to so many; and the weight of a beat."""
LOW, HIGH = 0.26, 0.7
"""Beats lower than the first and others higher than the second share of the highest are of two sizes."""
CROWDED, CROWDED_IF_UNEVEN = 0.55, 0.4
"""Narrow waves of this share of a beat between most beats: what was found may be nothing."""

FAINT = "the beats do not stand out"

STEP, NO_STEP, SHARP = 0.55, 0.45, 0.75
"""A beat that comes early, ends elsewhere than it began, unlike the one before, and is as narrow as this may be a step
of the baseline: see `QrsWavelet.step`."""


class Waves:
    """Watches the waves around the beats of one stream."""

    def __init__(self) -> None:
        self.revised = False
        """Whether waves that were told as beats have turned out to be T waves; for who reads it to take back."""
        self.begin_anew()

    def begin_anew(self) -> None:
        """Know nothing."""
        self._sure, self._low_for = 0.0, 0
        self.forget()

    def forget(self) -> None:
        """Know of no beat before."""
        self._calm = 0  # beats since anything that could give a doubt
        self._steep: deque[tuple[float, float]] = deque(maxlen=LATELY)
        self._counted = self._unsure = self._broad = False
        self._late: deque[bool] = deque(maxlen=ODD + 1)
        self._t_waves: deque[bool] = deque(maxlen=ODD + 1)
        self._halfway: deque[float] = deque(maxlen=BEATS)
        self._intervals: deque[float] = deque(maxlen=BEATS)
        self._heights: deque[float] = deque(maxlen=BEATS)
        self._between: deque[float] = deque(maxlen=BEATS)
        self._lonely: deque[bool] = deque(maxlen=BEATS)

    def is_t_wave(
        self, sharpness: float | None, apart: float | None, height: float, narrow: Sequence[float]
    ) -> bool:
        """Whether a wave is too blunt for a beat so soon after another.

        Parameters
        ----------
        sharpness : float or None
            Its curvature as a share of the beat's, on the lead where that is largest; None if there is noise.
        apart : float or None
            Seconds from the beat, None where that was not told.
        height : float
            In units of a QRS.
        narrow : sequence of float
            How narrow the beat and the wave are.
        """
        beat, wave = narrow
        if (apart is None or apart < BROAD_S) and 0 < wave < min(BROAD, BROADER * beat):
            self._broad = True
            return True
        if sharpness is None or sharpness > STEEP:
            return False
        if apart is None:
            return sharpness < BLUNT
        if apart > BLUNT_S:
            self._unsure = sharpness < SMOOTH and apart < LONG_QT_S and not is_narrow(wave)
            return False
        if sharpness < BLUNT:
            return True
        before = [1 for s, h in self._steep if abs(s - apart) < ALIKE_S and abs(h - height) < ALIKE * height]
        self._steep.append((apart, height))
        known = len(before) >= 2
        self.revised |= known and self._counted
        self._counted = not known
        return known

    def beat(self, rr: float | None, height: float, between: float, halfway: float) -> None:
        """Note a beat.

        Parameters
        ----------
        rr : float or None
            Seconds since the last one.
        height : float
        between : float
            Height of the tallest wave since the last beat that is narrow enough for another, as a share of its height.
        halfway : float
            Where in the interval a wave was that may be a beat (see `halfway`), else 0.
        """
        if rr is not None:
            self._halfway.append(halfway)
            self._late.append(self._unsure)
            self._t_waves.append(self._broad)
            self._intervals.append(rr)
        odd = halfway or between or self._unsure or self._broad or (rr is not None and rr < PAIR_S)
        even = LOW * self._sure < height < self._sure / LOW
        self._calm = self._calm + 1 if even and not odd else 0
        self._heights.append(height)
        self._between.append(between)
        self._watch_height(height)
        self._unsure = self._broad = False

    @property
    def last_is_small(self) -> bool:
        """Whether the last beat is much lower than the tallest of those before."""
        return bool(self._heights) and self._heights[-1] < SMALLER * max(self._heights)

    def stood_alone(self, alone: bool) -> None:
        """Note whether the last beat had no T wave though it is as small as a P wave."""
        self._lonely.append(alone)
        if alone:
            self._calm = 0

    def _watch_height(self, height: float) -> None:
        """See whether the last beats are much lower than those before: of a heart that stands still, P waves."""
        if height > LOW_NOW * self._sure or self._low_for >= LOW_FOR:
            known = self._sure > 0.0 and self._low_for < LOW_FOR
            self._sure += GAIN * (min(height, 2 * self._sure) - self._sure) if known else height - self._sure
            self._low_for = 0
        else:
            self._low_for += 1

    def rescale(self, level: float) -> None:
        """Heights are in units of a new level from now on, ``level`` of the old ones."""
        for k, height in enumerate(self._heights):
            self._heights[k] = height / level
        self._sure /= level

    @property
    def doubt(self) -> str:
        """Why the last beats make no rate: something else may be one, or they may be something else."""
        if self._low_for >= FEW:
            return "the beats are much lower than those before"
        if self._calm >= BEATS:
            return ""
        if self._late.count(True) >= 2 or self._t_waves_now_and_then() or self._in_pairs():
            return "every other wave may be a T wave"
        if self._of_two_sizes() or self._are_alone():
            return "the beats are of two sizes, and the small ones may be P waves"
        if self._is_crowded():
            return FAINT
        return "a small wave halfway between beats may be a beat" if self._in_halves() else ""

    def _in_pairs(self) -> bool:
        """Whether beats come in close pairs, one like the other or closer than beats do."""
        if not self._intervals or min(self._intervals) > PAIR_S:
            return False
        rr = list(self._intervals)[-2 * PAIRS :]
        if any(b < min(BRIEF_S, BRIEF * a) for a, b in pairwise(rr)):
            return True
        if len(rr) < 2 * PAIRS:
            return False
        short, long = sorted((rr[::2], rr[1::2]), key=sum)
        even = all(max(part) < (1 + PAIR_EVEN) * min(part) for part in (short, long))
        return even and max(short) < PAIR_S and min(long) > 1.2 * max(short)

    def _t_waves_now_and_then(self) -> bool:
        """Whether some beats had a T wave that is one by its width alone, and the intervals do not bear that out."""
        if not 2 <= self._t_waves.count(True) <= len(self._t_waves) - 2:
            return False
        return max(self._intervals) > UNEVEN * min(self._intervals)

    def _of_two_sizes(self) -> bool:
        if len(self._heights) < 4 or min(self._heights) > LOW * max(self._heights):
            return False
        tall = sorted(self._heights)
        return tall[1] < LOW * tall[-2] and tall[-2] > HIGH * tall[-1]

    def _are_alone(self) -> bool:
        """Whether several of the last beats stand alone; in the beginning, when less is known, fewer are enough."""
        return self._lonely.count(True) >= LONELY - (len(self._lonely) < BEATS)

    def _is_crowded(self) -> bool:
        """Whether other waves are nearly as high as most beats, or the beats are irregular and some waves are."""
        if not any(self._between):
            return False
        uneven = bool(self._intervals) and max(self._intervals) > UNEVEN * min(self._intervals)
        if uneven and sum(self._between) > CROWDED_IF_UNEVEN * len(self._between):
            return True
        return sorted(self._between)[len(self._between) // 2] > CROWDED

    def _in_halves(self) -> bool:
        """Whether a wave stands again and again halfway in the longer intervals, and the rate depends on it."""
        if not any(self._halfway):
            return False
        intervals = list(zip(self._halfway, self._intervals, strict=True))
        longest = max(self._intervals)
        watched = [at for at, rr in intervals[-ODD:] if at or rr > LONGER * longest]
        waves = [at for at in watched if at]
        if len(waves) < max(2, len(watched) - 1) or max(waves) - min(waves) > TOGETHER_S:
            return False
        split = [part for at, rr in intervals for part in ((at, rr - at) if at else (rr,))]
        return abs(median(split) / median(self._intervals) - 1.0) > MATTERS


def halfway(
    rr: float,
    candidates: Sequence[tuple[float, int, float]],
    narrowness: Callable[[int], float],
    followed: Callable[[int, float], float],
) -> float:
    """Return where in an interval a wave is that may be a beat.

    Parameters
    ----------
    rr : float
        Length of the interval in seconds.
    candidates : sequence of (float, int, float)
        Seconds from its beginning to each wave, its tick, and its height as a share of a beat's.
    narrowness : callable
        Returns how narrow the wave at a tick is.
    followed : callable
        Returns how far the signal swings where its T wave would be, until so many seconds after it.

    Returns
    -------
    float
        Seconds, 0 if there is no such wave.
    """
    low, high = HALFWAY
    late = max(QT_S, QT * rr**0.5)
    alone = sum(at > late for at, *_ in candidates) <= ALONE
    for at, tick, height in reversed(candidates):
        if LATE_S < at < rr - BEFORE_S:
            if (alone and at > late) or is_narrow(narrowness(tick)):
                return at
            continue
        soon = SOON_S < at < rr - BEFORE_S or low * rr < at < high * rr
        if soon and is_narrow(narrowness(tick), SOON_NARROW):
            return at
        early = at < EARLY_S and height > TALL and WIDE[0] < narrowness(tick) < WIDE[1]
        if early and followed(tick, rr - at - NEXT_S) > OWN_T:
            return at
    return 0.0


def is_narrow(narrow: float, least: float = NARROW) -> bool:
    """Whether a wave is narrow enough for a beat; unknown widths (0) are."""
    return not 0.0 < narrow < least
