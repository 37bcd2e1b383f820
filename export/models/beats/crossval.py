"""What beats is worth on persons it was not trained on: each record of DS1 judged by a network without it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray

from export.models.beats.evaluate import judged, rates
from export.models.beats.net import Beats
from export.models.beats.windows import Examples
from wearecg.models.beat_classifier import CODES

FOLDS = (
    (101, 106, 203, 220),
    (108, 109, 207, 223),
    (112, 114, 208, 230),
    (115, 116, 209, 124),
    (118, 119, 205, 122),
    (201, 215),
)
LEADS = {"both leads": (0, 1), "first lead": (0,)}


def take(logits: NDArray[np.float32], net: Beats, beats: Examples, records: Collection[int]) -> None:
    """Judge the records that ``net`` was trained without: fill in their rows of ``logits`` [n, classes]."""
    of = np.isin(beats.record, [*records])
    rows = torch.from_numpy(beats.rows[of])[:, None]
    with torch.no_grad():
        logits[of] = net.eval()(rows, torch.ones(len(rows), 1))[0].numpy()


def table(logits: NDArray[np.float32], beats: Examples) -> str:
    """Lay out Se and PPV of V and S, gross and for each record."""
    lines = [f"{'':12}{'':>8}{'V':>6}{'Se':>7}{'PPV':>7}{'S':>6}{'Se':>7}{'PPV':>7}"]
    for name, leads in LEADS.items():
        said, truth, record = judged(logits, beats, leads)
        lines.append(_line(name, said, truth))
        lines += [_line(f"  {one}", said[record == one], truth[record == one]) for one in np.unique(record)]
    return "\n".join(lines)


def _line(name: str, said: NDArray[np.integer], truth: NDArray[np.integer]) -> str:
    text = f"{name:12}{len(truth):8d}"
    for code in "VS":
        se, ppv, _ = rates(said, truth, code)
        text += f"{int((truth == CODES.index(code)).sum()):6d}{100 * se:7.1f}{100 * ppv:7.1f}"
    return text
