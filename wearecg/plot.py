"""The twelve-lead page: 25 mm/s and 10 mm/mV on a millimetre grid, three rows of four leads and a rhythm strip.

The layout of a paper ECG (Kligfield et al., Circulation 115:1306, 2007). The page is drawn in millimetres, so a
print at full size (A4, landscape) can be measured with a ruler. Measured leads are black, reconstructed ones blue
with their error band; stretches that are not known are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg.leads import TWELVE, select
from wearecg.errors import MissingExtraError, SinkError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wearecg.formats import Recording
    from wearecg.models.lead12 import Reconstructor
    from wearecg.pipeline.twelve import Twelve

PAGE_MM = (297.0, 210.0)
MM_PER_S = 25.0
MM_PER_MV = 10.0
COLUMNS = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6"))
SECONDS = 10.0
LEFT_MM = 25.0
ROWS_MM = (165.0, 125.0, 85.0, 40.0)
"""Height of each row's zero line above the lower edge; the last row is the rhythm strip."""
GRID_MM = (10.0, 290.0, 15.0, 190.0)
"""Left, right, bottom, top of the grid."""
MEASURED, RECONSTRUCTED, GRID = "black", "#1f4fbf", "#f2b8b5"
INCH_MM = 25.4


def save_page(recording: Recording, leads: Sequence[str], model: Reconstructor, path: Path) -> None:
    """Reconstruct the first 10 s of ``recording`` from ``leads`` (empty: all it has) and draw them into ``path``.

    Raises
    ------
    LeadError, SignalError
        The recording does not have the leads, or nothing can be reconstructed.
    MissingExtraError
        matplotlib is not installed.
    SinkError
        The file cannot be written, or matplotlib does not know its suffix.
    """
    columns = select(
        leads or [lead for lead in recording.leads if lead in TWELVE], recording.leads, recording.name
    )
    samples = recording.samples[: round(SECONDS * recording.fs), columns]
    twelve = model(samples, recording.fs, [recording.leads[i] for i in columns])
    figure = page(twelve, model.band.width, recording.name, model.label)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise SinkError(f"cannot draw {path}: {error}") from error


def page(twelve: Twelve, width: float, title: str, source: str) -> Figure:
    """Draw the first 10 s of ``twelve``; ``width`` is the band's half-width in standard deviations.

    All leads are high-passed at 0.5 Hz, as the model sees them. The figure has one axes, in mm, that covers it.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "plot", "drawing the 12-lead page") from None

    figure = Figure(figsize=(PAGE_MM[0] / INCH_MM, PAGE_MM[1] / INCH_MM), dpi=200)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, PAGE_MM[0]), ylim=(0, PAGE_MM[1]))
    axes.set_axis_off()
    _grid(axes)
    given = [lead for lead, measured in zip(TWELVE, twelve.measured, strict=True) if measured]
    strip = "II" if "II" in given else given[0]
    for column, leads in enumerate(COLUMNS):
        for lead, zero in zip(leads, ROWS_MM, strict=False):
            _lead(axes, twelve, lead, width, column * SECONDS / 4, (column + 1) * SECONDS / 4, zero)
    _lead(axes, twelve, strip, width, 0.0, SECONDS, ROWS_MM[-1])
    for zero in ROWS_MM:
        _calibration(axes, zero)
    axes.text(GRID_MM[0], 200, title, size=11, weight="bold", va="center")
    axes.text(GRID_MM[1], 200, "25 mm/s   10 mm/mV   from 0.5 Hz", size=9, ha="right", va="center")
    axes.text(GRID_MM[0], 9, f"measured: {' '.join(given)}", size=9, va="center", color=MEASURED)
    axes.text(
        GRID_MM[0],
        4.5,
        f"the others reconstructed by {source}, with error band; no basis of any finding. Not a medical device.",
        size=9,
        va="center",
        color=RECONSTRUCTED,
    )
    return figure


def _lead(axes: Axes, twelve: Twelve, lead: str, width: float, start: float, end: float, zero: float) -> None:
    """Draw the seconds from ``start`` to ``end`` of one lead, its zero line at ``zero`` mm."""
    at, fs = TWELVE.index(lead), twelve.fs
    rows = slice(round(start * fs), round(end * fs) + 1)
    y = twelve.filtered[rows, at]
    x = LEFT_MM + MM_PER_S * (start + np.arange(len(y)) / fs)
    measured = bool(twelve.measured[at])
    colour = MEASURED if measured else RECONSTRUCTED
    axes.plot(x, zero + MM_PER_MV * y, color=colour, linewidth=0.8, gid=lead, solid_joinstyle="round")
    if not measured:
        reach = width * np.where(twelve.known[rows, at], twelve.sd[rows, at], np.nan)
        low, high = zero + MM_PER_MV * (y - reach), zero + MM_PER_MV * (y + reach)
        axes.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
        for first, last in _blanks(y, round(0.5 * fs)):
            axes.text(
                (x[first] + x[last]) / 2, zero, "not known", size=7, color=colour, ha="center", va="center"
            )
    left = LEFT_MM + MM_PER_S * start
    axes.text(left + 1, zero + 13, lead, size=10, color=colour, weight="bold")
    if start:
        axes.plot([left, left], [zero - 3, zero + 3], color=MEASURED, linewidth=0.8)


def _blanks(y: NDArray[np.floating[Any]], shortest: int) -> list[tuple[int, int]]:
    """Return first and last index of each stretch without values that is long enough for a text."""
    edges = np.flatnonzero(np.diff(np.isnan(y), prepend=False, append=False)).reshape(-1, 2)
    return [(int(first), int(end) - 1) for first, end in edges if end - first >= shortest]


def _calibration(axes: Axes, zero: float) -> None:
    """Draw the calibration pulse, 1 mV for 0.2 s, to the left of a row."""
    x = LEFT_MM - 8 + np.array([0.0, 1.5, 1.5, 6.5, 6.5, 8.0])
    y = zero + MM_PER_MV * np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    axes.plot(x, y, color=MEASURED, linewidth=0.8, gid="calibration")


def _grid(axes: Axes) -> None:
    left, right, bottom, top = GRID_MM
    for step, thickness in ((1, 0.25), (5, 0.7)):
        axes.vlines(np.arange(left, right + 0.5, step), bottom, top, color=GRID, linewidth=thickness)
        axes.hlines(np.arange(bottom, top + 0.5, step), left, right, color=GRID, linewidth=thickness)
