"""Writes CSV: a time column, a column for each lead with its unit, a row for each sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.formats.csv import START
from wearecg.formats.recording import Recording, Stored
from wearecg.text import visible
from wearecg.writers.base import (
    Writer,
    all_annotations,
    derived_marks,
    need_samples,
    other_rates,
    pieces,
    steps,
)

MOST_DIGITS = 9


class CsvWriter(Writer):
    """A table that `wearecg` and spreadsheets read."""

    name: ClassVar[str] = "csv"
    title: ClassVar[str] = "CSV (.csv): one rate, gaps are rows or cells that are missing; no annotations"
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    def lost(self, stored: Stored, options: Mapping[str, str]) -> list[str]:
        """Tell other rates, annotations and marks."""
        need_samples(stored, "CSV")
        return [
            *other_rates(stored, "CSV"),
            *all_annotations(stored, "CSV"),
            *derived_marks(stored, "CSV"),
            *steps(stored, "CSV"),
        ]

    def write(self, stored: Stored, path: Path, options: Mapping[str, str]) -> Sequence[str]:
        """Write the rows in which a lead has a sample, and the first and the last one."""
        recording = stored.recording
        row = ",".join(["%.9g", *(f"%{_form(lsb)}" for lsb in recording.lsb)]) + "\n"
        with path.open("w", encoding="utf-8", newline="\n") as file:
            if recording.epoch is not None:
                start = datetime.fromtimestamp(recording.epoch, UTC)
                file.write(f"# {START}{start.isoformat(timespec='microseconds')}\n")
            file.writelines(f"# {visible(comment)}\n" for comment in recording.comments)
            file.write(",".join(["time (s)", *_columns(recording)]) + "\n")
            for first, samples in pieces(stored):
                kept: NDArray[np.bool_] = np.asarray(~np.isnan(samples).all(axis=1))
                kept[0] |= first == 0
                kept[-1] |= first + len(samples) == stored.length
                rows = first + np.flatnonzero(kept)
                table = np.column_stack([rows / recording.fs, samples[kept].astype(np.float64)])
                text = (row * len(table)) % tuple(table.ravel().tolist())
                file.write(text.replace(",nan", ","))
        return ()


def _columns(recording: Recording) -> list[str]:
    return [
        f"{lead} ({unit or 'NU'})".replace(",", " ")
        for lead, unit in zip(recording.leads, recording.units, strict=True)
    ]


def _form(lsb: float) -> str:
    """Return how a value is written: to a digit that tells every step apart, or as precise as 32 bits are."""
    if not lsb > 0:
        return ".7g"
    digits = next((n for n in range(MOST_DIGITS) if abs(round(lsb, n) / lsb - 1) < 1e-6), None)
    if digits is None:
        digits = max(0, round(-np.log10(lsb)) + 2)
    return f".{digits}f"
