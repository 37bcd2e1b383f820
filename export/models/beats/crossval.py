"""What beats is worth on persons it was not trained on: each record of DS1 judged by a network without it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray

from export.models.beats.evaluate import LEARNING_S, LEAST, as_found, rates
from export.models.beats.net import Beats
from export.models.beats.windows import UNKNOWN, Examples
from wearecg.models.beat_classifier import CODES, choose

FOLDS = (
    (101, 106, 203, 220),
    (108, 109, 207, 223),
    (112, 114, 208, 230),
    (115, 116, 209, 124),
    (118, 119, 205, 122),
    (201, 215),
)
LEADS = {"both leads": (0, 1), "first lead": (0,)}


class Judged:
    """The logits of every record, by a network that never saw it."""

    def __init__(self) -> None:
        self.logits: list[NDArray[np.float32]] = []
        self.truth: list[NDArray[np.int8]] = []
        self.record: list[NDArray[np.int32]] = []
        """Of each beat, ``[beats, leads, classes]`` and ``[beats]``; from the sixth minute on."""

    def take(self, net: Beats, beats: Examples, records: Collection[int]) -> None:
        """Judge the records that ``net`` was trained without."""
        beats = as_found(beats)
        for one in records:
            of = beats.record == one
            rows = torch.from_numpy(beats.rows[of])[:, None]
            with torch.no_grad():
                (logits,) = net.eval()(rows, torch.ones(len(rows), 1))
            lead = beats.lead[of]
            both = np.stack([logits.numpy()[lead == k] for k in range(2)], axis=1)
            classes, time = beats.classes[of][lead == 0], beats.time[of][lead == 0]
            counted = (classes != UNKNOWN) & (time >= LEARNING_S)
            self.logits.append(both[counted])
            self.truth.append(classes[counted])
            self.record.append(np.full(int(counted.sum()), one, np.int32))


def table(judged: Judged) -> str:
    """Lay out Se and PPV of V and S, gross and for each record."""
    logits, truth = np.concatenate(judged.logits), np.concatenate(judged.truth)
    record = np.concatenate(judged.record)
    lines = [f"{'':12}{'':>8}{'V':>6}{'Se':>7}{'PPV':>7}{'S':>6}{'Se':>7}{'PPV':>7}"]
    for name, leads in LEADS.items():
        said = np.array(choose(logits[:, list(leads)].mean(axis=1), LEAST)[0])
        lines.append(_line(name, said, truth))
        lines += [_line(f"  {one}", said[record == one], truth[record == one]) for one in np.unique(record)]
    return "\n".join(lines)


def _line(name: str, said: NDArray[np.integer], truth: NDArray[np.integer]) -> str:
    text = f"{name:12}{len(truth):8d}"
    for code in "VS":
        se, ppv, _ = rates(said, truth, code)
        text += f"{int((truth == CODES.index(code)).sum()):6d}{100 * se:7.1f}{100 * ppv:7.1f}"
    return text
