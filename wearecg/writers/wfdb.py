"""Writes WFDB records as the recorder does: one segment, missing samples with the format's code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from wearecg.errors import SinkError
from wearecg.formats.mit_annotations import SYMBOLS
from wearecg.formats.recording import Stored
from wearecg.sinks.annotations import AnnotationFile
from wearecg.sinks.record import RecordWriter
from wearecg.sinks.wfdb import ANNOTATOR, NoSignals
from wearecg.sinks.wfdb_headers import Signals
from wearecg.text import visible
from wearecg.writers.base import Writer, annotations_of, other_rates, pieces
from wearecg.writers.counts import Counted, count

LONGEST_NOTE = 255
"""Bytes of Latin-1."""
TOGETHER = 10_000
"""Annotations that are written at a time."""
_CODES = {symbol: code for code, symbol in SYMBOLS.items() if symbol != " "}


class WfdbWriter(Writer):
    """A header, a signal file and annotations."""

    name: ClassVar[str] = "wfdb"
    title: ClassVar[str] = "WFDB (.hea): gaps, annotations; one rate"
    suffixes: ClassVar[tuple[str, ...]] = (".hea",)

    def lost(self, stored: Stored, options: Mapping[str, str]) -> list[str]:
        """Tell other rates, and annotations that its codes or 255 bytes cannot say."""
        lost = other_rates(stored, "WFDB")
        found = annotations_of(stored)
        strange = sum(symbol not in _CODES for symbol in found.symbols)
        long = sum(len(note.encode("latin-1", "replace")) > LONGEST_NOTE for note in found.notes)
        if strange:
            lost.append(f"WFDB has no code for {strange} annotations: they become comments")
        if long:
            lost.append(f"{long} annotations are longer than WFDB's {LONGEST_NOTE} bytes, and cut off there")
        return lost

    def write(self, stored: Stored, path: Path, options: Mapping[str, str]) -> Sequence[str]:
        """Write it; where the counts turn out too small, again."""
        _write_annotations(stored, path.with_suffix(f".{ANNOTATOR}"))
        if stored.recording.intervals is not None:
            _write_length(stored, path)
            return ()
        chosen = count(stored)
        if not _write(stored, path, chosen):
            for written in path.parent.glob(f"{path.stem}*"):
                if written.suffix != f".{ANNOTATOR}":
                    written.unlink()
            chosen = count(stored, looked=True)
            if not _write(stored, path, chosen):
                raise SinkError(f"{stored.recording.name} has values that are no numbers")
        return chosen.lost

    def files(self, folder: Path) -> list[Path]:
        """Return its files, the header last."""
        return sorted(folder.iterdir(), key=lambda path: (path.suffix == ".hea", path.name))


def _write(stored: Stored, path: Path, chosen: Counted) -> bool:
    """Write header and signals; return whether all values fitted."""
    recording = stored.recording
    names = tuple(f"{lead} derived" if lead in recording.derived else lead for lead in recording.leads)
    units = [_unit(unit) for unit in recording.units]
    epoch = float("nan") if recording.epoch is None else recording.epoch
    writer = RecordWriter(
        path.parent, path.stem, recording.fs, names, chosen.coding, epoch, recording.comments, units
    )
    for first, samples in pieces(stored):
        writer.write(samples, first)
        if any(notice.level == "warning" for notice in writer.notices):
            writer.close()
            return False
    writer.close()
    for notice in writer.notices:
        raise OSError(notice.message)
    return True


def _write_length(stored: Stored, path: Path) -> None:
    recording = stored.recording
    epoch = float("nan") if recording.epoch is None else recording.epoch
    note = "wearecg: no signals; the first interval begins with sample 0"
    comments = recording.comments or (note,)
    header = NoSignals(path.with_suffix(""), Signals(recording.fs, (), (), (), 16, epoch, comments))
    header.extend(stored.length)
    header.close()


def _write_annotations(stored: Stored, path: Path) -> None:
    found = annotations_of(stored)
    rows = sorted(zip(found.times.tolist(), found.symbols, found.notes, strict=True), key=lambda row: row[0])
    if not rows:
        return
    file = AnnotationFile(path)
    for first in range(0, len(rows), TOGETHER):
        for time, symbol, note in rows[first : first + TOGETHER]:
            code = _CODES.get(symbol, _CODES['"'])
            text = note if symbol in _CODES else f"{symbol} {note}"
            file.add(round(time * stored.recording.fs), code, text=visible(text))
        file.flush()
    file.close()


def _unit(unit: str) -> str:
    return "_".join(unit.split()) or "NU"
