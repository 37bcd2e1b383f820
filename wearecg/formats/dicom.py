"""DICOM waveforms (12-lead, general, ambulatory, of 8, 16 and 32 bits), through the ``pydicom`` package.

A file may have several groups of channels, each with a rate of its own: the first one with an ECG is read, original
before derived, with it those of other rates that were measured at the same time, and others are told. A value is
(count * sensitivity * correction) + baseline, the baseline in the unit; the padding value, which the package does not
take out, stands for no sample. Annotations are texts at one sample; those about all of it are comments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.leads import TWELVE, UNKNOWN, is_ecg
from wearecg.errors import MissingExtraError, SignalError, SourceError
from wearecg.formats.base import Channel, Floats, Format, Told, recording_of
from wearecg.formats.lead_names import lead_of
from wearecg.formats.note_texts import of_text
from wearecg.formats.recording import Annotations, Stored
from wearecg.text import one_line

UNKNOWN_START = "19000101000000"
"""What ours say where a start has to be said and is not known."""
_SAMPLES = {
    ("SB", 8): "i1",
    ("UB", 8): "u1",
    ("SS", 16): "i2",
    ("US", 16): "u2",
    ("SL", 32): "i4",
    ("UL", 32): "u4",
}
_CODES = {
    0: UNKNOWN,
    1: "I",
    2: "II",
    61: "III",
    62: "aVR",
    63: "aVL",
    64: "aVF",
    **dict(enumerate(TWELVE[6:], 3)),
}
_DERIVED = {31: "I", 32: "II", 111: "III", **dict(enumerate(TWELVE[6:], 33))}
"""Of code 2:n, in MDC and SCPECG: leads, and leads that were computed."""


class Dicom(Format):
    """DICOM."""

    name: ClassVar[str] = "dicom"
    title: ClassVar[str] = "DICOM waveforms: 12-lead, general (16 and 32 bits), ambulatory"
    suffixes: ClassVar[tuple[str, ...]] = (".dcm", ".dicom")
    package: ClassVar[tuple[str, str]] = ("pydicom", "dicom")

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the four letters behind the preamble."""
        return head[128:132] == b"DICM"

    def open(self, path: Path, told: Told) -> Stored:
        """Open the file at ``path``."""
        try:
            import pydicom
        except ImportError:
            raise MissingExtraError("pydicom", "dicom", "reading DICOM files") from None
        try:
            data = pydicom.dcmread(path)
            return _open(path, data, told)
        except (SourceError, SignalError):
            raise
        except Exception as error:  # the package raises whatever it stumbles over
            raise SourceError(f"{path} cannot be read as DICOM: {one_line(error)}") from error


def _open(path: Path, data: Any, told: Told) -> Stored:
    groups = list(data.get("WaveformSequence") or ())
    if not groups:
        raise SignalError(f"{path} holds no ECG: it has no waveforms")
    channels = [_channels(path, group) for group in groups]
    order = sorted(range(len(groups)), key=lambda k: _originality(groups[k]) != "ORIGINAL")
    chosen = next((k for k in order if any(is_ecg(lead_of(one.name)) for one in channels[k])), order[0])
    beside = [
        k
        for k, group in enumerate(groups)
        if k != chosen
        and _originality(group) == "ORIGINAL"
        and float(group.SamplingFrequency) != float(groups[chosen].SamplingFrequency)
        and not group.get("MultiplexGroupTimeOffset")
    ]
    remarks = [
        f"{_label(group, k)} is left out: {_label(groups[chosen], chosen)} is read"
        for k, group in enumerate(groups)
        if k not in (chosen, *beside)
    ]
    counts, scales = [], []
    for k in (chosen, *beside):
        held, padding = _counts(path, data, groups[k], len(channels[k]))
        counts += [(held[:, column], padding) for column in range(held.shape[1])]
        scales += [_scale(one) for one in groups[k].ChannelDefinitionSequence]

    def read(columns: Sequence[int], first: int, last: int) -> Floats:
        found = np.full((last - first, len(columns)), np.nan)
        for place, column in enumerate(columns):
            held, padding = counts[column]
            raw = held[first:last]
            factor, baseline = scales[column]
            values = raw * np.float64(factor or 1.0) + baseline
            if padding is not None:
                values[raw == padding] = np.nan
            found[: len(raw), place] = values
        return found

    annotations, comments = _annotations(data, chosen, float(groups[chosen].SamplingFrequency))
    signals = [channel for k in (chosen, *beside) for channel in channels[k]]
    return recording_of(
        path,
        signals,
        read,
        told,
        epoch=_epoch(data),
        annotations=annotations,
        comments=comments,
        remarks=remarks,
    )


def _annotations(data: Any, group: int, fs: float) -> tuple[Annotations | None, list[str]]:
    """Return the texts at samples of a group, and those about all of it."""
    rows: list[tuple[float, str, str]] = []
    comments = []
    for one in data.get("WaveformAnnotationSequence") or ():
        text = str(one.get("UnformattedTextValue") or "")
        channels = np.atleast_1d(one.get("ReferencedWaveformChannels") or 0).tolist()
        positions = np.atleast_1d(one.get("ReferencedSamplePositions") or ()).tolist()
        if not text or channels[0] not in (0, group + 1):
            continue
        if one.get("TemporalRangeType") == "POINT" and len(positions) == 1:
            rows.append(((int(positions[0]) - 1) / fs, *of_text(text)))
        elif not one.get("TemporalRangeType"):
            comments.append(text)
    rows.sort(key=lambda row: row[0])
    if not rows:
        return None, comments
    times, symbols, notes = zip(*rows, strict=True)
    return Annotations(np.array(times), symbols, notes), comments


def _originality(group: Any) -> str:
    return str(group.get("WaveformOriginality", "ORIGINAL"))


def _label(group: Any, number: int) -> str:
    return str(group.get("MultiplexGroupLabel") or f"group {number + 1}")


def _channels(path: Path, group: Any) -> list[Channel]:
    fs, length = float(group.SamplingFrequency), int(group.NumberOfWaveformSamples)
    if not 0 < fs < 1e7:
        raise SourceError(f"{path}: a rate of {fs:g} Hz is none")
    derived = _originality(group) != "ORIGINAL"
    found = []
    for one in group.ChannelDefinitionSequence:
        name, computed = _name(one)
        factor, _ = _scale(one)
        found.append(Channel(name, fs, length, _unit(one), abs(factor), derived or computed))
    return found


def _name(channel: Any) -> tuple[str, bool]:
    """Return what a channel is, by its code or else by what that means, and whether it was computed from others."""
    sources = channel.get("ChannelSourceSequence")
    if not sources:
        return str(channel.get("ChannelLabel", "")), False
    code, meaning = str(sources[0].get("CodeValue", "")), str(sources[0].get("CodeMeaning", ""))
    if found := re.fullmatch(r"(?:2:|5\.6\.3-9-)(\d+)", code):
        number = int(found[1])
        if number in _DERIVED:
            return _DERIVED[number], True
        if number in _CODES:
            return _CODES[number], False
    return meaning or str(channel.get("ChannelLabel", "")) or code, "derived" in meaning.lower()


def _scale(channel: Any) -> tuple[float, float]:
    """Return the unit's share of one count, 0 where it is not given, and the baseline in the unit."""
    sensitivity = channel.get("ChannelSensitivity")
    correction = channel.get("ChannelSensitivityCorrectionFactor")
    factor = float(sensitivity or 0) * float(1 if correction in (None, "") else correction)
    return factor, float(channel.get("ChannelBaseline") or 0) if factor else 0.0


def _unit(channel: Any) -> str:
    units = channel.get("ChannelSensitivityUnitsSequence")
    return str(units[0].get("CodeValue", "")) if units and channel.get("ChannelSensitivity") else ""


def _counts(path: Path, data: Any, group: Any, channels: int) -> tuple[NDArray[np.integer[Any]], int | None]:
    """Return the counts [n, channels], and the one that stands for no sample."""
    kind = str(group.WaveformSampleInterpretation), int(group.WaveformBitsAllocated)
    if kind not in _SAMPLES:
        raise SourceError(f"{path}: samples of kind {one_line(kind[0])} in {kind[1]} bits are not read")
    order = "<" if data.is_little_endian is not False else ">"
    dtype = np.dtype(order + _SAMPLES[kind])
    raw = group["WaveformData"].value
    said = int(group.NumberOfWaveformSamples)
    if len(raw) < said * channels * dtype.itemsize:
        there = len(raw) // max(1, channels * dtype.itemsize)
        raise SourceError(f"{path} has {there} samples of {said}: it was cut short")
    counts = np.frombuffer(raw, dtype, said * channels).reshape(said, channels)
    padding = group.get("WaveformPaddingValue")
    if isinstance(padding, bytes):
        padding = np.frombuffer(padding, dtype, 1)[0] if len(padding) >= dtype.itemsize else None
    return counts, None if padding is None else int(padding)


def _epoch(data: Any) -> float | None:
    """Return the Unix time of the acquisition; without a zone the clock is read as UTC."""
    said = str(
        data.get("AcquisitionDateTime")
        or f"{data.get('AcquisitionDate', '')}{data.get('AcquisitionTime', '')}"
    )
    found = re.fullmatch(r"(\d{14})(\.\d+)?\s*([+-]\d{4})?", said.strip())
    if not found or found[1] == UNKNOWN_START:
        return None
    zone = found[3] or str(data.get("TimezoneOffsetFromUTC") or "")
    with suppress(ValueError):
        when = datetime.strptime(found[1], "%Y%m%d%H%M%S")
        offset = UTC
        if re.fullmatch(r"[+-]\d{4}", zone):
            minutes = int(zone[1:3]) * 60 + int(zone[3:])
            offset = timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))
        return when.replace(tzinfo=offset).timestamp() + float(found[2] or 0)
    return None
