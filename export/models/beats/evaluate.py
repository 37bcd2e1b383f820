"""How beats is judged: beat by beat as EC57 counts, from the sixth minute on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from export.models.beats.windows import UNKNOWN, Examples
from wearecg.models.beat_classifier import CODES, choose
from wearecg.models.card import Measured

METRIC = "F1"
DATA = "MIT-BIH DS1, both leads; these records were trained on"
LEARNING_S = 300.0
ROWS = ("V", "S")
POINTS = {"S": 0.6, "F": 0.9, "Q": 0.8}
"""The chances from which these classes are told, chosen on records left out: fusion beats are few and look like
ventricular ones, paced ones like any wide one, and a supraventricular beat that is told should be one."""
LEAST = [POINTS.get(code, 0.0) for code in CODES]
NOT_FALSE = {"V": "FQ", "S": "Q"}
"""What may be called so without being counted as false."""

Array = NDArray[np.float32]
Judged: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.int32]]
"""Of each beat: what is said, its class, its record."""


def judged(logits: Array, beats: Examples, leads: Sequence[int] = (0, 1)) -> Judged:
    """Return what is said of each beat whose class is known, after the first minutes.

    Parameters
    ----------
    logits : float32 [n, classes]
        Of every row of ``beats``.
    leads : sequence of int
        Those whose mean is taken.
    """
    mean = np.mean([logits[beats.lead == lead] for lead in leads], axis=0)
    of = beats.lead == leads[0]
    counted = (beats.classes[of] != UNKNOWN) & (beats.time[of] >= LEARNING_S)
    said = np.array(choose(mean, LEAST)[0])
    return said[counted], beats.classes[of][counted], beats.record[of][counted]


def as_found(beats: Examples) -> Examples:
    """Return the records as they are: their first copy."""
    again = np.flatnonzero(np.diff(beats.record) < 0)
    end = int(again[0]) + 1 if len(again) else len(beats.record)
    return beats.of(slice(end))


def rates(said: NDArray[np.integer], truth: NDArray[np.integer], code: str) -> tuple[float, float, float]:
    """Return Se, PPV and F1 of a class; NaN for what cannot be told."""
    number = CODES.index(code)
    counted = [CODES.index(one) for one in NOT_FALSE[code]]
    ours, theirs = said == number, truth == number
    hits = float((ours & theirs).sum())
    false = float((ours & ~theirs & ~np.isin(truth, counted)).sum())
    there = float(theirs.sum())
    se = hits / there if there else float("nan")
    ppv = hits / (hits + false) if hits + false else float("nan")
    f1 = 2 * hits / (there + hits + false) if there + hits + false else float("nan")
    return se, ppv, f1


def measured(judged: Judged, precision: str, runtime: str) -> list[Measured]:
    """Lay the F1 of a file out as the rows of a card, with its 95 % interval by record."""
    said, truth, record = judged
    names, rng = np.unique(record), np.random.default_rng(0)
    places = [np.flatnonzero(record == name) for name in names]
    found = []
    for code in ROWS:
        drawn = []
        for draw in rng.integers(len(names), size=(200, len(names))):
            rows = np.concatenate([places[i] for i in draw])
            drawn.append(rates(said[rows], truth[rows], code)[2])
        low, high = np.nanquantile(drawn, (0.025, 0.975))
        found.append(
            Measured(
                data=DATA,
                metric=METRIC,
                group=code,
                leads="both",
                precision=precision,
                runtime=runtime,
                records=len(names),
                value=round(rates(said, truth, code)[2], 4),
                low=round(float(low), 4),
                high=round(float(high), 4),
            )
        )
    return found
