"""Empatica EmbracePlus (Avro), through the ``fastavro`` package: the pulse, or where there is none its beats.

``rawData`` has ``bvp``, with the Unix time of its first sample in microseconds, and ``systolicPeaks`` in nanoseconds. A
file may have several records: what is between them, nobody measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wearecg.errors import MissingExtraError, SignalError, SourceError
from wearecg.formats.base import (
    LONGEST_HOLE_DAYS,
    Channel,
    Floats,
    Format,
    Told,
    of_arrays,
    of_intervals,
    recording_of,
)
from wearecg.formats.recording import Stored
from wearecg.text import one_line

LONGEST_S = 2.5
"""Peaks that are further apart are not of beats that follow each other."""


class Embrace(Format):
    """Empatica EmbracePlus."""

    name: ClassVar[str] = "embrace"
    title: ClassVar[str] = "Empatica EmbracePlus Avro: the pulse (bvp), or its peaks as intervals"
    suffixes: ClassVar[tuple[str, ...]] = (".avro",)
    package: ClassVar[tuple[str, str]] = ("fastavro", "avro")

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the first letters, and the names in its schema."""
        return head.startswith(b"Obj\x01") and (b"mpatica" in head or b"rawData" in head)

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        try:
            import fastavro
        except ImportError:
            raise MissingExtraError("fastavro", "avro", "reading Avro files") from None
        try:
            with path.open("rb") as file:
                records: Iterator[Any] = fastavro.reader(file)
                raw = [record["rawData"] for record in records]
            pulses = [part["bvp"] for part in raw if len(part["bvp"]["values"])]
            parts = [
                (
                    float(pulse["timestampStart"]) / 1e6,
                    float(pulse["samplingFrequency"]),
                    np.array(pulse["values"], np.float64),
                )
                for pulse in pulses
            ]
            peaks = np.sort(
                np.array([t for part in raw for t in part["systolicPeaks"]["peaksTimeNanos"]], np.int64)
            )
        except Exception as error:  # the package raises whatever it stumbles over
            raise SourceError(f"{path} cannot be read as EmbracePlus Avro: {one_line(error)}") from error
        if parts:
            epoch, fs, values = _joined(path, parts)
            channels = [Channel("PPG", fs, len(values), "")]
            return recording_of(path, channels, of_arrays([values]), told, epoch=epoch)
        if len(peaks) < 2:
            raise SignalError(
                f"{path} holds no ECG and no pulse: its bvp is empty, it has {len(peaks)} peaks"
            )
        return _of_peaks(path, peaks, told)


def _joined(path: Path, parts: list[tuple[float, float, Floats]]) -> tuple[float, float, Floats]:
    """Return the Unix time of the first sample, the rate and the samples of all parts, NaN between them."""
    parts = sorted(parts, key=lambda part: part[0])
    begin, fs, _ = parts[0]
    if not 0 < fs < 1e6 or not all(np.isfinite(start) and rate == fs for start, rate, _ in parts):
        raise SourceError(f"{path}: its parts have no rate, or several")
    places = [round((start - begin) * fs) for start, _, _ in parts]
    ends = [place + len(values) for place, (_, _, values) in zip(places, parts, strict=True)]
    if any(end > place + 1 for end, place in zip(ends[:-1], places[1:], strict=True)):
        raise SourceError(f"{path}: its parts overlap")
    if ends[-1] / fs / 86400 > LONGEST_HOLE_DAYS:
        raise SourceError(f"{path}: it says that it lasts {ends[-1] / fs / 86400:.0f} days")
    joined = np.full(ends[-1], np.nan)
    for place, (_, _, values) in zip(places, parts, strict=True):
        joined[place : place + len(values)] = values
    return begin, fs, joined


def _of_peaks(path: Path, peaks: np.ndarray, told: Told) -> Stored:
    """Return the intervals between peaks; where one is too long, beats are missing, and it is not known."""
    times = (peaks - peaks[0]) / 1e9
    if times[-1] / 86400 > LONGEST_HOLE_DAYS:
        raise SourceError(f"{path}: its peaks are {times[-1] / 86400:.0f} days apart")
    rr = np.concatenate([[np.nan], np.diff(times)])
    rr[rr > LONGEST_S] = np.nan
    return of_intervals(path, times.tolist(), rr.tolist(), told, epoch=float(peaks[0]) / 1e9)
