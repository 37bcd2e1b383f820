"""RR intervals as text: one a line (Elite HRV, Kubios), or the table of Polar Sensor Logger.

One number a line, in ms or s, says nothing of itself: it is taken for intervals where every one could be one, and that
is told. Whoever names a lead or gives a rate has a signal.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import numpy as np

from wearecg.errors import SourceError
from wearecg.formats.base import HEAD_BYTES, Floats, Format, Told, of_intervals
from wearecg.formats.csv import Csv
from wearecg.formats.recording import Stored
from wearecg.formats.text_files import decoded, text_of
from wearecg.text import one_line

SHORTEST_S, LONGEST_S = 0.2, 4.0
_POLAR = re.compile(r"phone timestamp\s*;\s*rr-interval \[ms\]", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class RRText(Format):
    """RR intervals as text."""

    name: ClassVar[str] = "rr"
    title: ClassVar[str] = "RR intervals as text: one a line (Elite HRV, Kubios, ...), Polar Sensor Logger"
    suffixes: ClassVar[tuple[str, ...]] = (".rr",)

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the names of the logger, or by lines that are all one number and could all be an interval."""
        lines = [line.strip() for line in decoded(head).splitlines() if line.strip()]
        if lines and _POLAR.match(lines[0]):
            return True
        if (lines and not _NUMBER.fullmatch(lines[-1])) or len(head) >= HEAD_BYTES:
            lines = lines[:-1]  # it may have been cut
        if (
            path.suffix.lower() not in (".txt", ".rr")
            or len(lines) < 3
            or not all(map(_NUMBER.fullmatch, lines))
        ):
            return False
        return _scale(np.array(lines, np.float64)) > 0

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        lines = [line.strip() for line in text_of(path).splitlines() if line.strip()]
        if lines and _POLAR.match(lines[0]):
            cells = [line.partition(";")[2].partition(";")[0].strip() for line in lines[1:]]
            remarks = []
            scale = 1e-3
        elif told != Told():
            return Csv().open(path, told)
        else:
            cells = lines
            scale = 0.0
            remarks = ["its numbers are taken for RR intervals; if they are a signal, give --leads and --fs"]
        if cells and not _NUMBER.fullmatch(cells[-1]):
            cells, remarks = cells[:-1], [*remarks, "its last line was cut short and is left out"]
        try:
            values = np.array(cells, np.float64)
        except ValueError as error:
            raise SourceError(f"{path}: {one_line(error)}") from None
        scale = scale or _scale(values)
        if not scale:
            raise SourceError(f"{path}: not all of its numbers are intervals between beats, in s or ms")
        rr = values * scale
        return of_intervals(path, np.cumsum(rr).tolist(), rr.tolist(), told, remarks=remarks)


def _scale(values: Floats) -> float:
    """Return the seconds of a number, if all of them could be intervals in s or in ms; else 0."""
    for scale in (1.0, 1e-3):
        if ((values * scale >= SHORTEST_S) & (values * scale <= LONGEST_S)).all():
            return scale
    return 0.0
