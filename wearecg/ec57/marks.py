"""What an annotation file says: beats with their class, what could not be read, fibrillation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from wearecg.ec57.pairs import CLASSES, WINDOW_S
from wearecg.errors import SourceError
from wearecg.formats.mit_annotations import END, LARGEST_CODE, Annotation, decode
from wearecg.formats.wfdb_header import read_header
from wearecg.text import visible

Spans: TypeAlias = tuple[tuple[float, float], ...]
"""Stretches of time, seconds from the beginning of the recording, in order."""

CLASS_OF = {symbol: code for code, symbols in CLASSES.items() for symbol in symbols}
PACED = frozenset("/f")
_RESOLUTION = "## time resolution: "
"""A note in front of annotations whose samples are not those of the header."""
_UNREADABLE = 0x30
"""Bits of the subtype of ``~``: neither of the first two signals can be read."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of one recording, by one annotator.

    Attributes
    ----------
    beats : tuple of (float, str)
        Seconds and class (``N S V F Q``), in order; without those in ventricular fibrillation.
    duration : float
        Seconds of the recording; up to the last mark where that is not known.
    unreadable : Spans
        Where no beat could be told, because the signal could not be read.
    vf, af, afl : Spans
        Ventricular fibrillation or flutter (``[`` to ``]``), atrial fibrillation and flutter (rhythm marks).
    paced : bool
        Whether it has paced beats.
    cut : bool
        Whether its file ends without its end mark.
    """

    beats: tuple[tuple[float, str], ...]
    duration: float
    unreadable: Spans = ()
    vf: Spans = ()
    af: Spans = ()
    afl: Spans = ()
    paced: bool = False
    cut: bool = False


def read_marks(path: Path, beside: Path | None = None) -> Marks:
    """Read an annotation file in the MIT format.

    Its rate is in the header beside it (``100.hea`` for ``100.atr``), or where there is none in that of the file
    ``beside``, unless it states its own time resolution.

    Raises
    ------
    SourceError
        There is no such file, no header, or it is no annotation file.
    """
    header_file = path.with_suffix(".hea")
    if beside and not header_file.is_file():
        header_file = beside.with_suffix(".hea")
    header = read_header(header_file)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    found = list(decode(data))
    text = data.isascii() and data.translate(None, b"\t\r\n").decode().isprintable()
    odd = text or any(row.sample < 0 or not 0 < row.code <= LARGEST_CODE for row in found)
    if len(data) < 2 or (len(data) > 2 and not found) or odd:
        raise SourceError(f"{path} is no annotation file in the MIT format")
    resolution = next((row.text for row in found if row.text.startswith(_RESOLUTION)), "")
    try:
        fs = float(resolution.removeprefix(_RESOLUTION).rstrip("\0")) if resolution else header.fs
    except ValueError:
        raise SourceError(f"{path} states {visible(resolution)!r}, which is no number") from None
    return replace(marks_of(found, fs, header.length / header.fs), cut=not data.endswith(END))


def marks_of(found: Iterable[Annotation], fs: float, duration: float = 0.0) -> Marks:
    """Return what the annotations of a recording of ``duration`` seconds at ``fs`` Hz say."""
    rows = sorted(found, key=lambda row: row.sample)
    end = max(duration, rows[-1].sample / fs if rows else 0.0)
    timed = [(row.sample / fs, row) for row in rows]
    vf = _between(timed, "[", "]", end)
    beats = [(t, row.symbol) for t, row in timed if row.symbol in CLASS_OF and not inside(t, vf)]
    rhythms = [
        (t, row.text.rstrip("\0")) for t, row in timed if row.symbol == "+" and row.text.startswith("(")
    ]
    return Marks(
        beats=tuple((t, CLASS_OF[symbol]) for t, symbol in beats),
        duration=end,
        unreadable=_unreadable(timed, end),
        vf=vf,
        af=_rhythm(rhythms, "(AFIB", end),
        afl=_rhythm(rhythms, "(AFL", end),
        paced=any(symbol in PACED for _, symbol in beats),
    )


def inside(t: float, spans: Spans) -> bool:
    """Whether a time lies in one of the stretches."""
    return any(start <= t <= end for start, end in spans)


def _between(rows: list[tuple[float, Annotation]], first: str, last: str, end: float) -> Spans:
    spans: list[tuple[float, float]] = []
    since: float | None = None
    for t, row in rows:
        if row.symbol == first and since is None:
            since = t
        elif row.symbol == last and since is not None:
            spans.append((since, t))
            since = None
    return (*spans, (since, end)) if since is not None else tuple(spans)


def _rhythm(rows: list[tuple[float, str]], name: str, end: float) -> Spans:
    """Return the stretches of one rhythm: from a mark of it to the next of another."""
    spans: list[tuple[float, float]] = []
    since: float | None = None
    for t, text in rows:
        if text.startswith(name):
            since = t if since is None else since
        elif since is not None:
            spans.append((since, t))
            since = None
    return (*spans, (since, end)) if since is not None else tuple(spans)


def _unreadable(rows: list[tuple[float, Annotation]], end: float) -> Spans:
    """Return what could not be read: up to the next ``~`` that says otherwise.

    Where a beat comes before that, the mark was put somewhere inside (as the AHA database has it): then all between
    the beats, less the match window, could not be read.
    """
    spans: list[tuple[float, float]] = []
    since: float | None = None
    before = 0.0
    for t, row in rows:
        beat = row.symbol in CLASS_OF
        bad = row.symbol == "~" and row.subtype & _UNREADABLE == _UNREADABLE
        if bad and since is None:
            since = t
        elif since is not None and row.symbol == "~" and not bad:
            spans.append((since, t))
            since = None
        elif since is not None and beat:
            first = before + WINDOW_S
            spans.append((min(first, t - WINDOW_S), t - WINDOW_S))
            since = None
        if beat:
            before = t
    return (*spans, (since, end)) if since is not None else tuple(spans)
