"""Files that BrainFlow writes: numbers between tabs, no names; what they are, a board's number of columns tells."""

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
from wearecg.text import one_line

BOARDS = {
    24: ("Cyton", 250.0, 8, 22),
    32: ("Cyton with Daisy", 125.0, 16, 30),
    15: ("Ganglion", 200.0, 4, 13),
}
"""By columns: name, rate (Hz), channels (from the second column on), and the column of the Unix time."""
_NUMBER = re.compile(r"-?\d+\.\d{6}")
OFF = 0.1
"""By their times, rows come at no other rate than the board's by more than this share."""
LONG = 250
"""Rows whose times tell a rate."""


class BrainFlow(Format):
    """BrainFlow."""

    name: ClassVar[str] = "brainflow"
    title: ClassVar[str] = "BrainFlow text of a Cyton, a Daisy or a Ganglion"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By a first line of as many numbers as a known board has."""
        cells = decoded(head).partition("\n")[0].strip().split("\t")
        return len(cells) in BOARDS and all(map(_NUMBER.fullmatch, cells))

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        lines = [line for line in text_of(path).splitlines() if line.strip()]
        columns = lines[0].count("\t") + 1
        board, fs, count, clock = BOARDS[columns]
        remarks = [f"its {columns} columns are taken for those of a {board}"]
        if lines[-1].count("\t") + 1 < columns:
            lines = lines[:-1]
            remarks.append("its last row was cut short and is left out")
        try:
            rows = np.loadtxt(lines, delimiter="\t", ndmin=2)
        except ValueError as error:
            raise SourceError(f"{path} cannot be read as a table: {one_line(error)}") from error
        span = float(rows[-1, clock] - rows[0, clock])
        if len(rows) > LONG and not abs((len(rows) - 1) / span / fs - 1 if span > 0 else 1) < OFF:
            raise SourceError(f"{path}: {len(rows)} rows in {span:g} s are not the {fs:g} Hz of a {board}")
        values = rows[:, 1 : count + 1]
        if board != "Ganglion":
            values = spread(path, values, rows[:, 0], 256)
        channels = [Channel(f"EXG {k}", fs, len(values), "uV") for k in range(count)]
        epoch = float(rows[0, clock])
        return recording_of(path, channels, of_arrays(list(values.T)), told, epoch=epoch, remarks=remarks)
