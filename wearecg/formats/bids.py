"""BIDS physiology: a compressed table without names beside a JSON file that has them (``_physio.tsv.gz``).

By the standard the JSON may lie in a folder above, with fewer parts in its name; ``cardiac`` is a pulse.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wearecg.errors import SourceError
from wearecg.formats.base import Channel, Format, Told, of_arrays, read_bytes, recording_of
from wearecg.formats.recording import Stored
from wearecg.rates import as_rate
from wearecg.text import one_line

ENDING = "_physio.tsv.gz"
LARGEST = 512 << 20
"""Bytes of the table."""
FOLDERS = 4
"""In which the JSON may be, from that of the table upwards."""


class Bids(Format):
    """BIDS physiology."""

    name: ClassVar[str] = "bids"
    title: ClassVar[str] = "BIDS physiology (_physio.tsv.gz with its JSON): an ECG, or cardiac, a pulse"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By its name, and that it is compressed."""
        return path.name.endswith(ENDING) and head.startswith(b"\x1f\x8b")

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        said = _said(path)
        names = said.get("Columns")
        if not isinstance(names, list) or not names:
            raise SourceError(f"{path}: its JSON names no columns")
        fs = as_rate(said.get("SamplingFrequency", 0))
        table = _table(path, len(names))
        channels = []
        for name in map(str, names):
            column = said.get(name)
            unit = str(column.get("Units", "")) if isinstance(column, dict) else ""
            channels.append(Channel("PPG" if name == "cardiac" else name, fs, len(table), unit))
        remarks = []
        if "cardiac" in names and not told.leads:
            remarks.append(
                "cardiac is taken for a pulse, as BIDS has it; if it is an ECG, say so with --leads"
            )
        if told.leads:
            channels = [Channel(str(n), c.fs, c.length, c.unit) for n, c in zip(names, channels, strict=True)]
        return recording_of(path, channels, of_arrays(list(table.T)), told, remarks=remarks)


def _said(path: Path) -> dict[str, Any]:
    """Return what the JSON file says whose name has the same parts, or fewer, as near as there is one."""
    parts = set(path.name.removesuffix(ENDING).split("_"))
    for folder in list(path.resolve().parents)[:FOLDERS]:
        fitting = [
            file
            for file in sorted(folder.glob("*_physio.json"))
            if set(file.name.removesuffix("_physio.json").split("_")) <= parts
        ]
        if fitting:
            nearest = max(fitting, key=lambda file: len(file.name))
            try:
                found = json.loads(read_bytes(nearest, 0, 1 << 20))
            except (ValueError, RecursionError) as error:
                raise SourceError(f"{nearest} cannot be read as JSON: {one_line(error)}") from error
            if isinstance(found, dict):
                return found
            raise SourceError(f"{nearest} holds no names")
    raise SourceError(f"{path}: the JSON file that names its columns is not beside it")


def _table(path: Path, columns: int) -> np.ndarray:
    try:
        with gzip.open(path) as file:
            text = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path} cannot be unpacked: {one_line(error)}") from error
    if len(text) > LARGEST:
        raise SourceError(f"{path} is larger than {LARGEST >> 20} MiB")
    try:
        table = np.genfromtxt(io.BytesIO(text), delimiter="\t", missing_values="n/a", ndmin=2)
    except ValueError as error:
        raise SourceError(f"{path} cannot be read as a table: {one_line(error)}") from error
    if table.shape[1] != columns:
        raise SourceError(f"{path} has {table.shape[1]} columns, its JSON names {columns}")
    return table
