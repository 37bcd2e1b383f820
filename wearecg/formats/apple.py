"""Apple Health: the ECG of a watch as CSV, in any language, and the beats of ``export.xml``.

The CSV is a few lines ``label,value`` in the language of the phone, then one number a line, lead I in microvolts, with
a decimal comma where the language has one. The export keeps, with every variability (SDNN), its beats: the time of each
to a hundredth of a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import numpy as np

from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import Channel, Format, Told, of_arrays, of_intervals, recording_of, whole
from wearecg.formats.recording import Stored
from wearecg.formats.text_files import decoded, text_of
from wearecg.formats.xml_files import root_of, run

_NUMBER = re.compile(r'"?\s*[-+\u2212]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?\s*"?[,;\s]*')
_RATE = re.compile(r'[^,;:\d]+[,;:]\s*"?(\d{2,4}(?:[.,]\d+)?)\s*[^\d\s,;"][^\d,;"]*"?$')
_MICROVOLTS = re.compile(r"(\u00b5|\u03bc|micro|mikro)-?\s*v", re.IGNORECASE)
_MILLIVOLTS = re.compile(r"\bm(illi)?-?v", re.IGNORECASE)
_DATE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ([+-]\d{4})")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d):(\d\d(?:[.,]\d+)?)\s*([AaPp])?")
_CHUNK = 1 << 20
UNLIKE = 0.15
"""The time between two beats and the rate that is written beside differ by no more, if no beat is between."""


class AppleCsv(Format):
    """An ECG of Apple Health."""

    name: ClassVar[str] = "apple-csv"
    title: ClassVar[str] = "Apple Health ECG, CSV in any language"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By lines of labels, one of them with a rate, and numbers alone behind them."""
        lines = [line for line in decoded(head).splitlines() if line.strip()]
        numbers = [bool(_NUMBER.fullmatch(line)) for line in lines]
        first = numbers.index(True) if True in numbers else len(lines)
        preamble = lines[:first]
        follows = numbers[first : first + 5]
        return 3 < first < 40 and all(follows) and len(follows) == 5 and any(map(_RATE.match, preamble))

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        lines = [line.strip() for line in text_of(path).splitlines() if line.strip()]
        first = next(k for k, line in enumerate(lines) if _NUMBER.fullmatch(line))
        preamble = lines[:first]
        rate = next(match[1] for line in preamble if (match := _RATE.match(line)))
        fs = _number(rate)
        samples, remarks = [], []
        for number, line in enumerate(lines[first:]):
            if not _NUMBER.fullmatch(line):
                if first + number < len(lines) - 1:
                    raise SourceError(f"{path}: {line!r} is no number")
                remarks.append("its last line was cut short and is left out")
                break
            samples.append(_number(line))
        micro, milli = (any(map(unit.search, preamble)) for unit in (_MICROVOLTS, _MILLIVOLTS))
        unit = "uV" if micro else "mV" if milli else ""
        channel = Channel("I", fs, len(samples), unit)
        epoch = None
        for line in preamble:
            if said := _DATE.search(line):
                epoch = datetime.strptime(said[0], "%Y-%m-%d %H:%M:%S %z").timestamp()
                break
        stored = recording_of(
            path, [channel], of_arrays([np.array(samples)]), told, epoch=epoch, remarks=remarks
        )
        return whole(stored)


def _number(text: str) -> float:
    """Read a number as a language writes it: of several marks the last is the decimal one, unless it is repeated."""
    text = text.strip('",; \t').replace("\u2212", "-")
    mark = "," if text.rfind(",") > text.rfind(".") else "."
    if text.count(mark) > 1:
        mark = ""
    return float("".join(sign if sign not in ",." else "." * (sign == mark) for sign in text))


class AppleExport(Format):
    """The beats of Apple Health's export."""

    name: ClassVar[str] = "apple-export"
    title: ClassVar[str] = "Apple Health export.xml: RR intervals of the variability records"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the first element, or the type of the document."""
        return root_of(head) == "HealthData"

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        beats = _Beats()
        run(path, _chunks(path), beats.start, beats.end)
        records = sorted(beats.records)
        if not records:
            raise SignalError(f"{path} holds no RR intervals: none of its records has the times of beats")
        epoch = records[0][0]
        times: list[float] = []
        intervals: list[float] = []
        for begin, found in records:
            at = [begin - epoch + offset for offset, _ in found]
            if times and at[0] < times[-1]:
                continue  # another watch at the same time
            between = np.diff(at)
            rates = np.array([bpm for _, bpm in found[1:]])
            sure = np.abs(between * rates / 60 - 1) < UNLIKE
            times += at
            intervals += [float("nan"), *np.where(sure, between, np.nan).tolist()]
        return of_intervals(path, times, intervals, told, epoch=epoch)


class _Beats:
    """Gathers, of each record, when it began (Unix time) and its beats (seconds behind that, a minute's rate)."""

    def __init__(self) -> None:
        self.records: list[tuple[float, list[tuple[float, float]]]] = []
        self._begin: datetime | None = None
        self._beats: list[tuple[float, float]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Record":
            self._begin, self._beats = None, []
            with suppress(ValueError):
                self._begin = datetime.strptime(attributes.get("startDate", ""), "%Y-%m-%d %H:%M:%S %z")
        elif name == "InstantaneousBeatsPerMinute" and self._begin:
            clock = _CLOCK.match(attributes.get("time", ""))
            with suppress(ValueError):
                if clock:
                    self._beats.append((_behind(self._begin, clock), float(attributes.get("bpm", ""))))

    def end(self, name: str) -> None:
        if name == "Record" and self._begin and len(self._beats) > 1:
            if all(a[0] < b[0] for a, b in zip(self._beats, self._beats[1:], strict=False)):
                self.records.append((self._begin.timestamp(), self._beats))
            self._beats = []


def _behind(begin: datetime, clock: re.Match[str]) -> float:
    """Return how many seconds a time of day is behind the beginning, less than a day."""
    hour = int(clock[1])
    if clock[4]:
        hour = hour % 12 + 12 * (clock[4] in "Pp")
    seconds = hour * 3600 + int(clock[2]) * 60 + float(clock[3].replace(",", "."))
    return (seconds - (begin.hour * 3600 + begin.minute * 60 + begin.second)) % 86400


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
