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
import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Notice, Samples
from wearecg.ecg.leads import SYNTHETIC, is_ecg
from wearecg.sinks.upkeep import deleted
from wearecg.sinks.wfdb_headers import Signals, replace_file
from wearecg.text import visible

GAP_S = 1.0
"""Gaps from this length on become null segments; see `RecordWriter`."""
CROWD = 128
"""After this many null segments the length that makes one doubles."""
BATCH = 65536
"""Bytes that are held back at most between two flushes."""
SYNC_S = 5.0
RETRY_S = 3.0
FREE = 131072
"""Bytes that must be free before a recording that had stopped goes on."""

_fdatasync = getattr(os, "fdatasync", os.fsync)


@dataclass(frozen=True, slots=True)
class Coding:
    """How samples become integers: WFDB format 16 or 24, and units of one step for each lead."""

    bits: int
    steps: tuple[float, ...]

    @property
    def limit(self) -> int:
        """Largest value; the one below its negative is the format's 'no sample'."""
        return int(2 ** (self.bits - 1) - 1)

    @classmethod
    def choose(
        cls,
        leads: tuple[str, ...],
        lsb: tuple[float, ...],
        first: Samples,
        uncalibrated: Collection[str] = (),
    ) -> Coding:
        """Choose by the ADC steps where they are known, so that every ADC value is kept exactly.

        Unknown steps become 1 uV for an ECG, 1 mg for acceleration, and for a signal without a unit, as
        ``uncalibrated`` leads are, the power of ten that leaves a factor of 64 above the peak of ``first``. Format 16
        if it then spans +-16 mV (16 g) in each lead, otherwise format 24; always 24 where the range has no unit.
        """
        steps, wide = [], False
        for column, (lead, step) in enumerate(zip(leads, lsb, strict=True)):
            measured = (is_ecg(lead) or lead.startswith("ACC")) and lead not in uncalibrated
            if not step > 0:
                seen = np.abs(first[:, column][np.isfinite(first[:, column])])
                peak = float(seen.max()) if seen.size and seen.max() > 0 else 1.0
                step = 0.001 if measured else 10.0 ** float(np.ceil(np.log10(64 * peak / 2**23)))
            steps.append(step)
            wide = wide or not measured or 32767 * step < 16
        return cls(24 if wide else 16, tuple(steps))

    def encode(self, samples: Samples) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return integers [n, leads] with 'no sample' for NaN, and which leads went beyond the range."""
        scaled = np.rint(samples / np.asarray(self.steps))
        missing = np.isnan(scaled)
        clipped = np.any(np.abs(scaled) > self.limit, axis=0)
        digital = np.clip(scaled, -self.limit, self.limit)
        digital[missing] = -self.limit - 1
        return digital.astype(np.int32), clipped

    def pack(self, digital: NDArray[np.int32]) -> bytes:
        """Return the bytes of the signal file."""
        if self.bits == 16:
            return digital.astype("<i2").tobytes()
        return np.ascontiguousarray(digital, dtype="<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


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
        uncalibrated: Collection[str] = (),
    ) -> None:
        self.name = name
        self.notices: list[Notice] = []
        self._dir, self._fs, self._leads, self._coding = directory, fs, leads, coding
        units = tuple("NU" if lead in uncalibrated else _unit(lead) for lead in leads)
        gains = tuple(1 / step for step in coding.steps)
        self._signals = Signals(fs, _unique(leads), units, gains, coding.bits, epoch, comments)
        self._segments: list[_Segment] = []
        self._null = 0
        self._fd = -1
        self._pending: list[NDArray[np.int32]] = []
        self._pending_bytes = 0
        self._next = 0
        self.size = 0
        """Bytes of signal that were handed over for writing."""
        self.gone = False
        self._clipped: set[str] = set()
        self._stopped = False
        self._told = False
        self._now = self._retry_at = self._synced = float("-inf")
        self._listed = 0

    @property
    def length(self) -> int:
        """Samples of the record so far, gaps included."""
        return self._next

    def write(self, samples: Samples, at: int) -> None:
        """Append ``samples`` [n, leads], the first of them number ``at`` of the record.

        Samples that lie before the end of the record (sent twice) are left out.
        """
        samples = samples[max(self._next - at, 0) :]
        if self._stopped or not len(samples):
            return
        if at > self._next:
            self._skip(at - self._next)
        digital, clipped = self._coding.encode(samples)
        if clipped.any():
            self._tell_clipped(clipped)
        self._push(digital)

    def extend(self, length: int) -> None:
        """Do nothing: its samples say how long it is."""

    def flush(self, now: float) -> None:
        """Write everything to the file and enter it in the header; ``now`` in monotonic seconds."""
        self._now = now
        if self._is_gone() or (self._stopped and not self._may_retry()):
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
        if self._told:
            self._told = False
            self.notices.append(Notice(f"recording {self._dir / self.name} goes on"))

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
            if not self._stopped:
                self._close_segment()
                self._null += missing
                self._next += missing
            return
        rows = max(BATCH // (4 * len(self._leads)), 1)
        for start in range(0, missing, rows):
            nothing = np.full(
                (min(rows, missing - start), len(self._leads)), -self._coding.limit - 1, np.int32
            )
            self._push(nothing)

    def _push(self, digital: NDArray[np.int32]) -> None:
        if self._stopped:
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
        digital = np.concatenate(self._pending)
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
        self._stopped = True
        self._retry_at = self._now + RETRY_S
        self._pending, self._pending_bytes, self._null = [], 0, 0
        self._close_segment()
        self._next = sum(segment.length for segment in self._segments)
        self.gone = isinstance(error, FileNotFoundError)
        if not self._told and not self.gone:
            self._told = True
            at = f"{self._dir / self.name} stopped at {self._next / self._fs:.1f} s"
            remedy = "it goes on, behind a gap, when there is room again"
            self.notices.append(Notice(f"recording {at}: {error.strerror}; {remedy}", "error"))

    def _may_retry(self) -> bool:
        if self._now < self._retry_at:
            return False
        self._retry_at = self._now + RETRY_S
        try:
            self._stopped = shutil.disk_usage(self._dir).free < FREE
        except OSError:
            return False
        return not self._stopped

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

    def _tell_clipped(self, clipped: NDArray[np.bool_]) -> None:
        for column in np.flatnonzero(clipped).tolist():
            lead = self._signals.names[column]
            if lead not in self._clipped:
                self._clipped.add(lead)
                span = f"{self._coding.limit * self._coding.steps[column]:.4g} {self._signals.units[column]}"
                message = (
                    f"lead {lead} goes beyond the +-{span} that the recording can hold, and is cut off there"
                )
                self.notices.append(Notice(message, "warning"))


def _unit(lead: str) -> str:
    if is_ecg(lead.removesuffix(" reconstructed")) or lead.startswith(SYNTHETIC):
        return "mV"
    return "g" if lead.startswith("ACC") else "NU"


def _unique(leads: tuple[str, ...]) -> tuple[str, ...]:
    # WFDB tells the signals of a record with gaps apart by their names.
    return tuple(
        visible(f"{lead} {leads[:i].count(lead) + 1}" if leads[:i].count(lead) else lead)
        for i, lead in enumerate(leads)
    )
