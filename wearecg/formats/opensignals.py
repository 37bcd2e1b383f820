"""The header of text files of OpenSignals (BITalino, biosignalsplux): in its second line JSON, one device a key.

Behind the key are ``sensor`` (``["ECG"]``), ``column`` (``["nSeq", "I1", "A1"]`` or ``["nSeq", "DI", "CH1"]``, of which
``A1`` and ``CH1`` are signals), ``sampling rate``, ``resolution``, the bits of each column or of each signal, and
mostly ``date`` and ``time``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from wearecg.ecg.leads import UNKNOWN
from wearecg.errors import SourceError
from wearecg.formats.sequence import spread
from wearecg.formats.table import Table
from wearecg.rates import as_rate
from wearecg.text import one_line

MARK = "# OpenSignals"
LONGEST = 65536
"""Characters of a line of the header, at most."""
LSB = {10: 3300 / 2**10 / 1100, 6: 3300 / 2**6 / 1100}
"""mV of one count of a BITalino, the only one of them with so few bits: ADC at 3.3 V behind a gain of 1100."""
COUNTER = "nSeq"
LONG_COUNTER = 32
"""Bits of a counter of which none are said."""
_SIGNAL = re.compile(r"(A|CH)\d+")


@dataclass(frozen=True, slots=True)
class OpenSignals:
    """What the header says. ``names`` are empty for columns that are no signals, and their ``bits`` are 0."""

    fs: float
    names: tuple[str, ...]
    bits: tuple[int, ...]
    epoch: float | None
    counter: tuple[int, int] | None
    """The column that numbers the rows, and where it begins anew."""


def read_header(path: Path) -> OpenSignals | None:
    """Return what the file says of itself, None if it is of another kind.

    Raises
    ------
    SourceError
        Its header is damaged, or of several devices.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            if not file.readline(LONGEST).startswith(MARK):
                return None
            text = file.readline(LONGEST)
    except OSError:
        return None
    try:
        devices = list(json.loads(text.lstrip("# ")).values())
        if len(devices) > 1:
            raise SourceError(f"{path} is of {len(devices)} devices; export each by itself")
        return _of_device(devices[0])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(
            f"{path}: the header of this OpenSignals file is damaged: {one_line(error)}"
        ) from error


def place(path: Path, table: Table, counter: tuple[int, int]) -> None:
    """Put rows where their number, in a column that begins anew at a number, says."""
    column, modulus = counter
    table.values = spread(path, table.values, table.values[:, column], modulus)


def scale(table: Table, bits: Sequence[int]) -> None:
    """Put the counts of a table around 0, and say what one of them is."""
    for column, (name, bit) in enumerate(zip(table.names, bits, strict=True)):
        if name:
            table.values[:, column] -= 2.0 ** (bit - 1)
            table.lsb[column] = LSB.get(bit, 0.0)
            table.units[column] = "" if bit in LSB else f"counts of {bit} bits"


def _of_device(said: dict[str, list[str]]) -> OpenSignals:
    columns, sensors = said["column"], iter(said["sensor"])
    resolution = [int(bit) for bit in said["resolution"]]
    signals = [column for column in columns if _SIGNAL.fullmatch(column)]
    if len(resolution) not in (len(columns), len(signals)):
        raise ValueError(f"{len(columns)} columns and {len(resolution)} resolutions")
    of_each = resolution if len(resolution) == len(columns) else None
    of_signals = iter(resolution)
    names, bits = [], []
    for place, column in enumerate(columns):
        is_signal = column in signals
        names.append(_lead(str(next(sensors, column))) if is_signal else "")
        bits.append((of_each[place] if of_each else next(of_signals)) if is_signal else 0)
    counter = None
    if COUNTER in columns:
        width = of_each[columns.index(COUNTER)] if of_each else LONG_COUNTER
        counter = (columns.index(COUNTER), 1 << min(width, LONG_COUNTER))
    return OpenSignals(as_rate(str(said["sampling rate"])), tuple(names), tuple(bits), _epoch(said), counter)


def _epoch(said: dict[str, list[str]]) -> float | None:
    """Return the Unix time of the clock on the computer, read as UTC."""
    with suppress(KeyError, ValueError):
        when = datetime.strptime(f"{said['date']} {said['time']}".partition(".")[0], "%Y-%m-%d %H:%M:%S")
        return when.replace(tzinfo=UTC).timestamp()
    return None


def _lead(sensor: str) -> str:
    return UNKNOWN if "ECG" in sensor.upper() else sensor
