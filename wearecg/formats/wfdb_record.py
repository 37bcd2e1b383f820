"""WFDB records (PhysioNet's format).

A null segment of a multi-segment record, or a sample with the format's invalid value, is NaN. Annotations are those of
an expert (``.atr``), or where there are none those that wearecg wrote as it recorded (``.wea``). A record without
signals is read as the RR intervals between its annotated beats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.leads import UNKNOWN, canonical_all, is_ecg, is_known
from wearecg.errors import SourceError
from wearecg.formats.base import LONGEST_HOLE_DAYS, Format, Told
from wearecg.formats.lead_names import lead_of
from wearecg.formats.mit_annotations import NOTE, decode
from wearecg.formats.recording import Annotations, Recording, RRSeries, Stored
from wearecg.formats.units import millivolts
from wearecg.formats.wfdb_counts import counts
from wearecg.formats.wfdb_header import (
    NULL,
    Header,
    SignalLine,
    read_header,
    read_segments,
    whole_frames,
)
from wearecg.text import visible

if TYPE_CHECKING:
    from wearecg.block import Samples

ANNOTATORS = ("atr", "wea")
"""An expert's, and ours."""
DEFAULT_GAIN = 200.0
"""Counts of a unit of what is no ECG, where the header gives none (header(5))."""
PADDING_S = 0.1
"""What a signal file may hold beyond its header and nobody is told."""
ALTERNATE = 0.7
"""Values of one signal are that much closer to each other than to those of another."""
PIECE_S = 600.0
"""So much is held in memory at a time."""
_INVALID = {
    "80": -128,
    "212": -2048,
    "310": -512,
    "311": -512,
    "16": -32768,
    "160": -32768,
    "24": -(2**23),
    "32": -(2**31),
}
"""The count that stands for no sample, by format."""


class Wfdb(Format):
    """WFDB records: a header, its signal files or its annotations."""

    name = "wfdb"
    title = (
        "WFDB (PhysioNet): single and multi-segment, all signal formats, FLAC; RR intervals of annotations"
    )
    suffixes = (".hea", ".dat", "")
    package = ("wfdb", "wfdb")

    def recognise(self, head: bytes, path: Path) -> bool:
        """Whether a header of this name is there, or belongs to the signal file of this name."""
        beside = path.suffix in (".hea", ".dat", ".mat") and path.with_suffix(".hea").is_file()
        return beside or path.with_name(path.name + ".hea").is_file()

    def open(self, path: Path, told: Told) -> Stored:
        """Open the record at ``path``: its header, its signal file, or the name that both share."""
        return stored(path, told.fs, told.lsb, told.leads)


def stored(path: Path, fs: float | None, lsb: float | None = None, leads: Sequence[str] = ()) -> Stored:
    """Open the record at ``path``; all of it is looked at, piece by piece, and none kept.

    ``fs`` is refused: a header always knows the rate. ``lsb`` (mV) is one count of leads that are not calibrated,
    ``leads`` name the signals where the header names none as a lead; an empty one keeps its name.
    """
    stem = path.with_suffix("") if path.suffix in (".hea", ".dat", ".mat") else path
    header_file = stem.with_name(stem.name + ".hea")
    if not header_file.is_file():
        hint = "is there a folder or a name missing?" if stem.parent.is_dir() else "its folder does not exist"
        if path.is_dir():
            hint = "that is a folder: name one of its records"
        raise SourceError(f"no such recording: {header_file} ({hint})")
    header = read_header(header_file)
    if fs is not None and fs != header.fs:
        raise SourceError(f"{header_file} says {header.fs:g} Hz; leave out the rate of {fs:g} Hz")
    header, unnamed = _renamed(header_file, header, leads)
    annotations = _annotations(stem, header.fs)
    comments = header.comments
    if not header.signals and not header.segments:
        recording = Recording(
            samples=np.empty((header.length or _length_of(annotations, header.fs), 0), np.float32),
            fs=header.fs,
            leads=(),
            name=stem.name,
            annotations=annotations,
            comments=comments,
            epoch=header.epoch,
            intervals=RRSeries.between(annotations, any(said.startswith("wearecg ") for said in comments)),
        )
        return Stored.of(recording)
    if header.segments:
        signals = _segmented(header_file, header, lsb)
    else:
        signals = _single(header_file, header, lsb, _surplus(header_file, header))
    if lsb and lsb not in signals.lsb:
        raise SourceError(f"{header_file} states its scale: leave out the {lsb:g} mV of a count")
    derived = {
        name
        for name, line in zip(canonical_all(map(_lead, header.signals)), header.signals, strict=True)
        if "derived" in (line.name or "").lower()
    }

    def of(one: _Signals) -> Stored:
        recording = Recording(
            samples=np.empty((0, len(one.leads)), np.float32),
            fs=one.fs,
            leads=one.leads,
            name=stem.name,
            lsb=one.lsb,
            epoch=header.epoch,
            uncalibrated=one.uncalibrated,
            remarks=one.remarks,
            derived=tuple(lead for lead in one.leads if lead in derived),
        )
        return Stored(recording, one.length, one.read, max(1, round(PIECE_S * one.fs)))

    main = of(signals)
    recording = replace(
        main.recording,
        annotations=annotations,
        comments=comments,
        remarks=(*signals.remarks, *unnamed),
    )
    return replace(main, recording=recording, others=tuple(map(of, signals.others)))


def _renamed(header_file: Path, header: Header, leads: Sequence[str]) -> tuple[Header, list[str]]:
    """Return the header with the names that ``leads`` give where it has none of a lead, and what to tell."""
    names = [_lead(line) for line in header.signals]
    if not names or any(map(is_known, names)):
        return header, []
    written = ", ".join(map(visible, names))
    if not leads:
        return header, [
            f"{written}: no names of leads; say what each signal is, or leave one empty: --leads II,,V1"
        ]
    if len(leads) != len(names):
        raise SourceError(f"{header_file} has {written}; name each, or leave one empty: --leads II,,V1")
    named = [replace(line, name=lead or line.name) for line, lead in zip(header.signals, leads, strict=True)]
    return replace(header, signals=tuple(named)), []


def _lead(line: SignalLine) -> str:
    return lead_of(line.name or UNKNOWN)


@dataclass(frozen=True, slots=True, eq=False)
class _Signals:
    """What can be read: ``length`` samples, and those from one number to another [n, leads], in mV where known."""

    length: int
    read: Callable[[int, int], Samples]
    fs: float
    leads: tuple[str, ...]
    lsb: tuple[float, ...]
    uncalibrated: tuple[str, ...]
    remarks: tuple[str, ...]
    others: tuple[_Signals, ...] = ()
    """Those of other rates."""


def _surplus(header_file: Path, header: Header) -> str:
    """Return what to tell of signal files that hold more than the header says; segments may well share theirs.

    Raises
    ------
    SourceError
        They hold a multiple of it, of signals that alternate: the header says too few, and every rate would be wrong.
    """
    held, length = whole_frames(header_file, header), header.length
    padding = max((line.skew for line in header.signals), default=0) + header.fs * PADDING_S
    if held is None or not length or held <= length + padding or any(line.offset for line in header.signals):
        return ""
    times = held // length if held % length == 0 else 0
    if times:
        said = f"{header_file.name}: its signal file holds {times} times what the header says"
        begin = counts(header_file, header, 0, min(length, round(PIECE_S * header.fs)))
        if any(_alternate(signal, times) for signal in begin):
            raise SourceError(
                f"{said}, and what follows each other alternates: it holds more signals than the "
                f"{len(header.signals)} of the header; correct the header"
            )
        return (
            f"{said}: it is another one, or its header says too few samples or signals; only those are read"
        )
    more = (held - length) / header.fs
    return f"{header_file.name}: its signal file goes on for {more:.1f} s behind the end that the header says"


def _alternate(x: NDArray[np.int64], times: int) -> bool:
    """Whether a value is much closer to the one ``times`` behind it than to any between: several signals in one."""
    if len(x) <= times:
        return False
    apart = [float(np.abs(x[k:] - x[:-k]).mean()) for k in range(1, times + 1)]
    return apart[-1] < ALTERNATE * min(apart[:-1])


def _single(header_file: Path, header: Header, lsb: float | None, surplus: str = "") -> _Signals:
    """Read a record of one segment, each signal at its own rate."""
    frames, remarks = header.length, [surplus] if surplus else []
    held = whole_frames(header_file, header)
    if held is not None and (held < header.length or not header.length):
        if header.length:
            missing = (header.length - held) / header.fs
            remarks.append(
                f"{header_file.name}: the last {missing:.1f} s are missing, its signal file was cut short"
            )
        frames = held
    names = canonical_all(map(_lead, header.signals))
    sums, firsts = np.zeros(len(names), np.int64), [0] * len(names)
    for first in range(0, frames, piece := round(PIECE_S * header.fs) or 1):
        digital = counts(header_file, header, first, min(first + piece, frames))
        sums += [signal.sum() for signal in digital]
        firsts = firsts if first else [int(signal[0]) for signal in digital]
    whole = held is None or held >= header.length
    odd = [
        name
        for name, value, total, line in zip(names, firsts, sums, header.signals, strict=True)
        if (frames and _begins_unlike(value, line)) or (whole and _sums_unlike(int(total), line))
    ]
    if odd:
        remarks.append(
            f"{header_file.name}: checksums or first values of {', '.join(odd)} do not fit the signal file: "
            "it is another one, or damaged"
        )
    # Several samples a frame: each signal has its own rate, and the ECG's is the one that counts.
    frame = max(
        (line.frame for name, line in zip(names, header.signals, strict=True) if is_ecg(name)), default=0
    )
    frame = frame or max(line.frame for line in header.signals)
    others = sorted({line.frame for line in header.signals} - {frame}, reverse=True)
    main, *beside = (_of_rate(header_file, header, names, one, frames, lsb) for one in (frame, *others))
    return replace(main, remarks=(*remarks, *main.remarks), others=tuple(beside))


def _of_rate(
    header_file: Path, header: Header, names: Sequence[str], frame: int, frames: int, lsb: float | None
) -> _Signals:
    """Return the signals of a record that have ``frame`` samples a frame, of which it has ``frames``."""
    kept = [k for k, line in enumerate(header.signals) if line.frame == frame]
    remarks: list[str] = []
    steps, units, uncalibrated = [], [], []
    for k in kept:
        step, why = _millivolts(names[k], header.signals[k])
        if why and lsb:
            step, why = lsb, ""
        if why:
            remarks.append(f"{names[k]}: {why}; no statement that needs millivolts rests on it")
            uncalibrated.append(names[k])
        units.append(step)
        steps.append(0.0 if why else abs(step))
    leads = tuple(names[k] for k in kept)
    lines = [header.signals[k] for k in kept]

    def physical(first: int, last: int) -> Samples:
        low, high = first // frame, -(-last // frame)
        digital = counts(header_file, header, low, high)
        samples = np.empty(((high - low) * frame, len(kept)), np.float32)
        for column, (k, step, line) in enumerate(zip(kept, units, lines, strict=True)):
            samples[:, column] = (digital[k] - line.baseline) * step
            samples[digital[k] == _INVALID.get(line.format), column] = np.nan
        return samples[first - low * frame : last - low * frame]

    return _Signals(
        frames * frame, physical, header.fs * frame, leads, tuple(steps), tuple(uncalibrated), tuple(remarks)
    )


def _left_out(part: _Signals) -> list[str]:
    """Return what to tell of signals of other rates in segments, of which those of one rate are joined."""
    return [
        f"{lead} is left out: it has {other.fs:g} Hz, {part.leads[0]} has {part.fs:g} Hz"
        for other in part.others
        for lead in other.leads
    ]


def _begins_unlike(value: int, line: SignalLine) -> bool:
    """Whether the first value is not the one that the header was written for; zeros there mostly stand for nothing."""
    stated = bool(line.checksum or line.initial) and line.initial is not None
    # A signal of format 8 begins with what the header says, and a skewed one elsewhere in the file.
    return stated and not line.skew and line.format != "8" and value != line.initial


def _sums_unlike(total: int, line: SignalLine) -> bool:
    """Whether the checksum is not the one of the header; 0 is mostly none."""
    return bool(line.checksum and (total - line.checksum) % 65536)


def _millivolts(lead: str, line: SignalLine) -> tuple[float, str]:
    """Return the mV of one count, and why that is not known, if so. Of other signals than ECG the unit is their own."""
    if not is_ecg(lead):
        return 1 / (line.gain or DEFAULT_GAIN), ""
    if line.gain is None:
        return 1.0, "not calibrated (no gain in the header)"
    scale = millivolts(line.unit or "mV")
    if scale is None:
        return 1 / line.gain, f"its unit {line.unit!r} is not known"
    return scale / line.gain, ""


def _segmented(header_file: Path, header: Header, lsb: float | None) -> _Signals:
    """Read a record of several segments; what a segment or a signal lacks is missing."""
    segments = read_segments(header_file, header)
    parts: list[tuple[int, _Signals]] = []
    at = 0
    leads: dict[str, float] = {}
    for number, (name, length) in enumerate(header.segments):
        if name != NULL and (length or number):
            parts.append((at, _single(header_file.with_name(f"{name}.hea"), segments[name], lsb)))
        elif name != NULL:  # the layout of a record whose segments differ
            layout = canonical_all(map(_lead, segments[name].signals))
            leads = dict.fromkeys(layout, 0.0)
        at += length
    for _, part in parts:
        leads.update(zip(part.leads, part.lsb, strict=True))
    rates = {part.fs for _, part in parts}
    if len(rates) > 1:
        told = " and ".join(f"{rate:g}" for rate in sorted(rates))
        raise SourceError(f"{header_file}: its segments have {told} Hz; score them one by one")
    frame = round(rates.pop() / header.fs) if parts else 1
    missing = (at - sum(part.length for _, part in parts) / frame) / header.fs / 86400
    if missing > LONGEST_HOLE_DAYS:
        raise SourceError(
            f"{header_file}: {missing:.0f} days of it are missing; score its segments one by one"
        )
    remarks = dict.fromkeys(remark for _, part in parts for remark in (*part.remarks, *_left_out(part)))
    uncalibrated = dict.fromkeys(lead for _, part in parts for lead in part.uncalibrated)
    steps = tuple(leads.values())
    read = partial(_of_segments, [(start * frame, part) for start, part in parts], tuple(leads))
    return _Signals(
        at * frame, read, header.fs * frame, tuple(leads), steps, tuple(uncalibrated), tuple(remarks)
    )


def _of_segments(
    parts: Sequence[tuple[int, _Signals]], leads: tuple[str, ...], first: int, last: int
) -> Samples:
    """Read what the segments (number of their first sample, signals) have of a stretch; NaN where they have nothing."""
    samples = np.full((last - first, len(leads)), np.nan, np.float32)
    for start, part in parts:
        low, high = max(first, start), min(last, start + part.length)
        if low < high:
            columns = [leads.index(lead) for lead in part.leads]
            samples[low - first : high - first, columns] = part.read(low - start, high - start)
    return samples


def _annotations(stem: Path, fs: float) -> Annotations | None:
    there = (stem.with_name(f"{stem.name}.{annotator}") for annotator in ANNOTATORS)
    file = next((one for one in there if one.is_file()), None)
    if file is None:
        return None
    # A note that begins so is one about the file itself, and a code of 0 ends those: neither is an annotation.
    rows = [
        row
        for row in decode(file.read_bytes())
        if row.code and not (row.code == NOTE and row.text.startswith("## "))
    ]
    times = np.array([row.sample for row in rows], np.float64) / fs
    texts = tuple(row.text.rstrip("\x00") for row in rows)
    return Annotations(times, tuple(row.symbol for row in rows), texts)


def _length_of(annotations: Annotations | None, fs: float) -> int:
    """Return the samples up to the last annotation: a header need not give the length."""
    if annotations is None or not len(annotations.times):
        return 0
    return round(float(annotations.times.max()) * fs) + 1
