"""HL7 annotated ECG (aECG, R1 of 2004): its rhythm.

Each lead is a list of digits with a scale, an origin and a unit of its own; the time of the first sample and the step
come as a sequence beside them, absolute or relative. Several series of one rate that follow each other are one
recording; representative beats (derived series) are none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import ClassVar
from xml.etree.ElementTree import Element

import numpy as np

from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import (
    LONGEST_HOLE_DAYS,
    Channel,
    Floats,
    Format,
    Told,
    of_arrays,
    recording_of,
    whole,
)
from wearecg.formats.recording import Stored
from wearecg.formats.xml_files import number, numbers, parse, root_of, text_of

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_DERIVED = "DERIVED"


class Aecg(Format):
    """HL7 annotated ECG."""

    name: ClassVar[str] = "aecg"
    title: ClassVar[str] = "HL7 aECG: the rhythm; each lead with its own scale, origin and unit"

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the first element."""
        return root_of(head) == "AnnotatedECG"

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        root = parse(path)
        sets = [one for series in root.iterfind(".//component/series") for one in series.iter("sequenceSet")]
        found = [rhythm for one in sets if (rhythm := _rhythm(path, one))]
        if not found:
            raise SignalError(f"{path} holds no rhythm: it has {len(sets)} sequences of none")
        joined = _joined(found) if len(found) > 1 else found[0]
        rhythm = joined or found[0]
        remarks = [] if joined else [f"its first series is read: {len(found) - 1} more do not follow it"]
        epoch = rhythm.start if rhythm.absolute else None
        return whole(
            recording_of(path, rhythm.channels, of_arrays(rhythm.arrays), told, epoch=epoch, remarks=remarks)
        )


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """One set of sequences: the second of its first sample (``absolute``: Unix time) and its leads."""

    start: float
    absolute: bool
    fs: float
    channels: list[Channel]
    arrays: list[Floats]


def _rhythm(path: Path, sequence_set: Element) -> _Rhythm | None:
    step, start, absolute = 0.0, 0.0, False
    channels, arrays = [], []
    for sequence in sequence_set.iter("sequence"):
        code, value = sequence.find("code"), sequence.find("value")
        if code is None or value is None:
            continue
        what, increment = code.get("code", ""), value.find("increment")
        if increment is not None:
            step = _seconds(path, increment, "step of time")
            head = value.find("head")
            if head is not None and what == "TIME_ABSOLUTE":
                epoch = _epoch(head.get("value", ""))
                start, absolute = epoch or 0.0, epoch is not None
            elif head is not None and what == "TIME_RELATIVE":
                start = _seconds(path, head, "start")
        elif value.find("digits") is not None:
            scale, origin = value.find("scale"), value.find("origin")
            if scale is None:
                raise SourceError(f"{path}: {what} has digits and no scale")
            unit = scale.get("unit", "")
            factor = number(path, scale.get("value"), f"scale of {what}")
            zero = number(path, origin.get("value"), f"origin of {what}") if origin is not None else 0.0
            if origin is not None and zero and origin.get("unit", unit) != unit:
                raise SourceError(f"{path}: {what} has its origin in another unit than its scale")
            digits = numbers(path, text_of(value, "digits"), f"digits of {what}")
            arrays.append(digits * factor + zero)
            derived = _DERIVED in what.upper()
            channels.append(Channel(what, 0.0, len(digits), unit, abs(factor), derived))
    if not channels:
        return None
    if not step > 0:
        raise SourceError(f"{path}: its leads have no step of time")
    fs = float(np.round(1 / step, 6))
    return _Rhythm(start, absolute, fs, [replace(channel, fs=fs) for channel in channels], arrays)


def _joined(found: Sequence[_Rhythm]) -> _Rhythm | None:
    """Return the series as one, if they follow each other at one rate: what is between them, nobody measured."""
    parts = sorted(found, key=lambda one: one.start)
    first = parts[0]
    places = [round((part.start - first.start) * first.fs) for part in parts]
    ends = [
        place + max(len(array) for array in part.arrays) for place, part in zip(places, parts, strict=True)
    ]
    channels = {channel.name: channel for part in parts for channel in part.channels}
    alike = all(
        (part.fs, part.absolute) == (first.fs, first.absolute)
        and len({channel.name for channel in part.channels}) == len(part.channels)
        and all(channel.unit == channels[channel.name].unit for channel in part.channels)
        for part in parts
    )
    follow = all(end <= place for end, place in zip(ends[:-1], places[1:], strict=True))
    if (
        not alike
        or not follow
        or ends[-1] > sum(map(len, first.arrays)) + LONGEST_HOLE_DAYS * 86400 * first.fs
    ):
        return None
    joined = {name: np.full(ends[-1], np.nan) for name in channels}
    for place, part in zip(places, parts, strict=True):
        for channel, array in zip(part.channels, part.arrays, strict=True):
            joined[channel.name][place : place + len(array)] = array
    lengthened = [replace(channel, length=ends[-1]) for channel in channels.values()]
    return _Rhythm(first.start, first.absolute, first.fs, lengthened, list(joined.values()))


def _seconds(path: Path, value: Element, what: str) -> float:
    unit = value.get("unit", "s")
    if unit not in _SECONDS:
        raise SourceError(f"{path}: the unit {unit!r} of its time is none of s, ms, us")
    return number(path, value.get("value"), what) * _SECONDS[unit]


def _epoch(text: str) -> float | None:
    """Return the Unix time of ``20021122091000.5+0100``; without a zone the clock is read as UTC."""
    found = re.fullmatch(r"(\d{14})(?:\.(\d+))?([+-]\d{4})?", text.strip())
    if not found:
        return None
    with suppress(ValueError, OverflowError):
        when = datetime.strptime(found[1], "%Y%m%d%H%M%S")
        zone = UTC
        if found[3]:
            minutes = int(found[3][1:3]) * 60 + int(found[3][3:])
            zone = timezone(timedelta(minutes=-minutes if found[3][0] == "-" else minutes))
        return when.replace(tzinfo=zone).timestamp() + float(f"0.{found[2] or 0}")
    return None
