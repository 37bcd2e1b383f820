"""Waves that may be beats and beats that may be waves: T waves that are tall, and what stands between two beats."""

from __future__ import annotations

from collections import deque

BLUNT_S, BLUNT = 0.36, 0.3
"""A wave this soon after a beat with less than this share of its curvature is its T wave, however tall."""
LONG_QT_S, SMOOTH = 0.5, 0.15
"""One that comes later and has less than this share may be a T wave or a wide beat: it counts, the rate does not."""
STEEP, ALIKE_S, ALIKE, LATELY = 0.6, 0.025, 0.2, 3
"""With less than this share it is, if two of the last ones came as soon after a beat and as high."""
HALFWAY_S = (0.4, 0.3)
"""A wave that comes again and again this long behind one beat and before the next may be a beat itself."""
ODD, TOGETHER_S = 5, 0.25
"""Beats over which such waves are watched, one of them may be missed, and how close they must come to each other."""


class Waves:
    """Watches the waves around the beats of one stream."""

    def __init__(self) -> None:
        self.revised = False
        """Whether waves that were told as beats have turned out to be T waves; for who reads it to take back."""
        self.forget()

    def forget(self) -> None:
        """Know of no beat before."""
        self._steep: deque[tuple[float, float]] = deque(maxlen=LATELY)
        self._counted = self._unsure = False
        self._late: deque[bool] = deque(maxlen=ODD + 1)
        self._halfway: deque[float] = deque(maxlen=ODD)

    def is_t_wave(self, sharpness: float, apart: float | None, height: float) -> bool:
        """Whether a wave is too blunt for a beat so soon after another.

        Parameters
        ----------
        sharpness : float
            Its curvature as a share of the beat's, on the lead where that is largest.
        apart : float or None
            Seconds from the beat, None where that was not told.
        height : float
            In units of a QRS.
        """
        if sharpness > STEEP:
            return False
        if apart is None:
            return sharpness < BLUNT
        if apart > BLUNT_S:
            self._unsure = sharpness < SMOOTH and apart < LONG_QT_S
            return False
        if sharpness < BLUNT:
            return True
        before = [1 for s, h in self._steep if abs(s - apart) < ALIKE_S and abs(h - height) < ALIKE * height]
        self._steep.append((apart, height))
        known = len(before) >= 2
        self.revised |= known and self._counted
        self._counted = not known
        return known

    def beat(self, rr: float | None, between: float | None) -> None:
        """Note a beat, ``rr`` seconds after the last one, and when since that the tallest wave was, if any."""
        if rr is not None:
            halfway = between is not None and HALFWAY_S[0] < between < rr - HALFWAY_S[1]
            self._halfway.append(between if halfway and between else 0.0)
            self._late.append(self._unsure)
        self._unsure = False

    @property
    def doubt(self) -> str:
        """Why the last beats make no rate: something else may be one, or they may be something else."""
        if self._late.count(True) >= 2:
            return "every other wave may be a T wave"
        watched, empty = len(self._halfway), self._halfway.count(0.0)
        if empty > 1 or watched - empty < 2:
            return ""
        at = [seconds for seconds in self._halfway if seconds]
        if max(at) - min(at) > TOGETHER_S:
            return ""
        return "a small wave halfway between beats may be a beat"
