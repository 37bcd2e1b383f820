"""JSON Lines: one object a line, documented in ``docs/jsonl.md``."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from wearecg.block import (
    Beat,
    ClockFit,
    Event,
    Finding,
    Gap,
    HeartRate,
    LinkState,
    Notice,
    Quality,
    RRIntervals,
    SignalBlock,
    StreamInfo,
    Summary,
    Trace,
    Window,
)
from wearecg.errors import SinkError
from wearecg.sinks.base import Sink
from wearecg.sinks.threaded import OutputGoneError

SCHEMA = "wearecg/1"
Record: TypeAlias = dict[str, Any]


def open_jsonl(path: str) -> Sink:
    """Return the sink for ``jsonl:-`` (stdout) or ``jsonl:PATH`` (appended to)."""
    return JsonlSink(None if path in ("", "-") else Path(path))


def to_record(event: Event, epoch: float | None = None) -> Record | None:
    """Return the JSON object for ``event``, or None for events that are not written (signal and windows).

    ``epoch`` is the Unix time of timeline 0; without it wall times are null. Pure; no NaN or infinity comes out.
    """
    match event:
        case StreamInfo():
            return {
                "type": "stream",
                "stream": event.stream,
                "source": event.source,
                "fs": _number(event.fs, 6),
                "leads": list(event.leads),
                "lsb": [_significant(step) if step else None for step in event.lsb],
                "start": _wall(0.0, event.epoch),
                "rate_note": event.rate_note,
                "reconstructed": list(event.reconstructed),
                "synthetic": list(event.synthetic),
            }
        case Beat():
            return {
                "type": "beat",
                "stream": event.stream,
                "time": _number(event.time),
                "wall": _wall(event.time, epoch),
                "lead": event.lead,
                "rr": _number(event.rr),
                "lag": _number(event.lag),
            }
        case HeartRate():
            return {
                "type": "rate",
                "stream": event.stream,
                "time": _number(event.time),
                "wall": _wall(event.time, epoch),
                "bpm": _number(event.bpm, 1),
                "reason": event.reason,
            }
        case RRIntervals():
            return {
                "type": "intervals",
                "stream": event.stream,
                "rr": [_number(interval) for interval in event.rr],
                "bpm": _number(event.bpm, 1),
                "contact": event.contact,
            }
        case Quality():
            return {
                "type": "quality",
                "stream": event.stream,
                "start": _number(event.start),
                "end": _number(event.end),
                "leads": [
                    {
                        "lead": lead.lead,
                        "verdict": lead.verdict,
                        "reason": lead.reason,
                        "measures": _measures(lead.measures),
                    }
                    for lead in event.leads
                ],
            }
        case Finding():
            return {
                "type": "finding",
                "code": event.code,
                "text": event.text,
                "since": _number(event.since),
                "start": _number(event.start),
                "end": _number(event.end),
                "wall": _wall(event.end, epoch),
                "probability": _number(event.probability),
                "uncertainty": _number(event.uncertainty),
                "evidence": _measures(event.evidence),
                "source": event.source,
                "leads": list(event.leads),
                "reason": event.reason,
            }
        case Gap():
            return {
                "type": "gap",
                "stream": event.stream,
                "start": _number(event.start),
                "wall": _wall(event.start, epoch),
                "duration": _number(event.duration),
                "samples": event.samples,
                "reason": event.reason,
            }
        case LinkState():
            return {"type": "link", "sensor": event.sensor, "state": event.state, "message": event.message}
        case Notice():
            return {"type": "notice", "level": event.level, "message": event.message}
        case ClockFit():
            return {"type": "clock", "stream": event.stream, **_clock(event)}
        case Summary():
            return {
                "type": "summary",
                "stream": event.stream,
                "duration": _number(event.duration),
                "samples": event.samples,
                "lost": dict(event.lost),
                "gaps": event.gaps,
                "beats": event.beats,
                "windows_scored": event.windows_scored,
                "windows_skipped": event.windows_skipped,
                "clock": _clock(event.clock) if event.clock else None,
                "counters": dict(event.counters),
            }
        case SignalBlock() | Trace() | Window():
            return None


class JsonlSink(Sink):
    """Writes events as JSON Lines to stdout (each line at once) or appends them to a file (at each tick).

    A file is lossless; stdout is not, because a reader that stops reading must not stop the recording.

    Raises
    ------
    SinkError
        The file cannot be opened, or (later) not be written; a half-written line is taken back then.
    """

    ignores = (SignalBlock, Trace, Window)

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        self.lossless = path is not None
        self._path = path
        self._fd = -1 if path is None else _open(path)
        self._lines: list[str] = []
        self._infos: dict[str, StreamInfo] = {}
        self._fits: dict[str, ClockFit] = {}
        self._started = False
        self._closed = False

    def write(self, event: Event) -> None:
        """Write one event."""
        if self._closed:
            return
        if isinstance(event, StreamInfo):
            self._infos[event.stream] = event
        elif isinstance(event, ClockFit) and event.host is not None:
            self._fits[event.stream] = event
        record = to_record(event, self._epoch(event))
        if record is None:
            return
        if isinstance(event, LinkState | Notice):
            record["wall"] = _wall(0.0, time.time())
        self._put(record)

    def tick(self, now: float) -> None:  # noqa: ARG002
        """Flush a file."""
        self._flush()

    def close(self) -> None:
        """Flush and close."""
        if self._closed:
            return
        try:
            self._flush()
        finally:
            self._closed = True
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _epoch(self, event: Event) -> float | None:
        """Unix time less the event's own time: by the host's clock where the stream has been fitted to it."""
        # Findings are of the ECG, and where there is none, of the RR intervals or the pulse.
        stream = getattr(event, "stream", "ecg")
        known = (self._infos[name] for name in (stream, "rr", "pulse") if name in self._infos)
        info, fit = next(known, None), self._fits.get(stream)
        if info is None:
            return None
        if fit is None or fit.host is None or fit.rate is None or info.host is None:
            return info.epoch
        time = getattr(event, "time", getattr(event, "end", getattr(event, "start", fit.time)))
        host = fit.host + (time - fit.time) * info.fs / fit.rate
        return info.epoch - info.host + host - time

    def _put(self, record: Record) -> None:
        if not self._started:
            from wearecg import __version__

            self._started = True
            self._put({"type": "schema", "schema": SCHEMA, "wearecg": __version__})
        line = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self._lines.append(line + "\n")
        if self._path is None:
            self._flush()

    def _flush(self) -> None:
        if not self._lines:
            return
        text = "".join(self._lines)
        self._lines.clear()
        if self._path is None:
            self._print(text)
        else:
            self._append(self._path, text.encode())

    def _print(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            self._closed = True
            # The interpreter flushes stdout once more at exit; let that go to nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise OutputGoneError("the reader of stdout has left") from None

    def _append(self, path: Path, data: bytes) -> None:
        size = os.fstat(self._fd).st_size
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError as error:
            self._closed = True
            os.ftruncate(self._fd, size + data.rfind(b"\n", 0, written) + 1)
            os.close(self._fd)
            self._fd = -1
            raise SinkError(
                f"{path} cannot be written any more: {error.strerror}; it ends with its last whole line"
            ) from error


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
    except OSError as error:
        raise SinkError(
            f"jsonl: cannot write {path}: {error.strerror}; choose a file in a folder of yours"
        ) from error
    size = os.fstat(fd).st_size
    if size:  # a run that was killed may have left half a line
        os.lseek(fd, size - 1, os.SEEK_SET)
        if os.read(fd, 1) != b"\n":
            os.write(fd, b"\n")
    return fd


def _number(value: float | None, digits: int = 4) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), digits)


def _significant(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _clock(fit: ClockFit) -> Record:
    return {
        "time": _number(fit.time),
        "ppm": _number(fit.ppm, 1),
        "ppm_error": _number(fit.ppm_error, 1),
        "error": _number(fit.error, 6),
        "delay": _number(fit.delay),
        "rate": _number(fit.rate),
        "host": _number(fit.host, 6),
    }


def _measures(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _significant(value) for name, value in values.items()}


def _wall(seconds: float, epoch: float | None) -> str | None:
    if epoch is None or not math.isfinite(epoch + seconds):
        return None
    return (
        datetime.fromtimestamp(epoch + seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
