"""Tables of numbers in text, as programs and spreadsheets write them: their names, their units, their cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearecg.errors import SignalError, SourceError
from wearecg.formats.text_files import text_of
from wearecg.formats.units import is_unit

_NAMED = re.compile(r"(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]")
_CLOCK = re.compile(r"(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d+)?)")
_QUOTES = "\"' "
LONGEST_TOLD = 40
"""Letters of a cell in a message."""

Row = tuple[int, str]
"""A line and its number."""


@dataclass(slots=True)
class Table:
    """A table. ``values`` are [n, columns], NaN where a cell is empty; ``rows`` the number of the line of each row."""

    names: list[str]
    units: list[str]
    values: NDArray[np.float64]
    rows: Sequence[int]
    comments: tuple[str, ...] = ()
    remarks: list[str] = field(default_factory=list)
    headed: bool = True
    """Whether its names are those of its own first row."""
    lsb: list[float] = field(default_factory=list)
    """mV of one count of each column, 0 where the file does not say."""

    def __post_init__(self) -> None:
        self.lsb = self.lsb or [0.0] * len(self.names)

    def drop(self, column: int) -> None:
        """Leave a column out."""
        del self.names[column], self.units[column], self.lsb[column]
        self.values = np.delete(self.values, column, axis=1)


def read_table(path: Path, names: Sequence[str] = ()) -> Table:
    """Read the table at ``path``; what comes before the row of its names is a comment, as a line with ``#`` is.

    ``names`` are those of its columns, if it starts with numbers. Units are those in brackets behind a name, or in a
    row of their own below.

    Raises
    ------
    SourceError
        No such file, no names, or a cell that is no number.
    SignalError
        It is empty.
    """
    lines = text_of(path).splitlines()
    comments = [line.lstrip("# ").rstrip() for line in lines if line.startswith("#")]
    rows = [
        (number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")
    ]
    if not rows:
        raise SignalError(f"{path} is empty; its first row should name the leads")
    first = next((k for k, (_, line) in enumerate(rows) if _is_numbers(line)), None)
    if first == 0:
        if not names:
            raise SourceError(
                f"{path} starts with numbers; name its columns in its first row, or with --leads time,II,V1"
            )
        body, delimiter, names = rows, _delimiter(rows[0][1]), list(names)
        units = [""] * len(names)
    else:
        # Where a row is neither names nor numbers, it is told as that.
        head = first - 1 if first and not any(map(_is_number, _cells(rows[first - 1][1]))) else 0
        body = rows[head + 1 :]
        below = _cells(rows[head][1])
        if head and len(_cells(rows[head - 1][1])) == len(below) and all(map(is_unit, below)):
            head, units = head - 1, below
        else:
            units = [""] * len(below)
        delimiter, names = _delimiter(rows[head][1]), _cells(rows[head][1])
        comments += [line for _, line in rows[:head]]
    for column, name in enumerate(names):
        if named := _NAMED.fullmatch(name):
            names[column], units[column] = named["name"], named["unit"].strip()
    remarks: list[str] = []
    values = _numbers(path, body, delimiter, len(names), remarks)
    return Table(names, units, values, [number for number, _ in body], tuple(comments), remarks, first != 0)


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _cells(line: str) -> list[str]:
    return [cell.strip(_QUOTES) for cell in line.split(_delimiter(line))]


def _is_numbers(line: str) -> bool:
    cells = _cells(line)
    return any(map(_is_number, cells)) and all(not cell or _is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    return _number(cell) is not None


def _number(cell: str) -> float | None:
    """Return the number of a cell, NaN if it is empty, the seconds of a time of day or of a date; else None."""
    cell = cell.strip(_QUOTES).replace(",", ".")
    try:
        return float(cell) if cell else np.nan
    except ValueError:
        pass
    if clock := _CLOCK.fullmatch(cell):
        return int(clock["hours"] or 0) * 3600 + int(clock["minutes"]) * 60 + float(clock["seconds"])
    if cell[:4].isdigit() and cell[4:5] == "-":
        try:
            moment = datetime.fromisoformat(cell)
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None


def _numbers(
    path: Path, rows: Sequence[Row], delimiter: str, columns: int, remarks: list[str]
) -> NDArray[np.float64]:
    """Return the cells, [n, columns]."""
    if not rows:
        return np.empty((0, columns))
    decimal_commas = delimiter != "," and any("," in line for _, line in rows[:10])
    lines = (line.replace(",", ".") if decimal_commas else line for _, line in rows)
    try:
        table = np.loadtxt(lines, delimiter=delimiter, ndmin=2)
    except ValueError:
        table = np.array(list(_numbers_and_blanks(path, rows, delimiter, columns, remarks)))
    if table.shape[1] != columns:
        raise SourceError(f"{path} names {columns} columns and has {table.shape[1]}")
    return table


def _short(cell: str) -> str:
    """A cell for a message."""
    return repr(cell if len(cell) <= LONGEST_TOLD else cell[:LONGEST_TOLD] + "...")


def _numbers_and_blanks(
    path: Path, rows: Sequence[Row], delimiter: str, columns: int, remarks: list[str]
) -> Iterator[list[float]]:
    """Read row by row what the fast reader could not: blanks are NaN, anything else is told with its row."""
    usual = len(rows[0][1].split(delimiter))
    # A delimiter at the end of each row is no cell.
    ends = usual == columns + 1 and not rows[0][1].split(delimiter)[-1].strip()
    for number, row in rows:
        cells = row.split(delimiter)
        if ends and len(cells) == usual and not cells[-1].strip():
            cells.pop()
        values = [_number(cell) for cell in cells]
        wrong = next((cell for cell, value in zip(cells, values, strict=True) if value is None), None)
        if number == rows[-1][0] and number != rows[0][0] and (len(cells) < columns or wrong is not None):
            remarks.append(f"row {number}, the last, was cut short and is left out")
            return
        if wrong is not None:
            raise SourceError(f"{path}, row {number}: could not convert string to float: {_short(wrong)}")
        if len(cells) != usual - ends:
            raise SourceError(
                f"{path}, row {number}: {len(cells)} cells, the rows before have {usual - ends}"
            )
        yield [np.nan if value is None else value for value in values]
