"""WFDB header files as text: of one segment, of a layout, of a list of segments (header(5))."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from wearecg.block import Notice
from wearecg.text import visible

_SEGMENT = re.compile(r"^(\S+) (\d+) (\S+) (\d+)(.*)$")
_SIGNAL = re.compile(r"^(\S+\.dat) (16|24) ")


@dataclass(frozen=True, slots=True)
class Signals:
    """What is the same in all headers of a record."""

    fs: float
    names: tuple[str, ...]
    units: tuple[str, ...]
    gains: tuple[float, ...]
    bits: int
    epoch: float
    comments: tuple[str, ...]

    def segment(
        self, name: str, dat: str, length: int, start: int, first: Sequence[int], sums: Sequence[int]
    ) -> str:
        """Header of ``length`` samples in file ``dat``, from number ``start`` of the record on."""
        lines = [self._record_line(name, length, start)]
        for column, (signal, unit, gain) in enumerate(zip(self.names, self.units, self.gains, strict=True)):
            checksum = (sums[column] + 32768) % 65536 - 32768
            lines.append(
                f"{dat} {self.bits} {gain:.10g}(0)/{unit} {self.bits} 0 {first[column]} {checksum} 0 {signal}"
            )
        return self._text(lines)

    def layout(self, name: str) -> str:
        """Header of the empty segment that names the signals."""
        lines = [f"{name} {len(self.names)} {self.fs:.10g} 0"]
        for signal, unit, gain in zip(self.names, self.units, self.gains, strict=True):
            lines.append(f"~ 0 {gain:.10g}(0)/{unit} 0 0 0 0 0 {signal}")
        return "\n".join(lines) + "\n"

    def master(self, name: str, layout: str, segments: Sequence[tuple[str, int]]) -> str:
        """Header that lists ``segments`` (name or ``~``, and length)."""
        total = sum(length for _, length in segments)
        lines = [self._record_line(f"{name}/{len(segments) + 1}", total, 0), f"{layout} 0"]
        return self._text(lines + [f"{segment} {length}" for segment, length in segments])

    def _record_line(self, name: str, length: int, start: int) -> str:
        line = f"{name} {len(self.names)} {self.fs:.10g} {length}"
        if not math.isfinite(self.epoch):
            return line
        return line + datetime.fromtimestamp(self.epoch + start / self.fs, UTC).strftime(
            " %H:%M:%S.%f %d/%m/%Y"
        )

    def _text(self, lines: list[str]) -> str:
        return "\n".join([*lines, *(f"# {visible(comment)}" for comment in self.comments)]) + "\n"


def replace_file(path: Path, text: str, sync: bool = False) -> None:
    """Put ``text`` in place of the file in one step; a reader sees the old or the new, and a failure leaves the old."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def repair(directory: Path) -> list[Notice]:
    """Shorten what headers claim to what their signal files hold, as needed after a power cut.

    Tells which records were changed, and how many headers cannot be read or written; those are left alone. Records
    that are whole are not touched.
    """
    lengths: dict[str, int] = {}
    told: list[Notice] = []
    left: list[str] = []
    for path in sorted(directory.glob("wearecg_*.hea"), key=lambda path: len(path.stem), reverse=True):
        try:
            if _repair(path, lengths):
                what = f"{directory / path.stem} had lost its end (power cut?); its header is put right"
                told.append(Notice(what))
        except UnicodeDecodeError:
            left.append(f"{path}: no text")
        except (OSError, ValueError) as error:
            left.append(f"{path}: {getattr(error, 'strerror', None) or error}")
    if left:
        more = f", and {len(left) - 1} more" if len(left) > 1 else ""
        told.append(Notice(f"left alone, as no header that can be read: {left[0]}{more}", "warning"))
    return told


def _repair(path: Path, lengths: dict[str, int]) -> bool:
    """Repair one header; ``lengths`` are those of the records that were looked at. Returns whether it was changed.

    Raises OSError or ValueError where it cannot be read or written.
    """
    if not path.is_file():
        raise ValueError("a link to nothing" if path.is_symlink() else "no file")
    lines = path.read_text(encoding="utf-8").splitlines()
    match = _SEGMENT.match(lines[0]) if lines else None
    if not match:
        raise ValueError("its first line tells no record")
    name, signals, rate, claimed, rest = match.groups()
    held = _in_signal_file(path.parent, lines[1:], int(signals))
    if held is None and "/" in name:
        held = 0
        for i, line in enumerate(lines[1:], 1):
            segment, _, length = line.partition(" ")
            if line.startswith("#") or not length.isdecimal():
                continue
            kept = min(int(length), lengths.get(segment, int(length)))
            lines[i] = f"{segment} {kept}"
            held += kept
    lengths[path.stem] = int(claimed) if held is None else held
    if held is None or held >= int(claimed):
        return False
    lines[0] = f"{name} {signals} {rate} {held}{rest}"
    replace_file(path, "\n".join(lines) + "\n")
    return True


def _in_signal_file(directory: Path, lines: list[str], signals: int) -> int | None:
    match = _SIGNAL.match(lines[0]) if lines and signals else None
    if not match:
        return None
    try:
        size = (directory / match[1]).stat().st_size
    except OSError:
        return 0
    return size // (signals * int(match[2]) // 8)
