"""Writes a FHIR Bundle (R4 or R5): strips of ten seconds as Observations, a finding as a DiagnosticReport.

In an Observation each lead is a component with SampledData: counts, ``E`` where there is no sample, their size as
``factor``. R4 has a ``period`` in ms, R5 an ``interval``. A DiagnosticReport is preliminary: no physician has seen it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid4, uuid5

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg import statements
from wearecg.ecg.leads import TWELVE, is_ecg
from wearecg.errors import SinkError
from wearecg.formats.fhir import BEGINS, DERIVED, MDC, UCUM
from wearecg.formats.recording import Recording, Stored
from wearecg.sinks.coding import Coding
from wearecg.text import visible
from wearecg.writers.base import Writer, all_comments, annotations_of, need_samples
from wearecg.writers.counts import BeyondRangeError, Counted, count, encoded

STRIP_S = 10.0
POTENTIAL = 131328
"""MDC_ECG_ELEC_POTL; a lead is this and the number of its own."""
LEADS = {
    lead: POTENTIAL + n for lead, n in zip(TWELVE, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True)
}
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_FINDING = re.compile(
    r"(?P<code>[A-Z0-9_]+)(?: p=(?P<p>[\d.]+) since=(?P<since>-?[\d.]+)s)? (?P<source>[\w.-]+@\S+)"
)
_ENDS = re.compile(r"(?P<code>[A-Z0-9_]+) ends (?P<source>\S+)")


class FhirWriter(Writer):
    """FHIR."""

    name: ClassVar[str] = "fhir"
    title: ClassVar[str] = "FHIR Bundle (.json), R4 and R5: every rate, gaps, findings"
    suffixes: ClassVar[tuple[str, ...]] = (".json",)
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {"version": ("R4", "R5")}

    def lost(self, stored: Stored, options: Mapping[str, str]) -> list[str]:
        """Tell annotations that are no findings, and comments."""
        need_samples(stored, "FHIR")
        found = annotations_of(stored)
        others = sum(not (_FINDING.fullmatch(note) or _ENDS.fullmatch(note)) for note in found.notes)
        beats = f"FHIR holds findings, no other annotations: {others} are lost"
        lost = [beats] if others else []
        if len(found.notes) > others:
            lost.append("findings are written as reports, which are not read back as annotations")
        return lost + all_comments(stored, "FHIR")

    def write(self, stored: Stored, path: Path, options: Mapping[str, str]) -> Sequence[str]:
        """Write it; where the counts turn out too small, again."""
        parts = (stored, *stored.others)
        for looked in (False, True):
            chosen = [count(part, 24, looked=looked) for part in parts]
            try:
                _write(stored, path, chosen, options.get("version", "R4"))
            except BeyondRangeError:
                continue
            return [line for one in chosen for line in one.lost]
        raise SinkError(f"{stored.recording.name} has values that are no numbers")


def _write(stored: Stored, path: Path, chosen: Sequence[Counted], version: str) -> None:
    strips: list[tuple[float, float, str]] = []
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"resourceType": "Bundle", "type": "collection", "entry": [')
        behind = ""
        for resource in _resources(stored, chosen, version, strips):
            entry = {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
            file.write(behind + "\n" + json.dumps(entry, allow_nan=False))
            behind = ","
        file.write("\n]}\n")


def _resources(
    stored: Stored, chosen: Sequence[Counted], version: str, strips: list[tuple[float, float, str]]
) -> Iterator[dict[str, Any]]:
    for part, one in zip((stored, *stored.others), chosen, strict=True):
        yield from _observations(part, one.coding, version, strips)
    for finding in _findings(stored):
        yield _report(stored.recording, finding, strips)


def _observations(
    part: Stored, coding: Coding, version: str, strips: list[tuple[float, float, str]]
) -> Iterator[dict[str, Any]]:
    """Yield the strips of one rate that have a sample, and the last one; note when each is, and its name."""
    recording, fs = part.recording, part.recording.fs
    edges = [round(k * STRIP_S * fs) for k in range(int(part.length / fs / STRIP_S) + 2)]
    for low, end in pairwise(edges):
        high = min(end, part.length)
        samples = part.read(low, high)
        digital, found = encoded(coding, samples)
        missing = np.zeros(samples.shape, bool) if found is None else found
        if low >= high or (missing.all() and high < part.length):
            continue
        name = str(uuid4())
        strips.append((low / fs, high / fs, name))
        resource: dict[str, Any] = {
            "resourceType": "Observation",
            "id": name,
            "status": "final",
            "category": [{"coding": [{"system": _CATEGORY, "code": "procedure"}]}],
            "code": _code_of(recording),
            "component": [
                {"code": _lead(lead, lead in recording.derived), "valueSampledData": data}
                for lead, data in _sampled(recording, coding, digital, missing, version)
            ],
        }
        resource |= _when(recording, low / fs, high / fs)
        yield resource


def _sampled(
    recording: Recording,
    coding: Coding,
    digital: NDArray[np.int32],
    missing: NDArray[np.bool_],
    version: str,
) -> Iterator[tuple[str, dict[str, Any]]]:
    spacing: dict[str, Any] = {"period": 1000 / recording.fs}
    if version == "R5":
        spacing = {"interval": 1000 / recording.fs, "intervalUnit": "ms"}
    for column, (lead, unit) in enumerate(zip(recording.leads, recording.units, strict=True)):
        texts = [
            "E" if gone else str(value)
            for gone, value in zip(missing[:, column].tolist(), digital[:, column].tolist(), strict=True)
        ]
        origin = {"value": 0, "unit": unit or "1", "system": UCUM, "code": visible(unit) or "1"}
        data = {"origin": origin, **spacing, "factor": coding.steps[column], "dimensions": 1}
        yield lead, data | {"data": " ".join(texts)}


def _code_of(recording: Recording) -> dict[str, Any]:
    if not any(map(is_ecg, recording.leads)):
        return {"text": visible(", ".join(recording.leads))}
    return {"coding": [{"system": MDC, "code": str(POTENTIAL), "display": "MDC_ECG_ELEC_POTL"}]}


def _lead(lead: str, derived: bool) -> dict[str, Any]:
    text = f"{visible(lead)}{DERIVED}" if derived else visible(lead)
    if not is_ecg(lead):
        return {"text": text}
    code = LEADS.get(lead, POTENTIAL)
    display = f"MDC_ECG_ELEC_POTL_{lead.upper()}" if lead in LEADS else "MDC_ECG_ELEC_POTL"
    return {"coding": [{"system": MDC, "code": str(code), "display": display}], "text": text}


def _when(recording: Recording, start: float, end: float) -> dict[str, Any]:
    if recording.epoch is None:
        return {"note": [{"text": f"{BEGINS}{start:.6f} s"}]}
    return {"effectivePeriod": {"start": _stamp(recording, start), "end": _stamp(recording, end)}}


def _stamp(recording: Recording, seconds: float) -> str:
    when = datetime.fromtimestamp(recording.epoch or 0.0, UTC) + timedelta(seconds=seconds)
    return when.isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class _Finding:
    code: str
    start: float
    end: float
    probability: float | None
    source: str


def _findings(stored: Stored) -> Iterator[_Finding]:
    """Yield the findings that are annotated, from their beginning to their end."""
    open_: dict[tuple[str, str], _Finding] = {}
    found = annotations_of(stored)
    length = stored.length / stored.recording.fs
    for time, note in zip(found.times.tolist(), found.notes, strict=True):
        if begins := _FINDING.fullmatch(note):
            key = begins["code"], begins["source"]
            since = max(float(begins["since"] or time), 0.0)
            sure = float(begins["p"]) if begins["p"] else None
            open_.setdefault(key, _Finding(key[0], since, length, sure, key[1]))
        elif (ends := _ENDS.fullmatch(note)) and (one := open_.pop((ends["code"], ends["source"]), None)):
            yield replace(one, end=max(time, one.start))
    yield from open_.values()


def _report(
    recording: Recording, finding: _Finding, strips: Sequence[tuple[float, float, str]]
) -> dict[str, Any]:
    name = uuid5(NAMESPACE_URL, f"{recording.name} {finding}")
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "id": str(name),
        "status": "preliminary",
        "code": {"coding": [{"system": "http://loinc.org", "code": "11524-6", "display": "EKG study"}]},
        "result": [
            {"reference": f"urn:uuid:{strip}"}
            for low, high, strip in strips
            if low < finding.end and high > finding.start
        ],
    }
    term = statements.find(finding.code)
    text = term.text if term else finding.code
    sure = "" if finding.probability is None else f", probability {finding.probability:.2f}"
    about = f"{text}{sure}, by {finding.source}; not a medical device"
    if recording.epoch is None:
        about += f"; from {finding.start:.1f} s to {finding.end:.1f} s"
    else:
        start, end = _stamp(recording, finding.start), _stamp(recording, finding.end)
        report["effectivePeriod"] = {"start": start, "end": end}
    report["conclusion"] = about
    if term and term.snomed:
        coding = {"system": "http://snomed.info/sct", "code": str(term.snomed), "display": term.text}
        report["conclusionCode"] = [{"coding": [coding]}]
    return report
