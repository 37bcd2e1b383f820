"""Turns the samples of a recording into the counts of a file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Samples
from wearecg.ecg.leads import is_ecg
from wearecg.formats.recording import Stored
from wearecg.sinks.coding import Coding
from wearecg.writers.base import pieces

NARROW_MV = 16.0
"""What an ECG's 16 bits must span."""


class BeyondRangeError(Exception):
    """A value is larger than the counts can say."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How the leads of a recording become counts, and what is lost by it."""

    coding: Coding
    lost: tuple[str, ...] = ()


Limit = Callable[[float, str, int], int]
"""Takes a step, its unit and the bits, returns the largest count."""


def usual_limit(step: float, unit: str, bits: int) -> int:
    """Return the largest count of so many bits; the smallest stands for no sample."""
    del step, unit
    return int(2 ** (bits - 1) - 1)


def count(
    stored: Stored, bits: int | None = None, limit: Limit = usual_limit, looked: bool = False
) -> Counted:
    """Choose counts of 16 or 24 ``bits``; if that is not given, of the fewer that keep what the file has.

    A step that the recording states is kept; where it states none, or the bits are too few for it, values are rounded
    to a power of ten, which is told. Where all steps are known the samples are not looked at, and may turn out too
    large; then choose again, ``looked``.
    """
    recording = stored.recording
    leads = list(zip(recording.leads, recording.units, recording.lsb, strict=True))
    calibrated = [is_ecg(lead) and lead not in recording.uncalibrated for lead in recording.leads]
    if looked or not all(lsb > 0 for _, _, lsb in leads):
        peaks = _peaks(stored)
        enough = [
            peak <= limit(lsb, unit, 16) * lsb if lsb > 0 else ecg
            for (_, unit, lsb), peak, ecg in zip(leads, peaks, calibrated, strict=True)
        ]
    else:
        peaks = [0.0] * len(leads)
        enough = [
            ecg and limit(lsb, unit, 16) * lsb >= NARROW_MV
            for (_, unit, lsb), ecg in zip(leads, calibrated, strict=True)
        ]
    if bits is None:
        bits = 16 if all(enough) else 24
    steps, lost = [], []
    for (lead, unit, lsb), peak in zip(leads, peaks, strict=True):
        step = lsb
        if not (lsb > 0 and peak <= limit(lsb, unit, bits) * lsb):
            power = math.ceil(math.log10(max(peak, 1e-9) / usual_limit(0.0, unit, bits)))
            step = float(f"1e{power}")
            if peak > limit(step, unit, bits) * step:
                step = float(f"1e{power + 1}")
            why = f"needs more than {bits} bits" if lsb > 0 else "states no step"
            lost.append(f"{lead} {why}: its values are rounded to {step:g} {unit}".rstrip())
        steps.append(step)
    limits = tuple(limit(step, unit, bits) for step, (_, unit, _) in zip(steps, leads, strict=True))
    return Counted(Coding(bits, tuple(steps), limits), tuple(lost))


def encoded(coding: Coding, samples: Samples) -> tuple[NDArray[np.int32], NDArray[np.bool_] | None]:
    """Return counts [n, leads] and which are missing, None if none is. Raises `BeyondRangeError`."""
    digital, clipped, missing = coding.encode(samples)
    if clipped.any():
        raise BeyondRangeError
    return digital, missing


def _peaks(stored: Stored) -> list[float]:
    found = np.zeros(len(stored.recording.leads))
    for _, samples in pieces(stored):
        found = np.fmax(found, np.fmax.reduce(np.abs(samples), axis=0))
    return [float(value) for value in found]
