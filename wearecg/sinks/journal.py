"""``journal:``: one line for each message, with its priority, as the systemd journal reads them from stdout.

Nothing that comes every second is told. Of gaps, those of `LONG_S` and more are told each; shorter ones, of which a
poor radio link has many, are counted and told together every `TOGETHER_S`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from wearecg.block import Event, Finding, Gap, LinkState, Mark, Notice, StreamInfo
from wearecg.sinks.base import Context, Sink, check_on_stdout
from wearecg.sinks.monitor import sensor_name
from wearecg.sinks.threaded import OutputGoneError
from wearecg.text import visible

LONG_S = 1.0
TOGETHER_S = 600.0
ERROR, WARNING, NOTICE, INFO = 3, 4, 5, 6
"""Priorities of syslog(3)."""
_LEVELS = {"error": ERROR, "warning": WARNING, "info": INFO}


def is_journal(stream: TextIO | None) -> bool:
    """Whether a stream (None: it is closed) goes to the systemd journal (JOURNAL_STREAM in systemd.exec(5))."""
    if stream is None:
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def open_journal(place: str, options: Mapping[str, str], context: Context) -> Sink:
    """Return the sink for ``journal:``."""
    del context
    check_on_stdout("journal", place, options)
    return JournalSink()


class JournalSink(Sink):
    """Writes one line a message to ``out`` (stdout if not given), with the prefix ``<priority>`` of sd-daemon(3)."""

    wants = (StreamInfo, LinkState, Gap, Mark, Notice, Finding)

    def __init__(self, out: TextIO | None = None) -> None:
        super().__init__()
        self._out = out
        self._gaps: list[float] = []
        self._told_at: float | None = None

    def write(self, event: Event) -> None:
        """Write a line, if the event is worth one."""
        match event:
            case StreamInfo():
                leads = " ".join(event.leads)
                mark = " (synthetic, drawn from a pulse)" if event.synthetic else ""
                self._tell(
                    INFO, f"{event.source}: {event.stream} {leads}{mark}, {event.fs:g} Hz {event.rate_note}"
                )
            case LinkState():
                well = event.state in ("live", "connecting", "closed")
                self._tell(INFO if well else WARNING, f"link {event.state}: {event.message}")
            case Gap() if event.duration >= LONG_S:
                self._tell(WARNING, f"gap of {event.duration:.1f} s ({event.stream}): {event.reason}")
            case Gap():
                self._gaps.append(event.duration)
            case Notice():
                self._tell(_LEVELS[event.level], event.message)
            case Finding() if event.change != "holds":
                self._tell(NOTICE, _line(event))
            case Mark():
                self._tell(NOTICE, f"marked: {event.text}")

    def tick(self, now: float) -> None:
        """Report short gaps together every `TOGETHER_S`."""
        if self._told_at is None:
            self._told_at = now
        if now - self._told_at >= TOGETHER_S:
            self._told_at = now
            self._tell_gaps()

    def close(self) -> None:
        """Report the remaining short gaps."""
        self._tell_gaps()

    def _tell_gaps(self) -> None:
        if self._gaps:
            self._tell(
                WARNING, f"{len(self._gaps)} short gaps, {sum(self._gaps):.1f} s together, since last told"
            )
            self._gaps.clear()

    def _tell(self, priority: int, message: str) -> None:
        try:
            print(f"<{priority}>{visible(message)}", file=self._out or sys.stdout, flush=True)
        except BrokenPipeError:
            raise OutputGoneError("the journal closed the pipe") from None


def _line(finding: Finding) -> str:
    name = sensor_name(finding)
    if finding.why:
        reason = finding.reason or finding.text
        return f"{name}not scored, because {reason}" if finding.change == "begins" else f"{name}scored again"
    if finding.change == "ends":
        return f"{name}{finding.code} ends"
    sure = "" if finding.probability is None else f", p {finding.probability:.2f}"
    return f"{name}{finding.code} begins{sure} ({finding.source})"
