"""Makes docs/live.svg, the picture in the README: the live view of a replayed recording.

python -m docs.picture RECORD SECONDS
"""

from __future__ import annotations

import io
import sys
from html import escape
from pathlib import Path

from rich.console import Console
from rich.segment import Segment
from rich.terminal_theme import MONOKAI

from wearecg import Trace, stream
from wearecg.sinks.live import Frame
from wearecg.sinks.monitor import Monitor
from wearecg.sinks.screen import Screen

COLUMNS, ROWS = 100, 30
CELL_W, CELL_H, MARGIN = 8.4, 18, 12
BRAILLE = 0x2800
DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
GREY = "#98a2b3"


def main(record: str, seconds: float) -> None:
    """Play ``seconds`` of the record and draw what the terminal shows at their end."""
    monitor, screen = Monitor(), Screen()
    for event in stream(record, duration=seconds):
        monitor.feed(event)
        if isinstance(event, Trace):
            screen.compose(monitor, COLUMNS, ROWS, "recordings")
            screen.feed(event)
    console = Console(
        file=io.StringIO(), force_terminal=True, width=COLUMNS, height=ROWS, color_system="truecolor"
    )
    lines = console.render_lines(Frame(screen.compose(monitor, COLUMNS, ROWS, "recordings")))
    Path(__file__).with_name("live.svg").write_text(svg(lines))


def svg(lines: list[list[Segment]]) -> str:
    """Every cell at its own place, braille as dots, so that no font can shift it."""
    width, height = COLUMNS * CELL_W + 2 * MARGIN, len(lines) * CELL_H + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        'font-family="Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="14">',
        '<rect width="100%" height="100%" rx="8" fill="#16181d"/>',
    ]
    for row, line in enumerate(lines):
        x, y = MARGIN, MARGIN + row * CELL_H
        for text, style, _ in line:
            colour = "#d8dee9"
            if style and style.color and not style.color.is_default:
                # The theme's "bright black" is too dark to read in print.
                grey = style.color.name == "bright_black"
                colour = GREY if grey else style.color.get_truecolor(MONOKAI).hex
            extra = ' font-weight="bold"' if style and style.bold else ""
            extra += ' opacity="0.6"' if style and style.dim else ""
            for char in text:
                dots = ord(char) - BRAILLE
                if 0 < dots < 256:
                    parts += [
                        f'<circle cx="{x + CELL_W * (0.25 + 0.5 * dx):.1f}" '
                        f'cy="{y + CELL_H * (0.125 + 0.25 * dy):.1f}" r="1.5" fill="{colour}"{extra}/>'
                        for bit, (dx, dy) in enumerate(DOTS)
                        if dots >> bit & 1
                    ]
                elif char == "█" or "▀" <= char <= "▟":
                    parts.append(_block(char, x, y, colour))
                elif char.strip() and dots:
                    parts.append(
                        f'<text x="{x:.1f}" y="{y + 13}" fill="{colour}"{extra}>{escape(char)}</text>'
                    )
                x += CELL_W
    return "\n".join([*parts, "</svg>"]) + "\n"


def _block(char: str, x: float, y: float, colour: str) -> str:
    top, bottom = {"▀": (0.0, 0.5), "▄": (0.5, 1.0)}.get(char, (0.0, 1.0))
    box = f'x="{x:.1f}" y="{y + top * CELL_H:.1f}" width="{CELL_W + 0.2}" height="{(bottom - top) * CELL_H + 0.2:.1f}"'
    return f'<rect {box} fill="{colour}"/>'


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
