"""CSV: a first row of lead names, then one row a sample, in mV; an empty cell is a missing measurement.

A column ``time`` (seconds) gives the rate and shows gaps; without one the caller gives the rate. Cells may be
separated by comma, semicolon or tab; lines that start with ``#`` are comments.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.leads import canonical_all
from wearecg.errors import SignalError, SourceError
from wearecg.formats import Recording


def read(path: Path, fs: float | None) -> Recording:
    """Read the file at ``path``; ``fs`` is needed where it has no ``time`` column."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise SourceError(f"no such recording: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    comments = tuple(line.lstrip("# ").rstrip() for line in lines if line.startswith("#"))
    rows = [line for line in lines if line.strip() and not line.startswith("#")]
    if not rows:
        raise SignalError(f"{path} is empty; its first row should name the leads")
    delimiter = max(",;\t", key=rows[0].count)
    names = [cell.strip().strip('"') for cell in rows[0].split(delimiter)]
    if all(_is_number(name) for name in names):
        raise SourceError(f"{path} starts with numbers; its first row should name the leads (time,I,II)")
    table = _numbers(path, rows[1:], delimiter, len(names))
    time_column = next((i for i, name in enumerate(names) if name.lower() == "time"), None)
    if time_column is not None:
        if fs is not None:
            raise SourceError(f"{path} has a time column; leave out the rate of {fs:g} Hz")
        times = table[:, time_column]
        table = np.delete(table, time_column, axis=1)
        del names[time_column]
        if len(table):
            fs, table = _on_grid(path, times, table)
    elif fs is None:
        raise SourceError(f"{path} has no time column: give its rate (--fs HZ)")
    elif not fs > 0:
        raise SourceError(f"a rate of {fs:g} Hz is not possible for {path}")
    if not names:
        raise SourceError(f"{path} has a time column and no lead")
    return Recording(
        samples=table.astype(np.float32),
        fs=fs or 1.0,
        leads=canonical_all(names),
        name=path.stem,
        comments=comments,
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(path: Path, rows: list[str], delimiter: str, columns: int) -> NDArray[np.float64]:
    """Return the cells, [n, columns]."""
    if not rows:
        return np.empty((0, columns))
    try:
        table = np.loadtxt(rows, delimiter=delimiter, ndmin=2)
    except ValueError:
        table = _numbers_and_blanks(path, rows, delimiter)
    if table.shape[1] != columns:
        raise SourceError(f"{path} names {columns} columns and has {table.shape[1]}")
    return table


def _numbers_and_blanks(path: Path, rows: list[str], delimiter: str) -> NDArray[np.float64]:
    """Read row by row what the fast reader could not: blanks are NaN, anything else is told with its row."""
    table: list[list[float]] = []
    for number, row in enumerate(rows, 2):
        try:
            cells = [float(cell) if cell.strip() else np.nan for cell in row.split(delimiter)]
        except ValueError as error:
            raise SourceError(f"{path}, row {number}: {error}") from None
        if table and len(cells) != len(table[0]):
            raise SourceError(
                f"{path}, row {number}: {len(cells)} cells, the rows before have {len(table[0])}"
            )
        table.append(cells)
    return np.array(table)


def _on_grid(
    path: Path, times: NDArray[np.float64], table: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Return the rate that ``times`` show, and the rows on its grid with NaN where rows are missing."""
    steps = np.diff(times)
    if not len(steps) or not (steps > 0).all():
        raise SourceError(f"{path}: the time column must rise from row to row, over at least two rows")
    usual = steps[steps < 1.8 * np.median(steps)]
    fs = float(1 / usual.mean())
    if abs(fs - round(fs)) < 2e-4 * fs:
        fs = float(round(fs))
    rows = np.concatenate([[0], np.cumsum(np.maximum(1, np.rint(steps * fs)).astype(np.int64))])
    grid = np.full((rows[-1] + 1, table.shape[1]), np.nan)
    grid[rows] = table
    return fs, grid
