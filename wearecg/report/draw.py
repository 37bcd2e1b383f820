"""Pictures of a report as inline SVG: strips on a millimetre grid, and what changed over the hours."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, isnan

import numpy as np
from numpy.typing import NDArray

from wearecg.account import StreamAccount
from wearecg.account.account import MINUTE_S
from wearecg.account.episodes import Kind
from wearecg.account.text import clock
from wearecg.report.strips import Strip
from wearecg.report.style import ALONE, PATTERN

MM_PER_S, MM_PER_MV = 25.0, 10.0
LEAST_MV, MOST_MV = 2.0, 6.0
"""What the row of a lead is high for."""
HEAD_MM = 6.0
"""For the letters of the beats."""
WIDTH, LEFT, RIGHT = 960.0, 100.0, 8.0
RATE_H, BAR_H, LANE_H, GAP_H = 150.0, 10.0, 16.0, 8.0
MOST_LANES = 8
MOST_POINTS = 900
STEPS_S = (60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800)


def strip_svg(strip: Strip, title: str) -> str:
    """Return a strip at 25 mm/s and 10 mm/mV, as large in print, with its beats and what is cited marked."""
    seconds = strip.end - strip.start
    rows = [_row(samples) for samples in strip.samples.T]
    width = seconds * MM_PER_S
    height = HEAD_MM + sum(row_height for row_height, _ in rows)
    parts = [
        f'<svg class="strip" viewBox="0 0 {width:g} {height:g}" style="width:{width:g}mm" role="img" '
        f'aria-label="{escape(title)}"><rect class="grid" width="{width:g}" height="{height:g}"/>'
    ]
    first, last = (max(0.0, min(at - strip.start, seconds)) for at in strip.cited)
    if 0 < last - first < seconds:
        parts.append(
            f'<rect class="cited" x="{first * MM_PER_S:.1f}" width="{(last - first) * MM_PER_S:.1f}" '
            f'y="0" height="{height:g}"/>'
        )
    top = HEAD_MM
    for lead, sized, samples, (row_height, middle) in zip(
        strip.leads, strip.sized, strip.samples.T, rows, strict=True
    ):
        zero = top + row_height / 2
        parts.append(f'<path class="trace" d="{_path(samples, strip.fs, zero, middle)}"/>')
        words = lead if sized else f"{lead} (of no known size)"
        parts.append(f'<text class="lead" x="1.5" y="{top + 4:.1f}">{escape(words)}</text>')
        top += row_height
    for at, code in strip.beats:
        x = (at - strip.start) * MM_PER_S
        kind = "beat" if code in "N?" else "beat odd"
        letter = "▾" if code == "?" else code
        parts.append(f'<text class="{kind}" x="{x:.1f}" y="4.4">{escape(letter)}</text>')
    return "".join(parts) + "</svg>"


def alone(strip: Strip, title: str) -> str:
    """Return a strip as a file of its own, on white paper, with its title below."""
    picture = strip_svg(strip, title)
    width, height = (float(one) for one in picture.partition('viewBox="0 0 ')[2].partition('"')[0].split())
    inner = picture[picture.index(">") + 1 : -len("</svg>")]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height + 8:g}mm" '
        f'viewBox="0 0 {width:g} {height + 8:g}" font-family="sans-serif"><style>{ALONE}</style>{PATTERN}'
        f'<rect width="{width:g}" height="{height + 8:g}" fill="#fff"/>{inner}'
        f'<text x="1" y="{height + 5:g}">{escape(title)}</text></svg>\n'
    )


def _row(samples: NDArray[np.float32]) -> tuple[float, float]:
    """Return the height of a row, mm, and the mV in its middle."""
    known = samples[~np.isnan(samples)]
    if not len(known):
        return LEAST_MV * MM_PER_MV, 0.0
    low, high = np.quantile(known, [0.002, 0.998])
    span = min(max(high - low + 0.4, LEAST_MV), MOST_MV)
    return ceil(span * MM_PER_MV / 5) * 5.0, float(low + high) / 2


def _path(samples: NDArray[np.float32], fs: float, zero: float, middle: float) -> str:
    """Return the path of a trace in mm; it breaks where samples are missing."""
    x = np.round(np.arange(len(samples)) / fs * MM_PER_S, 2)
    y = np.round(zero - (samples - middle) * MM_PER_MV, 1)
    parts: list[str] = []
    drawing = False
    for at, value in zip(x.tolist(), y.tolist(), strict=True):
        if isnan(value):
            drawing = False
            continue
        parts.append(f"{'L' if drawing else 'M'}{at:g} {value:g}")
        drawing = True
    return "".join(parts)


def trend_svg(stream: StreamAccount, kinds: Sequence[Kind]) -> str:
    """Return heart rate, what could be read, and when each finding held, over the whole recording."""
    whole = max(stream.end, MINUTE_S)
    lanes = list(kinds)[:MOST_LANES]
    classes = _burdens(stream)
    height = RATE_H + GAP_H + BAR_H + GAP_H + LANE_H * (len(lanes) + len(classes)) + 24
    inner = WIDTH - LEFT - RIGHT

    def x(seconds: float) -> float:
        return LEFT + inner * min(seconds / whole, 1.0)

    parts = [f'<svg class="trend" viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="trends">']
    parts += _rates(stream, x)
    top = RATE_H + GAP_H
    parts.append(f'<text class="label" x="{LEFT - 6:g}" y="{top + 9:g}">readable</text>')
    parts.append(f'<rect class="unread" x="{LEFT:g}" y="{top:g}" width="{inner:g}" height="{BAR_H:g}"/>')
    for number, minute in _minutes(stream):
        if minute > 0.5:
            left = x(number * MINUTE_S)
            parts.append(
                f'<rect class="read" x="{left:.2f}" y="{top:g}" '
                f'width="{max(x((number + 1) * MINUTE_S) - left, 0.3):.2f}" height="{BAR_H:g}"/>'
            )
    top += BAR_H + GAP_H
    for code, bars in classes:
        parts.append(f'<text class="label" x="{LEFT - 6:g}" y="{top + 11:g}">{escape(code)} beats</text>')
        for at, until, part in bars:
            tall = max(1.0, part * (LANE_H - 3))
            parts.append(
                f'<rect class="odd" x="{x(at):.2f}" y="{top + LANE_H - 2 - tall:.2f}" '
                f'width="{max(x(until) - x(at) - 0.2, 0.4):.2f}" height="{tall:.2f}"/>'
            )
        top += LANE_H
    for kind in lanes:
        parts.append(f'<text class="label" x="{LEFT - 6:g}" y="{top + 11:g}">{escape(kind.code)}</text>')
        for one in kind.kept:
            parts.append(
                f'<rect class="held" x="{x(one.since):.2f}" y="{top + 3:g}" '
                f'width="{max(x(one.end) - x(one.since), 0.8):.2f}" height="{LANE_H - 6:g}">'
                f"<title>{escape(kind.text)}, {clock(one.since)} to {clock(one.end)}</title></rect>"
            )
        top += LANE_H
    parts += _axis(whole, x, top)
    return "".join(parts) + "</svg>"


def _minutes(stream: StreamAccount) -> list[tuple[int, float]]:
    """Return the share of each minute that could be read."""
    if stream.info.waveform:
        return [(n, one.readable / one.judged if one.judged else 0.0) for n, one in stream.minutes.items()]
    return [(n, 1.0 if one.rates else 0.0) for n, one in stream.minutes.items()]


def _rates(stream: StreamAccount, x: object) -> list[str]:
    assert callable(x)
    known = [(n, one) for n, one in sorted(stream.minutes.items()) if one.rates]
    if not known:
        return [f'<text class="tick" x="{LEFT + 10:g}" y="{RATE_H / 2:g}">no heart rate is known</text>']
    step = ceil(len(known) / MOST_POINTS)
    groups = [known[i : i + step] for i in range(0, len(known), step)]
    low = min(one.slowest for _, one in known)
    high = max(one.fastest for _, one in known)
    bottom, top = int(low // 20) * 20, max(int(high // 20 + 1) * 20, int(low // 20) * 20 + 40)

    def y(bpm: float) -> float:
        return 6 + (RATE_H - 12) * (1 - (bpm - bottom) / (top - bottom))

    each = 20 if top - bottom <= 120 else 40
    parts = [f'<text class="label" x="{LEFT - 6:g}" y="12">bpm</text>']
    for bpm in range(bottom, top + 1, each):
        parts.append(f'<path class="rule" d="M{LEFT:g} {y(bpm):.1f}H{WIDTH - RIGHT:g}"/>')
        if bpm < top:
            parts.append(f'<text class="label" x="{LEFT - 6:g}" y="{y(bpm) + 4:.1f}">{bpm}</text>')
    band, line = [], []
    after = None
    for group in groups:
        left, right = x(group[0][0] * MINUTE_S), x((group[-1][0] + 1) * MINUTE_S)
        slow, fast = min(one.slowest for _, one in group), max(one.fastest for _, one in group)
        mean = sum(one.rate for _, one in group) / len(group)
        band.append(f"M{left:.1f} {y(fast):.1f}H{right:.1f}V{y(slow):.1f}H{left:.1f}Z")
        joined = after is not None and group[0][0] - after <= step
        line.append(f"{'L' if joined else 'M'}{(left + right) / 2:.1f} {y(mean):.1f}h.1")
        after = group[-1][0]
    parts.append(f'<path class="band" d="{"".join(band)}"/><path class="rate" d="{"".join(line)}"/>')
    return parts


def _burdens(stream: StreamAccount) -> list[tuple[str, list[tuple[float, float, float]]]]:
    """Return for the classes that are not normal the share of the beats in each of at most 240 parts."""
    times, codes = stream.beats.times, stream.beats.codes
    if not stream.beats.source or not len(times):
        return []
    parts = int(min(240, max(1, stream.end // MINUTE_S)))
    edges = np.linspace(0, max(stream.end, 1.0), parts + 1)
    total, _ = np.histogram(times, edges)
    found = []
    for code in "SV":
        count, _ = np.histogram(times[codes == ord(code)], edges)
        if count.any():
            share = count / np.maximum(total, 1)
            bars = [(float(edges[i]), float(edges[i + 1]), float(share[i])) for i in np.flatnonzero(count)]
            found.append((code, bars))
    return found


def _axis(whole: float, x: object, top: float) -> list[str]:
    assert callable(x)
    step = next((one for one in STEPS_S if whole / one <= 13), STEPS_S[-1])
    parts = []
    for at in range(0, int(whole) + 1, step):
        parts.append(f'<path class="rule" d="M{x(at):.1f} 4V{top:g}"/>')
        anchor = "start" if at == 0 else "middle"
        if x(at) < WIDTH - 24:
            parts.append(
                f'<text class="tick" x="{x(at):.1f}" y="{top + 16:g}" text-anchor="{anchor}">{clock(at)}</text>'
            )
    return parts
