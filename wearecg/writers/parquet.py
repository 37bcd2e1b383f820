"""Writes Parquet through the ``pyarrow`` package: seconds, and a column for each lead, NULL where it has no sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wearecg.errors import MissingExtraError
from wearecg.formats.parquet import TIME
from wearecg.formats.recording import Stored
from wearecg.writers.base import (
    Writer,
    all_annotations,
    all_comments,
    need_samples,
    other_rates,
    pieces,
)

GROUP_S = 600.0
"""Seconds of a row group."""


class ParquetWriter(Writer):
    """Parquet."""

    name: ClassVar[str] = "parquet"
    title: ClassVar[str] = "Parquet (.parquet): one rate, gaps are NULL; no annotations"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)
    package: ClassVar[tuple[str, str]] = ("pyarrow", "parquet")

    def lost(self, stored: Stored, options: Mapping[str, str]) -> list[str]:
        """Tell other rates, annotations and comments."""
        need_samples(stored, "Parquet")
        return [
            *other_rates(stored, "Parquet"),
            *all_annotations(stored, "Parquet"),
            *all_comments(stored, "Parquet"),
        ]

    def write(self, stored: Stored, path: Path, options: Mapping[str, str]) -> Sequence[str]:
        """Write a row group for every ten minutes; what is to be known of leads and time is metadata."""
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise MissingExtraError("pyarrow", "parquet", "writing Parquet files") from None
        schema = _schema(stored, pa)
        recording = stored.recording
        with parquet.ParquetWriter(path, schema) as writer:
            for first, samples in pieces(stored, GROUP_S):
                seconds = np.arange(first, first + len(samples)) / recording.fs
                columns = [pa.array(seconds)]
                for column in range(len(recording.leads)):
                    values = np.ascontiguousarray(samples[:, column])
                    columns.append(pa.array(values, mask=np.isnan(values)))
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        return ()


def _schema(stored: Stored, pa: Any) -> Any:
    recording = stored.recording
    fields = [pa.field(TIME, pa.float64(), nullable=False, metadata={"unit": "s"})]
    leads = zip(recording.leads, recording.units, recording.lsb, strict=True)
    for lead, unit, lsb in leads:
        about = {"unit": unit, "lsb": f"{lsb:.17g}", "derived": "yes" if lead in recording.derived else "no"}
        fields.append(pa.field(lead, pa.float32(), metadata=about))
    about = {"fs": f"{recording.fs:.17g}"}
    if recording.epoch is not None:
        about["start"] = datetime.fromtimestamp(recording.epoch, UTC).isoformat(timespec="microseconds")
    return pa.schema(fields, metadata=about)
