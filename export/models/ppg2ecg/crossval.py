"""The lag of strangers: stage one of ppg2ecg trained without a fifth of BIDMC's subjects, five times over.

The shipped model has learned from two thirds of them, and nine subjects left over say little of a fixed lag, which may
suit them by chance. Here every recording is answered by a network, and a fixed lag, that have not seen its subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from export.datasets.folds import fold
from export.datasets.pulses import Pair
from export.models.ppg2ecg.evaluate import (
    FLOOR,
    METRICS,
    Answer,
    Net,
    drawn,
    estimate,
    generated,
    learn,
    scored,
    trial,
)
from export.models.ppg2ecg.net import Aligned, cautious
from export.models.ppg2ecg.publish import of_torch
from export.models.ppg2ecg.train import Recipe, align
from export.models.ppg2ecg.windows import Windows

FOLDS = 5
RECIPE = Recipe(epochs=8, average=0.98)
"""The average over the last fifty steps: that of whole runs would still be an eighth the untrained network."""
SHOWN = ("f50", "raw", "late")


def crossval(pairs: Sequence[Pair], work: Path) -> None:
    """Train what is left to train in folders of ``work``, and print what each method reaches on all recordings."""
    torch.set_num_threads(1)
    tested: list[Pair] = []
    rows: dict[str, list[dict[str, float]]] = {"ppg2ecg, stage one": [], FLOOR: []}
    for number in range(1, FOLDS + 1):
        split = [_placed(pair, number) for pair in pairs]
        known = [pair for pair in split if pair.part == "train"]
        aligned, _ = align(Windows(known), work / f"fold{number}" / "ppg2ecg-aligned.pt", RECIPE)
        net, usual = of_stage_one(aligned), learn(split).lag
        on = trial(split, "bidmc")
        for pair, good in zip(on.pairs, on.good, strict=True):
            floor = Answer(np.zeros(len(pair.ppg), np.float32), pair.pulses, usual)
            for name, answer in zip(rows, (generated(net, pair), floor), strict=True):
                rows[name].append(scored(pair, answer, good)[0])
        tested += on.pairs
    draws = drawn(tested)
    print(
        f"BIDMC, {len(tested)} recordings, {len({p.subject for p in tested})} subjects, {FOLDS} folds, good windows"
    )
    for name, found in rows.items():
        cells = (estimate(draws, np.array([row[key] for row in found])) for key in SHOWN)
        values = (
            f"{METRICS[key]} {value:.3f} [{low:.3f}, {high:.3f}]"
            for key, (value, low, high) in zip(SHOWN, cells, strict=True)
        )
        print(f"{name:20} {'; '.join(values)}")
    gain = np.array([a["raw"] - b["raw"] for a, b in zip(*rows.values(), strict=True)])
    print("gain in raw F1 {:+.3f} [{:+.3f}, {:+.3f}]".format(*estimate(draws, gain)))


def of_stage_one(net: Aligned) -> Net:
    """Return stage one as a network on arrays: beats and lag as they ship, and no trace."""
    pulse = cautious(net.pulse)

    def answered(signal: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        answer = pulse(signal * mask.unsqueeze(-1))
        return torch.zeros_like(answer.beats), answer.beats, answer.lag

    return of_torch(answered)


def _placed(pair: Pair, number: int) -> Pair:
    """Put a BIDMC recording on the side of the split that its subject has in this fold."""
    if pair.source != "bidmc":
        return pair
    return replace(pair, part="test" if fold(pair.subject, FOLDS) == number else "train")
