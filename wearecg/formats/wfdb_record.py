"""WFDB records (PhysioNet's format), through the ``wfdb`` package.

A null segment of a multi-segment record, or a sample with the format's invalid value, is NaN. Annotations are those of
an expert (``.atr``), or where there are none those that wearecg wrote as it recorded (``.wea``). A record without
signals is read as the RR intervals between its annotated beats.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wearecg.ecg.leads import canonical_all
from wearecg.errors import MissingExtraError, SourceError
from wearecg.formats import BEAT_SYMBOLS, RR_UNKNOWN, Annotations, Recording, RRSeries
from wearecg.formats.mit_annotations import SYMBOLS, decode

if TYPE_CHECKING:
    from wearecg.block import Samples

ANNOTATORS = ("atr", "wea")
"""An expert's, and ours."""
_TO_MILLIVOLT = {"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "V": 1e3, "nV": 1e-6}


def read(path: Path, fs: float | None) -> Recording:
    """Read the record at ``path`` (its header, its signal file, or the name that both share).

    ``fs`` is refused: a header always knows the rate.
    """
    stem = path.with_suffix("") if path.suffix in (".hea", ".dat") else path
    header_file = stem.with_name(stem.name + ".hea")
    if not header_file.is_file():
        hint = "is there a folder or a name missing?" if stem.parent.is_dir() else "its folder does not exist"
        raise SourceError(f"no such recording: {header_file} ({hint})")
    try:
        import wfdb
    except ImportError:
        raise MissingExtraError("wfdb", "formats", "reading WFDB records") from None
    with _wfdb_errors_told(header_file, "a WFDB record"):
        header = wfdb.rdheader(str(stem))
    if fs is not None and fs != header.fs:
        raise SourceError(f"{header_file} says {header.fs:g} Hz; leave out the rate of {fs:g} Hz")
    annotations = _annotations(stem, float(header.fs))
    epoch = header.base_datetime.replace(tzinfo=UTC).timestamp() if header.base_datetime else None
    comments = tuple(header.comments or ())
    if header.n_sig == 0:
        length = header.sig_len or _length_of(annotations, float(header.fs))
        return Recording(
            samples=np.empty((length, 0), np.float32),
            fs=float(header.fs),
            leads=(),
            name=stem.name,
            annotations=annotations,
            comments=comments,
            epoch=epoch,
            intervals=_intervals(annotations, any(said.startswith("wearecg ") for said in comments)),
        )
    files = _signal_files(header, header_file)
    if not header.sig_len and not any(file.stat().st_size for file in files):
        samples, units, gains, names = _nothing(header)
    else:
        with _wfdb_errors_told(header_file, "a WFDB record"):
            record = wfdb.rdrecord(str(stem))
        samples = np.asarray(record.p_signal, np.float32)
        units, gains, names = record.units, record.adc_gain, record.sig_name
    scale = np.array([_TO_MILLIVOLT.get(unit, 1.0) for unit in units])
    steps = gains if gains is not None else [0.0] * len(names)
    return Recording(
        samples=(samples * scale.astype(np.float32)),
        fs=float(header.fs),
        leads=canonical_all(names),
        name=stem.name,
        lsb=tuple(float(s / gain) if gain else 0.0 for s, gain in zip(scale, steps, strict=True)),
        annotations=annotations,
        comments=comments,
        epoch=epoch,
    )


def _nothing(header: Any) -> tuple[Samples, list[str], list[float], list[str]]:
    names = list(getattr(header, "sig_name", None) or [])
    return np.empty((0, len(names)), np.float32), [""] * len(names), [0.0] * len(names), names


def _signal_files(header: Any, header_file: Path) -> list[Path]:
    """Return the files that the header names; say which one is missing before wfdb says that some is."""
    if hasattr(header, "seg_name"):
        names = [f"{name}.hea" for name in header.seg_name if name != "~"]
    else:
        names = list(dict.fromkeys(header.file_name or ()))
    for name in names:
        if not (header_file.parent / name).is_file():
            raise SourceError(f"{header_file} names {name}, which is not beside it; copy that file there too")
    return [header_file.parent / name for name in names]


def _annotations(stem: Path, fs: float) -> Annotations | None:
    expert, ours = (stem.with_name(f"{stem.name}.{annotator}") for annotator in ANNOTATORS)
    if expert.is_file():
        import wfdb

        with _wfdb_errors_told(expert, "WFDB annotations"):
            found = wfdb.rdann(str(stem), ANNOTATORS[0])
        notes = tuple(note.rstrip("\x00") for note in found.aux_note)
        return Annotations(np.asarray(found.sample, np.float64) / fs, tuple(found.symbol), notes)
    if not ours.is_file():
        return None
    rows = [row for row in decode(ours.read_bytes()) if row[1] in SYMBOLS]
    times = np.array([sample for sample, _, _ in rows], np.float64) / fs
    return Annotations(times, tuple(SYMBOLS[code] for _, code, _ in rows), tuple(note for *_, note in rows))


def _length_of(annotations: Annotations | None, fs: float) -> int:
    """Return the samples up to the last annotation: a header need not give the length."""
    if annotations is None or not len(annotations.times):
        return 0
    return round(float(annotations.times.max()) * fs) + 1


def _intervals(annotations: Annotations | None, ours: bool) -> RRSeries:
    """Return the intervals between the beats: unknown where a gap begins between the two, or where it is noted.

    The first one of a recording of ours begins with it.
    """
    if annotations is None:
        return RRSeries(np.empty(0), np.empty(0))
    rows = sorted(zip(annotations.times.tolist(), annotations.symbols, annotations.notes, strict=True))
    beats = [(time, note) for time, symbol, note in rows if symbol in BEAT_SYMBOLS]
    times = np.array([time for time, _ in beats], np.float64)
    rr = np.diff(times, prepend=0.0 if ours else np.nan)
    rr[[number for number, (_, note) in enumerate(beats) if note == RR_UNKNOWN]] = np.nan
    gaps = [
        time
        for time, symbol, note in rows
        if symbol == "~" and note.startswith("gap ") and note != "gap ends"
    ]
    behind = np.searchsorted(times, gaps, side="right")
    rr[behind[behind < len(rr)]] = np.nan
    return RRSeries(times, rr)


@contextmanager
def _wfdb_errors_told(file: Path, what: str) -> Iterator[None]:
    """Tell which file is damaged: the wfdb package raises whatever its parser stumbles over."""
    try:
        yield
    except Exception as error:
        raise SourceError(f"{file} cannot be read as {what}: {error}") from error
