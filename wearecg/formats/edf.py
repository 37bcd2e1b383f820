"""EDF, EDF+ and their 24 bit forms BDF and BDF+, continuous and not, read piece by piece.

By the specifications (Kemp 1992, Kemp and Olivan 2003): a header, then data records of one length, in each the samples
of every signal one after another. In EDF+ one signal is text, time-stamped annotation lists: the first of each record
says when it begins, and in EDF+D there may be time between two records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wearecg.errors import SourceError
from wearecg.formats.base import (
    LONGEST_HOLE_DAYS,
    RR_FS,
    Channel,
    Floats,
    Format,
    Told,
    read_bytes,
    recording_of,
)
from wearecg.formats.edf_notes import END, GAP, in_samples, is_ours
from wearecg.formats.note_texts import of_text
from wearecg.formats.recording import BEAT_SYMBOLS, Annotations, Recording, RRSeries, Stored

FIXED = 256
NOTES = ("EDF Annotations", "BDF Annotations")
RECORDS_AT_A_TIME = 600
MOST_SIGNALS = 9999
_FIELDS = (
    ("label", 16), ("transducer", 80), ("unit", 8), ("physical_min", 8), ("physical_max", 8), ("digital_min", 8),
    ("digital_max", 8), ("filter", 80), ("samples", 8), ("reserved", 32),
)  # fmt: skip
_NOTE = re.compile(
    rb"(?P<onset>[+-]\d+(?:\.\d*)?)(?:\x15(?P<duration>\d*(?:\.\d*)?))?\x14(?P<texts>[^\x00]*)\x00"
)
_ONLY_TIME = re.compile(rb"[+-]\d+(?:\.\d*)?\x14\x14\x00")
_START = re.compile(r"Startdate (\d\d-[A-Z]{3}-\d{4})", re.IGNORECASE)


class Edf(Format):
    """European data format."""

    name = "edf"
    title = "EDF, EDF+C, EDF+D, BDF, BDF+C, BDF+D"
    suffixes = (".edf", ".bdf", ".rec")

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the version, and the number of bytes of the header."""
        version = head[:8] == b"0       " or head[:8] == b"\xffBIOSEMI"
        return version and head[184:192].strip().isdigit()

    def open(self, path: Path, told: Told) -> Stored:
        """Open the file at ``path``."""
        header = _header(path)
        blocks = _Blocks(path, header)
        notes, onsets, remarks = _notes(blocks) if header.notes else ([], [], [])
        starts = _starts(path, header, onsets)
        missing = header.records_said - header.records
        if missing > 0:
            remarks.append(
                f"{path.name}: the last {missing * header.duration:g} s are missing, the file was cut short"
            )
        first = onsets[0] if onsets else 0.0
        # Ours say so sample by sample.
        gaps = [(time - first, length) for time, length, text in notes if text == GAP and not header.ours]
        filled = [(since, length) for since, length in gaps if length]
        ends = [time - first for time, _, text in notes if text == END and header.ours]
        signals = header.signals
        read = _reader(blocks, starts, filled)
        told_notes = [(time - first, *of_text(text)) for time, _, text in notes if not in_samples(text)]
        told_notes.sort(key=lambda note: note[0])
        annotations = Annotations(
            np.array([time for time, _, _ in told_notes]),
            tuple(symbol for _, symbol, _ in told_notes),
            tuple(note for _, _, note in told_notes),
        )
        epoch = None if header.epoch is None else header.epoch + first
        if not signals and any(symbol in BEAT_SYMBOLS for symbol in annotations.symbols):
            return _of_beats(path, annotations, epoch, header.ours, told)
        channels = [
            Channel(
                signal.label,
                signal.samples / header.duration,
                _length(starts, signal.samples, header.duration, ends),
                signal.unit if signal.step else f"{signal.unit} of no range",
                abs(signal.step),
                signal.derived,
            )
            for signal in signals
        ]
        return recording_of(
            path,
            channels,
            read,
            told,
            epoch=epoch,
            annotations=annotations if told_notes else None,
            remarks=remarks,
        )


@dataclass(frozen=True, slots=True)
class _Signal:
    label: str
    unit: str
    samples: int
    """In each record."""
    at: int
    """Byte of the first one, in each record."""
    step: float
    """Of the unit; 0 where the header gives no range."""
    zero: float
    """The value of a count of 0."""
    nothing: float
    """The count that stands for no sample; NaN where there is none."""
    derived: bool


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    """Bytes of a sample."""
    bytes: int
    records: int
    """That are whole in the file."""
    records_said: int
    duration: float
    size: int
    """Bytes of a record."""
    signals: tuple[_Signal, ...]
    notes: tuple[slice, ...]
    """The bytes of annotations in each record."""
    plus: str
    """``C`` or ``D`` in EDF+, else empty."""
    epoch: float | None
    ours: bool


def _header(path: Path) -> _Header:
    text = read_bytes(path, 0, FIXED * (1 + MOST_SIGNALS)).decode("latin-1")
    fixed = text[:FIXED]
    count = int(_number(path, fixed[252:256], "number of signals"))
    raw = text[FIXED : FIXED * (1 + max(0, count))]
    if count < 1 or len(raw) < FIXED * count:
        raise SourceError(f"{path}: its header announces {count} signals and is cut short")
    fields: dict[str, list[str]] = {}
    for name, length in _FIELDS:
        fields[name], raw = (
            [raw[k * length : (k + 1) * length].strip() for k in range(count)],
            raw[count * length :],
        )
    width = 3 if fixed.startswith("\xffBIOSEMI") else 2
    duration = _number(path, fixed[244:252], "length of a record")
    said = int(_number(path, fixed[236:244], "number of records"))
    start = int(_number(path, fixed[184:192], "length of the header"))
    samples = [int(_number(path, text, "number of samples in a record")) for text in fields["samples"]]
    record = width * sum(samples)
    if duration <= 0 or min(samples) < 0 or record == 0 or start < FIXED * (count + 1):
        raise SourceError(f"{path}: records of {duration:g} s and {record} bytes are none")
    signals, notes, at, ours = [], [], 0, is_ours(fixed.encode("latin-1"))
    for k in range(count):
        if fields["label"][k] in NOTES:
            notes.append(slice(at, at + width * samples[k]))
        elif samples[k]:
            limits = [
                _limit(fields[f"{kind}_{end}"][k])
                for kind in ("physical", "digital")
                for end in ("min", "max")
            ]
            low, high, least, most = limits
            step = (high - low) / (most - least) if most > least and np.isfinite(limits).all() else 0.0
            zero = low - least * step if step else 0.0
            nothing = least if ours else np.nan
            derived = fields["transducer"][k].lower().startswith("derived")
            signals.append(
                _Signal(fields["label"][k], fields["unit"][k], samples[k], at, step, zero, nothing, derived)
            )
        at += width * samples[k]
    plus = fixed[192:197].strip()[4:5] if fixed[192:196] in ("EDF+", "BDF+") else ""
    whole = max(0, path.stat().st_size - start) // record
    records = whole if said < 0 else min(said, whole)
    return _Header(
        width, start, records, said, duration, record, tuple(signals), tuple(notes), plus, _epoch(fixed), ours
    )  # fmt: skip


def _number(path: Path, text: str, what: str) -> float:
    value = _limit(text)
    if not abs(value) < 1e9:
        raise SourceError(f"{path}: {text.strip()!r} is no {what}")
    return value


def _limit(text: str) -> float:
    with suppress(ValueError):
        return float(text.strip().replace(",", "."))
    return float("nan")


def _epoch(fixed: str) -> float | None:
    """Return the Unix time of the start, of a clock that is read as UTC; EDF+ has the year in full."""
    clock, date = fixed[176:184].strip(), fixed[168:176].strip()
    if fixed[88:].startswith("Startdate X "):  # EDF+'s word for not known
        return None
    found = _START.search(fixed[88:168])
    with suppress(ValueError):
        time = datetime.strptime(clock, "%H.%M.%S").time()
        day = datetime.strptime(found[1], "%d-%b-%Y") if found else datetime.strptime(date, "%d.%m.%y")
        if not found and day.year > 2084:
            day = day.replace(year=day.year - 100)
        return datetime.combine(day.date(), time, UTC).timestamp()
    return None


class _Blocks:
    """The bytes of the records, a few at a time."""

    def __init__(self, path: Path, header: _Header) -> None:
        self.path, self.header = path, header

    def read(self, first: int, last: int) -> NDArray[np.uint8]:
        """Return the records from ``first`` up to ``last``, [records, bytes]."""
        size = self.header.size
        raw = np.frombuffer(
            read_bytes(self.path, self.header.bytes + first * size, (last - first) * size), np.uint8
        )
        if len(raw) < (last - first) * size:
            raise SourceError(f"{self.path} has become shorter while it was read")
        return raw.reshape(last - first, size)

    def all(self) -> Iterator[NDArray[np.uint8]]:
        """Return all records, in pieces."""
        for first in range(0, self.header.records, RECORDS_AT_A_TIME):
            yield self.read(first, min(first + RECORDS_AT_A_TIME, self.header.records))


def _notes(blocks: _Blocks) -> tuple[list[tuple[float, float | None, str]], list[float], list[str]]:
    """Return all annotations (onset, duration, text), when each record begins, and what is wrong with them."""
    notes: list[tuple[float, float | None, str]] = []
    onsets: list[float] = []
    untimed = 0
    duration = blocks.header.duration
    for block in blocks.all():
        areas = [[row.tobytes().rstrip(b"\0") + b"\0" for row in block[:, at]] for at in blocks.header.notes]
        for record in zip(*areas, strict=True):
            own: float | None = None
            for area in record:
                if area == b"\0":
                    continue
                if own is None and _ONLY_TIME.fullmatch(area):  # as in nearly every record
                    own = float(area[:-3])
                    continue
                for found in _NOTE.finditer(area):
                    onset = float(found["onset"])
                    texts = found["texts"].split(b"\x14")
                    if own is None:
                        own, texts = onset, texts[1:] if not texts[0] else texts
                    length = float(found["duration"]) if found["duration"] else None
                    notes += [(onset, length, text.decode("utf-8", "replace")) for text in texts if text]
            untimed += own is None
            onsets.append(own if own is not None else (onsets[-1] + duration if onsets else 0.0))
    return notes, onsets, [f"{untimed} records do not say when they begin"] if untimed else []


def _starts(path: Path, header: _Header, onsets: Sequence[float]) -> Floats:
    """Return the seconds at which each record begins, from the first on."""
    usual: Floats = np.arange(header.records) * np.float64(header.duration)
    if header.plus != "D" or not onsets:
        return usual
    starts = np.array(onsets) - onsets[0]
    steps = np.diff(starts)
    # Onsets are rounded as they are written; what is less than half a sample late is not.
    least = min((header.duration / signal.samples for signal in header.signals), default=header.duration)
    if (steps < header.duration - least).any():
        row = int(np.argmax(steps < header.duration - least)) + 1
        raise SourceError(f"{path}: its record {row + 1} begins before the one before it ends")
    missing = (starts[-1] - usual[-1]) / 86400 if len(starts) else 0.0
    if missing > LONGEST_HOLE_DAYS:
        raise SourceError(f"{path}: {missing:.0f} days of it are missing; score its parts one by one")
    return starts


def _length(starts: Floats, samples: int, duration: float, ends: Sequence[float]) -> int:
    whole = round(float(starts[-1]) / duration * samples) + samples if len(starts) else 0
    return min([whole, *(round(end / duration * samples) for end in ends)])


def _of_beats(path: Path, annotations: Annotations, epoch: float | None, ours: bool, told: Told) -> Stored:
    """Return a recording of annotations alone."""
    if told != Told():
        raise SourceError(f"{path} holds beats and no signal: leave out rate, leads and scale")
    intervals = RRSeries.between(annotations, ours)
    length = round(float(intervals.times[-1]) * RR_FS) + 1
    recording = Recording(
        samples=np.empty((length, 0), np.float32),
        fs=RR_FS,
        leads=(),
        name=path.name.partition(".")[0] or path.name,
        annotations=annotations,
        epoch=epoch,
        intervals=intervals,
    )
    return Stored.of(recording)


def _reader(
    blocks: _Blocks, starts: Floats, filled: Sequence[tuple[float, float]]
) -> Callable[[Sequence[int], int, int], Floats]:
    header = blocks.header

    @cache
    def places_of(samples: int) -> NDArray[np.int64]:
        return np.rint(starts * (samples / header.duration)).astype(np.int64)

    def read(columns: Sequence[int], first: int, last: int) -> Floats:
        signals = [header.signals[column] for column in columns]
        samples = signals[0].samples
        fs = samples / header.duration
        places = places_of(samples)
        # A channel after the other: cheaper to fill.
        found = np.full((len(columns), last - first), np.nan).T
        head = int(np.searchsorted(places, first - samples, side="right"))
        tail = int(np.searchsorted(places, last, side="left"))
        for begin in range(head, tail, RECORDS_AT_A_TIME):
            end = min(begin + RECORDS_AT_A_TIME, tail)
            raw = blocks.read(begin, end)
            at = places[begin:end] - first
            for place, signal in enumerate(signals):
                counts = _counts(raw[:, signal.at : signal.at + header.width * samples], header.width)
                physical = counts * np.float64(signal.step or 1.0)
                if signal.zero:
                    physical += signal.zero
                if not np.isnan(signal.nothing):
                    physical[counts == signal.nothing] = np.nan
                for run in _together(at, samples):
                    start, stop = int(at[run.start]), int(at[run.stop - 1]) + samples
                    low, high = max(start, 0), min(stop, last - first)
                    skip = run.start * samples - start
                    found[low:high, place] = physical[low + skip : high + skip]
        for since, length in filled:
            found[max(0, round(since * fs) - first) : max(0, round((since + length) * fs) - first)] = np.nan
        return found

    return read


def _together(places: NDArray[np.int64], samples: int) -> list[slice]:
    """Return the runs of records that follow each other without a gap."""
    breaks = (np.flatnonzero(np.diff(places) != samples) + 1).tolist()
    return [slice(a, b) for a, b in zip([0, *breaks], [*breaks, len(places)], strict=True)]


def _counts(raw: NDArray[np.uint8], width: int) -> NDArray[np.signedinteger[Any]]:
    octets = np.ascontiguousarray(raw).reshape(-1, width)
    if width == 2:
        return octets.view("<i2")[:, 0]
    high = octets[:, 2].astype(np.int8).astype(np.int32) << 16
    return high | (octets[:, 1].astype(np.int32) << 8) | octets[:, 0].astype(np.int32)
