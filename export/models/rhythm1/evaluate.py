"""What a one-lead rhythm model is worth: the challenge's F1 on CinC 2017, and on Holter records.

A recording is cut as :class:`wearecg.models.Model` cuts it, and the logits of its windows are averaged;
the class with the largest is what the recording is called. The challenge's score is the mean of the F1 of
normal, atrial fibrillation and other rhythm; too noisy is a class that can be answered, but its F1 does
not count. The Holter records (MIT-BIH, lead II) are of another device, another lead and other persons
than any that were trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.datasets import cinc2017, mitdb
from export.metrics import class_f1, interval, patient_draws
from wearecg.models.preprocess import Preprocessing, condition

DRAWS = 1000
SEED = 9
SCORED = ("N", "A", "O")

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


def holter(data: mitdb.MitDb, seconds: float, spec: Preprocessing) -> Windows:
    """Cut lead II of MIT-BIH records into windows, each a recording of its own.

    Normal is one whose rhythm is normal all the time and all of whose beats are; one that fibrillates all
    the time is atrial fibrillation; all others are other rhythm.
    """
    n = round(seconds * mitdb.FS)
    signal, label, person = [], [], []
    for row, leads in enumerate(data.leads):
        if "II" not in leads:
            continue
        x = data.millivolts(row)[leads.index("II")]
        x = x[: len(x) // n * n].reshape(-1, 1, n)
        signal.append(x)
        label += [_holter_class(data, row, k * seconds, (k + 1) * seconds) for k in range(len(x))]
        person += [row] * len(x)
    windows, mask = condition(np.concatenate(signal), mitdb.FS, spec)
    return Windows(windows, mask, np.arange(len(mask)), np.array(label), np.array(person))


def _holter_class(data: mitdb.MitDb, row: int, start: float, end: float) -> int:
    times, classes = data.beats[row]
    rhythms = {r.code for r in data.rhythms[row] if r.end > start and r.start < end}
    ectopic = classes[(times >= start) & (times < end)].any()
    code = "A" if rhythms == {"AFIB"} else "N" if rhythms == {"N"} and not ectopic else "O"
    return list(cinc2017.CLASSES).index(code)


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
