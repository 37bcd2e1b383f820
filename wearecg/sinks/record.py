"""The signals of one WFDB record, written while it grows.

Layout on disk, for a record ``NAME``::

    NAME.hea                  without a gap: the header of NAME_0001.dat
    NAME_0001.dat             samples, appended to and never touched again

    NAME.hea                  after the first long gap: list of segments, ``~`` for those never received
    NAME_layout.hea           names the signals (WFDB's variable layout; readers do not take ``~`` in a fixed one)
    NAME_0001.hea, ...        the header of each segment

Every header is replaced in one step and only after the samples that it counts were written, the
list of segments last of all: a reader that opens the record at any moment finds every sample that it claims.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Notice, Samples
from wearecg.sinks.coding import Clipped, Coding, unique, unit_of
from wearecg.sinks.interruption import Interruption
from wearecg.sinks.upkeep import deleted
from wearecg.sinks.wfdb_headers import Signals, replace_file

GAP_S = 1.0
"""Gaps from this length on become null segments; see `RecordWriter`."""
CROWD = 128
"""After this many null segments the length that makes one doubles."""
BATCH = 65536
"""Bytes that are held back at most between two flushes."""
SYNC_S = 5.0

_fdatasync = getattr(os, "fdatasync", os.fsync)


@dataclass(slots=True)
class _Segment:
    """``name`` is ``~`` for what was never received."""

    name: str
    length: int
    start: int
    first: list[int] = field(default_factory=list)
    sums: list[int] = field(default_factory=list)
    entered: int = -1
    """Length that its own header on disk has; -1 where it has none."""


class RecordWriter:
    """Appends the samples of one stream, placed by sample number, to a record.

    A gap of at least `GAP_S` becomes a null segment. A shorter one is written as the format's
    'no sample' value within the segment, because a poor radio link would otherwise leave
    thousands of files of a few seconds each; both read back as NaN. For the same reason the limit
    doubles with every `CROWD` null segments.

    When the disk is full (or fails) the samples from then on are missing, one notice says so, and
    recording goes on, behind a gap, once it can be written again. What was written stays as it is.
    When its files or their folder are deleted, it is `gone`: nothing more is written, and nothing is told.

    Notes
    -----
    A kill loses what `flush` has not seen. A power cut loses up to `SYNC_S` seconds more (plus what
    the disk itself buffers), and the header may then claim samples that did not reach the disk;
    `wfdb_headers.repair` puts that right.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        fs: float,
        leads: tuple[str, ...],
        coding: Coding,
        epoch: float,
        comments: tuple[str, ...] = (),
        units: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._dir, self._fs, self._leads, self._coding = directory, fs, leads, coding
        units = tuple(units or map(unit_of, leads))
        gains = tuple(1 / step for step in coding.steps)
        names = unique(leads)
        self._signals = Signals(fs, names, units, gains, coding.bits, epoch, comments)
        self._clipped = Clipped(coding, names, units)
        self._interruption = Interruption(directory / name)
        self._segments: list[_Segment] = []
        self._null = 0
        self._fd = -1
        self._pending: list[NDArray[np.int32]] = []
        self._pending_bytes = 0
        self._next = 0
        self.size = 0
        """Bytes of signal that were handed over for writing."""
        self._synced = float("-inf")
        self._listed = 0

    @property
    def notices(self) -> list[Notice]:
        """Messages for the user; whoever tells them removes them."""
        return self._interruption.notices

    @property
    def gone(self) -> bool:
        """Whether its files, or their folder, were deleted."""
        return self._interruption.gone

    @property
    def length(self) -> int:
        """Samples of the record so far, gaps included."""
        return self._next

    def write(self, samples: Samples, at: int) -> None:
        """Append ``samples`` [n, leads], the first of them number ``at`` of the record.

        Samples that lie before the end of the record (sent twice) are left out.
        """
        samples = samples[max(self._next - at, 0) :]
        if self._interruption.stopped or not len(samples):
            return
        if at > self._next:
            self._skip(at - self._next)
        digital, clipped, _ = self._coding.encode(samples)
        if clipped.any():
            self.notices.extend(self._clipped.tell(clipped))
        self._push(digital)

    def extend(self, length: int) -> None:
        """Do nothing: its samples say how long it is."""

    def flush(self, now: float) -> None:
        """Write everything to the file and enter it in the header; ``now`` in monotonic seconds."""
        if not self._interruption.over(now) or self._is_gone():
            return
        try:
            self._write_pending()
            due = now - self._synced >= SYNC_S
            if due and self._fd >= 0:
                _fdatasync(self._fd)
                self._synced = now
            self._write_headers()
        except OSError as error:
            self._stop(error)
            return
        self._interruption.written()

    def close(self) -> None:
        """Flush and close; safe to call twice."""
        if self._is_gone():
            return
        try:
            self._write_pending()
            self._write_headers()
            if self._fd >= 0:
                os.fsync(self._fd)
        except OSError as error:
            self._stop(error)
        self._close_segment()

    def _skip(self, missing: int) -> None:
        nulls = sum(segment.name == "~" for segment in self._segments)
        nothing_yet = self._fd < 0 and not self._pending
        if missing >= GAP_S * self._fs * 2 ** (nulls // CROWD) or nothing_yet:
            self._try_pending()
            if not self._interruption.stopped:
                self._close_segment()
                self._null += missing
                self._next += missing
            return
        rows = max(BATCH // (4 * len(self._leads)), 1)
        for start in range(0, missing, rows):
            self._push(self._coding.nothing(min(rows, missing - start)))

    def _push(self, digital: NDArray[np.int32]) -> None:
        if self._interruption.stopped:
            return
        self._pending.append(digital)
        self._next += len(digital)
        size = digital.size * self._coding.bits // 8
        self._pending_bytes += size
        self.size += size
        if self._pending_bytes >= BATCH:
            self._try_pending()

    def _try_pending(self) -> None:
        try:
            self._write_pending()
        except OSError as error:
            self._stop(error)

    def _write_pending(self) -> None:
        if not self._pending:
            return
        if self._fd < 0:
            self._open_segment()
        digital = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending)
        self._pending, self._pending_bytes = [], 0
        segment = self._segments[-1]
        data = memoryview(self._coding.pack(digital))
        frame = len(self._leads) * self._coding.bits // 8
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        finally:
            kept = digital[: written // frame]
            if len(kept):
                segment.first = segment.first or kept[0].tolist()
                sums = kept.sum(axis=0, dtype=np.int64).tolist()
                segment.sums = [a + b for a, b in zip(segment.sums, sums, strict=True)] or sums
                segment.length += len(kept)
            if written < len(data):
                os.ftruncate(self._fd, segment.length * frame)

    def _open_segment(self) -> None:
        number = 1 + sum(segment.name != "~" for segment in self._segments)
        name = f"{self.name}_{number:04d}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._fd = os.open(self._dir / f"{name}.dat", flags, 0o644)
        start = sum(segment.length for segment in self._segments)
        if self._null:
            self._segments.append(_Segment("~", self._null, start))
        self._segments.append(_Segment(name, 0, start + self._null, sums=[0] * len(self._leads)))
        self._null = 0

    def _close_segment(self) -> None:
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd = -1
        if not self._segments[-1].length:  # the disk took nothing of it
            empty = self._segments.pop()
            (self._dir / f"{empty.name}.dat").unlink(missing_ok=True)
            if self._segments and self._segments[-1].name == "~":
                self._segments.pop()

    def _is_gone(self) -> bool:
        if (
            not self.gone
            and self._fd >= 0
            and deleted(self._fd, self._dir / f"{self._segments[-1].name}.dat")
        ):
            self._stop(FileNotFoundError())
        return self.gone

    def _stop(self, error: OSError) -> None:
        self._pending, self._pending_bytes, self._null = [], 0, 0
        self._close_segment()
        self._next = sum(segment.length for segment in self._segments)
        self._interruption.stop(error, self._next / self._fs)

    def _write_headers(self) -> None:
        written = [segment for segment in self._segments if segment.name != "~"]
        total = sum(segment.length for segment in self._segments)
        if total == self._listed or not written:
            return
        main = self._dir / f"{self.name}.hea"
        if len(self._segments) == 1:
            replace_file(main, self._header(self.name, written[0]))
        else:
            layout = f"{self.name}_layout"
            if not (self._dir / f"{layout}.hea").exists():
                replace_file(self._dir / f"{layout}.hea", self._signals.layout(layout))
            for segment in written:
                if segment.entered != segment.length:
                    replace_file(self._dir / f"{segment.name}.hea", self._header(segment.name, segment))
                    segment.entered = segment.length
            listing = [(segment.name, segment.length) for segment in self._segments]
            replace_file(main, self._signals.master(self.name, layout, listing))
        self._listed = total

    def _header(self, name: str, segment: _Segment) -> str:
        dat = f"{segment.name}.dat"
        return self._signals.segment(name, dat, segment.length, segment.start, segment.first, segment.sums)
