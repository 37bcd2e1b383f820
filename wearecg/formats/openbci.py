"""Text files of the OpenBCI GUI, old and new: lines with ``%``, then mostly a row of names, then rows of numbers.

The first column counts the rows up to 255; the channels are in microvolts, and what they are the user knows.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import numpy as np

from wearecg.errors import SourceError
from wearecg.formats.base import Channel, Format, Told, of_arrays, recording_of
from wearecg.formats.recording import Stored
from wearecg.formats.sequence import spread
from wearecg.formats.text_files import decoded, text_of
from wearecg.rates import as_rate

_RATE = re.compile(r"%\s*Sample Rate\s*=\s*([\d.]+)\s*Hz", re.IGNORECASE)
_CHANNELS = re.compile(r"%\s*Number of channels\s*=\s*(\d+)", re.IGNORECASE)
_BEHIND = {12: 8, 20: 16, 8: 4}
"""Channels of old files, which do not say how many there are, by their columns."""


class OpenBci(Format):
    """OpenBCI GUI."""

    name: ClassVar[str] = "openbci"
    title: ClassVar[str] = "OpenBCI GUI text (Cyton, Daisy, Ganglion), old and new"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By its first line."""
        return decoded(head).lstrip().startswith("%OpenBCI")

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        lines = text_of(path).splitlines()
        head = [line for line in lines if line.startswith("%")]
        rate = next((match[1] for line in head if (match := _RATE.match(line))), None)
        if rate is None:
            raise SourceError(f"{path} does not say its sample rate")
        said = next((int(match[1]) for line in head if (match := _CHANNELS.match(line))), 0)
        rows, remarks = _rows(path, [line for line in lines if line.strip() and not line.startswith("%")])
        count = said or _BEHIND.get(rows.shape[1] if len(rows) else 0, 0)
        if not 0 < count < max(2, rows.shape[1]):
            raise SourceError(f"{path} does not say how many of its {rows.shape[1]} columns are channels")
        values = spread(path, rows[:, 1 : count + 1], rows[:, 0], 256)
        fs = as_rate(rate)
        channels = [Channel(f"EXG {k}", fs, len(values), "uV") for k in range(count)]
        return recording_of(path, channels, of_arrays(list(values.T)), told, remarks=remarks)


def _rows(path: Path, lines: list[str]) -> tuple[np.ndarray, list[str]]:
    """Return the numbers of the rows, NaN where there is none, and what is wrong with them."""
    if lines and not re.match(r"\s*[-\d]", lines[0]):
        lines = lines[1:]
    rows: list[list[float]] = []
    remarks: list[str] = []
    for number, line in enumerate(lines):
        cells = line.split(",")
        if rows and len(cells) != len(rows[0]):
            if number == len(lines) - 1:
                remarks.append("its last row was cut short and is left out")
                break
            raise SourceError(f"{path}: a row has {len(cells)} cells, those before have {len(rows[0])}")
        rows.append([_number(cell) for cell in cells])
    return np.array(rows, np.float64).reshape(len(rows), len(rows[0]) if rows else 0), remarks


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
