"""What a one-lead rhythm model is worth: the challenge's F1 on CinC 2017.

A recording is cut as :class:`wearecg.models.Model` cuts it, and the logits of its windows are averaged;
the class with the largest is what the recording is called. The challenge's score is the mean of the F1 of
normal, atrial fibrillation and other rhythm; too noisy is a class that can be answered, but its F1 does
not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.datasets import cinc2017
from export.metrics import class_f1, interval, patient_draws
from export.models.rhythm1.card import METRIC
from wearecg.models.card import Input, Measured
from wearecg.models.preprocess import Preprocessing, condition
from wearecg.models.runner import Runner

DRAWS = 1000
SEED = 9
SCORED = ("N", "A", "O")
GROUP = "rhythm"
ROWS = {"mean": "mean of N, A, O", "N": "N", "A": "A", "O": "O"}
"""What is measured, as the card's tables name it."""
DATA = "CinC 2017, held-out fifth (folds 9 and 10 by a hash of the record's name)"

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Windows:
    """Recordings cut into windows, prepared as models see them.

    Attributes
    ----------
    signal : float32 [n, 1, length]
        mV. A recording that is shorter than a window lies in its middle, between zeros.
    mask : float32 [n, 1]
    record : int [n]
        Of which recording each window is, counted from 0.
    label : int [recordings]
    person : int [recordings]
        Recordings of one person are drawn together for the intervals.
    """

    signal: Array
    mask: Array
    record: NDArray[np.int64]
    label: NDArray[np.int64]
    person: NDArray[np.int64]

    def combine(self, logits: Array) -> NDArray[np.float64]:
        """Average the logits ``[n, classes]`` of the windows of each recording."""
        count = np.bincount(self.record)
        return np.stack([np.bincount(self.record, z) / count for z in logits.T], axis=1)


class Estimate(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


def cut(data: cinc2017.Cinc2017, rows: NDArray[np.int64], seconds: float, spec: Preprocessing) -> Windows:
    """Cut recordings into windows of ``seconds`` beside each other, the last one ending with the recording."""
    length = round(seconds * cinc2017.FS)
    signal, mask, record = [], [], []
    for k, row in enumerate(rows):
        x = data.millivolts(int(row))
        starts = list(range(0, max(1, x.shape[1] - length + 1), length))
        if starts[-1] + length < x.shape[1]:
            starts.append(x.shape[1] - length)
        for at in starts:
            y, there = condition(x[:, at : at + length], cinc2017.FS, spec)
            signal.append(placed(y, length, 0.5))
            mask.append(there)
            record.append(k)
    return Windows(np.stack(signal), np.stack(mask), np.array(record), data.label[rows], rows)


def placed(x: Array, length: int, where: float) -> Array:
    """Put ``[1, n]`` among zeros ``[1, length]``; ``where`` is 0 for their beginning, 1 for their end."""
    before = int(where * (length - x.shape[1]))
    return np.pad(x, ((0, 0), (before, length - x.shape[1] - before)))


def score(windows: Windows, logits: Array) -> dict[str, Estimate]:
    """Return the F1 of each scored class and, as ``mean``, the challenge's score."""
    said, classes = windows.combine(logits).argmax(axis=1), len(cinc2017.CLASSES)
    scored = [list(cinc2017.CLASSES).index(code) for code in SCORED]
    draws = patient_draws(windows.person, DRAWS, SEED)
    point = class_f1(said, windows.label, classes)[:, scored]
    drawn = class_f1(said, windows.label, classes, draws)[:, scored]
    estimates = {code: Estimate(float(point[0, k]), *interval(drawn[:, k])) for k, code in enumerate(SCORED)}
    return estimates | {"mean": Estimate(float(point.mean()), *interval(drawn.mean(axis=1)))}


def held_out(data: cinc2017.Cinc2017, spec: Input) -> Windows:
    """Cut the recordings that neither training nor calibration has seen into a model's windows."""
    return cut(data, data.rows(cinc2017.HELD_OUT_FOLDS), spec.seconds, spec.preprocessing)


def answers(runner: Runner, windows: Windows) -> Array:
    """Return the logits ``[n, classes]`` of the windows."""
    return runner.run(windows.signal, windows.mask)[GROUP]


def measured(f1: dict[str, Estimate], precision: str, runtime: str, records: int) -> list[Measured]:
    """Lay a file's F1 on the held-out recordings out as the rows of a card."""
    return [
        Measured(
            data=DATA,
            metric=METRIC,
            group=label,
            leads="one",
            precision=precision,
            runtime=runtime,
            records=records,
            value=round(f1[code].value, 4),
            low=round(f1[code].low, 4),
            high=round(f1[code].high, 4),
        )
        for code, label in ROWS.items()
    ]
