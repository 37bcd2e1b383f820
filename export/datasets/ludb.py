"""LUDB (Kalyakulina et al., IEEE Access 8:186181, 2020) where P, QRS and T begin and end.

12-lead ECGs of 10 s, one a person, every wave marked by cardiologists in each lead by itself. The waves
at both ends of a recording are not marked: only what lies between the first and the last mark of a lead
says where no wave is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.datasets.cache import gathered, microvolts, millivolts
from export.datasets.folds import fold
from wearecg.ecg.leads import TWELVE, canonical_all
from wearecg.errors import SourceError
from wearecg.pipeline.resample import resample

FS = 100.0
PUBLISHED_FS = 500
SECONDS = 10
_KEPT = """
11 14 20 21 22 28 33 34 47 48 53 56 66 67 70 72 73 74 78 91 92 93 95 101 115 119 120 133 135 154 174 179 189 194
"""
KEPT = frozenset(_KEPT.split())
"""Records that openecg 0.11.0 was not trained on either: for comparisons alone."""
WAVES = {"P": "p", "QRS": "N", "T": "t"}
"""Our names of the waves, and the publisher's symbols for their peaks."""


@dataclass(frozen=True, eq=False)
class Ludb:
    """The recordings and their waves, row for row.

    Attributes
    ----------
    names : tuple of str
        The publisher's record numbers.
    signals : int16 [n, 12, 10 fs]
        Microvolts, leads in standard order.
    waves : tuple of dict of str to tuple of float64 [k, 3]
        For each recording and wave (``P``, ``QRS``, ``T``) an array for each lead: onset, peak and offset
        in seconds. An edge that is not marked beside its peak is NaN.
    fold : int [n]
        1 to 10, from a hash of the record's name.
    """

    names: tuple[str, ...]
    signals: NDArray[np.int16]
    waves: tuple[dict[str, tuple[NDArray[np.float64], ...]], ...]
    fold: NDArray[np.int64]

    def millivolts(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return ``[rows, 12, 10 fs]`` in mV."""
        return millivolts(self.signals[rows])

    def rows(self, folds: Sequence[int]) -> NDArray[np.int64]:
        """Return the rows of these folds."""
        return np.flatnonzero(np.isin(self.fold, folds))


def load(root: Path, cache: Path, fs: float = FS) -> Ludb:
    """Read the set under ``root`` (the folder of the records, or one or two above it), at ``fs`` Hz.

    The samples are resampled once into one memory-mapped array in the folder ``cache``.

    Raises
    ------
    SourceError
        ``root`` does not hold the set, or one of its records cannot be read.
    """
    folders = (root, root / "data", root / "ludb" / "data")
    base = next((d for d in folders if any(d.glob("*.avf"))), None)
    if base is None:
        raise SourceError(f"no LUDB records (1.hea, 1.avf, ...) in {root} or its data: give the LUDB folder")
    names = sorted((path.stem for path in base.glob("*.hea")), key=int)
    shape = (len(TWELVE), round(fs * SECONDS))
    return Ludb(
        names=tuple(names),
        signals=gathered(cache, f"ludb-{fs:g}hz", base, names, shape, partial(_record, fs)),
        waves=tuple(_waves(base / name) for name in names),
        fold=np.array([fold(name) for name in names]),
    )


def _record(fs: float, path: Path) -> NDArray[np.int16]:
    """Read one record as microvolts ``[12, 10 fs]``.

    The header scales each lead to 1 mV by a gain of its own; the samples themselves are microvolts.
    """
    import wfdb

    try:
        record = wfdb.rdrecord(str(path), physical=False)
    except (OSError, ValueError) as error:
        raise SourceError(f"LUDB record {path}: {error}") from error
    if record.fs != PUBLISHED_FS or canonical_all(record.sig_name) != TWELVE:
        raise SourceError(f"LUDB record {path}: not 12 standard leads at {PUBLISHED_FS} Hz")
    return microvolts(resample(record.d_signal.astype(np.float32) / 1000, PUBLISHED_FS, fs)).T


def _waves(path: Path) -> dict[str, tuple[NDArray[np.float64], ...]]:
    import wfdb

    marks = []
    for lead in TWELVE:
        try:
            notes = wfdb.rdann(str(path), lead.lower())
        except (OSError, ValueError) as error:
            raise SourceError(f"LUDB annotations {path}.{lead.lower()}: {error}") from error
        marks.append((notes.sample / PUBLISHED_FS, notes.symbol))
    return {wave: tuple(_spans(*lead, symbol) for lead in marks) for wave, symbol in WAVES.items()}


def _spans(times: NDArray[np.float64], symbols: Sequence[str], peak: str) -> NDArray[np.float64]:
    """Onset, peak and offset of each wave whose peak has this symbol."""
    times, symbols = np.concatenate([times, [np.nan]]), [*symbols, ""]
    spans = [
        (
            times[i - 1] if symbols[i - 1] == "(" else np.nan,
            times[i],
            times[i + 1] if symbols[i + 1] == ")" else np.nan,
        )
        for i, symbol in enumerate(symbols)
        if symbol == peak
    ]
    return np.array(spans, np.float64).reshape(-1, 3)
