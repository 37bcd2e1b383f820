"""Writes HL7 aECG: a series for each stretch in which the same leads have samples, so that a gap stays one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from uuid import uuid4
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.leads import TWELVE, UNKNOWN, is_ecg
from wearecg.errors import SinkError
from wearecg.formats.recording import Recording, Stored
from wearecg.formats.xml_files import LARGEST
from wearecg.sinks.coding import Coding
from wearecg.text import visible
from wearecg.writers.base import (
    Writer,
    all_annotations,
    all_comments,
    derived_marks,
    need_samples,
    other_rates,
)
from wearecg.writers.counts import BeyondRangeError, count, encoded

LONGEST_S = 600.0
"""Of a series; what is longer follows in the next one, without a gap."""
DIGIT_BYTES = 5
"""Of a value, about."""
_HL7, _MDC, _CPT = "2.16.840.1.113883.5.4", "2.16.840.1.113883.6.24", "2.16.840.1.113883.6.12"
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="{id}"/>
<code code="93000" codeSystem="{cpt}" codeSystemName="CPT-4"/>
{time}"""
_SERIES = """<component><series>
<id root="{id}"/>
<code code="RHYTHM" codeSystem="{hl7}"/>
{time}<component><sequenceSet>
<component><sequence><code code="TIME_{kind}" codeSystem="{hl7}"/>
<value xsi:type="{list}"><head {head}/><increment value="{step:.12g}" unit="s"/></value></sequence></component>
"""
_LEAD = """<component><sequence><code code={code} codeSystem="{mdc}" codeSystemName="MDC"/>
<value xsi:type="SLIST_PQ"><origin value="0" unit={unit}/><scale value="{scale:.10g}" unit={unit}/>
<digits>{digits}</digits></value></sequence></component>
"""
_SERIES_END = "</sequenceSet></component></series></component>\n"


class AecgWriter(Writer):
    """HL7 annotated ECG."""

    name: ClassVar[str] = "aecg"
    title: ClassVar[str] = "HL7 aECG (.xml): one rate, gaps between series; no annotations"
    suffixes: ClassVar[tuple[str, ...]] = (".xml",)

    def lost(self, stored: Stored, options: Mapping[str, str]) -> list[str]:
        """Tell other rates, annotations, comments, marks, and a size that few read."""
        need_samples(stored, "aECG")
        size = stored.length * len(stored.recording.leads) * DIGIT_BYTES
        large = f"as text it has some {size >> 20} MiB: XML of more than {LARGEST >> 20} is not read again"
        return [
            *other_rates(stored, "aECG"),
            *all_annotations(stored, "aECG as it is written here"),
            *all_comments(stored, "aECG"),
            *derived_marks(stored, "aECG"),
            *([large] if size > LARGEST else []),
        ]

    def write(self, stored: Stored, path: Path, options: Mapping[str, str]) -> Sequence[str]:
        """Write it; where the counts turn out too small, again."""
        for looked in (False, True):
            chosen = count(stored, 24, looked=looked)
            try:
                _write(stored, path, chosen.coding)
            except BeyondRangeError:
                continue
            return chosen.lost
        raise SinkError(f"{stored.recording.name} has values that are no numbers")


def _write(stored: Stored, path: Path, coding: Coding) -> None:
    recording = stored.recording
    with path.open("w", encoding="utf-8", newline="\n") as file:
        time = _period(recording, 0, stored.length)
        file.write(_HEAD.format(id=uuid4(), cpt=_CPT, time=time))
        for first, digital, present in _stretches(stored, coding):
            kind, of, head = "RELATIVE", "GLIST_PQ", f'value="{first / recording.fs:.9g}" unit="s"'
            if recording.epoch is not None:
                kind, of, head = "ABSOLUTE", "GLIST_TS", f'value="{_stamp(recording, first)}"'
            time = _period(recording, first, first + len(digital))
            file.write(
                _SERIES.format(
                    id=uuid4(), hl7=_HL7, time=time, kind=kind, list=of, head=head, step=1 / recording.fs
                )
            )
            for column in np.flatnonzero(present).tolist():
                lead, unit = recording.leads[column], recording.units[column]
                scale, unit = (
                    (coding.steps[column] * 1000, "uV") if unit == "mV" else (coding.steps[column], unit)
                )
                file.write(
                    _LEAD.format(
                        code=quoteattr(_code(lead)),
                        mdc=_MDC,
                        unit=quoteattr(visible(unit) or "1"),
                        scale=scale,
                        digits=" ".join(map(str, digital[:, column].tolist())),
                    )
                )
            file.write(_SERIES_END)
        file.write("</AnnotatedECG>\n")


def _stretches(stored: Stored, coding: Coding) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.bool_]]]:
    """Yield number of the first sample, counts [n, leads] and which leads have samples there."""
    step = max(1, round(LONGEST_S * stored.recording.fs))
    for first in range(0, stored.length, step):
        samples = stored.read(first, min(first + step, stored.length))
        digital, missing = encoded(coding, samples)
        there = np.ones(samples.shape, bool) if missing is None else ~missing
        edges = np.flatnonzero((there[1:] != there[:-1]).any(axis=1)) + 1
        for low, high in zip([0, *edges.tolist()], [*edges.tolist(), len(samples)], strict=True):
            if there[low].any():
                yield first + low, digital[low:high], there[low]


def _code(lead: str) -> str:
    if lead in TWELVE:
        return f"MDC_ECG_LEAD_{lead.upper()}"
    return visible(lead).replace(UNKNOWN, "MDC_ECG_LEAD") if is_ecg(lead) else visible(lead)


def _stamp(recording: Recording, sample: int) -> str:
    start = datetime.fromtimestamp(recording.epoch or 0.0, UTC) + timedelta(seconds=sample / recording.fs)
    return f"{start:%Y%m%d%H%M%S.%f}+0000"


def _period(recording: Recording, first: int, last: int) -> str:
    if recording.epoch is None:
        return ""
    low, high = _stamp(recording, first), _stamp(recording, last)
    return f'<effectiveTime><low value="{low}"/><high value="{high}"/></effectiveTime>\n'
