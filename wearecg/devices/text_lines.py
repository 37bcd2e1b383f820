"""Lines of text with numbers in them: how they are written, and what their columns can and cannot be."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.leads import UNKNOWN, canonical, is_ecg
from wearecg.text import visible

Row: TypeAlias = tuple[float | None, ...]
"""The cells of a line; None is ``!``, electrode off."""
OFF: Row = (None,)
TELLING = 20
"""Numbers from which a column that only rises is a clock and no accident."""
# 0x00 is what a break on the line reads as.
_SEPARATORS = bytes.maketrans(b",;\t\0", b"    ")
_COMMAS = bytes.maketrans(b",;\t\0", b".   ")
_COLON = re.compile(rb"\s*:\s*")
_INSIDE = re.compile(rb"\d,\d")
_ONE_COMMA = re.compile(rb"([-+]?\d+),(\d+)")


@dataclass(frozen=True, slots=True)
class Line:
    """The numbers of a line, and the names that it gives them; no names where it has none."""

    cells: Row
    names: tuple[str, ...] = ()


def parse(line: bytes, decimal_commas: bool = False) -> Line:
    """Take a line apart: numbers, ``name:value`` as the Arduino plotter reads it, or JSON.

    Raises
    ------
    ValueError
        It has anything else in it, or no number.
    """
    text = line.strip(b" \t\0")
    if text[:1] in (b"{", b"["):
        return _json(text)
    table = _COMMAS if decimal_commas else _SEPARATORS
    cells = _COLON.sub(b":", text).translate(table).split()
    pairs = [cell.rpartition(b":") for cell in cells]
    names = tuple(visible(name.decode("ascii", "replace")) for name, _, _ in pairs)
    if not cells or (any(names) and not all(names)):
        raise ValueError(_refused(line))
    try:
        row = tuple(None if value == b"!" else _number(value) for _, _, value in pairs)
    except ValueError as error:
        raise ValueError(_refused(line)) from error
    return Line(row, names if any(names) else ())


def has_decimal_commas(lines: Sequence[bytes]) -> bool:
    """Whether the comma in these lines is what others write as a point.

    It is where something else parts the cells, behind ``-0``, and where the digits behind it are as many in each line
    and begin with 0 in some.
    """
    lines = [line.strip(b" \t\0") for line in lines if line.strip(b" \t\0!")]
    if not any(_INSIDE.search(line) for line in lines) or any(b"." in line or b"{" in line for line in lines):
        return False
    if any(line.count(b",") != len(_INSIDE.findall(line)) for line in lines):
        return False
    if all(re.search(rb"[;\t ]", line) for line in lines):
        return True
    pairs = [_ONE_COMMA.fullmatch(line) for line in lines]
    found = [pair.groups() for pair in pairs if pair]
    if len(found) < len(lines):
        return False
    widths = {len(digits) for _, digits in found}
    zeros = any(len(digits) > 1 and digits.startswith(b"0") for _, digits in found)
    return any(whole == b"-0" for whole, _ in found) or (len(widths) == 1 and zeros)


def judge(table: NDArray[np.float64], names: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Say what columns are: a lead's name each, empty for one to leave out, and what the user should know.

    Parameters
    ----------
    table : float64 [n, columns]
        NaN where nothing was measured.
    names : sequence of str
        What the lines call them; empty where they do not.
    """
    columns = range(table.shape[1])
    clocks = [is_clock(table[:, column]) for column in columns]
    still = [
        not clock and is_constant(table[:, column]) for column, clock in zip(columns, clocks, strict=True)
    ]
    moving = [not (clock or constant) for clock, constant in zip(clocks, still, strict=True)]
    called = [canonical(name) for name in names] or [""] * len(clocks)
    stated = any(is_ecg(name) for name, clock in zip(called, clocks, strict=True) if not clock)
    leads: list[str] = []
    notes: list[str] = []
    unplaced = 0
    for column in columns:
        name = called[column]
        told = f"column {column + 1}" + (f" ({name})" if name else "")
        if clocks[column]:
            leads.append("")
            notes.append(f"{told} only rises: it is a clock or a counter and is left out")
        elif is_ecg(name) or (stated and name):
            leads.append(name)
        elif still[column] and any(moving):
            leads.append(name or f"COLUMN_{column + 1}")
            where = f"recorded as {leads[-1]}, not as an ECG; name it with --leads if it is one"
            notes.append(f"{told} stays at {np.nanmean(table[:, column]):g}: {where}")
        else:
            unplaced += 1
            leads.append(UNKNOWN if unplaced == 1 else f"{UNKNOWN}_{unplaced}")
    if not any(moving) and any(still):
        notes.append("the numbers do not change: check the electrodes and the sketch")
    return tuple(leads), notes


def is_clock(values: NDArray[np.float64]) -> bool:
    """Whether a column only rises, or counts up and begins anew: no heart does either."""
    values = values[np.isfinite(values)]
    if len(values) < TELLING:
        return False
    steps = np.diff(values)
    if (steps >= 0).all():
        return bool((steps > 0).mean() > 1 / 3)
    up = steps[steps >= 0]
    return bool(len(up) > 0.95 * len(steps) and up[0] > 0 and (up == up[0]).all())


def is_constant(values: NDArray[np.float64]) -> bool:
    """Whether a column has one value, and no other."""
    values = values[np.isfinite(values)]
    return len(values) > 0 and bool((values == values[0]).all())


def _json(text: bytes) -> Line:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ValueError(_refused(text)) from error
    pairs = list(body.items()) if isinstance(body, dict) else [("", value) for value in body]
    numbers = [
        (visible(name), float("nan") if value is None else float(value))
        for name, value in pairs
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    ]
    row = tuple(value for _, value in numbers)
    if not row or any(abs(value) == float("inf") for value in row):
        raise ValueError(_refused(text))
    return Line(row, tuple(name for name, _ in numbers) if isinstance(body, dict) else ())


def _number(cell: bytes) -> float:
    value = float(cell)
    if b"_" in cell or value in (float("inf"), -float("inf")):
        raise ValueError(cell)
    return value


def _refused(line: bytes) -> str:
    text = visible(line.decode("ascii", "replace").strip())
    return f"{text[:40]!r} is no line of numbers"
