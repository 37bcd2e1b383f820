"""PhysioNet/CinC Challenge 2017 (Clifford et al., Computers in Cardiology 44, 2017): hand-held single-lead ECGs.

Recordings of 9 to 61 s from AliveCor devices, held with both hands (close to lead I, sometimes upside
down); each is called normal, atrial fibrillation, another rhythm, or too noisy. The publisher names no
persons, so that recordings of one person can lie in several folds.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.datasets.cache import MISSING, gathered, microvolts, millivolts
from export.datasets.folds import fold
from wearecg.errors import SourceError
from wearecg.formats.wfdb_record import stored
from wearecg.pipeline.resample import resample

FS = 100.0
LENGTH = 6100
"""Samples of the longest recording, rounded up."""
CLASSES = {"N": "normal rhythm", "A": "atrial fibrillation", "O": "other rhythm", "~": "too noisy"}
TRAIN_FOLDS = tuple(range(1, 8))
CHOOSE_FOLDS = (8,)
HELD_OUT_FOLDS = (9, 10)
LABELS = "REFERENCE-v3.csv"


@dataclass(frozen=True, eq=False)
class Cinc2017:
    """The recordings and their labels, row for row.

    Attributes
    ----------
    signals : int16 [n, 1, 6100]
        Microvolts; ``MISSING`` after the recording's end.
    length : int [n]
        Samples of each recording.
    label : int [n]
        Position in ``CLASSES``.
    fold : int [n]
        1 to 10, from a hash of the record's name.
    """

    signals: NDArray[np.int16]
    length: NDArray[np.int64]
    label: NDArray[np.int64]
    fold: NDArray[np.int64]

    def millivolts(self, row: int) -> NDArray[np.float32]:
        """Return one recording, ``[1, samples]`` in mV."""
        return millivolts(self.signals[row, :, : self.length[row]])

    def rows(self, folds: Sequence[int]) -> NDArray[np.int64]:
        """Return the rows of these folds."""
        return np.flatnonzero(np.isin(self.fold, folds))


def load(root: Path, cache: Path) -> Cinc2017:
    """Read the training set under ``root`` (the folder of ``REFERENCE-v3.csv``, or one or two above it).

    The samples are resampled once into one memory-mapped array in the folder ``cache``.

    Raises
    ------
    SourceError
        ``root`` does not hold the set, or one of its records cannot be read.
    """
    folders = (root, root / "training2017", root / "cinc2017" / "training2017")
    base = next((d for d in folders if (d / LABELS).is_file()), None)
    if base is None:
        raise SourceError(f"no {LABELS} in {root} or its training2017: give the CinC 2017 folder")
    with (base / LABELS).open(newline="") as file:
        table = list(csv.reader(file))
    names = [row[0] for row in table]
    signals = gathered(cache, "cinc2017-100hz", base, names, (1, LENGTH), _record)
    return Cinc2017(
        signals=signals,
        length=np.array([LENGTH - np.argmax(x[0, ::-1] != MISSING) for x in signals]),
        label=np.array([list(CLASSES).index(row[1]) for row in table]),
        fold=np.array([fold(name) for name in names]),
    )


def _record(path: Path) -> NDArray[np.int16]:
    """Read one record as microvolts ``[1, n]`` at 100 Hz."""
    recording = stored(path, None).whole()
    samples = microvolts(resample(recording.samples, recording.fs, FS)).T
    if len(recording.leads) != 1 or samples.shape[1] > LENGTH:
        raise SourceError(
            f"CinC 2017 record {path}: {len(recording.leads)} leads and {samples.shape[1] / FS:g} s, "
            f"expected one lead and at most {LENGTH / FS:g} s"
        )
    return samples
