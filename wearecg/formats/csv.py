"""CSV: a row of lead names, then one row a sample; an empty cell is a missing measurement.

Names may carry a unit, ``II (uV)`` or ``ECG [mV]``, or have one in the row below; without one it is mV. A column
``time`` (s, its own unit, or times of day) gives the rate and shows gaps; without one the caller gives the rate. Cells
are separated by comma, semicolon or tab; where that is not the comma, numbers may have a decimal comma. Lines that
start with ``#``, and those before the names, are comments. Text files of OpenSignals say all that in their header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearecg.devices.text_lines import is_clock, is_constant
from wearecg.ecg.leads import UNKNOWN, canonical, canonical_all, is_ecg, is_known
from wearecg.ecg.size import usual_range
from wearecg.errors import SourceError
from wearecg.formats import opensignals
from wearecg.formats.base import Format, Told
from wearecg.formats.recording import Recording, Stored
from wearecg.formats.table import Table, read_table
from wearecg.formats.time_column import SLOWEST_HZ, check, on_grid, usual_rate
from wearecg.formats.units import millivolts, seconds
from wearecg.text import visible

_TIME = re.compile(r"(?:elapsed )?time|timestamp|t|millis|micros", re.IGNORECASE)
_TIME_IN = re.compile(r"(?P<name>.+?)[_ ](?P<unit>s|ms|us|ns)", re.IGNORECASE)
_OWN_UNIT = {"millis": "ms", "micros": "us"}
_GUESSES = ((1.0, ""), (1e-3, "milliseconds"), (1e-6, "microseconds"), (1e-9, "nanoseconds"))
START = "start: "
"""Begins a comment that tells when the first row was (ISO 8601)."""
LARGEST = float(np.finfo(np.float32).max) / 1e6
"""Larger numbers are none, in whatever unit they are scaled to mV."""
LARGEST_MV = 20.0
"""What has mostly a larger range in a second is in counts or microvolts, if no unit is given."""


class Csv(Format):
    """Tables of numbers in text."""

    name = "csv"
    title = (
        "CSV and other tables in text: any delimiter, decimal commas, units, time columns; OpenSignals txt"
    )
    suffixes = (".csv", ".tsv", ".txt")

    def recognise(self, head: bytes, path: Path) -> bool:
        """Whatever is a table says so by its name."""
        return False

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        return Stored.of(_read(path, told.fs, told.leads, told.lsb))


def _read(path: Path, fs: float | None, leads: Sequence[str], lsb: float | None) -> Recording:
    """Read the file at ``path``.

    ``fs`` (Hz) is needed where it has no ``time`` column, ``leads`` where its columns have other names (an empty one
    leaves a column out), ``lsb`` (mV) where its numbers are counts.
    """
    header = opensignals.read_header(path)
    table = read_table(path, header.names if header else leads)
    if header and (table.headed or len(table.names) != len(header.names)):
        raise SourceError(f"{path} has {len(table.names)} columns, its header names {len(header.names)}")
    if header:
        if header.counter:
            opensignals.place(path, table, header.counter)
        opensignals.scale(table, header.bits)
        fs = header.fs if fs is None else fs
    # What is no finite number in 32 bits was measured by nobody.
    table.values[:, :] = np.where(np.abs(table.values) < LARGEST, table.values, np.nan)
    clock = next((column for column, name in enumerate(table.names) if _is_time(name)), None)
    if clock is not None and any(name for k, name in enumerate(table.names) if k != clock):
        fs = _place(path, table, clock, fs)
    elif clock is not None:
        raise SourceError(f"{path} has a time column and no lead")
    elif fs is None:
        raise SourceError(f"{path} has no time column: give its rate (--fs HZ)")
    _drop_nameless(table, told=table.headed)
    if not table.names:
        raise SourceError(f"{path} has no lead")
    if not leads and not header:
        _drop_unlike(table)
    found = _named(path, table, leads if table.headed or header else ())
    uncalibrated = _to_millivolts(found, table, fs or 1.0, lsb)
    return Recording(
        samples=table.values.astype(np.float32),
        fs=fs or 1.0,
        leads=found,
        name=path.stem,
        lsb=tuple(table.lsb),
        comments=table.comments,
        epoch=header.epoch if header else _start(table.comments),
        uncalibrated=uncalibrated,
        units=_units(found, table, uncalibrated),
        remarks=tuple(table.remarks),
    )


def _start(comments: Sequence[str]) -> float | None:
    """Return the Unix time that a comment gives; a clock without a zone is read as UTC."""
    said = next((line.removeprefix(START) for line in comments if line.startswith(START)), "")
    with suppress(ValueError):
        when = datetime.fromisoformat(said.strip())
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return None


def _units(leads: Sequence[str], table: Table, uncalibrated: Sequence[str]) -> tuple[str, ...]:
    own = [unit if unit != "NU" else "" for unit in table.units]
    return tuple(
        ("" if lead in uncalibrated else "mV") if is_ecg(lead) else unit
        for lead, unit in zip(leads, own, strict=True)
    )


def _is_time(name: str) -> bool:
    within = _TIME_IN.fullmatch(name)
    return bool(_TIME.fullmatch(within["name"] if within else name))


def _place(path: Path, table: Table, clock: int, stated: float | None) -> float | None:
    """Put the rows where the times in the column ``clock`` say, take that column out, and return the rate."""
    times, name, unit = table.values[:, clock], table.names[clock].casefold(), table.units[clock]
    table.drop(clock)
    if not len(times):
        return stated
    check(path, times, table.rows)
    within = _TIME_IN.fullmatch(name)
    unit = unit or (within["unit"] if within else _OWN_UNIT.get(name, ""))
    scale = seconds(unit) if unit else _guess(path, times, stated, table.remarks)
    if scale is None:
        raise SourceError(f"{path}: the unit {unit!r} of the time column is none of s, ms, us, ns")
    fs, table.values = on_grid(path, times * scale, table.values, table.rows)
    if stated is not None and abs(fs / stated - 1) > 0.01:
        table.remarks.append(f"its time column shows {fs:g} Hz, not {stated:g} Hz: the column is believed")
    return fs


def _guess(path: Path, times: NDArray[np.float64], stated: float | None, remarks: list[str]) -> float:
    """Return the seconds of one of what a time column without a unit counts."""
    usual, steps = 1 / usual_rate(times), np.diff(times)
    # Gaps make the first of them longer, bursts the second.
    step = min(usual, float(np.median(steps[steps > 0])))
    counts_rows = abs(usual - 1) < 1e-3
    if counts_rows:
        if stated is None:
            raise SourceError(
                f"{path}: its time column rises by one from row to row: it may count the rows, or milliseconds; give "
                "the rate of the rows (--fs HZ), or name its unit (time_ms)"
            )
        return 1 / stated
    scale, unit = next((guess for guess in _GUESSES if step * guess[0] <= 1 / SLOWEST_HZ), _GUESSES[0])
    if unit:
        remarks.append(f"its time column is taken for {unit}: in seconds it would be too slow for an ECG")
    return scale


def _drop_nameless(table: Table, told: bool) -> None:
    for column in reversed(range(len(table.names))):
        if not table.names[column]:
            if told and np.isfinite(table.values[:, column]).any():
                table.remarks.append(f"column {column + 1} has no name and is left out")
            table.drop(column)


def _drop_unlike(table: Table) -> None:
    """Take out columns that no name calls a lead and that no heart is in, where there are others."""
    for column in reversed(range(len(table.names))):
        name, x = table.names[column], table.values[:, column]
        why = (
            "only rises: it is a clock or a counter"
            if is_clock(x)
            else "stays the same"
            if is_constant(x)
            else ""
        )
        if why and len(table.names) > 1 and not is_known(canonical(name)):
            table.remarks.append(f"column {name} {why}, and is left out")
            table.drop(column)


def _named(path: Path, table: Table, leads: Sequence[str]) -> tuple[str, ...]:
    """Return what the columns are, and take out those that the user leaves out."""
    names = [canonical(name) for name in table.names]
    columns = ", ".join(map(visible, table.names))
    # A column that says what it is keeps its name: what is drawn from a pulse is no ECG, whatever it is called.
    if leads and not any(is_known(name) and name.partition("_")[0] != UNKNOWN for name in names):
        if len(leads) != len(names):
            raise SourceError(
                f"{path} has the columns {columns}; name each, or leave one empty: --leads II,,V1"
            )
        table.names[:] = leads
        _drop_nameless(table, told=False)
    elif not any(map(is_known, names)):
        table.remarks.append(
            f"{columns}: no names of leads; say what each column is, or leave one empty: --leads II,,V1"
        )
    return canonical_all(table.names)


def _to_millivolts(leads: Sequence[str], table: Table, fs: float, lsb: float | None) -> tuple[str, ...]:
    """Scale the columns that are ECG leads to mV; return the leads for which it is not known how."""
    unknown: list[str] = []
    for column, lead in enumerate(leads):
        unit, x = table.units[column], table.values[:, column]
        table.lsb[column] = (lsb or table.lsb[column]) if is_ecg(lead) else 0.0
        if not is_ecg(lead):
            continue
        scale = table.lsb[column] or millivolts(unit or "mV")
        why = "" if scale else f"its unit {unit!r} is not known"
        if not unit and not table.lsb[column] and usual_range(x, fs) > LARGEST_MV:
            why = "its numbers are too large for mV, name their unit (II (uV)) or give the mV of a count (--lsb MV)"
        if why:
            table.remarks.append(f"{lead}: {why}; no statement that needs millivolts rests on it")
            unknown.append(lead)
        table.values[:, column] = x * (scale or 1.0)
    return tuple(unknown)
