"""WFDB records (PhysioNet's format), through the ``wfdb`` package.

A null segment of a multi-segment record, or a sample with the format's invalid value, is NaN.
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
from wearecg.formats import Annotations, Recording

if TYPE_CHECKING:
    from wearecg.block import Samples

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
        annotations=_annotations(stem, float(header.fs)),
        comments=tuple(header.comments or ()),
        epoch=header.base_datetime.replace(tzinfo=UTC).timestamp() if header.base_datetime else None,
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
    import wfdb

    file = stem.with_name(stem.name + ".atr")
    if not file.is_file():
        return None
    with _wfdb_errors_told(file, "WFDB annotations"):
        found = wfdb.rdann(str(stem), "atr")
    notes = tuple(note.rstrip("\x00") for note in found.aux_note)
    return Annotations(np.asarray(found.sample, np.float64) / fs, tuple(found.symbol), notes)


@contextmanager
def _wfdb_errors_told(file: Path, what: str) -> Iterator[None]:
    """Tell which file is damaged: the wfdb package raises whatever its parser stumbles over."""
    try:
        yield
    except Exception as error:
        raise SourceError(f"{file} cannot be read as {what}: {error}") from error
