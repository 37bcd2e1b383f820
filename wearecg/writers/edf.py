"""Writes EDF+ and BDF+ as the recorder does, with the signals of every rate in one file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from wearecg.errors import SinkError
from wearecg.formats.edf_notes import END
from wearecg.formats.note_texts import text_of
from wearecg.formats.recording import Stored
from wearecg.formats.units import spelt_micro
from wearecg.sinks.coding import Coding, unique
from wearecg.sinks.edf_file import EdfFile
from wearecg.sinks.edf_header import EdfSignal, Scale, header, label_of, start_of
from wearecg.sinks.edf_silence import Silence
from wearecg.writers.base import Writer, annotations_of
from wearecg.writers.counts import BeyondRangeError, Counted, count, encoded

DERIVED = "derived from other leads"
AREA = 120
"""Bytes of annotations in a record, at least."""
LONGEST_S = 60
AT_A_TIME_S = 60.0


class EdfWriter(Writer):
    """EDF+ with 16 bits, BDF+ with 24."""

    name: ClassVar[str] = "edf"
    title: ClassVar[str] = "EDF+ (.edf), BDF+ (.bdf): every rate, gaps, annotations"
    suffixes: ClassVar[tuple[str, ...]] = (".edf", ".bdf")
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {"discontinuous": ("0", "1")}

    def lost(self, stored: Stored, options: Mapping[str, str]) -> list[str]:
        """Tell other rates that no record fits, and units that are too long."""
        parts, _, _ = _layout(stored)
        lost = [
            f"no record of EDF holds whole samples of {stored.recording.fs:g} and {other.recording.fs:g} Hz: "
            f"{', '.join(other.recording.leads)} is lost"
            for other in stored.others
            if other not in parts
        ]
        lost += [
            f"the unit {unit!r} of {lead} is no unit of EDF, which has eight characters"
            for part in parts
            for lead, unit in zip(part.recording.leads, part.recording.units, strict=True)
            if _unit(unit) != spelt_micro(unit)
        ]
        return lost

    def write(self, stored: Stored, path: Path, options: Mapping[str, str]) -> Sequence[str]:
        """Write it; where the counts turn out too small, again."""
        bits = 24 if path.suffix.lower() == ".bdf" else 16
        parts, _, _ = _layout(stored)
        for looked in (False, True):
            chosen = [count(part, bits, _limit, looked) for part in parts]
            try:
                _write(stored, path, chosen, "D" if options.get("discontinuous") == "1" else "C")
            except BeyondRangeError:
                path.unlink(missing_ok=True)
            else:
                return [line for one in chosen for line in one.lost]
        raise SinkError(f"{stored.recording.name} has values that are no numbers")


def _unit(unit: str) -> str:
    """Return a unit in eight characters of ASCII; none where it cannot be said."""
    plain = spelt_micro(unit)
    return plain if plain.isascii() and len(plain) <= 8 else ""


def _limit(step: float, unit: str, bits: int) -> int:
    return Scale.choose(step, unit, bits).top - 1


def _layout(stored: Stored) -> tuple[list[Stored], list[int], int]:
    """Return the parts that fit into records of one length, the samples of each in a record, and its microseconds."""
    if stored.recording.intervals is not None:
        return [], [], 1_000_000
    parts = [stored]
    best = _record([stored.recording.fs])
    for other in stored.others:
        if found := _record([part.recording.fs for part in (*parts, other)]):
            parts.append(other)
            best = found
    assert best
    return parts, *best


def _record(rates: Sequence[float]) -> tuple[list[int], int] | None:
    """Return the samples of each rate in the shortest record of whole samples, from a second on if that can be."""
    first = rates[0]
    lengths = [*range(math.ceil(first), math.ceil(first * LONGEST_S)), *range(math.ceil(first) - 1, 0, -1)]
    for samples in lengths:
        seconds = samples / first
        counts = [rate * seconds for rate in rates]
        micros = seconds * 1e6
        if all(abs(x - round(x)) < 1e-6 and round(x) for x in counts) and abs(micros - round(micros)) < 1e-6:
            return [round(x) for x in counts], round(micros)
    if len(rates) > 1:
        return None
    samples = max(1, round(first))
    return [samples], round(samples / first * 1e6)


def _signals(part: Stored, coding: Coding, samples: int) -> Iterator[EdfSignal]:
    recording = part.recording
    leads = zip(unique(recording.leads), recording.leads, recording.units, coding.steps, strict=True)
    for name, lead, unit, step in leads:
        transducer = DERIVED if lead in recording.derived else ""
        yield EdfSignal(label_of(name), Scale.choose(step, _unit(unit), coding.bits), samples, transducer)


def _notes(stored: Stored) -> list[tuple[float, str]]:
    """Return when (s) and what is annotated, in order."""
    found = annotations_of(stored)
    notes = [
        (time, text_of(symbol, note))
        for time, symbol, note in zip(found.times.tolist(), found.symbols, found.notes, strict=True)
    ]
    return sorted([*((0.0, line) for line in stored.recording.comments), *notes], key=lambda note: note[0])


def _noter(file: EdfFile, fraction: int, micros: float) -> Callable[[int, str, int | None], None]:
    """Return what annotates samples that are so many microseconds apart."""

    def note(sample: int, text: str, length: int | None) -> None:
        file.note(fraction + round(sample * micros), text, None if length is None else round(length * micros))

    return note


def _write(stored: Stored, path: Path, chosen: Sequence[Counted], kind: str) -> None:
    from wearecg import __version__

    parts, samples, micros = _layout(stored)
    recording = stored.recording
    codings = [one.coding for one in chosen]
    bits = codings[0].bits if codings else 16
    signals = [
        signal
        for part, coding, n in zip(parts, codings, samples, strict=True)
        for signal in _signals(part, coding, n)
    ]
    records = max(
        [math.ceil(part.length / n) for part, n in zip(parts, samples, strict=True)]
        or [math.ceil(stored.length / recording.fs * 1e6 / micros)]
    )
    notes = _notes(stored)
    # Room for what stands in a record, and for all of it together.
    needed = sum(len(text.encode()) + 24 for _, text in notes) / max(records, 1) + 24
    area = AREA if needed < AREA / 2 else math.ceil(2 * needed / 6) * 6
    second, fraction = start_of(math.nan if recording.epoch is None else recording.epoch)
    head = header(signals, bits, area, micros, second, kind, __version__)
    file = EdfFile(path, area)
    silences = [
        Silence(part.recording.leads, part.recording.fs, _noter(file, fraction, micros / n), len(parts) == 1)
        for part, n in zip(parts, samples, strict=True)
    ]
    try:
        at_a_time = max(1, round(AT_A_TIME_S * 1e6 / micros))
        waiting = iter(notes)
        note = next(waiting, None)
        for first in range(0, records, at_a_time):
            last = min(first + at_a_time, records)
            while note and (note[0] * 1e6 < last * micros or last == records):
                file.note(fraction + round(note[0] * 1e6), note[1])
                note = next(waiting, None)
            kept = np.zeros(last - first, bool)
            columns = []
            for part, coding, n, silence in zip(parts, codings, samples, silences, strict=True):
                held = part.read(min(first * n, part.length), min(last * n, part.length))
                digital, missing = encoded(coding, held)
                silence.feed(missing, first * n)
                if last == records:
                    silence.end(part.length)
                if rest := (last - first) * n - len(held):
                    digital = np.concatenate([digital, coding.nothing(rest)])
                # A signal after the other in each record.
                by_signal = digital.T.reshape(-1, last - first, n).swapaxes(0, 1)
                octets = np.frombuffer(coding.pack(by_signal), np.uint8)
                columns.append(octets.reshape(last - first, -1))
                if missing is None:
                    kept[: -(-len(held) // n)] = True
                elif kind == "D":
                    there = np.pad(~missing.all(axis=1), (0, rest))
                    kept |= there.reshape(last - first, n).any(axis=1)
            if last == records and parts and parts[0].length < records * samples[0]:
                file.note(fraction + round(parts[0].length * micros / samples[0]), END)
            starts = [fraction + k * micros for k in range(first, last)]
            rows = np.concatenate(columns, axis=1) if columns else np.empty((last - first, 0), np.uint8)
            if kind == "D" and parts:
                kept[-1] |= last == records
                kept[0] |= first == 0
                rows, starts = rows[kept], [start for start, there in zip(starts, kept, strict=True) if there]
            if len(starts):
                file.append(head, rows, starts)
        while not file.place_notes():
            raise OSError("its annotations have no room")
        file.count()
        file.sync()
    finally:
        file.close()
