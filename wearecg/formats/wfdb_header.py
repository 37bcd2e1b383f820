"""WFDB headers as people have them (header(5)): what the ``wfdb`` package does not read or does not tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path

from wearecg.errors import SignalError, SourceError

PACKED = {
    "8": (1, 1), "16": (1, 2), "80": (1, 1), "160": (1, 2), "24": (1, 3), "32": (1, 4),
    "212": (2, 3), "310": (3, 4), "311": (3, 4),
}  # fmt: skip
"""So many samples are in so many bytes, by format; the ``wfdb`` package cannot hand out the counts of a 61."""
COMPRESSED = ("508", "516", "524")
NULL = "~"
"""No file, and no segment."""
_RECORD = re.compile(
    r"(?P<name>\S+?)(/(?P<segments>\d+))?\s+(?P<signals>\d+)(\s+(?P<fs>[^\s/(]+)\S*)?(\s+(?P<length>\d+))?"
)
_FORMAT = re.compile(r"(?P<format>\d+)(x(?P<frame>\d+))?(:(?P<skew>\d+))?(\+(?P<offset>\d+))?$")
_GAIN = re.compile(r"(?P<gain>[-+.\deE]+)(\((?P<baseline>-?\d+)\))?(/(?P<unit>\S+))?$")
_PLAIN = re.compile(r"[-\w]+(\.\w+)?\s+\S+(\s+\d\S*(\s.*)?)?", re.ASCII)
"""A signal line that the ``wfdb`` package reads."""
_DATES = ("%d/%m/%Y", "%d-%b-%Y", "%Y-%m-%d", "%d.%m.%Y")
_CLOCKS = ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M", "%M:%S")


@dataclass(frozen=True, slots=True)
class SignalLine:
    """One signal of a header. ``gain`` and ``unit`` are None where they are not given; a gain of 0 is none."""

    file: str
    format: str
    frame: int
    skew: int
    offset: int
    gain: float | None
    baseline: int
    unit: str | None
    initial: int | None
    checksum: int | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Header:
    """A header. ``segments`` are names and lengths; ``epoch`` is Unix time, of a clock that is read as UTC."""

    fs: float
    length: int
    count: int
    """How many signals it announces, those of its segments too."""
    signals: tuple[SignalLine, ...]
    segments: tuple[tuple[str, int], ...]
    epoch: float | None
    plain: bool
    """Whether it is as the ``wfdb`` package reads it."""
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
    if any(_FORMAT.match(line.partition(" ")[2].strip().partition(" ")[0]) for line in lines[1 + count :]):
        what = "segments" if match["segments"] else "signals"
        raise SourceError(
            f"{path} announces {count} {what} and has {len(lines) - 1} lines of them: the two contradict each other"
        )
    segments = tuple(_segment(line, path) for line in body) if match["segments"] else ()
    signals = () if match["segments"] else tuple(_signal(line, path) for line in body)
    plain = usual and match["name"] == path.stem and bool(re.fullmatch(r"[-\w]+", path.stem, re.ASCII))
    plain = plain and len(lines) == 1 + count and all(map(_PLAIN.fullmatch, body))
    length, signal_count = int(match["length"] or 0), int(match["signals"])
    return Header(fs, length, signal_count, signals, segments, epoch, plain, comments)


def plain_text(header: Header, name: str, length: int, files: Mapping[str, str]) -> str:
    """Return the header of a record ``name`` as the ``wfdb`` package reads it, for counts: without date and scale.

    ``files`` are the names that its signal files have there.
    """
    lines = [f"{name} {len(header.signals)} {header.fs:.10g} {length}"]
    lines += [
        f"{files[line.file]} {line.format}x{line.frame}:{line.skew}+{line.offset} 200 16 0 {line.initial or 0} 0 0 s"
        for line in header.signals
    ]
    return "\n".join(lines) + "\n"


def _segment(line: str, path: Path) -> tuple[str, int]:
    name, _, length = line.partition(" ")
    if not length.strip().isdigit():
        raise SourceError(f"{path}: {line!r} is no segment; give its name and its length")
    return _beside(name, path), int(length)


def _beside(name: str, path: Path) -> str:
    """Return the name of a file; refuse one in another folder, where a header from elsewhere has no business."""
    if name != Path(name).name or "\\" in name or not name.isprintable():
        raise SourceError(
            f"{path} names {name!r}, which is not beside it; a header names files of its own folder"
        )
    return name


def _signal(line: str, path: Path) -> SignalLine:
    fields = line.split(maxsplit=8)
    form = _FORMAT.match(fields[1]) if len(fields) > 1 else None
    if not form or form["frame"] == "0":
        raise SourceError(f"{path}: {line!r} is no signal; give its file and its format")
    if fields[0] != NULL and form["format"] not in PACKED and form["format"] not in COMPRESSED:
        raise SourceError(f"{path}: {line!r} has a format {form['format']} that is not known")
    gain = _GAIN.match(fields[2]) if len(fields) > 2 else None
    value = _number(gain["gain"]) if gain else None
    numbers = [int(field) if re.fullmatch(r"-?\d+", field) else None for field in fields[3:7]] + [None] * 4
    return SignalLine(
        file=_beside(fields[0], path),
        format=form["format"],
        frame=int(form["frame"] or 1),
        skew=int(form["skew"] or 0),
        offset=int(form["offset"] or 0),
        gain=value if value and isfinite(value) else None,
        # Without a baseline of its own, the ADC's zero is that of the unit.
        baseline=int(gain["baseline"]) if gain and gain["baseline"] else numbers[1] or 0,
        unit=gain["unit"] if gain else None,
        initial=numbers[2],
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
    total = sum(length for _, length in header.segments)
    if header.length and total != header.length:
        raise SourceError(
            f"{path} says that it has {header.length} samples, its segments have {total}: "
            "the two contradict each other"
        )
    # A first segment without a length is the layout of segments that differ.
    layout = header.segments[0][1] == 0
    segments: dict[str, Header] = {}
    for name, length in header.segments:
        if name == NULL:
            continue
        file = path.with_name(f"{name}.hea")
        if not file.is_file():
            raise SourceError(f"{path} names {file.name}, which is not beside it; copy that file there too")
        segment = segments.get(name) or read_header(file)
        segments[name] = segment
        for what, of_list, of_segment in (
            ("Hz", header.fs, segment.fs),
            ("samples", length, segment.length or length),
            ("signals", header.count, header.count if layout else segment.count),
        ):
            if of_list != of_segment:
                raise SourceError(
                    f"{path} says that {file.name} has {of_list:g} {what}, that one says {of_segment:g} {what}: "
                    "the two contradict each other"
                )
    return segments


def whole_frames(path: Path, header: Header) -> int | None:
    """Return how many frames the signal files hold; None where their format does not tell."""
    if not header.signals:
        raise SignalError(f"{path} has no signals")
    frames = []
    for file in dict.fromkeys(signal.file for signal in header.signals):
        same = [signal for signal in header.signals if signal.file == file]
        try:
            size = (path.parent / file).stat().st_size - same[0].offset
        except OSError as error:
            raise SourceError(
                f"{path} names {file}, which is not beside it; copy that file there too"
            ) from error
        if same[0].format not in PACKED:
            return None
        samples, octets = PACKED[same[0].format]
        frames.append(max(0, size * samples // octets // sum(signal.frame for signal in same)))
    return min(frames)
