"""The pulse that each beat sends to the finger or wrist.

A pulse wave is a systolic and a reflected wave, each a Gaussian, with a diastolic run-off (after Tang et al.,
Sci Rep 10:69, 2020). Its height follows the filling time before the beat, so that an early beat gives a weak
pulse or none that can be seen.
"""

from __future__ import annotations

import numpy as np

from wearecg.person.heart import Array
from wearecg.person.rhythm import TrueBeat

_CENTRE = np.array([0.13, 0.34, 0.52])
_WIDTH = np.array([0.050, 0.085, 0.130])
_HEIGHT = np.array([1.0, 0.42, 0.16])
REACH = 1.4
"""Seconds after the R peak at which a pulse is over."""


def stroke(beat: TrueBeat) -> float:
    """Pulse height relative to that of a beat after 0.85 s of filling."""
    filling = 1 - np.exp(-max(beat.rr - 0.22, 0.0) / 0.28)
    normal = 1 - np.exp(-(0.85 - 0.22) / 0.28)
    return float(filling / normal) * (0.6 if beat.kind == "V" else 1.0)


def pulse(beat: TrueBeat, times: Array, transit: float) -> Array:
    """PPG [n] of one beat at ``times`` [n] seconds; its foot arrives ``transit`` seconds after R."""
    since = times[:, None] - beat.time - transit
    return np.asarray(stroke(beat) * (np.exp(-0.5 * ((since - _CENTRE) / _WIDTH) ** 2) @ _HEIGHT))
