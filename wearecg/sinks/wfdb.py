"""``wfdb:DIR``: recordings that WFDB tools open at every moment, while they are being written.

For each stream of the sensor one record ``wearecg_<UTC of its first sample>`` (``..._ppg`` and so on for
others than the ECG), and beside it, in ``.wea``, its annotations. Beats and findings are with the ECG (the first stream
if there is none):
Leads that were not measured are called so in their description (``V2 reconstructed``, ``II* synthetic``), and have
no sample where they are not known.

``Q``
    A beat, on the lead (``chan``) where it was located. Beat types are not told apart here, and ``N`` would
    say that they were: an ectopic beat must not turn up in NN intervals. WFDB tools count ``Q`` as a QRS.
``"``
    A finding begins, ends, or why nothing was scored, put at the end of the window that it rests on:
    ``AFIB p=0.93 since=12.0s encoder@0.1.0``. In a recording that was rotated it says again what holds on, with a
    negative ``since`` for what began before. After a minute: the measured sampling rate; a record counts its seconds at
    the stated one.
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
    ClockFit,
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
from wearecg.ecg.leads import PULSE, SYNTHETIC
from wearecg.errors import SinkError
from wearecg.sinks.annotations import BEAT, NOTE, QUALITY, AnnotationFile
from wearecg.sinks.base import Sink
from wearecg.sinks.changes import FindingChanges
from wearecg.sinks.record import SYNC_S, Coding, RecordWriter
from wearecg.sinks.upkeep import CHECK_S, PATIENCE_S, Upkeep, make_room
from wearecg.sinks.wfdb_headers import repair

ANNOTATOR = "wea"
FLUSH_S = 0.3
"""With a tick at least every 0.2 s, everything is on disk (in the system's cache) after 0.5 s."""
LATE_S = 0.5
"""Beats reach us at most this long after the samples that hold them."""
STEP_S = 2.0
"""A clock that jumps by less is left alone."""
LIVE_S = 60.0
MEASURED_S = 60.0
"""After so long the sensor's sampling rate is known well enough to be noted beside the stated one."""
SETTLE_S = 30.0
"""So long after its last sample a recording that was rotated still takes what is found in it; then it is closed."""


def open_wfdb(path: str) -> Sink:
    """Return the sink for ``wfdb:DIR``; the folder is made if need be."""
    if not path:
        raise SinkError("wfdb: names no folder; say where to record, for example wfdb:recordings")
    return WfdbSink(Path(path))


class WfdbSink(Sink):
    """Records every stream, with beats, findings, gaps and quality as annotations.

    Lossless. `notices` holds what the user should be told: disk full, recording goes on, a signal beyond the range,
    recordings that were deleted to make room. ``upkeep`` says how recordings are kept; until the first event it may
    be replaced.

    Raises
    ------
    SinkError
        The folder cannot be made or written. A disk that fills up later is no error: see `RecordWriter`.
    """

    lossless = True
    ignores = (Trace, Window, HeartRate)

    def __init__(self, directory: Path, upkeep: Upkeep | None = None) -> None:
        super().__init__()
        self.upkeep = upkeep or Upkeep()
        self._dir = directory
        self._tracks: dict[str, _Track] = {}
        self._ending: list[_Track] = []
        self._began = 0.0
        self._wall = time.time() - time.monotonic()
        self._live = False
        self._shift = 0.0
        self._stem = ""
        self._flushed = self._look_at = float("-inf")
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
                self._rotate(event)
                self._tracks[event.stream].block(event)
            case Gap() if event.stream in self._tracks:
                self._tracks[event.stream].gap(event)
            case ClockFit() if event.stream in self._tracks:
                self._tracks[event.stream].measured(event)
            case Beat() | Finding() | Quality() if self._tracks:
                main = self._about(event)
                at = event.time if isinstance(event, Beat) else event.end
                for track in self._ending:
                    if at < main.began and track.info.stream == main.info.stream and at >= track.began:
                        main = track
                main.annotate(event)

    def _about(self, event: Beat | Finding | Quality) -> _Track:
        """Return the track with which an event belongs: what a pulse shows is never with the ECG."""
        synthetic = isinstance(event, Finding) and SYNTHETIC in event.leads
        stream = PULSE if synthetic else getattr(event, "stream", "ecg")
        return self._tracks[stream if stream in self._tracks else next(iter(self._tracks))]

    def tick(self, now: float) -> None:
        """Flush when it is time, and see that there is room."""
        if now - self._flushed >= (self.upkeep.every or FLUSH_S):
            self._flushed = now
            for track in (*self._ending, *self._tracks.values()):
                track.flush(now)
                self.notices += track.drain_notices()
            self._close_ended()
        if self.upkeep.keep_free and now >= self._look_at:
            self._make_room(now)

    def close(self) -> None:
        """Write what is held back and close all files."""
        for track in (*self._ending, *self._tracks.values()):
            track.close()
            self.notices += track.drain_notices()

    def _rotate(self, block: SignalBlock) -> None:
        """Begin a new recording with this block, if it is time and nothing is missing before it."""
        track = self._tracks[block.stream]
        start = track.follows(block)
        if start is None:
            return
        size = sum(track.size for track in self._tracks.values() if track.began >= self._began)
        if start - self._began >= self.upkeep.seconds or size >= self.upkeep.size or self._clock_was_set():
            self._began, self._stem = start, ""
        if track.began < self._began <= start:
            track.end()
            self._ending.append(track)
            self._tracks[block.stream] = self._track(track.info, start)

    def _clock_was_set(self) -> bool:
        """Whether the host's clock was, by so much that recordings should have the new time from here on.

        A Raspberry Pi without a battery gets the right time some while after its start.
        """
        wall = time.time() - time.monotonic()
        step = wall - self._wall
        if abs(step) < STEP_S:
            return False
        self._wall = wall
        if not self._live or self.upkeep.seconds == self.upkeep.size == float("inf"):
            return False
        self._shift += step
        self.notices.append(
            Notice(f"the clock was set by {step:+.0f} s: a new recording, of the new time, begins", "warning")
        )
        return True

    def _close_ended(self) -> None:
        now = max((track.newest for track in self._tracks.values()), default=0.0)
        for track in [track for track in self._ending if now - track.newest >= SETTLE_S]:
            self._ending.remove(track)
            track.close()
            self.notices += track.drain_notices()

    def _make_room(self, now: float) -> None:
        writing = [track.name for track in (*self._ending, *self._tracks.values())]
        try:
            enough, notices = make_room(self._dir, self.upkeep.keep_free, writing)
        except OSError:  # the folder is gone; the recording tells it
            return
        self.notices += notices
        self._look_at = now + (CHECK_S if enough else PATIENCE_S)

    def _begin(self, info: StreamInfo) -> None:
        known = self._tracks.get(info.stream)
        if known:
            if (known.info.fs, known.info.leads, known.info.epoch) == (info.fs, info.leads, info.epoch):
                return
            known.close()
            self.notices += known.drain_notices()
            if known.info.epoch != info.epoch:
                self._began = 0.0
        # Time 0 of a live stream is now; a recording that is replayed has a time of its own.
        self._live = abs(info.epoch + self._began + self._shift - time.time()) < LIVE_S
        self._tracks[info.stream] = self._track(info, self._began)

    def _track(self, info: StreamInfo, began: float) -> _Track:
        epoch = info.epoch + self._shift + began
        return _Track(self._dir, self._name(info, epoch), info, began, epoch)

    def _name(self, info: StreamInfo, epoch: float) -> str:
        suffix = "" if info.stream == "ecg" else f"_{info.stream}"
        taken = {track.name for track in (*self._ending, *self._tracks.values())}
        name = f"{self._stem}{suffix}"
        if not self._stem or name in taken or (self._dir / f"{name}.{ANNOTATOR}").exists():
            start = datetime.fromtimestamp(epoch if math.isfinite(epoch) else time.time(), UTC)
            base = self._stem = f"wearecg_{start:%Y%m%dT%H%M%SZ}"
            number = 1
            while any(self._dir.glob(f"{self._stem}*")) or any(old.startswith(self._stem) for old in taken):
                number += 1
                self._stem = f"{base}_{number}"
        return f"{self._stem}{suffix}"


class _Track:
    """One stream: its record, begun with its first samples, and its annotations."""

    def __init__(self, directory: Path, name: str, info: StreamInfo, began: float, epoch: float) -> None:
        self.name = name
        self.info = info
        self.began = self.newest = began
        """Timeline seconds of its sample 0, and of its newest block."""
        self.writer: RecordWriter | None = None
        self._dir = directory
        self._notes = AnnotationFile(directory / f"{name}.{ANNOTATOR}")
        self._changes = FindingChanges()
        self._lead_off: dict[str, bool] = {}
        self._unusable: dict[str, str] = {}
        self._epoch = epoch
        self._origin = round(began * info.fs)
        self._synced = 0.0
        self._measured = False
        self._ended = False

    @property
    def size(self) -> int:
        return self.writer.size if self.writer else 0

    def follows(self, block: SignalBlock) -> float | None:
        """Timeline seconds of ``block``, if it comes right after what is recorded; otherwise None."""
        if self.writer is None or not len(block) or block.lost:
            return None
        end = self._origin + self.writer.length
        if math.isfinite(block.start) and round(block.start * self.info.fs) != end:
            return None
        return end / self.info.fs

    def block(self, block: SignalBlock) -> None:
        if not len(block):
            return
        if self.writer is None:
            self.writer = self._open(block)
        at = self.writer.length + block.lost
        if not math.isnan(block.start):
            at = round(block.start * self.info.fs) - self._origin
        self.writer.write(block.samples, at)
        self.newest = (self._origin + at) / self.info.fs
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

    def measured(self, fit: ClockFit) -> None:
        """Note the measured sampling rate beside the stated one, by which the record counts, after `MEASURED_S`."""
        if self._measured or fit.rate is None or fit.time - self.began < MEASURED_S:
            return
        self._measured = True
        text = f"measured sampling rate {fit.rate:.3f} Hz (stated {self.info.fs:g} Hz)"
        self._notes.add(self._sample(fit.time), NOTE, text=text)

    def annotate(self, event: Beat | Finding | Quality) -> None:
        match event:
            case Beat():
                leads = self.info.leads
                channel = leads.index(event.lead) if event.lead in leads else 0
                text = ""
                if event.lead in self.info.synthetic:
                    text = "R time unknown" if event.lag is None else f"R {event.lag:.3f} s before"
                # Where it is to be seen: a drawn R wave lies on its pulse.
                self._notes.add(self._sample(event.time + (event.lag or 0.0)), BEAT, 0, channel, text)
            case Finding():
                for change, finding in self._changes.feed(event):
                    text = _describe(change, finding, self.began)
                    self._notes.add(self._sample(event.end), NOTE, text=text)
            case Quality():
                self._quality(event)

    def flush(self, now: float) -> None:
        if not self.writer:
            return
        self.writer.flush(now)
        with suppress(OSError):  # kept until there is room again; the record has told the user
            self._notes.flush(float("inf") if self._ended else self._sample(self.newest - LATE_S))
            if now - self._synced >= SYNC_S:
                self._synced = now
                self._notes.sync()

    def end(self) -> None:
        """No more samples come; what is found in them may."""
        self._ended = True
        if self.writer:
            self.writer.close()

    def close(self) -> None:
        self.end()
        if not self.writer:
            return
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
        comments: tuple[str, ...] = (
            f"source: {info.source}",
            f"sampling rate: {info.rate_note or 'given by the device'}",
            f"wearecg {__version__}; not a medical device",
        )
        if info.reconstructed:
            leads = " ".join(info.reconstructed)
            comments += (f"reconstructed, not measured, and no basis of any finding: {leads}",)
        if info.synthetic:
            leads = " ".join(info.synthetic)
            comments += (f"synthetic, drawn from a pulse, basis of rate and regularity at most: {leads}",)
        marks = dict.fromkeys(info.reconstructed, " reconstructed") | dict.fromkeys(
            info.synthetic, " synthetic"
        )
        names = tuple(lead + marks.get(lead, "") for lead in info.leads)
        coding = Coding.choose(info.leads, lsb, block.samples)
        return RecordWriter(self._dir, self.name, info.fs, names, coding, self._epoch, comments)

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
        return max(round(seconds * self.info.fs) - self._origin, 0)


def _describe(change: str, finding: Finding, began: float) -> str:
    if finding.probability is None:
        about = f"not scored: {finding.reason}" if finding.reason else finding.code
        return f"{about} {finding.source}" if change == "begins" else f"scored again {finding.source}"
    if change == "ends":
        return f"{finding.code} ends {finding.source}"
    return f"{finding.code} p={finding.probability:.2f} since={finding.since - began:.1f}s {finding.source}"
