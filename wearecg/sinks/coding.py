"""How samples become the integers of a file, in any format that records counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Notice, Samples
from wearecg.ecg.leads import SYNTHETIC, is_ecg
from wearecg.text import visible


class Encoded(NamedTuple):
    """Integers [n, leads], which leads went beyond the range, and which samples are missing; None if none is."""

    digital: NDArray[np.int32]
    clipped: NDArray[np.bool_]
    missing: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class Coding:
    """Integers of 16 or 24 bits, and for each lead the units of one step and the largest value.

    The value one below the negative of the largest stands for "no sample", as in WFDB.
    """

    bits: int
    steps: tuple[float, ...]
    limits: tuple[int, ...]

    @classmethod
    def choose(
        cls,
        leads: tuple[str, ...],
        lsb: tuple[float, ...],
        first: Samples,
        uncalibrated: Collection[str] = (),
    ) -> Coding:
        """Choose by the ADC steps where they are known, so that every ADC value is kept exactly.

        Unknown steps become 1 uV for an ECG, 1 mg for acceleration, and for a signal without a unit, as
        ``uncalibrated`` leads are, the power of ten that leaves a factor of 64 above the peak of ``first``. Format 16
        if it then spans +-16 mV (16 g) in each lead, otherwise format 24; always 24 where the range has no unit.
        """
        steps, wide = [], False
        for column, (lead, step) in enumerate(zip(leads, lsb, strict=True)):
            measured = (is_ecg(lead) or lead.startswith("ACC")) and lead not in uncalibrated
            if not step > 0:
                seen = np.abs(first[:, column][np.isfinite(first[:, column])])
                peak = float(seen.max()) if seen.size and seen.max() > 0 else 1.0
                step = 0.001 if measured else 10.0 ** float(np.ceil(np.log10(64 * peak / 2**23)))
            steps.append(step)
            wide = wide or not measured or 32767 * step < 16
        bits = 24 if wide else 16
        return cls(bits, tuple(steps), (2 ** (bits - 1) - 1,) * len(steps))

    def encode(self, samples: Samples) -> Encoded:
        """Return the integers of samples [n, leads], 'no sample' for NaN."""
        # 32 bits of floating point are enough for 16 of counts, and a lead after the other is quickest.
        kind: type[np.floating[Any]] = np.float32 if self.bits == 16 else np.float64
        per_unit = np.array([[1 / step] for step in self.steps], kind)
        limits = np.array([[limit] for limit in self.limits], kind)
        scaled: NDArray[np.floating[Any]] = np.multiply(samples.T, per_unit)
        np.rint(scaled, out=scaled)
        none = np.zeros(len(self.steps), bool)
        if not scaled.size:
            return Encoded(scaled.T.astype(np.int32), none, None)
        largest = np.maximum(scaled.max(axis=1), -scaled.min(axis=1))  # NaN where a sample is missing
        if (largest <= limits[:, 0]).all():
            return Encoded(scaled.astype(np.int32).T, none, None)
        missing = np.isnan(scaled)
        clipped = np.any(np.abs(scaled) > limits, axis=1)
        np.clip(scaled, -limits, limits, out=scaled)
        np.copyto(scaled, -limits - 1, where=missing)
        return Encoded(scaled.astype(np.int32).T, clipped, missing.T if missing.any() else None)

    def nothing(self, length: int) -> NDArray[np.int32]:
        """Return so many rows of 'no sample'."""
        return np.tile(-np.asarray(self.limits, np.int32) - 1, (length, 1))

    def pack(self, digital: NDArray[np.int32]) -> bytes:
        """Return the bytes of integers, in their order."""
        if self.bits == 16:
            return digital.astype("<i2", order="C").tobytes()
        return np.ascontiguousarray(digital, dtype="<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


class Clipped:
    """Tells of each lead, once, that it goes beyond the range of its coding."""

    def __init__(self, coding: Coding, names: Sequence[str], units: Sequence[str]) -> None:
        self._coding, self._names, self._units = coding, names, units
        self._told: set[int] = set()

    def tell(self, clipped: NDArray[np.bool_]) -> list[Notice]:
        """Return what is to be told of leads [leads] that went beyond it."""
        notices = []
        for column in np.flatnonzero(clipped).tolist():
            if column in self._told:
                continue
            self._told.add(column)
            span = self._coding.limits[column] * self._coding.steps[column]
            what = f"lead {self._names[column]} goes beyond the +-{span:.4g} {self._units[column]}".rstrip()
            notices.append(Notice(f"{what} that the recording can hold, and is cut off there", "warning"))
        return notices


def unit_of(lead: str) -> str:
    """Return the unit of a calibrated lead: ``mV``, ``g``, or ``NU`` where a signal has none."""
    if is_ecg(lead.removesuffix(" reconstructed")) or lead.startswith(SYNTHETIC):
        return "mV"
    return "g" if lead.startswith("ACC") else "NU"


def unique(leads: tuple[str, ...]) -> tuple[str, ...]:
    """Return names that differ: readers tell the signals of a file apart by them."""
    return tuple(
        visible(f"{lead} {leads[:i].count(lead) + 1}" if leads[:i].count(lead) else lead)
        for i, lead in enumerate(leads)
    )
