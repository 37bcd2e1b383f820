"""FHIR (R4 and R5): the Observations of a Bundle, or one alone, whose components are SampledData.

A value is data * factor + origin; ``E`` and what is beyond the limits (``U``, ``L``) are no sample. Strips are placed
by their times; what is between them, nobody measured.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wearecg.ecg.leads import is_ecg
from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import (
    LONGEST_HOLE_DAYS,
    Channel,
    Floats,
    Format,
    Told,
    of_arrays,
    read_bytes,
    recording_of,
    whole,
)
from wearecg.formats.lead_names import lead_of
from wearecg.formats.recording import Stored
from wearecg.text import one_line

LARGEST = 512 << 20
"""Bytes."""
MDC, UCUM = "urn:iso:std:iso:11073:10101", "http://unitsofmeasure.org"
BEGINS = "begins at "
"""A note of ours on a strip of a recording whose start is not known."""
DERIVED = " (derived)"
"""Behind the name of a lead that was computed from others."""
_SYSTEMS = (MDC, "urn:oid:2.16.840.1.113883.6.24")
_LEADS = dict(enumerate(("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"), 131329)) | {
    131389: "III", 131390: "aVR", 131391: "aVL", 131392: "aVF",
}  # fmt: skip
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_NO_SAMPLE = re.compile(r"\b[EUL]\b")


class Fhir(Format):
    """FHIR in JSON."""

    name: ClassVar[str] = "fhir"
    title: ClassVar[str] = "FHIR in JSON, R4 and R5: Observations with SampledData"
    suffixes: ClassVar[tuple[str, ...]] = (".fhir",)

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the name of a resource that may hold an ECG."""
        found = re.search(rb'"resourceType"\s*:\s*"(Bundle|Observation)"', head)
        return head.lstrip()[:1] == b"{" and found is not None

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        data = read_bytes(path, 0, LARGEST + 1)
        if len(data) > LARGEST:
            raise SourceError(f"{path} is larger than {LARGEST >> 20} MiB of FHIR")
        try:
            resource = json.loads(data)
            strips = list(_strips(resource))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SourceError(f"{path} cannot be read as FHIR: {one_line(error)}") from error
        if not strips:
            raise SignalError(f"{path} holds no ECG: no Observation of it has SampledData")
        return _placed(path, strips, told)


@dataclass(frozen=True, slots=True)
class _Strip:
    """One component: the second at which it begins, Unix time if that is known; ``values`` in its unit."""

    start: float | None
    absolute: bool
    channel: Channel
    values: Floats


def _strips(resource: Mapping[str, Any]) -> Iterator[_Strip]:
    if resource["resourceType"] == "Bundle":
        for entry in resource.get("entry", ()):
            if entry["resource"]["resourceType"] == "Observation":
                yield from _strips(entry["resource"])
        return
    start, absolute = _start(resource)
    for one in (resource, *resource.get("component", ())):
        if sampled := one.get("valueSampledData"):
            yield _strip(one["code"], sampled, start, absolute)


def _strip(
    code: Mapping[str, Any], sampled: Mapping[str, Any], start: float | None, absolute: bool
) -> _Strip:
    if "period" in sampled:
        step = float(sampled["period"]) * 1e-3
    else:
        step = float(sampled["interval"]) * _UNITS[sampled.get("intervalUnit", "ms")]
    if not 0 < step < 1e4:
        raise ValueError(f"a sample each {step:g} s")
    origin = sampled["origin"]
    factor = float(sampled.get("factor", 1))
    zero = float(origin.get("value", 0))
    values = np.array(_NO_SAMPLE.sub("nan", str(sampled["data"])).split(), np.float64)
    # Several leads in one: the first of its dimensions is none that anybody named.
    if int(sampled.get("dimensions", 1)) != 1:
        raise ValueError("SampledData of several dimensions")
    name, derived = _name(code)
    unit = str(origin.get("code") or origin.get("unit") or "")
    fs = float(np.round(1 / step, 6))
    channel = Channel(name, fs, len(values), "" if unit == "1" else unit, abs(factor), derived)
    return _Strip(start, absolute, channel, values * factor + zero)


def _name(code: Mapping[str, Any]) -> tuple[str, bool]:
    text = str(code.get("text", ""))
    derived = text.endswith(DERIVED)
    for coding in code.get("coding", ()):
        number = str(coding.get("code", ""))
        if coding.get("system") in _SYSTEMS and number.isdigit() and int(number) in _LEADS:
            return _LEADS[int(number)], derived
    displayed = next((str(one["display"]) for one in code.get("coding", ()) if one.get("display")), "")
    return text.removesuffix(DERIVED) or displayed, derived


def _start(resource: Mapping[str, Any]) -> tuple[float | None, bool]:
    said = resource.get("effectivePeriod", {}).get("start") or resource.get("effectiveDateTime")
    if said:
        when = datetime.fromisoformat(str(said))
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp(), True
    for note in resource.get("note", ()):
        if str(note.get("text", "")).startswith(BEGINS):
            return float(note["text"].removeprefix(BEGINS).split()[0]), False
    return None, False


def _placed(path: Path, strips: list[_Strip], told: Told) -> Stored:
    """Lay the strips out, each name at each rate one channel, from the first ECG on."""
    ecg = [one for one in strips if is_ecg(lead_of(one.channel.name))] or strips
    starts = [one.start for one in ecg if one.start is not None]
    remarks = []
    if len(starts) < len(ecg):
        # Without times only what the first Observation says is of one time.
        kept = {one.channel.name: one for one in reversed(strips)}
        if len(kept) < len(strips):
            remarks.append(f"{len(strips) - len(kept)} strips do not say when they are, and are left out")
        strips, begin = [replace(one, start=0.0, absolute=False) for one in kept.values()], 0.0
    else:
        begin = min(starts)
    places: dict[tuple[str, float], list[tuple[int, _Strip]]] = {}
    for one in strips:
        at = round(((begin if one.start is None else one.start) - begin) * one.channel.fs)
        if at + len(one.values) > 0:
            places.setdefault((one.channel.name, one.channel.fs), []).append((at, one))
    channels, arrays = [], []
    for rows in places.values():
        rows.sort(key=lambda row: row[0])
        length = max(at + len(one.values) for at, one in rows)
        held = sum(len(one.values) for _, one in rows)
        first = rows[0][1].channel
        if (length - held) / first.fs > LONGEST_HOLE_DAYS * 86400:
            raise SourceError(f"{path}: days of it are missing; read its strips one by one")
        if len({one.channel.unit for _, one in rows}) > 1:
            raise SourceError(f"{path}: {first.name} changes its unit")
        values = np.full(length, math.nan)
        for at, one in rows:
            values[max(at, 0) : at + len(one.values)] = one.values[max(-at, 0) :]
        channels.append(replace(first, length=length))
        arrays.append(values)
    epoch = begin if strips[0].absolute else None
    return whole(recording_of(path, channels, of_arrays(arrays), told, epoch=epoch, remarks=remarks))
