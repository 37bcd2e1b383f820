"""The heart as one moving dipole, and the leads that look at it.

Each wave of a beat is a Gaussian bump of the dipole in time (McSharry et al., IEEE Trans Biomed Eng 50(3),
2003; three-dimensional by Sameni et al., EURASIP J Adv Signal Process 2007:43407). The dipole has the Frank
axes left, down, back; Dower's lead field projects it on I, II, V1-V6 (Dower, Machado and Osborne, Clin
Cardiol 3:87, 1980), and the other four limb leads follow from I and II by Einthoven's and Goldberger's laws.

The normal beat was fitted to the median of 325 normal recordings of PTB-XL (Wagner et al., Sci Data 7:154,
2020, CC BY 4.0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearecg.person.scenario import Injury

Array = NDArray[np.float64]

DOWER = np.array(
    [
        (0.632, -0.235, 0.059),
        (0.235, 1.066, -0.132),
        (-0.515, 0.157, -0.917),
        (0.044, 0.164, -1.387),
        (0.882, 0.098, -1.277),
        (1.213, 0.127, -0.601),
        (1.125, 0.127, -0.086),
        (0.831, 0.076, 0.230),
    ]
)
"""Lead field [8, 3]: I, II, V1..V6 from the dipole (left, down, back)."""

# Each wave: centre ms after R, width (sigma) ms, dipole (left, down, back) mV.
_P = ((-159, 20, 0.024, 0.048, -0.016), (-132, 19, 0.040, 0.036, 0.024))
_QRS = (
    (-18, 10, -0.129, -0.094, -0.210),
    (-5, 9, 0.698, 0.265, -0.057),
    (4, 9, 0.616, 0.395, 0.480),
    (17, 9, -0.183, 0.015, 0.400),
    (31, 13, -0.017, -0.007, 0.067),
)
_T = ((94, 46, -0.019, -0.022, -0.045), (209, 47, 0.065, 0.005, -0.128), (262, 35, 0.197, 0.119, -0.080))
# From the right ventricular outflow tract: wide, left bundle branch block shape, T against the QRS.
_VENTRICULAR_QRS = ((-36, 17, 0.20, 0.26, 0.08), (-4, 19, 0.42, 0.98, 0.50), (32, 19, 0.30, 0.40, 0.46))
_VENTRICULAR_T = ((170, 50, -0.06, -0.10, -0.08), (265, 48, -0.20, -0.36, -0.26))
_Q = (-14, 11)
_ST = ((70, 26), (125, 36), (190, 46))
_REFERENCE_RR = 0.85
"""RR interval, seconds, at which the ST and T waves above lie."""


@dataclass(frozen=True, slots=True)
class Waves:
    """Bumps of the dipole: ``centre`` and ``width`` [k] in seconds, ``dipole`` [k, 3] in mV."""

    centre: Array
    width: Array
    dipole: Array

    @classmethod
    def table(cls, rows: tuple[tuple[float, ...], ...]) -> Waves:
        """Build from rows of (centre ms, width ms, left, down, back)."""
        data = np.array(rows, dtype=np.float64).reshape(-1, 5)
        return cls(data[:, 0] / 1000, data[:, 1] / 1000, data[:, 2:])

    def __add__(self, other: Waves) -> Waves:
        pairs = ((self.centre, other.centre), (self.width, other.width), (self.dipole, other.dipole))
        return Waves(*(np.concatenate(pair) for pair in pairs))

    def stretched(self, factor: float) -> Waves:
        """Later and longer by ``factor``."""
        return Waves(self.centre * factor, self.width * factor, self.dipole)

    def turned(self, matrix: Array) -> Waves:
        """The same waves with the dipole multiplied by ``matrix`` [3, 3]."""
        return Waves(self.centre, self.width, self.dipole @ matrix.T)

    def at(self, times: Array) -> Array:
        """Dipole [n, 3] at ``times`` [n], seconds from the R peak."""
        return np.asarray(np.exp(-0.5 * ((times[:, None] - self.centre) / self.width) ** 2) @ self.dipole)

    @property
    def reach(self) -> tuple[float, float]:
        """Seconds before and after the R peak beyond which the waves are under a thousandth of their height."""
        return float((self.centre - 4 * self.width).min()), float((self.centre + 4 * self.width).max())


class Heart:
    """The beats of one person's heart, in the person's own axis and size."""

    def __init__(self, rng: np.random.Generator) -> None:
        angle = np.radians(rng.uniform(-12, 12))
        size = rng.uniform(0.9, 1.15)
        turn = np.array(
            [
                (np.cos(angle), -np.sin(angle), 0),
                (np.sin(angle), np.cos(angle), 0),
                (0, 0, rng.uniform(0.9, 1.1)),
            ]
        )
        own = turn * size
        self._p = Waves.table(_P).turned(own)
        self._qrs = Waves.table(_QRS).turned(own)
        self._t = Waves.table(_T).turned(own * rng.uniform(0.95, 1.25))
        self._ventricular = _on_peak(Waves.table(_VENTRICULAR_QRS).turned(own))
        self._ventricular_t = Waves.table(_VENTRICULAR_T).turned(own)
        self._injured: dict[Injury | None, tuple[Waves, Waves]] = {}

    def beat(self, kind: str, rr_slow: float, atrial: bool = True, injury: Injury | None = None) -> Waves:
        """Waves of a beat of ``kind`` N, A or V; QT follows Bazett, ``atrial`` says whether there is a P wave."""
        stretch = (min(max(rr_slow, 0.4), 1.4) / _REFERENCE_RR) ** 0.5
        if kind == "V":
            return self._ventricular + self._ventricular_t.stretched(stretch)
        if injury not in self._injured:
            self._injured[injury] = self._ischaemic(injury)
        qrs, t = self._injured[injury]
        waves = qrs + t.stretched(stretch)
        if not atrial:
            return waves
        # A premature impulse starts elsewhere in the atria and comes closer to the QRS.
        early = Waves(self._p.centre + 0.02, self._p.width, self._p.dipole * (0.6, -0.5, 1.0))
        return waves + (early if kind == "A" else self._p)

    def atria(self, times: Array, beats: Array) -> Array:
        """Dipole [n, 3] of P waves without a QRS, each where it would be before an R peak at ``beats`` seconds."""
        return sum((self._p.at(times - beat) for beat in beats), np.zeros((len(times), 3)))

    def _ischaemic(self, injury: Injury | None) -> tuple[Waves, Waves]:
        """Return the QRS, and the ST segment with the T wave."""
        if injury is None:
            return _on_peak(self._qrs), self._t
        plateau = Waves.table(tuple((at, width, *(0.62 * x for x in injury.st)) for at, width in _ST))
        t = Waves(self._t.centre, self._t.width, self._t.dipole * injury.t)
        return _on_peak(self._qrs + Waves.table(((*_Q, *injury.q),))), plateau + t


def _on_peak(waves: Waves) -> Waves:
    """Shift the waves so that the highest point in lead II lies at time 0."""
    times = np.arange(-0.08, 0.08, 1e-5)
    offset = times[int(np.argmax(waves.at(times) @ DOWER[1]))]
    return Waves(waves.centre - offset, waves.width, waves.dipole)


def limb_leads(eight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the twelve leads [n, 12] from I, II, V1..V6 [n, 8]; Einthoven's law holds to the last bit."""
    one, two = eight[:, 0], eight[:, 1]
    half = np.float32(0.5)
    limb = (one, two, two - one, -(one + two) * half, one - two * half, two - one * half)
    return np.column_stack([*limb, eight[:, 2:]])
