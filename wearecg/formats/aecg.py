"""HL7 annotated ECG (aECG, R1 of 2004): the rhythm of the first series.

Each lead is a list of digits with a scale, an origin and a unit of its own; the time of the first sample and the step
come as a sequence beside them, absolute or relative. Representative beats (derived series) are not the recording.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import ClassVar
from xml.etree.ElementTree import Element

import numpy as np

from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import Channel, Format, Told, of_arrays, recording_of, whole
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
        for one in sets:
            if found := _leads(path, one, told):
                return found
        raise SignalError(f"{path} holds no rhythm: it has {len(sets)} sequences of none")


def _leads(path: Path, sequence_set: Element, told: Told) -> Stored | None:
    step, epoch = 0.0, None
    channels, arrays = [], []
    for sequence in sequence_set.iter("sequence"):
        code, value = sequence.find("code"), sequence.find("value")
        if code is None or value is None:
            continue
        what, increment = code.get("code", ""), value.find("increment")
        if increment is not None:
            unit = increment.get("unit", "s")
            if unit not in _SECONDS:
                raise SourceError(f"{path}: the unit {unit!r} of its time is none of s, ms, us")
            step = number(path, increment.get("value"), "step of time") * _SECONDS[unit]
            head = value.find("head")
            epoch = _epoch(head.get("value", "")) if what == "TIME_ABSOLUTE" and head is not None else None
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
    channels = [Channel(c.name, fs, c.length, c.unit, c.lsb, c.derived) for c in channels]
    return whole(recording_of(path, channels, of_arrays(arrays), told, epoch=epoch))


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
