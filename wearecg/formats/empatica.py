"""Files of an Empatica E4: the start (Unix time), the rate, then one row a sample; in ``IBI.csv`` the intervals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import numpy as np

from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import Channel, Format, Told, of_arrays, of_intervals, recording_of, whole
from wearecg.formats.recording import Stored
from wearecg.formats.text_files import decoded, text_of
from wearecg.formats.xml_files import number, numbers

_SIGNALS = {
    "BVP": "PPG",
    "ACC": "acceleration",
    "EDA": "skin conductance",
    "TEMP": "temperature",
    "HR": "heart rate",
}
_START = re.compile(r"1\d{9}(\.\d+)?(\s*,\s*1\d{9}(\.\d+)?)*")
_IBI = re.compile(r"1\d{9}(\.\d+)?\s*,\s*IBI")


class Empatica(Format):
    """Empatica E4."""

    name: ClassVar[str] = "empatica"
    title: ClassVar[str] = "Empatica E4: BVP.csv (a pulse) and IBI.csv (RR intervals)"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the name, and a first line that is a Unix time."""
        first = decoded(head).partition("\n")[0].strip()
        if _IBI.fullmatch(first):
            return True
        return path.suffix.lower() == ".csv" and path.stem in _SIGNALS and bool(_START.fullmatch(first))

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        lines = [line for line in text_of(path).split("\n") if line.strip()]
        epoch = number(path, lines[0].partition(",")[0], "start")
        if _IBI.fullmatch(lines[0].strip()):
            table = numbers(path, "\n".join(lines[1:]), "its intervals")
            if len(table) % 2:
                table = table[:-1]
            return of_intervals(path, table[::2].tolist(), table[1::2].tolist(), told, epoch=epoch)
        if _SIGNALS[path.stem] != "PPG":
            raise SignalError(f"{path} holds no ECG and no pulse: it has {_SIGNALS[path.stem]}")
        rate = numbers(path, lines[1] if len(lines) > 1 else "", "its rate")
        if len(rate) != 1 or not 0 < rate[0] < 1e6:
            raise SourceError(f"{path}: its second line is no rate")
        samples = numbers(path, "\n".join(lines[2:]), "its samples")
        channel = Channel("PPG", float(rate[0]), len(samples), "")
        return whole(recording_of(path, [channel], of_arrays([np.asarray(samples)]), told, epoch=epoch))
