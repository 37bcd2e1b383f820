"""WFDB headers as people have them (header(5)): what the ``wfdb`` package does not read or does not tell."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from wearecg.errors import SignalError, SourceError

BYTES = {"8": 1.0, "16": 2.0, "61": 2.0, "80": 1.0, "160": 2.0, "24": 3.0, "32": 4.0, "212": 1.5}
"""Bytes of a sample, by format; what is not here is packed otherwise."""
_RECORD = re.compile(
    r"(?P<name>\S+?)(/(?P<segments>\d+))?\s+(?P<signals>\d+)(\s+(?P<fs>[^\s/(]+)\S*)?(\s+(?P<length>\d+))?"
)
_FORMAT = re.compile(r"(?P<format>\d+)(x(?P<frame>\d+))?(:\d+)?(\+(?P<offset>\d+))?$")
_GAIN = re.compile(r"(?P<gain>[-+.\deE]+)(\((?P<baseline>-?\d+)\))?(/(?P<unit>\S+))?$")
_DATES = ("%d/%m/%Y", "%d-%b-%Y", "%Y-%m-%d", "%d.%m.%Y")
_CLOCKS = ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M", "%M:%S")


@dataclass(frozen=True, slots=True)
class SignalLine:
    """One signal of a header. ``gain`` and ``unit`` are None where they are not given; a gain of 0 is none."""

    file: str
    format: str
    frame: int
    offset: int
    gain: float | None
    baseline: int
    unit: str | None
    checksum: int | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Header:
    """A header. ``segments`` are names and lengths; ``epoch`` is Unix time, of a clock that is read as UTC."""

    fs: float
    length: int
    signals: tuple[SignalLine, ...]
    segments: tuple[tuple[str, int], ...]
    epoch: float | None
    plain: bool
    """Whether its first line is as the ``wfdb`` package reads it."""
    lines: tuple[str, ...]
    comments: tuple[str, ...]


def read_header(path: Path) -> Header:
    """Read the header file at ``path``.

    Raises
    ------
    SourceError
        It is no header, or its rate is none.
    SignalError
        It has no signals and no length.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    comments = tuple(line.lstrip("#").strip() for line in text.splitlines() if line.startswith("#"))
    match = _RECORD.match(lines[0]) if lines else None
    if not match:
        raise SourceError(
            f"{path} is no WFDB header: its first line names a record, its signals and their rate"
        )
    fs = _number(match["fs"] or "250")
    if fs is None or not 0 < fs < 1e7:
        raise SourceError(f"{path}: a rate of {match['fs']} Hz is none; a recording has samples per second")
    clock = lines[0][match.end() :].split()
    epoch, usual = _epoch(clock)
    count = int(match["segments"] or match["signals"])
    body = lines[1 : 1 + count]
    if len(body) < count:
        raise SourceError(f"{path} announces {count} lines and has {len(body)}: it was cut short")
    segments = tuple(_segment(line, path) for line in body) if match["segments"] else ()
    signals = () if match["segments"] else tuple(_signal(line, path) for line in body)
    plain = usual and match["name"] == path.stem
    length = int(match["length"] or 0)
    return Header(fs, length, signals, segments, epoch, plain, tuple(lines), comments)


def plain_text(header: Header, name: str, length: int) -> str:
    """Return the header as the ``wfdb`` package reads it, of a record ``name``: with its length and without a date."""
    first = f"{name} {len(header.signals)} {header.fs:.10g} {length}"
    return "\n".join([first, *header.lines[1:]]) + "\n"


def _segment(line: str, path: Path) -> tuple[str, int]:
    name, _, length = line.partition(" ")
    if not length.strip().isdigit():
        raise SourceError(f"{path}: {line!r} is no segment; give its name and its length")
    return _beside(name, path), int(length)


def _beside(name: str, path: Path) -> str:
    """Return the name of a file; refuse one in another folder, where a header from elsewhere has no business."""
    if name != Path(name).name or "\\" in name:
        raise SourceError(
            f"{path} names {name!r}, which is not beside it; a header names files of its own folder"
        )
    return name


def _signal(line: str, path: Path) -> SignalLine:
    fields = line.split(maxsplit=8)
    form = _FORMAT.match(fields[1]) if len(fields) > 1 else None
    if not form or form["frame"] == "0":
        raise SourceError(f"{path}: {line!r} is no signal; give its file and its format")
    gain = _GAIN.match(fields[2]) if len(fields) > 2 else None
    value = _number(gain["gain"]) if gain else None
    numbers = [int(field) if re.fullmatch(r"-?\d+", field) else None for field in fields[3:7]] + [None] * 4
    return SignalLine(
        file=_beside(fields[0], path),
        format=form["format"],
        frame=int(form["frame"] or 1),
        offset=int(form["offset"] or 0),
        gain=value or None,
        # Without a baseline of its own, the ADC's zero is that of the unit.
        baseline=int(gain["baseline"]) if gain and gain["baseline"] else numbers[1] or 0,
        unit=gain["unit"] if gain else None,
        checksum=numbers[3],
        name=fields[8].strip() if len(fields) > 8 else None,
    )


def _epoch(fields: list[str]) -> tuple[float | None, bool]:
    """Return the Unix time of a time and a date in either order, and whether both are in the usual form."""
    date = clock = None
    usual = True
    for place, field in enumerate(fields):
        found = False
        for pattern in (*_DATES, *_CLOCKS):
            with suppress(ValueError):
                moment = datetime.strptime(field, pattern)
                found = True
                if pattern in _DATES:
                    date, usual = moment, usual and pattern == _DATES[0] and place == 1
                else:
                    clock, usual = moment, usual and place == 0
                break
        usual = usual and found
    if date is None or clock is None:
        return None, usual
    return datetime.combine(date.date(), clock.time(), UTC).timestamp(), usual


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def read_segments(path: Path, header: Header) -> dict[str, Header]:
    """Return the header of each segment. Raises `SourceError` where one of them and the list contradict each other."""
    segments: dict[str, Header] = {}
    for name, length in header.segments:
        if name == "~":
            continue
        file = path.with_name(f"{name}.hea")
        if not file.is_file():
            raise SourceError(f"{path} names {file.name}, which is not beside it; copy that file there too")
        segment = segments.get(name) or read_header(file)
        segments[name] = segment
        if segment.fs != header.fs:
            raise SourceError(
                f"{path} says {header.fs:g} Hz, its segment {file.name} {segment.fs:g} Hz: "
                "the two contradict each other"
            )
        if segment.length and length and segment.length != length:
            raise SourceError(
                f"{path} says that {file.name} has {length} samples, that one says {segment.length}: "
                "the two contradict each other"
            )
    return segments


def whole_frames(path: Path, header: Header) -> int | None:
    """Return how many frames the signal files hold; None where their format does not tell."""
    frames = []
    for file in dict.fromkeys(signal.file for signal in header.signals):
        same = [signal for signal in header.signals if signal.file == file]
        if any(signal.format not in BYTES for signal in same):
            return None
        try:
            size = (path.parent / file).stat().st_size - same[0].offset
        except OSError as error:
            raise SourceError(
                f"{path} names {file}, which is not beside it; copy that file there too"
            ) from error
        frames.append(int(size // sum(BYTES[signal.format] * signal.frame for signal in same)))
    if not frames:
        raise SignalError(f"{path} has no signals")
    return min(frames)
