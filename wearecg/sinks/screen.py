"""Draws the live view: lines of styled text for one terminal size."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions
from rich.control import Control
from rich.segment import Segment
from rich.style import Style

from wearecg.block import Finding, StreamInfo, Trace
from wearecg.ecg.leads import is_ecg
from wearecg.sinks.monitor import NORMAL, Monitor, clock, evidence, held, percent, sensor_name
from wearecg.sinks.sweep import Sweep, calibration
from wearecg.text import visible

Part: TypeAlias = tuple[str, str]
"""Text and the name of its style."""
Line: TypeAlias = list[Part]

# Of the sixteen terminal colours only those that stand out on dark and on light backgrounds.
STYLES = {
    name: Style.parse(style)
    for name, style in {
        "": "none",
        "name": "bold cyan",
        "bold": "bold",
        "dim": "bright_black",
        "trace": "bold green",
        "past": "green",
        "estimate": "bold cyan",
        "past estimate": "cyan",
        "rate": "bold magenta",
        "heart": "bold red",
        "good": "green",
        "poor": "color(172)",
        "bad": "bold red",
        "bar": "cyan",
        "gap": "color(172)",
    }.items()
}
PREFERRED = ("II", "V1", "V5", "I", "V2")
MARK = "≈"
"""Marks a lead that was not measured."""
MADE = ("twelve", "pulse")
"""The streams that models make."""
LABEL = 11
SIDE = 25
MIN_ROWS = 4
MIN_ROWS_OF_TWELVE = 2
MAX_ROWS = 9
LINKS = {"live": "good", "connecting": "poor", "closed": "dim"}
VERDICTS = {"good": ("●", "good"), "poor": ("◐", "poor"), "unusable": ("○", "bad")}
_DIGITS = {
    "0": ("█▀█", "█ █", "▀▀▀"),
    "1": ("▀█ ", " █ ", "▀▀▀"),
    "2": ("▀▀█", "█▀▀", "▀▀▀"),
    "3": ("▀▀█", " ▀█", "▀▀▀"),
    "4": ("█ █", "▀▀█", "  ▀"),
    "5": ("█▀▀", "▀▀█", "▀▀▀"),
    "6": ("█▀▀", "█▀█", "▀▀▀"),
    "7": ("▀▀█", "  █", "  ▀"),
    "8": ("█▀█", "█▀█", "▀▀▀"),
    "9": ("█▀█", "▀▀█", "▀▀▀"),
    "-": ("   ", "▀▀▀", "   "),
}


class Screen:
    """Composes the live view; keeps the traces between frames and starts them anew with the size or the stream."""

    def __init__(self) -> None:
        self._size = (0, 0)
        self._shown: StreamInfo | None = None
        self._sweep: Sweep | None = None
        self._columns: list[int] = []
        self._leads: list[str] = []
        self._estimated: tuple[str, ...] = ()
        """Those of the leads shown that were not measured."""
        self._made: str | None = None
        """The stream of a model that is shown instead of the measured one."""

    def feed(self, trace: Trace) -> None:
        """Draw more signal."""
        if trace.stream.sensor > 1 or (trace.stream if trace.stream in MADE else None) != self._made:
            return
        if self._sweep and len(trace.samples) and set(self._leads) <= set(trace.leads):
            self._sweep.feed(trace.samples[:, self._columns], trace.fs, trace.start)

    def compose(self, monitor: Monitor, width: int, height: int, recording: str) -> list[Line]:
        """Return ``height`` lines, each ``width`` cells wide."""
        side = SIDE if width >= 70 else 0
        bottom = self._findings(monitor, width, max(height // 6, 2)) if height >= 12 else []
        room = max(height - 3 - len(bottom), 1)
        self._choose_leads(monitor, width, height, width - side - LABEL - 1, room)
        traces = self._traces(monitor, room)
        panel = self._side_panel(monitor, len(traces)) if side else []
        lines = [self._top_line(monitor, width, not side)]
        for i, line in enumerate(traces):
            beside = panel[i] if i < len(panel) else []
            lines.append(_pad(line, width - side) + beside if side else line)
        lines += [self._ruler(width), *bottom]
        lines += [[]] * (height - 1 - len(lines)) + [self._bottom_line(monitor, width, recording)]
        return [_pad(line, width) for line in lines[:height]]

    def _choose_leads(self, monitor: Monitor, width: int, height: int, cells: int, room: int) -> None:
        if made := monitor.made:
            leads, chosen = made.leads, self._of_model(made, room)
        else:
            leads = monitor.info.leads if monitor.info else ()
            chosen = self._of_measured(leads, room)
        shown = monitor.made or monitor.info
        if (width, height) == self._size and chosen == self._leads and shown is self._shown:
            return
        self._size, self._leads, self._shown = (width, height), chosen, shown
        self._made = made.stream if made else None
        self._estimated = (*made.reconstructed, *made.synthetic) if made else ()
        self._columns = [leads.index(lead) for lead in chosen]
        self._sweep = Sweep(max(cells, 8), len(chosen)) if chosen else None

    def _of_model(self, info: StreamInfo, room: int) -> list[str]:
        """Choose as many leads as fit, measured ones first."""
        order = sorted(info.leads, key=lambda lead: lead in info.reconstructed)
        chosen = order[: max((room - 1) // MIN_ROWS_OF_TWELVE, 1)]
        return sorted(chosen, key=info.leads.index)

    def _of_measured(self, leads: tuple[str, ...], room: int) -> list[str]:
        ecg = [lead for lead in leads if is_ecg(lead)] or [
            lead for lead in leads if not lead.startswith("ACC")
        ]
        order = [lead for lead in PREFERRED if lead in ecg] if len(ecg) > 3 else []
        order += [lead for lead in ecg if lead not in order]
        return order[: max(min(3, (room - 1) // MIN_ROWS), 1)]

    def _top_line(self, monitor: Monitor, width: int, narrow: bool) -> Line:
        left: Line = [(" wearecg ", "name")]
        if info := monitor.info:
            what = f"{len(info.leads)} leads" if len(info.leads) > 1 else info.leads[0]
            left.append((f" {info.source} · {what} · {info.fs:g} Hz", "dim"))
        if self._estimated:
            pulse = monitor.made is not None and bool(monitor.made.synthetic)
            words = "synthetic, from the pulse" if pulse else f"{len(self._estimated)} reconstructed"
            left.append((f" {MARK} {words}", "estimate"))
            if self._sweep and self._sweep.newest >= 0:
                behind = monitor.now - self._sweep.newest / self._sweep.dots_per_s
                left.append((f", {behind:.0f} s behind", "dim"))
        right: Line = []
        if narrow and monitor.rate:
            right.append((f"♥ {_bpm(monitor)} bpm  ", "rate"))
        if monitor.link:
            state = monitor.link.state
            right.append((f"● {state}", LINKS.get(state, "bad")))
        if monitor.delay is not None:
            right.append((f"  delay {monitor.delay:.2f} s", "dim"))
        right.append((f"  {clock(monitor.now)} ", "bold"))
        return [*_pad(left, width - _width(right) - 1), (" ", ""), *right]

    def _traces(self, monitor: Monitor, room: int) -> list[Line]:
        sweep = self._sweep
        if sweep is None:
            message = monitor.link.message if monitor.link else ""
            blank: list[Line] = [[] for _ in range(room)]
            blank[room // 2] = [(f"   {message or 'waiting for the sensor'}", "dim")]
            return blank
        lines = [self._beats(monitor, sweep)]
        rows = min(max((room - 1) // len(self._leads), 1), MAX_ROWS)
        for number, lead in enumerate(self._leads):
            pulse, millivolts = calibration(rows, *sweep.range(number))
            estimated = lead in self._estimated
            name, style = (
                (f"{MARK}{lead}", "estimate") if estimated else (f" {lead}", _label_style(monitor, lead))
            )
            labels: list[Part] = [(name, style), (f" {millivolts:g} mV", "dim")]
            if not is_ecg(lead) and not estimated:
                labels, pulse = labels[:1], ("",) * rows
            for row, text in enumerate(sweep.draw(number, rows)):
                label = _pad(labels[row : row + 1], LABEL - 4)
                line = _pad([*label, (pulse[row], "dim")], LABEL)
                words = self._labels(monitor, sweep, number) if row == rows // 2 else []
                lines.append(line + self._line(sweep, text, words, estimated))
        return lines + [[] for _ in range(room - len(lines))]

    def _labels(self, monitor: Monitor, sweep: Sweep, number: int) -> list[tuple[str, int, int]]:
        """Return the labels inside the trace of a lead, each with its first and last cell."""
        if self._made and sweep.newest < 0 and number == 0:
            return [(" after the first ten seconds ", 0, sweep.columns // 2 - 1)]
        words = [
            (f" {gap.duration:.1f} s gap ", first, last)
            for gap in monitor.gaps
            for first, last in sweep.cells(gap.start, gap.start + gap.duration)
        ]
        if self._leads[number] in self._estimated:
            words += [(" not known ", first, last) for first, last in sweep.blanks(number)]
        return words

    def _line(
        self, sweep: Sweep, text: str, words: list[tuple[str, int, int]], estimated: bool = False
    ) -> Line:
        new, old = ("estimate", "past estimate") if estimated else ("trace", "past")
        for label, first, last in words:
            at = (first + last + 1 - len(label)) // 2
            if at >= first:
                before, after = text[:at], text[at + len(label) :]
                return [(before, old if sweep.cursor < at else new), (label, "gap"), (after, old)]
        cut = sweep.cursor + 1
        return [(text[:cut], new), (text[cut:], old)]

    def _beats(self, monitor: Monitor, sweep: Sweep) -> Line:
        ticks = [" "] * (sweep.columns // 2)
        for beat in monitor.beats:
            cell = sweep.cell(beat.time)
            if cell is not None:
                code = monitor.classes.get(beat.time, NORMAL)
                ticks[cell] = "▾" if code == NORMAL else code
        return [(" " * LABEL, ""), ("".join(ticks), "heart")]

    def _ruler(self, width: int) -> Line:
        marks = ["─"] * width
        if self._sweep and width > 2 * LABEL:
            for second in range(self._sweep.seconds):
                marks[LABEL + int(second * self._sweep.dots_per_s / 2)] = "┴"
            text = " 1 s "
            at = LABEL + int(self._sweep.dots_per_s / 4) - 2
            marks[at : at + len(text)] = text
        device = " not a medical device "
        basis = (
            "only rate and regularity are found here"
            if self._made == "pulse"
            else "findings rest on measured leads"
        )
        words = [f" {basis} ─{device}"] if self._estimated else []
        for said in (*words, device):
            if width > len(said) + 2 * LABEL:
                marks[-len(said) - 2 : -2] = said
                break
        return [("".join(marks), "dim")]

    def _side_panel(self, monitor: Monitor, rows: int) -> list[Line]:
        lines: list[Line] = [[]]
        beating = bool(monitor.beats) and monitor.now - monitor.beats[-1].time < 0.45
        bpm = _bpm(monitor)
        for row in range(3):
            digits = " ".join(_DIGITS[digit][row] for digit in bpm)
            unit = [(" ♥", "heart" if beating else "dim"), ("", ""), (" bpm", "dim")][row]
            lines.append([("  ", ""), (f"{digits:<11}", "rate"), unit])
        reason = monitor.rate.reason if monitor.rate else "no signal yet"
        if bpm == "--":
            lines += [[(f"  {line}", "poor")] for line in textwrap.wrap(f"because {reason}", SIDE - 3)[:3]]
        if rate := monitor.pulse_rate:
            words = f"{rate.bpm:.0f} bpm by the pulse" if rate.bpm is not None else rate.reason
            lines.append([(f"  {MARK} {words}"[: SIDE - 1], "estimate")])
        lines.append([])
        if monitor.quality:
            good = [lead.lead for lead in monitor.quality.leads if lead.verdict == "good"]
            for lead in monitor.quality.leads:
                mark, style = VERDICTS[lead.verdict]
                if lead.verdict != "good":
                    words = lead.reason or lead.verdict
                    lines.append(
                        [("  ", ""), (f"{mark} ", style), (f"{lead.lead:<4}", "bold"), (f"{words}", style)]
                    )
            for i, text in enumerate(textwrap.wrap(" ".join(good), SIDE - 11)):
                head: Line = [("  ", ""), ("● ", "good")] if i == 0 else [("    ", "")]
                lines.append([*head, (text, "bold"), (" good" if i == 0 else "", "good")])
        return lines[:rows]

    def _findings(self, monitor: Monitor, width: int, most: int) -> list[Line]:
        active = list(monitor.findings)
        # Always the same height, so that the traces above do not jump.
        if not active:
            words = "no findings" if monitor.scored else "no findings yet"
            return [[(f"  {words}", "dim")], *([[]] * (most - 1))]
        shown = active[:most]
        name = min(max(cell_len(sensor_name(finding) + finding.text) for finding in shown), 27)
        bar = min(max(6 + (width - 100) // 4, 6), 20)
        lines = [self._finding(finding, width, name, bar) for finding in shown]
        return [*lines, *([[]] * (most - len(lines)))]

    def _finding(self, finding: Finding, width: int, name: int, bar: int) -> Line:
        text = sensor_name(finding) + finding.text
        if finding.why:
            return [("  -      ", "dim"), (f"{sensor_name(finding)}not scored: {finding.reason}", "poor")]
        if finding.probability is None:
            measures = "  ".join(evidence(finding))
            return [(f"  {finding.code:<6} ", "bold"), (f"{text}  ", ""), (measures, "dim")]
        halves = round(bar * 2 * (finding.probability if 0 <= finding.probability <= 1 else 0))
        filled = "━" * (halves // 2) + "╸" * (halves % 2)
        line: Line = [
            (f"  {finding.code:<6} ", "bold"),
            (f"{set_cell_size(text, name)} ", ""),
            (filled, "bar"),
            ("─" * (bar - len(filled)), "dim"),
            (f" {percent(finding):<14}", "bold"),
            (f"for {held(finding.end - finding.since):<7}", "dim"),
        ]
        for measure in evidence(finding):
            part = (f"{measure}  ", "dim")
            if _width(line) + len(measure) <= width:  # half a number would be a wrong number
                line.append(part)
        return line

    def _bottom_line(self, monitor: Monitor, width: int, recording: str) -> Line:
        parts: list[Line] = []
        link = monitor.link
        if link and link.state not in ("live", "connecting"):
            parts.append([(link.message, "bad")])
        elif notice := monitor.notice:
            parts.append([(notice.message, {"info": "dim", "warning": "poor"}.get(notice.level, "bad"))])
        if recording:
            parts.append([("● REC ", "bad"), (f"{clock(monitor.now)} {recording}", "")])
        if monitor.gap_count:
            plural = "gap" if monitor.gap_count == 1 else "gaps"
            parts.append([(f"{monitor.gap_count} {plural}, {monitor.missing:.1f} s missing", "gap")])
        left: Line = [(" ", "")]
        for number, part in enumerate(parts):
            if number == 0 or _width(left) + _width(part) <= width:
                left += [*part, ("  ", "")]
        right: Line = [("Ctrl-C ends ", "dim")] if _width(left) + 12 <= width else []
        return _pad(left, width - _width(right)) + right


class Frame:
    """Lines for rich, each exactly as wide as the terminal.

    With ``before`` only the lines that differ from that frame are drawn, each at its place; without it,
    all of them from top to bottom.
    """

    def __init__(self, lines: list[Line], before: Frame | None = None) -> None:
        self.lines = lines
        self._before = before

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield the styled text."""
        for row, line in enumerate(self.lines):
            if self._before:
                if line == self._before.lines[row]:
                    continue
                yield Control.move_to(0, row).segment
            for text, style in line:
                yield Segment(text, STYLES[style])
            if not self._before and row < len(self.lines) - 1:
                yield Segment.line()


def _bpm(monitor: Monitor) -> str:
    bpm = monitor.rate.bpm if monitor.rate else None
    return f"{bpm:.0f}" if bpm is not None and 0 < bpm < 1000 else "--"


def _label_style(monitor: Monitor, lead: str) -> str:
    verdicts = {known.lead: known.verdict for known in monitor.quality.leads} if monitor.quality else {}
    return "bad" if verdicts.get(lead) == "unusable" else "bold"


def _width(line: Line) -> int:
    return sum(cell_len(text) for text, _ in line)


def _pad(line: Line, width: int) -> Line:
    fitted: Line = []
    for text, style in line:
        text, room = visible(text), max(width, 0)
        taken = cell_len(text)
        if taken > room:
            text, taken = set_cell_size(text, room), room
        fitted.append((text, style))
        width -= taken
    return [*fitted, (" " * width, "")] if width > 0 else fitted
