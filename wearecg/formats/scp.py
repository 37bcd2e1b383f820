"""SCP-ECG (EN 1064, versions 1 and 2): the rhythm of section 6.

Samples are as they are or Huffman codes, by the table of the standard or tables of the file, of values, first or second
differences; where a reference beat was taken away (sections 4 and 5) it is added again. Rhythms that were thinned out
between the beats (bimodal compression) are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.leads import UNKNOWN
from wearecg.errors import SignalError, SourceError
from wearecg.formats.base import Channel, Floats, Format, Told, of_arrays, read_bytes, recording_of, whole
from wearecg.formats.recording import Stored

LARGEST = 64 << 20
LEADS = {
    1: "I", 2: "II", 3: "V1", 4: "V2", 5: "V3", 6: "V4", 7: "V5", 8: "V6", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF",
}  # fmt: skip
_SECTION, _POINTER = 16, 10
_DEFAULT = 19999
"""The number of tables that stands for the one of the standard."""
MOST_SAMPLES = 50_000_000


@dataclass(frozen=True, slots=True)
class Code:
    """A Huffman code: ``bits`` behind the prefix are the value, if there are any; or it switches to another table."""

    value: int
    bits: int
    switch: bool = False


Table = dict[tuple[int, int], Code]
"""By the length and the bits of the prefix."""


class Scp(Format):
    """SCP-ECG."""

    name: ClassVar[str] = "scp"
    title: ClassVar[str] = "SCP-ECG: Huffman tables, differences, reference beats; not bimodal compression"
    suffixes: ClassVar[tuple[str, ...]] = (".scp",)

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the header of section 0, that of the pointers."""
        return head[8:10] == b"\0\0" and (head[16:22] == b"SCPECG" or self._looks(head, path))

    def _looks(self, head: bytes, path: Path) -> bool:
        return path.suffix.lower() == ".scp" and int.from_bytes(head[2:6], "little") == path.stat().st_size

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        data = read_bytes(path, 0, LARGEST)
        try:
            return _read(path, data, told)
        except (struct.error, IndexError, OverflowError) as error:
            raise SourceError(f"{path} cannot be read as SCP-ECG: it is damaged or cut short") from error


def _read(path: Path, data: bytes, told: Told) -> Stored:
    sections = _sections(data)
    if not sections.get(3) or not sections.get(6):
        raise SignalError(f"{path} holds no rhythm: it has no section {6 if sections.get(3) else 3}")
    leads, subtracted = _leads(path, sections[3])
    tables = _tables(path, sections[2]) if sections.get(2) else None
    lengths = [last - first + 1 for first, last, _ in leads]
    nanovolts, interval, flag, values = _values(path, sections[6], tables, lengths, 6)
    samples: list[Floats] = [x * np.float64(nanovolts) for x in values]
    if flag and (not sections.get(5) or struct.unpack_from("<H", sections[5], 2) != (interval,)):
        raise SourceError(f"{path}: a rhythm that was thinned out between its beats (bimodal) is not read")
    if subtracted:
        _add_beats(path, sections, tables, leads, interval, samples)
    fs = _rate(path, interval)
    begin = min(first for first, _, _ in leads)
    channels, arrays = [], []
    for (first, _, code), x in zip(leads, samples, strict=True):
        late = np.full(first - begin, np.nan)
        arrays.append(np.concatenate([late, x]) if len(late) else x)
        unit = "nV" if nanovolts else ""
        channels.append(Channel(LEADS.get(code, UNKNOWN), fs, len(arrays[-1]), unit, float(nanovolts)))
    others = [str(code) for _, _, code in leads if code not in LEADS]
    comments = (f"leads of unknown place have the SCP codes {', '.join(others)}",) if others else ()
    stored = recording_of(
        path, channels, of_arrays(arrays), told, epoch=_epoch(sections.get(1)), comments=comments
    )
    return whole(stored)


def _sections(data: bytes) -> dict[int, bytes]:
    """Return the bytes of each section behind its header, by its number."""
    (length,) = struct.unpack_from("<I", data, 10)
    found = {}
    for at in range(6 + _SECTION, min(6 + length, len(data)) - _POINTER + 1, _POINTER):
        number, size, index = struct.unpack_from("<HII", data, at)
        if size > _SECTION and index and index - 1 + size <= len(data):
            found[number] = data[index - 1 + _SECTION : index - 1 + size]
    return found


def _leads(path: Path, section: bytes) -> tuple[list[tuple[int, int, int]], bool]:
    """Return the first and the last sample and the code of each lead, and whether reference beats were taken away."""
    count, flags = section[0], section[1]
    leads = [struct.unpack_from("<IIB", section, 2 + 9 * k) for k in range(count)]
    starts, ends = {first for first, _, _ in leads}, {last for _, last, _ in leads}
    if not leads or not 0 < min(starts) <= max(starts) <= min(ends) or max(ends) >= MOST_SAMPLES:
        raise SignalError(f"{path}: its {count} leads have no samples, too many, or not of one time")
    return leads, bool(flags & 1)


def _rate(path: Path, interval: int) -> float:
    """Return the rate of an interval in microseconds: a whole one where the interval is that one's, rounded."""
    if not interval:
        raise SourceError(f"{path}: an interval of 0 between samples is none")
    whole_rate = round(1e6 / interval)
    return float(whole_rate) if whole_rate and abs(1e6 / whole_rate - interval) <= 0.5 else 1e6 / interval


def _values(
    path: Path, section: bytes, tables: Sequence[Table] | None, lengths: Sequence[int], number: int
) -> tuple[int, int, int, list[NDArray[np.int64]]]:
    """Return the nV of a count, the interval in microseconds, the flag behind them, and the counts of each lead."""
    nanovolts, interval, difference, flag = struct.unpack_from("<HHBB", section)
    sizes = struct.unpack_from(f"<{len(lengths)}H", section, 6)
    at = 6 + 2 * len(lengths)
    found = []
    for lead, (size, length) in enumerate(zip(sizes, lengths, strict=True), 1):
        raw = section[at : at + size]
        if tables is None:
            counts = np.frombuffer(raw[: len(raw) // 2 * 2], "<i2")[:length].astype(np.int64)
        else:
            counts = decode(raw, length, tables)
        if len(counts) < length:
            raise SourceError(
                f"{path}: lead {lead} of section {number} has {len(counts)} samples of {length}"
            )
        found.append(summed(counts, difference))
        at += size
    return nanovolts, interval, flag, found


def summed(counts: NDArray[np.int64], difference: int) -> NDArray[np.int64]:
    """Return the samples of first (1) or second (2) differences; the first one or two values are samples."""
    if difference == 0 or len(counts) < 2:
        return counts
    if difference == 1:
        return np.cumsum(counts)
    steps = np.concatenate([[counts[1] - counts[0]], counts[2:]])
    return np.concatenate([counts[:1], counts[0] + np.cumsum(np.cumsum(steps))])


def standard_table() -> Table:
    """Return the table of the standard."""
    table: Table = {(1, 0b0): Code(0, 0), (10, 0b1111111110): Code(0, 8), (10, 0b1111111111): Code(0, 16)}
    for value in range(1, 9):
        ones = (1 << value) - 1
        table[value + 2, ones << 2] = Code(value, 0)
        table[value + 2, ones << 2 | 1] = Code(-value, 0)
    return table


def _tables(path: Path, section: bytes) -> list[Table]:
    (count,) = struct.unpack_from("<H", section)
    if count == _DEFAULT:
        return [standard_table()]
    tables, at = [], 2
    for _ in range(count):
        (codes,) = struct.unpack_from("<H", section, at)
        at += 2
        table: Table = {}
        for _ in range(codes):
            prefix, total, mode, value, base = struct.unpack_from("<BBBhI", section, at)
            at += 9
            if not 0 < prefix <= min(total, 32):
                raise SourceError(f"{path}: a Huffman code of {prefix} bits of {total} is none")
            # The bit that comes first is the lowest one.
            reverse = int(f"{base:032b}"[::-1][:prefix], 2)
            table[prefix, reverse] = Code(value, total - prefix, switch=mode == 0)
        tables.append(table)
    if not tables:
        raise SourceError(f"{path} has no Huffman table")
    return tables


def decode(data: bytes, count: int, tables: Sequence[Table]) -> NDArray[np.int64]:
    """Return at most ``count`` values of Huffman codes, those that are whole."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).tolist()
    found: list[int] = []
    table, at, length, prefix = tables[0], 0, 0, 0
    longest = max(size for one in tables for size, _ in one)
    while at < len(bits) and len(found) < count:
        prefix, length, at = prefix << 1 | bits[at], length + 1, at + 1
        code = table.get((length, prefix))
        if code is None:
            if length >= longest:
                break
            continue
        length = prefix = 0
        if code.switch:
            if not 0 < code.value <= len(tables):
                break
            table = tables[code.value - 1]
            continue
        value = code.value
        if code.bits:
            if at + code.bits > len(bits):
                break
            value = -bits[at]
            for bit in bits[at + 1 : at + code.bits]:
                value = value << 1 | bit
            at += code.bits
        found.append(value)
    return np.array(found, np.int64)


def _add_beats(
    path: Path,
    sections: dict[int, bytes],
    tables: Sequence[Table] | None,
    leads: Sequence[tuple[int, int, int]],
    interval: int,
    samples: Sequence[Floats],
) -> None:
    """Add the reference beat where it was taken away."""
    if not sections.get(4) or not sections.get(5):
        raise SourceError(f"{path}: reference beats were taken away, and its section 4 or 5 is not there")
    duration, middle, count = struct.unpack_from("<HHH", sections[4])
    (beat_interval,) = struct.unpack_from("<H", sections[5], 2)
    if beat_interval != interval:
        raise SourceError(f"{path}: its reference beat has another rate than its rhythm: that is not read")
    length = round(duration * 1000 / interval)
    nanovolts, _, _, beats = _values(path, sections[5], tables, [length] * len(leads), 5)
    for k in range(count):
        kind, start, fiducial, end = struct.unpack_from("<HIII", sections[4], 6 + 14 * k)
        if kind:
            continue
        for (first, last, _), beat, x in zip(leads, beats, samples, strict=True):
            shift = fiducial - middle  # sample n of the rhythm has n - shift of the beat; both count from 1
            low, high = max(start, first, shift + 1), min(end, last, shift + len(beat))
            if low <= high:
                x[low - first : high - first + 1] += beat[low - shift - 1 : high - shift] * float(nanovolts)


def _epoch(section: bytes | None) -> float | None:
    """Return the Unix time of the acquisition; without a zone the clock is read as UTC."""
    tags: dict[int, bytes] = {}
    at = 0
    while section and at + 3 <= len(section) and section[at] != 255:
        length = int.from_bytes(section[at + 1 : at + 3], "little")
        tags.setdefault(section[at], section[at + 3 : at + 3 + length])
        at += 3 + length
    with suppress(struct.error, KeyError, ValueError):
        year, month, day = struct.unpack("<HBB", tags[25][:4])
        hour, minute, second = tags[26][:3]
        zone = UTC
        if len(tags.get(34, b"")) >= 2:
            (minutes,) = struct.unpack("<h", tags[34][:2])
            zone = timezone(timedelta(minutes=minutes)) if abs(minutes) < 24 * 60 else UTC
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).timestamp()
    return None
