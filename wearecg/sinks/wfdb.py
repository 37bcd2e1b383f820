"""``wfdb:DIR``: recordings that WFDB tools open at every moment, while they are being written.

For each stream of the sensor one record ``wearecg_<UTC of its first sample>`` (``..._ppg`` and so on for
others than the ECG), and beside it, in ``.wea``, its annotations. Beats and findings are with the ECG (the first stream
if there is none):

``Q``
    A beat, on the lead (``chan``) where it was located. Beat types are not told apart here, and ``N`` would
    say that they were: an ectopic beat must not turn up in NN intervals. WFDB tools count ``Q`` as a QRS.
``"``
    A finding begins, ends, or why nothing was scored, put at the end of the window that it rests on:
    ``AFIB p=0.93 since=12.0s encoder@0.1.0``.
``~``
    Signal quality. Subtype -1 where a gap begins or a lead becomes unusable, 0 where that ends.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from wearecg.block import (
    Beat,
    Event,
    Finding,
    Gap,
    HeartRate,
    Notice,
    Quality,
    SignalBlock,
    StreamInfo,
    Trace,
    Window,
)
from wearecg.errors import SinkError
from wearecg.sinks.annotations import BEAT, NOTE, QUALITY, AnnotationFile
from wearecg.sinks.base import Sink
from wearecg.sinks.changes import FindingChanges
from wearecg.sinks.record import SYNC_S, Coding, RecordWriter
from wearecg.sinks.wfdb_headers import repair

ANNOTATOR = "wea"
FLUSH_S = 0.3
"""With a tick at least every 0.2 s, everything is on disk (in the system's cache) after 0.5 s."""
LATE_S = 0.5
"""Beats reach us at most this long after the samples that hold them."""


def open_wfdb(path: str) -> Sink:
    """Return the sink for ``wfdb:DIR``; the folder is made if need be."""
    if not path:
        raise SinkError("wfdb: names no folder; say where to record, for example wfdb:recordings")
    return WfdbSink(Path(path))


class WfdbSink(Sink):
    """Records every stream, with beats, findings, gaps and quality as annotations.

    Lossless. `notices` holds what the user should be told: disk full, recording goes on, a signal beyond the range.

    Raises
    ------
    SinkError
        The folder cannot be made or written. A disk that fills up later is no error: see `RecordWriter`.
    """

    lossless = True
    ignores = (Trace, Window, HeartRate)

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._dir = directory
        self._tracks: dict[str, _Track] = {}
        self._flushed = float("-inf")
        try:
            directory.mkdir(parents=True, exist_ok=True)
            probe = directory / f".wearecg-{time.monotonic_ns()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            why = "it is a file" if directory.is_file() else error.strerror
            raise SinkError(
                f"wfdb: cannot record into {directory}: {why}; choose a folder of yours"
            ) from error
        for name in repair(directory):
            self.notices.append(
                Notice(f"{directory / name} had lost its end (power cut?); its header is put right")
            )

    @property
    def records(self) -> tuple[Path, ...]:
        """The records of this run, as WFDB takes them (no suffix); known once signal was received."""
        return tuple(self._dir / track.writer.name for track in self._tracks.values() if track.writer)

    def write(self, event: Event) -> None:
        """Take one event."""
        match event:
            case StreamInfo():
                self._begin(event)
            case SignalBlock() if event.stream in self._tracks:
                self._tracks[event.stream].block(event)
            case Gap() if event.stream in self._tracks:
                self._tracks[event.stream].gap(event)
            case Beat() | Finding() | Quality() if self._tracks:
                main = "ecg" if "ecg" in self._tracks else next(iter(self._tracks))
                self._tracks[main].annotate(event)

    def tick(self, now: float) -> None:
        """Flush when it is time."""
        if now - self._flushed < FLUSH_S:
            return
        self._flushed = now
        for track in self._tracks.values():
            track.flush(now)
            self.notices += track.drain_notices()

    def close(self) -> None:
        """Write what is held back and close all files."""
        for track in self._tracks.values():
            track.close()
            self.notices += track.drain_notices()

    def _begin(self, info: StreamInfo) -> None:
        known = self._tracks.get(info.stream)
        if known:
            if (known.info.fs, known.info.leads, known.info.epoch) == (info.fs, info.leads, info.epoch):
                return
            known.close()
            self.notices += known.drain_notices()
        self._tracks[info.stream] = _Track(self._dir, self._name(info), info)

    def _name(self, info: StreamInfo) -> str:
        start = datetime.fromtimestamp(info.epoch if math.isfinite(info.epoch) else time.time(), UTC)
        base = f"wearecg_{start:%Y%m%dT%H%M%SZ}"
        suffix = "" if info.stream == "ecg" else f"_{info.stream}"
        taken = {track.name for track in self._tracks.values()}
        name, number = base + suffix, 1
        while name in taken or any(self._dir.glob(f"{name}*")):
            number += 1
            name = f"{base}_{number}{suffix}"
        return name


class _Track:
    """One stream: its record, begun with its first samples, and its annotations."""

    def __init__(self, directory: Path, name: str, info: StreamInfo) -> None:
        self.name = name
        self.info = info
        self.writer: RecordWriter | None = None
        self._dir = directory
        self._notes = AnnotationFile(directory / f"{name}.{ANNOTATOR}")
        self._changes = FindingChanges()
        self._lead_off: dict[str, bool] = {}
        self._unusable: dict[str, str] = {}
        self._newest = 0.0
        self._synced = 0.0

    def block(self, block: SignalBlock) -> None:
        if not len(block):
            return
        if self.writer is None:
            self.writer = self._open(block)
        at = self.writer.length + block.lost if math.isnan(block.start) else round(block.start * self.info.fs)
        self.writer.write(block.samples, at)
        self._newest = at / self.info.fs
        for channel, (lead, off) in enumerate(zip(block.leads, block.lead_off, strict=True)):
            if off is not None and off != self._lead_off.get(lead, False):
                self._notes.add(
                    at, QUALITY, -1 if off else 0, channel, f"{lead} lead {'off' if off else 'on'}"
                )
            self._lead_off[lead] = bool(off)

    def gap(self, gap: Gap) -> None:
        start, end = self._sample(gap.start), self._sample(gap.start + gap.duration)
        text = f"gap {gap.duration:.3f} s, {gap.samples} samples: {gap.reason}"
        self._notes.add(start, QUALITY, -1, 0, text)
        self._notes.add(end, QUALITY, 0, 0, "gap ends")

    def annotate(self, event: Beat | Finding | Quality) -> None:
        match event:
            case Beat():
                leads = self.info.leads
                self._notes.add(
                    self._sample(event.time), BEAT, 0, leads.index(event.lead) if event.lead in leads else 0
                )
            case Finding():
                for change, finding in self._changes.feed(event):
                    self._notes.add(self._sample(event.end), NOTE, text=_describe(change, finding))
            case Quality():
                self._quality(event)

    def flush(self, now: float) -> None:
        if not self.writer:
            return
        self.writer.flush(now)
        with suppress(OSError):  # kept until there is room again; the record has told the user
            self._notes.flush(self._sample(self._newest - LATE_S))
            if now - self._synced >= SYNC_S:
                self._synced = now
                self._notes.sync()

    def close(self) -> None:
        if not self.writer:
            return
        self.writer.close()
        with suppress(OSError):
            self._notes.flush()
        self._notes.close()

    def drain_notices(self) -> list[Notice]:
        if not self.writer:
            return []
        taken, self.writer.notices = self.writer.notices, []
        return taken

    def _open(self, block: SignalBlock) -> RecordWriter:
        from wearecg import __version__

        info = self.info
        lsb = tuple(known or step for known, step in zip(info.lsb, block.lsb, strict=True))
        comments = (
            f"source: {info.source}",
            f"sampling rate: {info.rate_note or 'given by the device'}",
            f"wearecg {__version__}; not a medical device",
        )
        coding = Coding.choose(info.leads, lsb, block.samples)
        return RecordWriter(self._dir, self.name, info.fs, info.leads, coding, info.epoch, comments)

    def _quality(self, quality: Quality) -> None:
        for lead in quality.leads:
            reason = (lead.reason or "unusable") if lead.verdict == "unusable" else ""
            # Gaps and electrodes have their own annotations, to the sample.
            if reason in ("gap", "lead off") or lead.lead not in self.info.leads:
                reason = ""
            if reason == self._unusable.get(lead.lead, ""):
                continue
            self._unusable[lead.lead] = reason
            text = f"{lead.lead} unusable: {reason}" if reason else f"{lead.lead} usable"
            at = self._sample(quality.start)
            self._notes.add(at, QUALITY, -1 if reason else 0, self.info.leads.index(lead.lead), text)

    def _sample(self, seconds: float) -> int:
        return max(round(seconds * self.info.fs), 0)


def _describe(change: str, finding: Finding) -> str:
    if finding.probability is None:
        about = f"not scored: {finding.reason}" if finding.reason else finding.code
        return f"{about} {finding.source}" if change == "begins" else f"scored again {finding.source}"
    if change == "ends":
        return f"{finding.code} ends {finding.source}"
    return f"{finding.code} p={finding.probability:.2f} since={finding.since:.1f}s {finding.source}"
