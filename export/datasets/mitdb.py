"""MIT-BIH Arrhythmia Database (Moody and Mark, IEEE Eng Med Biol 20:45, 2001) at 100 Hz: beats and rhythms.

Half an hour of two Holter leads a record. De Chazal et al. (IEEE TBME 51:1196, 2004) divide the records
without a pacemaker into DS1, for training, and DS2, for measuring, and persons do not cross; the beats
are called by the five classes of ANSI/AAMI EC57.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.datasets.cache import gathered, microvolts, millivolts
from wearecg.ec57 import CLASSES
from wearecg.ecg.leads import canonical_all
from wearecg.errors import SourceError
from wearecg.formats import Annotations
from wearecg.formats.wfdb_record import stored
from wearecg.pipeline.resample import resample

FS = 100.0
LENGTH = 180_556
"""Samples of a record: 650,000 at 360 Hz."""
DS1 = (
    "101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122",
    "124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230",
)  # fmt: skip
PACED = ("102", "104", "107", "217")


class Beats(NamedTuple):
    """When the beats of a record were, ``[k]`` seconds, and their class, ``[k]`` positions in ``CLASSES``."""

    times: NDArray[np.float64]
    classes: NDArray[np.int64]


class Rhythm(NamedTuple):
    """A stretch of one rhythm: seconds, and the publisher's code (``N``, ``AFIB``, ``VT``, ...)."""

    start: float
    end: float
    code: str


@dataclass(frozen=True, eq=False)
class MitDb:
    """The records and their annotations, row for row.

    Attributes
    ----------
    names : tuple of str
    leads : tuple of tuple of str
        Of each record, in house spelling: the modified lead II is ``II``.
    signals : int16 [n, 2, 180556]
        Microvolts.
    beats : tuple of Beats
    rhythms : tuple of tuple of Rhythm
        From the first annotation of a record to its end.
    """

    names: tuple[str, ...]
    leads: tuple[tuple[str, ...], ...]
    signals: NDArray[np.int16]
    beats: tuple[Beats, ...]
    rhythms: tuple[tuple[Rhythm, ...], ...]

    def millivolts(self, row: int) -> NDArray[np.float32]:
        """Return one record, ``[2, 180556]`` in mV."""
        return millivolts(self.signals[row])


def load(root: Path, cache: Path, records: Sequence[str] = DS1) -> MitDb:
    """Read records of the set under ``root`` (the folder of ``101.hea``, or the one above it).

    The samples are resampled once into one memory-mapped array in the folder ``cache``.

    Raises
    ------
    SourceError
        ``root`` does not hold the records, or one of them cannot be read.
    """
    base = next((d for d in (root, root / "mitdb") if (d / f"{records[0]}.atr").is_file()), None)
    if base is None:
        raise SourceError(f"no {records[0]}.atr in {root} or {root / 'mitdb'}: give the MIT-BIH folder")
    notes = [_annotations(base / name) for name in records]
    return MitDb(
        names=tuple(records),
        leads=tuple(_leads(base / name) for name in records),
        signals=gathered(cache, "mitdb-100hz", base, records, (2, LENGTH), _record),
        beats=tuple(_beats(found) for found in notes),
        rhythms=tuple(_rhythms(found) for found in notes),
    )


def _record(path: Path) -> NDArray[np.int16]:
    """Read one record as microvolts ``[2, n]``."""
    recording = stored(path, None).whole()
    return microvolts(resample(recording.samples, recording.fs, FS)).T


def _leads(path: Path) -> tuple[str, ...]:
    import wfdb

    return canonical_all(wfdb.rdheader(str(path)).sig_name)


def _annotations(path: Path) -> Annotations:
    """Read a record's annotations without its samples."""
    import wfdb

    try:
        found = wfdb.rdann(str(path), "atr")
    except (OSError, ValueError) as error:
        raise SourceError(f"MIT-BIH annotations {path}.atr: {error}") from error
    notes = tuple(note.rstrip("\x00") for note in found.aux_note)
    return Annotations(found.sample / found.fs, tuple(found.symbol), notes)


def _beats(found: Annotations) -> Beats:
    classes = {symbol: k for k, symbols in enumerate(CLASSES.values()) for symbol in symbols}
    kept = [i for i, symbol in enumerate(found.symbols) if symbol in classes]
    return Beats(found.times[kept], np.array([classes[found.symbols[i]] for i in kept], np.int64))


def _rhythms(found: Annotations) -> tuple[Rhythm, ...]:
    changes = [
        (float(time), note.removeprefix("("))
        for time, symbol, note in zip(found.times, found.symbols, found.notes, strict=True)
        if symbol == "+"
    ]
    ends = [start for start, _ in changes[1:]] + [LENGTH / FS]
    return tuple(Rhythm(start, end, code) for (start, code), end in zip(changes, ends, strict=True))
