"""Movesense's ECG as its phone app stores it (``..._ecg_stream.json``): packets of counts with the sensor's clock.

``{"data": [{"ecg": {"Samples": [...], "Timestamp": 41547}}, ...]}``; the time is in ms, of the first sample of the
packet. The rate is not said, it is that of the clock; what a packet that is missing held, is missing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import Channel, Format, Told, of_arrays, recording_of
from wearecg.formats.recording import Stored
from wearecg.formats.text_files import decoded, text_of
from wearecg.formats.time_column import check, on_grid
from wearecg.text import one_line

WHOLE = 2e-4
"""A rate that is so near to a whole number is that."""


class Movesense(Format):
    """Movesense."""

    name: ClassVar[str] = "movesense"
    title: ClassVar[str] = "Movesense ECG stream JSON, with --lsb for its millivolts"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the names that it begins with."""
        begin = "".join(decoded(head)[:200].split())
        return begin.startswith('{"data":[{"ecg":{') and ('"Samples"' in begin or '"Timestamp"' in begin)

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        try:
            packets = json.loads(text_of(path))["data"]
        except (ValueError, RecursionError, LookupError, TypeError) as error:
            raise SourceError(f"{path} cannot be read as JSON: {one_line(error)}") from error
        if not isinstance(packets, list) or not packets:
            raise SignalError(f"{path} holds no packet")
        found = [_packet(path, packet, number) for number, packet in enumerate(packets, 1)]
        if len(found) < 2:
            raise SourceError(f"{path} has one packet: its rate cannot be told")
        starts = np.array([time for time, _ in found]) / 1000
        size = len(found[0][1])
        packed = np.full((len(found), size), np.nan)
        for row, (_, samples) in zip(packed, found, strict=True):
            if len(samples) != size and (len(samples) > size or samples is not found[-1][1]):
                raise SourceError(f"{path}: packets of {size} and {len(samples)} samples do not go together")
            row[: len(samples)] = samples
        check(path, starts, range(1, len(found) + 1))
        rate, grid = on_grid(path, starts, packed, range(1, len(found) + 1))
        fs = rate * size
        fs = float(round(fs)) if abs(fs / round(fs) - 1) < WHOLE else fs
        values = grid.reshape(-1)[: grid.size - size + len(found[-1][1])]
        return recording_of(path, [Channel("ECG", fs, len(values), "")], of_arrays([values]), told)


def _packet(path: Path, packet: Any, number: int) -> tuple[float, np.ndarray]:
    """Return the time (ms) and the counts of a packet."""
    try:
        said = packet["ecg"]
        time, samples = float(said["Timestamp"]), np.array(said["Samples"], np.float64)
    except (LookupError, TypeError, ValueError) as error:
        raise SourceError(f"{path}: packet {number} holds no samples and time of an ECG") from error
    if samples.ndim != 1 or not len(samples) or not np.isfinite(time) or abs(time) > 1e15:
        raise SourceError(f"{path}: packet {number} holds no samples and time of an ECG")
    return time, samples
