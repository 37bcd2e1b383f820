"""One stream of one recording: turns its events into samples and annotations of its record, in any format."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

from wearecg.block import (
    Beat,
    BeatClass,
    ClockFit,
    Finding,
    Gap,
    Mark,
    Notice,
    Quality,
    SignalBlock,
    StreamId,
    StreamInfo,
)
from wearecg.formats import RR_UNKNOWN
from wearecg.sinks.record_format import Annotation, OpenRecord, RecordFormat

LATE_S = 0.5
"""Beats reach us at most this long after the samples that hold them."""
CLASSED_S = 2.0
"""The class of a beat reaches us at most this long after it."""
MEASURED_S = 60.0
"""After so long the sensor's sampling rate is known well enough to be noted beside the stated one."""
MARKED = "mark: "
"""What begins the note of a `Mark`."""
Noted: TypeAlias = Beat | BeatClass | Finding | Quality | Gap | ClockFit | Mark


class Track:
    """One stream of one recording.

    Parameters
    ----------
    form : RecordFormat
    place : Path
        Folder and name of the record.
    info : StreamInfo
    began : float
        Timeline seconds of sample 0.
    epoch : float
        Unix time of that sample.
    recording : float
        Which recording it is of: the second at which that began, on the timeline of the recorder's first stream.
    """

    def __init__(
        self, form: RecordFormat, place: Path, info: StreamInfo, began: float, epoch: float, recording: float
    ) -> None:
        self.place, self.info, self.began, self.recording = place, info, began, recording
        self.newest = began
        """Timeline seconds of the newest block, or beat."""
        self.record: OpenRecord | None = None
        self._form, self._epoch = form, epoch
        self._origin = round(began * info.fs)
        self._waiting: list[Annotation] = []
        """Annotations that came before the first samples."""
        self._beats: dict[float, Annotation] = {}
        """By their seconds, those whose class may still come."""
        self._noted: set[tuple[StreamId, str, str]] = set()
        """The findings that the record says hold."""
        self._lead_off: dict[str, bool] = {}
        self._unusable: dict[str, str] = {}
        self._measured = False
        self._ended = False

    @property
    def size(self) -> int:
        """Bytes of the record so far."""
        return self.record.size if self.record else 0

    @property
    def gone(self) -> bool:
        """Whether its files were deleted while it was written."""
        return self.record is not None and self.record.gone

    def start_of(self, event: SignalBlock | Beat) -> float:
        """Return the second at which a record that begins with this event begins."""
        if isinstance(event, Beat):
            return event.time - (event.rr or 0.0)
        if math.isfinite(event.start):
            return event.start
        length = self.record.length if self.record else 0
        return (self._origin + length + event.lost) / self.info.fs

    def follows(self, event: SignalBlock | Beat) -> float | None:
        """Return the second at which a new record can begin with this event; None if something is missing before it."""
        if self.record is None:
            return None
        if isinstance(event, Beat):
            start = self.start_of(event)
            return start if start > self.newest - 0.5 / self.info.fs else None
        end = self._origin + self.record.length
        if not len(event) or event.lost:
            return None
        if math.isfinite(event.start) and round(event.start * self.info.fs) != end:
            return None
        return end / self.info.fs

    def write(self, block: SignalBlock) -> None:
        """Take the next samples."""
        if not len(block):
            return
        record = self.record or self._open(block)
        at = record.length + block.lost
        if not math.isnan(block.start):
            at = round(block.start * self.info.fs) - self._origin
        record.write(block.samples, at)
        self.newest = (self._origin + at) / self.info.fs
        self._settle(self.newest - CLASSED_S)
        for channel, (lead, off) in enumerate(zip(block.leads, block.lead_off, strict=True)):
            if off is not None and off != self._lead_off.get(lead, False):
                self._add(at, "quality", f"{lead} lead {'off' if off else 'on'}", channel, not off)
            self._lead_off[lead] = bool(off)

    def note(self, event: Noted) -> None:
        """Annotate what was found in the stream."""
        match event:
            case Beat():
                self._note_beat(event)
            case BeatClass():
                if annotation := self._beats.pop(event.time, None):
                    self._annotate(replace(annotation, code=event.code))
            case Gap():
                text = f"gap {event.duration:.3f} s, {event.samples} samples: {event.reason}"
                self._add(self._sample(event.start), "quality", text, usable=False)
                self._add(self._sample(event.end), "quality", "gap ends")
                self._set_newest(event.end)
            case Finding():
                self._note_finding(event)
            case Mark():
                self._add(self._sample(event.time), "note", f"{MARKED}{event.text}")
            case Quality():
                self._note_quality(event)
            case ClockFit():
                self._note_rate(event)

    def flush(self, now: float) -> None:
        """Write to the files; ``now`` in monotonic seconds."""
        if self.record:
            settled = self._ended or not self.info.waveform
            before = math.inf if settled else self._sample(self.newest - LATE_S)
            self.record.flush(now, min([before, *(beat.sample for beat in self._beats.values())]))

    def end(self) -> None:
        """Finish the samples; annotations may still come."""
        self._ended = True
        if self.record:
            self.record.end()

    def close(self) -> None:
        """Finish the record; safe to call twice."""
        self.end()
        self._settle(math.inf)
        if self.record:
            self.record.close()

    def take_notices(self) -> list[Notice]:
        """Return what the user should be told, once."""
        if not self.record:
            return []
        taken = list(self.record.notices)
        self.record.notices.clear()
        return taken

    def _open(self, first: SignalBlock | None) -> OpenRecord:
        self.record = self._form.open(self.place, self.info, self._epoch, first)
        for annotation in self._waiting:
            self.record.annotate(annotation)
        self._waiting.clear()
        return self.record

    def _add(
        self,
        sample: int,
        kind: Literal["beat", "note", "quality"],
        text: str = "",
        channel: int = 0,
        usable: bool = True,
    ) -> None:
        self._annotate(Annotation(sample, kind, text, channel, usable))

    def _annotate(self, annotation: Annotation) -> None:
        record = self.record if self.record or self.info.waveform else self._open(None)
        if record is None:
            self._waiting.append(annotation)
            return
        record.annotate(annotation)
        if not self.info.waveform:
            record.extend(annotation.sample + 1)

    def _settle(self, before: float) -> None:
        """Annotate the beats before this second, whose class will not come any more."""
        for time in sorted(time for time in self._beats if time < before):
            self._annotate(self._beats.pop(time))

    def _set_newest(self, seconds: float) -> None:
        if not self.info.waveform:
            self.newest = max(self.newest, seconds)

    def _note_beat(self, beat: Beat) -> None:
        leads = self.info.leads
        channel = leads.index(beat.lead) if beat.lead in leads else 0
        text = ""
        if beat.lead in self.info.synthetic:
            text = "R time unknown" if beat.lag is None else f"R {beat.lag:.3f} s before"
        elif beat.rr is None and not self.info.waveform:
            text = RR_UNKNOWN
        # Where it is to be seen: a drawn R wave lies on its pulse.
        annotation = Annotation(self._sample(beat.time + (beat.lag or 0.0)), "beat", text, channel)
        self._beats[beat.time] = annotation
        if not self.info.waveform or self.info.synthetic:
            self._settle(math.inf)
        self._set_newest(beat.time)

    def _note_finding(self, finding: Finding) -> None:
        noted = finding.key in self._noted
        if finding.change == "ends":
            if noted:
                self._noted.remove(finding.key)
                self._add(self._sample(finding.seen), "note", describe(finding, self.began))
        elif finding.change == "begins" or not noted:  # a new record says again what holds
            self._noted.add(finding.key)
            self._add(self._sample(finding.end), "note", describe(finding, self.began))

    def _note_rate(self, fit: ClockFit) -> None:
        """Note the measured sampling rate beside the stated one, by which the record counts, after `MEASURED_S`."""
        if self._measured or fit.rate is None or fit.time - self.began < MEASURED_S:
            return
        self._measured = True
        text = f"measured sampling rate {fit.rate:.3f} Hz (stated {self.info.fs:g} Hz)"
        self._add(self._sample(fit.time), "note", text)

    def _note_quality(self, quality: Quality) -> None:
        for lead in quality.leads:
            reason = (lead.reason or "unusable") if lead.verdict == "unusable" else ""
            # Gaps and electrodes have their own annotations, to the sample.
            if reason in ("gap", "lead off") or lead.lead not in self.info.leads:
                reason = ""
            if reason == self._unusable.get(lead.lead, ""):
                continue
            self._unusable[lead.lead] = reason
            text = f"{lead.lead} unusable: {reason}" if reason else f"{lead.lead} usable"
            channel = self.info.leads.index(lead.lead)
            self._add(self._sample(quality.start), "quality", text, channel, not reason)

    def _sample(self, seconds: float) -> int:
        return max(round(seconds * self.info.fs) - self._origin, 0)


def describe(finding: Finding, began: float) -> str:
    """Return the note of a finding that begins or ends, in a record that began at ``began`` (s)."""
    ends = finding.change == "ends"
    if finding.why:
        said = "scored again" if ends else f"not scored: {finding.reason or finding.text}"
        return f"{said} {finding.source}"
    if ends:
        return f"{finding.code} ends {finding.source}"
    if finding.probability is None:
        return f"{finding.code} {finding.source}"
    return f"{finding.code} p={finding.probability:.2f} since={finding.since - began:.1f}s {finding.source}"
