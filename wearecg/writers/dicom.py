"""Writes DICOM waveforms through the ``pydicom`` package: ambulatory or general ECG, of 16 or 32 bits.

A value that is not there is the padding value. What has another rate is a group of its own, if it is an ECG: the object
classes allow nothing else. The file is made up in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wearecg.ecg.leads import TWELVE, UNKNOWN, is_ecg
from wearecg.errors import MissingExtraError, SinkError
from wearecg.formats.dicom import UNKNOWN_START
from wearecg.formats.note_texts import text_of
from wearecg.formats.recording import Stored
from wearecg.sinks.coding import Coding
from wearecg.text import visible
from wearecg.writers.base import Writer, annotations_of, need_samples, pieces
from wearecg.writers.counts import BeyondRangeError, count, encoded

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

AMBULATORY_S = 600.0
"""From this length on a recording is an ambulatory one, if nothing else is asked for."""
GENERAL_HZ = (200.0, 1000.0)
AMBULATORY_HZ = (50.0, 1000.0)
MOST_AMBULATORY, MOST_GENERAL, MOST_GROUPS = 12, 24, 4
"""Channels, and groups of them."""
CODES = {UNKNOWN: 0, "I": 1, "II": 2, "III": 61, "aVR": 62, "aVL": 63, "aVF": 64} | {
    lead: number for number, lead in enumerate(TWELVE[6:], 3)
}
DERIVED = {"I": 31, "II": 32, "III": 111} | {lead: number for number, lead in enumerate(TWELVE[6:], 33)}
"""Of MDC, in part 2: leads, and leads that were computed."""


class DicomWriter(Writer):
    """DICOM."""

    name: ClassVar[str] = "dicom"
    title: ClassVar[str] = "DICOM (.dcm): ambulatory and general ECG, 16 and 32 bits; gaps, annotations"
    suffixes: ClassVar[tuple[str, ...]] = (".dcm",)
    package: ClassVar[tuple[str, str]] = ("pydicom", "dicom")
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {"kind": ("ambulatory", "general", "general32")}

    def lost(self, stored: Stored, options: Mapping[str, str]) -> list[str]:
        """Tell what its classes do not allow."""
        need_samples(stored, "DICOM")
        recording = stored.recording
        kept = _parts(stored)
        lost = [
            f"DICOM holds an ECG of {GENERAL_HZ[0]:g} to {GENERAL_HZ[1]:g} Hz beside another: {lead} is lost, "
            f"it has {other.recording.fs:g} Hz"
            for other in stored.others
            if other not in kept
            for lead in other.recording.leads
        ]
        unmarked = [lead for part in kept for lead in part.recording.derived if lead not in DERIVED]
        if unmarked:
            lost.append(f"DICOM does not say that {', '.join(unmarked)} were computed from other leads")
        if recording.epoch is None:
            lost.append("DICOM needs a start, which is not known: 1 January 1900 stands for that")
        strange = [
            lead for part in kept for lead in part.recording.leads if lead.partition("_")[0] not in CODES
        ]
        if strange:
            lost.append(f"DICOM has no code for {', '.join(strange)}: they have one of ours")
        if not AMBULATORY_HZ[0] <= recording.fs <= AMBULATORY_HZ[1]:
            lost.append(f"no class of DICOM allows {recording.fs:g} Hz: readers may refuse it")
        return lost

    def write(self, stored: Stored, path: Path, options: Mapping[str, str]) -> Sequence[str]:
        """Write it; where the counts turn out too small, again."""
        try:
            import pydicom  # noqa: F401
        except ImportError:
            raise MissingExtraError("pydicom", "dicom", "writing DICOM files") from None
        for looked in (False, True):
            chosen = [count(part, looked=looked) for part in _parts(stored)]
            try:
                _write(stored, path, [one.coding for one in chosen], options.get("kind"))
            except BeyondRangeError:
                continue
            return [line for one in chosen for line in one.lost]
        raise SinkError(f"{stored.recording.name} has values that are no numbers")


def _parts(stored: Stored) -> list[Stored]:
    low, high = GENERAL_HZ
    kept = [
        other
        for other in stored.others
        if low <= other.recording.fs <= high and all(map(is_ecg, other.recording.leads))
    ]
    return [stored, *kept[: MOST_GROUPS - 1]]


def _class_of(parts: Sequence[Stored], bits: int, kind: str | None) -> Any:
    """Return the class: what was asked for, or else the one that fits length, rate and number of channels."""
    from pydicom import uid

    recording, length = parts[0].recording, parts[0].length
    classes = {
        "ambulatory": uid.AmbulatoryECGWaveformStorage,
        "general": uid.GeneralECGWaveformStorage,
        "general32": uid.General32bitECGWaveformStorage,
    }
    if kind is None:
        within = GENERAL_HZ[0] <= recording.fs <= GENERAL_HZ[1]
        short = len(parts) > 1 or length < AMBULATORY_S * recording.fs
        many = len(recording.leads) > MOST_AMBULATORY
        kind = "general" if within and (short or many) else "ambulatory"
    return classes["general32" if bits > 16 else kind]


def _write(stored: Stored, path: Path, codings: Sequence[Coding], kind: str | None) -> None:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    from wearecg import __version__

    parts = _parts(stored)
    bits = 32 if kind == "general32" or any(coding.bits > 16 for coding in codings) else 16
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = _class_of(parts, bits, kind)
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.SpecificCharacterSet = "ISO_IR 192"
    epoch = stored.recording.epoch
    start = UNKNOWN_START if epoch is None else f"{datetime.fromtimestamp(epoch, UTC):%Y%m%d%H%M%S.%f}"
    data.AcquisitionDateTime = start
    data.TimezoneOffsetFromUTC = "+0000"
    data.StudyDate = data.ContentDate = start[:8]
    data.StudyTime = data.ContentTime = start[8:]
    for name in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "AccessionNumber"):
        setattr(data, name, "")
    data.ReferringPhysicianName = data.Manufacturer = ""
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.Modality, data.SeriesNumber, data.InstanceNumber = "ECG", 1, 1
    data.SoftwareVersions = f"wearecg {__version__}"
    data.AcquisitionContextSequence = []
    data.WaveformSequence = [
        _group(part, coding, bits, number)
        for number, (part, coding) in enumerate(zip(parts, codings, strict=True), 1)
    ]
    if notes := [*_comments(stored), *_annotations(stored)]:
        data.WaveformAnnotationSequence = notes
    data.save_as(path, enforce_file_format=True)


def _group(part: Stored, coding: Coding, bits: int, number: int) -> Dataset:
    from pydicom.dataset import Dataset

    recording, group = part.recording, Dataset()
    dtype = np.dtype(f"<i{bits // 8}")
    nothing = -(1 << (bits - 1))
    counts = np.empty((part.length, len(recording.leads)), dtype)
    for first, samples in pieces(part):
        digital, missing = encoded(coding, samples)
        counts[first : first + len(digital)] = digital
        if missing is not None:
            np.copyto(counts[first : first + len(digital)], nothing, where=missing)
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = len(recording.leads), part.length
    group.SamplingFrequency = f"{recording.fs:.10g}"
    group.MultiplexGroupLabel = f"RHYTHM {number}" if number > 1 else "RHYTHM"
    group.ChannelDefinitionSequence = [
        _channel(lead, unit, step, bits, lead in recording.derived)
        for lead, unit, step in zip(recording.leads, recording.units, coding.steps, strict=True)
    ]
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = bits, "SS" if bits == 16 else "SL"
    # As bytes: the package cannot tell which kind of number it is.
    group.add_new("WaveformPaddingValue", "OW", np.array(nothing, dtype).tobytes())
    group.add_new("WaveformData", "OW", counts.tobytes())
    return group


def _channel(lead: str, unit: str, step: float, bits: int, derived: bool) -> Dataset:
    from pydicom.dataset import Dataset

    channel, kind = Dataset(), lead.partition("_")[0]
    channel.ChannelLabel = visible(lead)[:16]
    if derived and lead in DERIVED:
        source = _code(f"2:{DERIVED[lead]}", "MDC", f"Derived lead {lead}")
    elif kind in CODES:
        source = _code(f"2:{CODES[kind]}", "MDC", f"Lead {lead}" if CODES[kind] else "Unspecified lead")
    else:
        source = _code(visible(lead)[:16], "99WEARECG", visible(lead)[:64])
    channel.ChannelSourceSequence = [source]
    units = ("uV", "microvolt", 1000.0) if unit == "mV" else (unit[:16] or "1", unit[:64] or "no units", 1.0)
    channel.ChannelSensitivity = f"{step * units[2]:.10g}"
    channel.ChannelSensitivityUnitsSequence = [_code(units[0], "UCUM", units[1])]
    channel.ChannelSensitivityCorrectionFactor, channel.ChannelBaseline = "1", "0"
    channel.ChannelSampleSkew, channel.WaveformBitsStored = "0", bits
    return channel


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _comments(stored: Stored) -> list[Dataset]:
    return [_note(comment) for comment in stored.recording.comments]


def _annotations(stored: Stored) -> list[Dataset]:
    found, fs = annotations_of(stored), stored.recording.fs
    notes = []
    for time, symbol, text in zip(found.times.tolist(), found.symbols, found.notes, strict=True):
        note = _note(text_of(symbol, text))
        note.TemporalRangeType = "POINT"
        note.ReferencedSamplePositions = min(max(round(time * fs), 0), stored.length - 1) + 1
        notes.append(note)
    return notes


def _note(text: str) -> Any:
    from pydicom.dataset import Dataset

    note = Dataset()
    note.ReferencedWaveformChannels = [1, 0]
    note.AnnotationGroupNumber = 1
    note.UnformattedTextValue = visible(text) or " "
    return note
