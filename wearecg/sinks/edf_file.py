"""An EDF+ file that can be read at every moment while it grows.

Whole records are appended and never touched again, then the header's number of records is replaced, eight bytes in one
write: readers that insist on that number find it right, or one write behind. In the space for annotations of a record
stands when it begins, and then what was noted meanwhile, which EDF+ lets stand in any record.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearecg.sinks.edf_header import COUNT_AT, decimal
from wearecg.sinks.upkeep import claim, deleted

MOST_WAITING = 100_000
"""While the disk is full this many annotations are kept for later, about a day of beats."""
ROOM_OF = 256
"""In the space that is left in so many records, notes find a place that come when no record follows."""
LONGEST_ONSET = 40
"""Bytes of when a record begins, and of onset and duration of a note, at most."""

_fdatasync = getattr(os, "fdatasync", os.fsync)


class EdfFile:
    """Appends records to a file.

    Parameters
    ----------
    path : Path
        It is made with the first record.
    area : int
        Bytes of annotations in a record.

    Attributes
    ----------
    records : int
        That are in the file.
    size : int
        Bytes of it.
    """

    def __init__(self, path: Path, area: int) -> None:
        self.path = path
        self.records = self.size = 0
        self._area = area
        self._head = b""
        self._record = 0
        self._fd = -1
        self._counted = 0
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._room: deque[tuple[int, int]] = deque(maxlen=ROOM_OF)
        """Of the last records: their number, and how much of the area is used."""

    @property
    def gone(self) -> bool:
        """Whether it was deleted while it was written."""
        return deleted(self._fd, self.path)

    def note(self, micros: int, text: str, duration: int | None = None) -> None:
        """Queue an annotation, times in microseconds from the start; one that no record holds becomes several."""
        onset = f"{'' if micros < 0 else '+'}{decimal(micros)}"
        when = f"{onset}\x15{decimal(duration)}" if duration is not None else onset
        for part in _parts(text.encode(), self._area - LONGEST_ONSET):
            self._waiting.append(when.encode() + b"\x14" + part + b"\x14\0")

    def append(self, head: bytes, signals: NDArray[np.uint8], starts: Sequence[int]) -> None:
        """Append records that begin at ``starts`` (microseconds), their samples as bytes [records, bytes].

        ``head`` is the header, if the file is not there yet. Raises OSError with the file as it was, and no note lost.
        """
        if self._fd < 0:
            self._begin(head, signals.shape[1] + self._area)
        areas, notes = [], []
        for start in starts:
            area, taken = self._fill(start)
            areas.append(area)
            notes += taken
        padded = b"".join(area.ljust(self._area, b"\0") for area in areas)
        written = np.frombuffer(padded, np.uint8).reshape(len(starts), self._area)
        try:
            self._write(np.concatenate([signals, written], axis=1).tobytes(), self.size)
        except OSError:
            self._waiting.extendleft(reversed(notes))
            os.ftruncate(self._fd, self.size)
            raise
        self._room.extend((self.records + k, len(area)) for k, area in enumerate(areas))
        self.records += len(starts)
        self.size += len(starts) * self._record

    def count(self) -> None:
        """Say in the header how many records there are. Raises OSError."""
        if self._fd >= 0 and self._counted != self.records:
            self._write(f"{self.records:<8}".encode(), COUNT_AT)
            self._counted = self.records

    def place_notes(self) -> bool:
        """Write the notes that wait into what is left of the last records; return whether all have a place."""
        for index in reversed(range(len(self._room))):
            record, used = self._room[index]
            if taken := self._take(self._area - used):
                part = b"".join(taken)
                try:
                    self._write(part, len(self._head) + (record + 1) * self._record - self._area + used)
                except OSError:
                    self._waiting.extendleft(reversed(taken))
                    raise
                self._room[index] = record, used + len(part)
            if not self._waiting:
                break
        return not self._waiting

    def sync(self) -> None:
        """Have the system write it to the disk."""
        if self._fd >= 0:
            _fdatasync(self._fd)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _begin(self, head: bytes, record: int) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._fd = os.open(self.path, flags, 0o644)
        claim(self._fd)
        self._head, self._record = head, record
        try:
            self._write(head, 0)
        except OSError:
            self.close()
            self.path.unlink(missing_ok=True)
            raise
        self.size = len(head)

    def _fill(self, start: int) -> tuple[bytes, list[bytes]]:
        """Return the annotations of a record: when it begins, and as many notes as there is room for."""
        onset = f"{'' if start < 0 else '+'}{decimal(start)}\x14\x14\0".encode()
        taken = self._take(self._area - len(onset)) if self._waiting else []
        return onset + b"".join(taken), taken

    def _take(self, room: int) -> list[bytes]:
        taken: list[bytes] = []
        while self._waiting and len(self._waiting[0]) <= room:
            taken.append(self._waiting.popleft())
            room -= len(taken[-1])
        return taken

    def _write(self, data: bytes, at: int) -> None:
        os.lseek(self._fd, at, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]


def _parts(text: bytes, longest: int) -> list[bytes]:
    """Cut a text in UTF-8 into parts that are no longer."""
    parts = []
    while len(text) > longest:
        cut = longest
        while text[cut] & 0xC0 == 0x80:  # within a letter
            cut -= 1
        parts.append(text[:cut])
        text = text[cut:]
    return [*parts, text]
