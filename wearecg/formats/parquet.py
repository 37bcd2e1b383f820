"""Parquet, through the ``pyarrow`` package, one row group after the other.

A column for each lead; NULL and NaN are no sample. The rate is metadata of ours, or that of a column of times in
seconds. What a lead's unit is, its metadata say, or its name (``II (uV)``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wearecg.errors import MissingExtraError, SignalError, SourceError
from wearecg.formats.base import Channel, Floats, Format, Told, recording_of
from wearecg.formats.recording import Stored
from wearecg.text import one_line

TIME = "time"
"""The column of seconds."""
_NAMED = re.compile(r"(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]")


class Parquet(Format):
    """Parquet."""

    name: ClassVar[str] = "parquet"
    title: ClassVar[str] = "Parquet: a column for each lead, and one of seconds"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)
    package: ClassVar[tuple[str, str]] = ("pyarrow", "parquet")

    def recognise(self, head: bytes, path: Path) -> bool:
        """By its first four letters."""
        return head[:4] == b"PAR1"

    def open(self, path: Path, told: Told) -> Stored:
        """Open the file at ``path``."""
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise MissingExtraError("pyarrow", "parquet", "reading Parquet files") from None
        try:
            return _open(path, parquet.ParquetFile(path), told, pa)
        except (SourceError, SignalError):
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise SourceError(f"{path} cannot be read as Parquet: {one_line(error)}") from error


def _open(path: Path, file: Any, told: Told, pa: Any) -> Stored:
    schema, length = file.schema_arrow, file.metadata.num_rows
    names = [
        field.name for field in schema if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
    ]
    about = {key.decode(): value.decode("utf-8", "replace") for key, value in (schema.metadata or {}).items()}
    fs = float(about["fs"]) if "fs" in about else told.fs
    clock = next((name for name in names if name.casefold() in (TIME, "time_s", "seconds")), None)
    if clock is not None:
        names.remove(clock)
        fs = fs or _rate(path, file, clock)
    if fs is None:
        raise SourceError(f"{path} has no time column: give its rate (--fs HZ)")
    channels = [_channel(schema.field(name), fs, length) for name in names]
    sizes = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
    ends = np.cumsum(sizes) if sizes else np.zeros(0, np.int64)

    def read(columns: Sequence[int], first: int, last: int) -> Floats:
        wanted = [names[column] for column in columns]
        found = np.full((last - first, len(columns)), np.nan)
        head = int(np.searchsorted(ends, first, side="right"))
        tail = int(np.searchsorted(ends, last, side="left"))
        for group in range(head, min(tail + 1, len(sizes))):
            start = int(ends[group]) - sizes[group]
            low, high = max(first, start), min(last, int(ends[group]))
            table = file.read_row_group(group, columns=wanted).slice(low - start, high - low)
            for place, name in enumerate(wanted):
                column = table.column(name).cast(pa.float64())
                found[low - first : high - first, place] = column.to_numpy(zero_copy_only=False)
        return found

    return recording_of(path, channels, read, Told(None, told.leads, told.lsb), epoch=_epoch(about))


def _channel(field: Any, fs: float, length: int) -> Channel:
    about: dict[str, str] = {
        key.decode(): value.decode("utf-8", "replace") for key, value in (field.metadata or {}).items()
    }
    named = _NAMED.fullmatch(field.name)
    name, unit = (named["name"], named["unit"]) if named else (str(field.name), "mV")
    unit = about.get("unit", unit)
    lsb = 0.0
    with suppress(ValueError):
        lsb = float(about.get("lsb", 0))
    return Channel(name, fs, length, unit, lsb, about.get("derived") == "yes")


def _rate(path: Path, file: Any, clock: str) -> float:
    """Return the rate of a column of seconds, which must be regular."""
    times = file.read(columns=[clock]).column(clock).to_numpy().astype(np.float64)
    steps = np.diff(times)
    if not len(steps) or not np.isfinite(steps).all() or steps.min() <= 0:
        raise SourceError(f"{path}: its times do not rise; give its rate (--fs HZ)")
    step = float(np.median(steps))
    if np.abs(steps - step).max() > 0.5 * step:
        raise SourceError(f"{path}: its rows are not evenly spaced in time, write its gaps as rows of NULL")
    return float(np.round(len(steps) / (times[-1] - times[0]), 6))


def _epoch(about: dict[str, str]) -> float | None:
    with suppress(KeyError, ValueError):
        when = datetime.fromisoformat(about["start"])
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return None
