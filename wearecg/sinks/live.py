"""``live:``: the stream on the terminal, as a monitor, or as plain lines where there is no terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from rich.console import Console, ScreenContext
from rich.control import Control

from wearecg.block import Entry, Event, Finding, Gap, HeartRate, LinkState, Mark, Notice, StreamInfo, Trace
from wearecg.ecg.leads import PULSE, SYNTHETIC
from wearecg.sinks.base import Context, Sink, check_on_stdout
from wearecg.sinks.monitor import Monitor, clock, evidence, percent, sensor_name
from wearecg.sinks.screen import MARK, Frame, Screen
from wearecg.sinks.threaded import OutputGoneError
from wearecg.text import visible

FRAME_S = 0.09
LINES = "lines"
"""The place that asks for lines on a terminal too."""
LINE_S = 1.0
LONG_S = 1.0
"""Gaps from this length on have a line each."""
WHOLE_S = 3.0
"""Between two frames only changed lines are sent; after this time all, should another program have written there."""


def open_live(place: str, options: Mapping[str, str], context: Context) -> Sink:
    """Return the sink for ``live:`` and ``live:lines``."""
    check_on_stdout("live", "" if place == LINES else place, options)
    console = Console(highlight=False, force_terminal=False) if place == LINES else None
    return LiveSink(console, recording=context.recording)


class LiveSink(Sink):
    """Shows what happens now.

    On a terminal a sweeping trace with heart rate, findings, signal quality and link, ten times a
    second; elsewhere one line a second and one for each change, of short gaps their number. Colours follow
    ``NO_COLOR``.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to show it; stdout if not given.
    recording : str
        Where the stream is being recorded, to be shown.
    """

    wants = (Entry, Trace)

    def __init__(self, console: Console | None = None, recording: str = "") -> None:
        super().__init__()
        self._recording = recording
        self._console = console or Console(highlight=False)
        self._monitor = Monitor()
        self._screen = Screen()
        self._size = (0, 0)
        self._context: ScreenContext | None = None
        self._frame: Frame | None = None
        self._drawn = self._line_at = self._whole_at = float("-inf")
        self._line_time = 0.0
        self._gaps: list[float] = []
        """Short ones since the last line."""
        self._closed = False

    def write(self, event: Event) -> None:
        """Take one event."""
        if self._closed:
            return
        self._monitor.feed(event)
        if isinstance(event, Trace):
            self._screen.feed(event)
        if not self._console.is_terminal:
            self._report(event)

    def tick(self, now: float) -> None:
        """Redraw, or write the line of this second."""
        if self._closed:
            return
        if not self._console.is_terminal:
            if now - self._line_at >= LINE_S and self._monitor.now != self._line_time:
                self._line_at, self._line_time = now, self._monitor.now
                self._print(self._status())
        elif now - self._drawn >= FRAME_S:
            self._drawn = now
            self._draw(now)

    def close(self) -> None:
        """Give the terminal back."""
        if not self._closed and self._context:
            self._context.__exit__(None, None, None)
        self._closed = True

    def _draw(self, now: float) -> None:
        if self._context is None:
            self._context = self._console.screen()
            self._context.__enter__()
        width, height = self._console.size
        lines = self._screen.compose(self._monitor, width, height, self._recording)
        before = self._frame if self._size == (width, height) and now - self._whole_at < WHOLE_S else None
        if before is None:
            self._size, self._whole_at = (width, height), now
            self._console.control(Control.home())
        self._frame = Frame(lines, before)
        self._console.print(self._frame, end="", crop=False, no_wrap=True)

    def _status(self) -> str:
        monitor = self._monitor
        parts = [clock(monitor.now)]
        if monitor.rate:
            mark = f" ({MARK}{SYNTHETIC})" if monitor.rate.stream == PULSE else ""
            parts.append(rate_text(monitor.rate) + mark)
        if monitor.pulse_rate:
            parts.append(f"{rate_text(monitor.pulse_rate)} by the pulse")
        if monitor.quality:
            bad = [f"{q.lead} {q.verdict}: {q.reason}" for q in monitor.quality.leads if q.verdict != "good"]
            parts.append(", ".join(bad) or "signal good")
        if self._gaps:
            parts.append(f"{len(self._gaps)} short gaps, {sum(self._gaps):.2f} s together")
            self._gaps.clear()
        parts += [_brief(finding) for finding in list(monitor.findings)[:3]]
        return "  ".join(parts)

    def _report(self, event: Event) -> None:
        at = clock(self._monitor.now)
        match event:
            case StreamInfo():
                self._print(
                    f"{event.source}: {event.stream} {' '.join(event.leads)}, {event.fs:g} Hz {event.rate_note}"
                )
                if event.reconstructed:
                    self._print(f"reconstructed, no basis of any finding: {' '.join(event.reconstructed)}")
                if event.synthetic:
                    leads = " ".join(event.synthetic)
                    self._print(
                        f"synthetic, drawn from a pulse, basis of rate and regularity at most: {leads}"
                    )
                self._print("not a medical device")
            case LinkState():
                self._print(f"{at}  link {event.state}: {event.message}")
            case Gap() if event.duration < LONG_S:
                self._gaps.append(event.duration)
            case Gap():
                self._print(
                    f"{at}  gap of {event.duration:.2f} s at {event.start:.2f} s ({event.stream}): {event.reason}"
                )
            case Notice():
                self._print(f"{at}  {event.level}: {event.message}")
            case Mark():
                self._print(f"{at}  marked: {event.text}")
            case Finding() if event.change != "holds":
                measured = event.change == "begins" and ", ".join(evidence(event))
                self._print(f"{at}  {_brief(event)} {event.change}" + (f"  ({measured})" if measured else ""))

    def _print(self, line: str) -> None:
        try:
            print(visible(line), file=self._console.file, flush=True)
        except BrokenPipeError:
            self._closed = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise OutputGoneError("the reader of stdout closed the pipe") from None


def rate_text(rate: HeartRate) -> str:
    """``72 bpm``, or why there is none."""
    return f"{rate.bpm:.0f} bpm" if rate.bpm is not None else f"-- bpm because {rate.reason}"


def _brief(finding: Finding) -> str:
    name = sensor_name(finding)
    if finding.why:
        return f"{name}not scored, because {finding.reason}"
    # A rule that only measures (the rhythm of RR intervals) gives no probability.
    return name + (finding.text if finding.probability is None else f"{finding.code} {percent(finding)}")
