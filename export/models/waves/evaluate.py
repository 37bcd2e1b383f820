"""How waves is judged: borders within a tolerance, on the records that were kept out of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from export.datasets.ludb import KEPT, Ludb
from export.models.waves.net import BORDERS, SIDES
from export.models.waves.windows import Batch, Windows, lanes
from wearecg.models.card import Measured

METRIC = "F1"
DATA = f"LUDB, {len(KEPT)} records unseen in training, twelve leads each by itself"
TOLERANCES_MS = {"all borders, 150 ms": 150.0, "all borders, 20 ms": 20.0}
P_WAVES = "P waves"
ODDS = {"P": 0.5, "QRS": 0.0, "T": 0.0}
"""Logits from which a wave is there."""

Array = NDArray[np.float32]


class Rate(NamedTuple):
    """An F1 and its 95 % interval by record."""

    value: float
    low: float
    high: float


def rows(data: Ludb, kept: bool) -> list[int]:
    """Return the rows of the records that are kept out of training, or of all others."""
    return [row for row, name in enumerate(data.names) if (name in KEPT) == kept]


def held_out(data: Ludb) -> tuple[Batch, NDArray[np.int64]]:
    """Return the beats of the records that were kept out of training, and the record of each."""
    batches, record = [], []
    for row in rows(data, kept=True):
        found = lanes(data, [row])
        batches.append(Windows(found, None).plain(range(len(found))))
        record += [row] * len(batches[-1].signal)
    joined = Batch(*(type(part[0])(np.concatenate(part)) for part in zip(*batches, strict=True)))
    return joined, np.array(record)


def score(batch: Batch, record: NDArray[np.int64], said: Array, odds: Sequence[float]) -> dict[str, Rate]:
    """Return the F1 of all outer borders within each of `TOLERANCES_MS`, and that of P waves."""
    marked, waves = np.asarray(batch.borders)[:, SIDES], np.asarray(batch.waves)
    there = np.repeat(said[:, 2 * BORDERS :] > np.asarray(odds), 2, axis=1)
    known = np.repeat(np.isfinite(waves), 2, axis=1) & (
        np.isfinite(marked) | (np.repeat(waves, 2, axis=1) == 0)
    )
    off = np.abs(said[:, SIDES] - marked)
    rates = {}
    for name, tolerance in TOLERANCES_MS.items():
        near = off <= tolerance / 1000
        hit = there & near
        rates[name] = _rate(record, hit & known, there & ~near & known, np.isfinite(marked) & ~hit & known)
    p, says = waves[:, :1], there[:, :1]
    rates[P_WAVES] = _rate(record, says & (p == 1), says & (p == 0), ~says & (p == 1))
    return rates


def _rate(
    record: NDArray[np.int64], hits: NDArray[np.bool_], false: NDArray[np.bool_], missed: NDArray[np.bool_]
) -> Rate:
    _, place = np.unique(record, return_inverse=True)
    counts = np.stack(
        [np.bincount(place, part.sum(axis=1)) for part in (hits, false | missed & ~hits, missed & false)]
    )
    rng = np.random.default_rng(0)
    draws = rng.integers(counts.shape[1], size=(1000, counts.shape[1]))

    def f1(
        hit: NDArray[np.float64], wrong: NDArray[np.float64], twice: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return 2 * hit / np.maximum(2 * hit + wrong + twice, 1)

    drawn = f1(*(part[draws].sum(axis=1) for part in counts))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Rate(float(f1(*counts.sum(axis=1))), float(low), float(high))


def measured(rates: dict[str, Rate], precision: str, runtime: str, records: int) -> list[Measured]:
    """Lay the rates of a file out as the rows of a card."""
    return [
        Measured(
            data=DATA,
            metric=METRIC,
            group=name,
            leads="one",
            precision=precision,
            runtime=runtime,
            records=records,
            value=round(rate.value, 4),
            low=round(rate.low, 4),
            high=round(rate.high, 4),
        )
        for name, rate in rates.items()
    ]
