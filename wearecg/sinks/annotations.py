"""A file of MIT annotations that can be read at every moment while it grows."""

from __future__ import annotations

import os
from heapq import heappop, heappush
from pathlib import Path

from wearecg.formats.mit_annotations import END, encode
from wearecg.sinks.upkeep import claim, deleted

MOST_WAITING = 100_000
"""While the disk is full this many annotations are kept for later, about a day of beats."""


class AnnotationFile:
    """Annotations in time order, appended to a file that always ends with the format's end mark.

    Annotations may be added somewhat out of order; `flush` writes those that lie before a watermark,
    sorted. One that comes later still is written at its true time behind later ones, which the
    format permits (``sortann`` puts it in place).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self.size = 0
        """Bytes of it, without the end mark."""
        self.gone = False
        """Whether the file, or its folder, was deleted while it was written; then nothing more is."""
        self._last = 0
        self._channel = 0
        self._waiting: list[tuple[int, int, tuple[int, int, int, str]]] = []
        self._added = 0

    def add(self, sample: int, code: int, subtype: int = 0, channel: int = 0, text: str = "") -> None:
        """Queue an annotation at ``sample`` of the record."""
        self._added += 1
        heappush(self._waiting, (max(sample, 1), self._added, (code, subtype, channel, text)))
        if len(self._waiting) > MOST_WAITING:
            heappop(self._waiting)

    def flush(self, before: float = float("inf")) -> None:
        """Write what lies before sample ``before``. Raises OSError with the file as it was, and nothing lost."""
        self.gone = self.gone or deleted(self._fd, self._path)
        if self.gone:
            return
        ready = []
        while self._waiting and self._waiting[0][0] < before:
            ready.append(heappop(self._waiting))
        if not ready and self._fd >= 0:
            return
        data, last, current = b"", self._last, self._channel
        for sample, _, (code, subtype, channel, text) in ready:
            data += encode(sample - last, code, subtype, channel if channel != current else None, text)
            last, current = sample, channel
        try:
            self._append(data)
        except OSError as error:
            self.gone = isinstance(error, FileNotFoundError)
            for item in ready:
                heappush(self._waiting, item)
            raise
        self._last, self._channel = last, current

    def sync(self) -> None:
        """Have the system write it to the disk."""
        if self._fd >= 0:
            os.fsync(self._fd)

    def close(self) -> None:
        """Close the file; what was not flushed is dropped."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _append(self, data: bytes) -> None:
        if self._fd < 0:
            self._fd = os.open(
                self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o644
            )
            self.size = 0
            claim(self._fd)
        # One write replaces the end mark by the new annotations and a new end mark.
        os.lseek(self._fd, self.size, os.SEEK_SET)
        whole = data + END
        try:
            written = os.write(self._fd, whole)
            if written < len(whole):
                written += os.write(self._fd, whole[written:])
        except OSError:
            os.lseek(self._fd, self.size, os.SEEK_SET)
            if os.fstat(self._fd).st_size > self.size:
                os.write(self._fd, END[: os.fstat(self._fd).st_size - self.size])
            os.ftruncate(self._fd, min(os.fstat(self._fd).st_size, self.size + 2))
            raise
        self.size += len(data)
