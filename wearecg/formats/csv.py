"""CSV: a first row of lead names, then one row a sample; an empty cell is a missing measurement.

Names may carry a unit, ``II (uV)`` or ``ECG [mV]``; without one it is mV. A column ``time`` (s, or the unit behind it)
gives the rate and shows gaps; without one the caller gives the rate. Cells are separated by comma, semicolon or tab;
where that is not the comma, numbers may have a decimal comma. Lines that start with ``#`` are comments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.leads import canonical, canonical_all, is_ecg, is_known
from wearecg.errors import SignalError, SourceError
from wearecg.formats import Recording
from wearecg.formats.time_column import on_grid
from wearecg.formats.units import millivolts, spelt

_NAMED = re.compile(r"(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]")
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6}
_TIME = ("time", "timestamp", "t")
SLOWEST_HZ = 5.0
"""A time column in which rows are further apart than this is in milliseconds: no ECG is so slow."""


def read(path: Path, fs: float | None, leads: Sequence[str] = (), lsb: float | None = None) -> Recording:
    """Read the file at ``path``.

    ``fs`` (Hz) is needed where it has no ``time`` column, ``leads`` where its columns have other names (an empty one
    leaves a column out), ``lsb`` (mV) where its numbers are counts.
    """
    lines = _text(path).splitlines()
    comments = tuple(line.lstrip("# ").rstrip() for line in lines if line.startswith("#"))
    rows = [
        (number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")
    ]
    if not rows:
        raise SignalError(f"{path} is empty; its first row should name the leads")
    delimiter = max(",;\t", key=rows[0][1].count)
    names = [cell.strip().strip('"') for cell in rows[0][1].split(delimiter)]
    if all(map(_is_number, names)):
        raise SourceError(f"{path} starts with numbers; its first row should name the leads (time,I,II)")
    remarks: list[str] = []
    table = _numbers(path, rows[1:], delimiter, len(names), remarks)
    units = [""] * len(names)
    for column, name in enumerate(names):
        if named := _NAMED.fullmatch(name):
            names[column], units[column] = named["name"], named["unit"].strip()
    clock = next((column for column, name in enumerate(names) if name.lower() in _TIME), None)
    if clock is not None:
        times = table[:, clock] * _seconds(path, table[:, clock], units[clock], remarks)
        table = np.delete(table, clock, axis=1)
        del names[clock], units[clock]
        if len(table):
            stated = fs
            fs, table = on_grid(path, times, table)
            if stated is not None and abs(fs / stated - 1) > 0.01:
                remarks.append(f"its time column shows {fs:g} Hz, not {stated:g} Hz: the column is believed")
    elif fs is None:
        raise SourceError(f"{path} has no time column: give its rate (--fs HZ)")
    if not names:
        raise SourceError(f"{path} has a time column and no lead")
    kept = list(range(len(names)))
    # A column that says what it is keeps its name: what is drawn from a pulse is no ECG, whatever it is called.
    if leads and not any(is_known(canonical(name)) for name in names):
        if len(leads) != len(names):
            raise SourceError(
                f"{path} has the columns {', '.join(names)}; name each, or leave one empty: --leads II,,V1"
            )
        kept = [column for column, lead in enumerate(leads) if lead]
        names = list(leads)
    found = canonical_all(names[column] for column in kept)
    scales, uncalibrated = _scales(found, [units[column] for column in kept], lsb, remarks)
    return Recording(
        samples=(table[:, kept] * scales).astype(np.float32),
        fs=fs or 1.0,
        leads=found,
        name=path.stem,
        lsb=tuple(lsb if lsb and is_ecg(lead) else 0.0 for lead in found),
        comments=comments,
        uncalibrated=uncalibrated,
        remarks=tuple(remarks),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SourceError(f"no such recording: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def _scales(
    leads: Sequence[str], units: Sequence[str], lsb: float | None, remarks: list[str]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the mV of a number of each column, and the leads for which they are not known."""
    scales, unknown = np.ones(len(leads)), []
    for column, (lead, unit) in enumerate(zip(leads, units, strict=True)):
        if not is_ecg(lead):
            continue
        scale = lsb or millivolts(unit or "mV")
        if scale is None:
            remarks.append(
                f"{lead}: its unit {unit!r} is not known; no statement that needs millivolts rests on it"
            )
            unknown.append(lead)
        scales[column] = scale or 1.0
    return scales, tuple(unknown)


def _seconds(path: Path, times: NDArray[np.float64], unit: str, remarks: list[str]) -> float:
    scale = _SECONDS.get(spelt(unit))
    if scale is None:
        raise SourceError(f"{path}: the unit {unit!r} of the time column is none of s, ms, us")
    if not unit and len(times) > 1 and float(np.median(np.diff(times))) > 1 / SLOWEST_HZ:
        remarks.append(
            "its time column is taken for milliseconds: in seconds it would be too slow for an ECG"
        )
        return 1e-3
    return scale


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(
    path: Path, rows: list[tuple[int, str]], delimiter: str, columns: int, remarks: list[str]
) -> NDArray[np.float64]:
    """Return the cells, [n, columns]."""
    if not rows:
        return np.empty((0, columns))
    if delimiter != "," and any("," in line for _, line in rows[:10]):
        rows = [(number, line.replace(",", ".")) for number, line in rows]
    try:
        table = np.loadtxt([line for _, line in rows], delimiter=delimiter, ndmin=2)
    except ValueError:
        table = _numbers_and_blanks(path, rows, delimiter, columns, remarks)
    if table.shape[1] != columns:
        raise SourceError(f"{path} names {columns} columns and has {table.shape[1]}")
    return table


def _numbers_and_blanks(
    path: Path, rows: list[tuple[int, str]], delimiter: str, columns: int, remarks: list[str]
) -> NDArray[np.float64]:
    """Read row by row what the fast reader could not: blanks are NaN, anything else is told with its row."""
    table: list[list[float]] = []
    for number, row in rows:
        last = number == rows[-1][0] and len(table) > 0
        cells = row.split(delimiter)
        if last and (len(cells) < columns or not all(not cell.strip() or _is_number(cell) for cell in cells)):
            remarks.append(f"row {number}, the last, was cut short and is left out")
            break
        try:
            values = [float(cell) if cell.strip() else np.nan for cell in cells]
        except ValueError as error:
            raise SourceError(f"{path}, row {number}: {error}") from None
        if table and len(values) != len(table[0]):
            raise SourceError(
                f"{path}, row {number}: {len(values)} cells, the rows before have {len(table[0])}"
            )
        table.append(values)
    return np.array(table)
