"""The leads that two others determine: III, aVR, aVL and aVF of I and II."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LIMB = {"III": (-1.0, 1.0), "aVR": (-0.5, -0.5), "aVL": (1.0, -0.5), "aVF": (-0.5, 1.0)}
"""Shares of I and of II."""


def limb_lead(name: str, one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a lead of LIMB from I and II, in their unit.

    >>> limb_lead("III", np.array([0.2]), np.array([0.5]))
    array([0.3])
    """
    a, b = LIMB[name]
    return a * one + b * two
