"""The header of text files of OpenSignals (BITalino, biosignalsplux): in its second line JSON, one device a key.

Behind the key are ``sensor`` (``["ECG"]``), ``column`` (``["nSeq", "I1", "A1"]``, of which those with A are signals),
``sampling rate`` and ``resolution``, the bits of each column.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wearecg.ecg.leads import UNKNOWN
from wearecg.errors import SourceError
from wearecg.formats.table import Table
from wearecg.rates import as_rate

MARK = "# OpenSignals"
LONGEST = 65536
"""Characters of a line of the header, at most."""
LSB = {10: 3300 / 2**10 / 1100, 6: 3300 / 2**6 / 1100}
"""mV of one count of a BITalino, the only one of them with so few bits: ADC at 3.3 V behind a gain of 1100."""


@dataclass(frozen=True, slots=True)
class OpenSignals:
    """What the header says. ``names`` are empty for columns that are no signals; ``bits`` are those of each column."""

    fs: float
    names: tuple[str, ...]
    bits: tuple[int, ...]


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
        said = devices[0]
        sensors = iter([str(sensor) for sensor in said["sensor"]])
        names = [_lead(next(sensors, name)) if name.startswith("A") else "" for name in said["column"]]
        bits = [int(bit) for bit in said["resolution"]]
        if len(bits) != len(names):
            raise ValueError(f"{len(names)} columns and {len(bits)} resolutions")
        return OpenSignals(as_rate(said["sampling rate"]), tuple(names), tuple(bits))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(f"{path}: the header of this OpenSignals file is damaged: {error}") from error


def scale(table: Table, bits: Sequence[int]) -> None:
    """Put the counts of a table around 0, and say what one of them is."""
    for column, (name, bit) in enumerate(zip(table.names, bits, strict=True)):
        if name:
            table.values[:, column] -= 2.0 ** (bit - 1)
            table.lsb[column] = LSB.get(bit, 0.0)
            table.units[column] = "" if bit in LSB else f"counts of {bit} bits"


def _lead(sensor: str) -> str:
    return UNKNOWN if "ECG" in sensor.upper() else sensor
