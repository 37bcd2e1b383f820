"""What reconstructed leads are worth to one who reads all twelve: a teacher, on real and on reconstructed ones.

The shipped encoder, which took no part in lead12's training, reads them too; and it reads the measured leads
alone: a reconstruction tells nothing that was not in them, and where they do better it should not be read.
AUROC on the records that carry a statement of the group, with 95 % intervals by patient; differences are
of the same draws of patients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from export.datasets import ptbxl
from export.evaluate import Fold, Logits
from export.loop import predict
from export.metrics import auroc, interval, macro_auroc, patient_draws
from export.teachers.net import Teacher
from wearecg.ecg.lead12 import twelve
from wearecg.models.lead12 import Reconstructor
from wearecg.models.preprocess import Preprocessing

LEADS = ("II", "V1", "V5")
STATEMENTS = ("AMI", "IMI", "LMI", "PMI", "STTC")
"""Subclasses that are looked at by themselves: infarctions by their place, and ST or T waves."""
DRAWS = 1000
SEED = 9
CHUNK = 64
FRECHET_DRAWS = 100

Array = NDArray[np.float32]
Drawn = NDArray[np.floating]
Reader = Callable[[Array, Array], Logits]
"""Signal and mask to the embedding and the logits of each group."""


def report(
    data: ptbxl.PtbXl,
    fold: int,
    readers: Mapping[str, Reader],
    models: Mapping[str, Reconstructor],
    encoder: Reader,
) -> str:
    """Lay out what readers make of one fold's real leads and of each model's, beside the encoder on LEADS."""
    whole = Fold.of(data, fold, Preprocessing())
    shown, mask = whole.masked(LEADS)
    rows = mask.sum(axis=1) == len(LEADS)
    shown, mask, present = shown[rows], mask[rows], whole.mask[rows]
    signals = {"real": whole.signal[rows]}
    signals |= {name: reconstructed(model, shown, mask) for name, model in models.items()}
    draws = np.concatenate([np.ones((1, int(rows.sum()))), patient_draws(whole.patient[rows], DRAWS, SEED)])
    few = "+".join(LEADS)
    alone = {few: _areas(data, whole.labels, rows, encoder(shown, mask), draws)}
    first, *others = models
    lines = []
    for name, reader in readers.items():
        read = {leads: reader(signal, present) for leads, signal in signals.items()}
        areas = {leads: _areas(data, whole.labels, rows, said, draws) for leads, said in read.items()} | alone
        lines += [
            f"{whole.name}, {rows.sum()} records: AUROC of {name}; of the encoder on {few}",
            _line("", areas),
        ]
        lines += [_line(title, [_cell(said[title]) for said in areas.values()]) for title in areas["real"]]
        against = ("real", *others, few)
        lines += [_line(f"{first} less", against)]
        lines += [
            _line(title, [_cell(areas[first][title] - areas[other][title], "+") for other in against])
            for title in areas["real"]
        ]
        apart = {
            model: _cell(
                frechet(read["real"]["embedding"], read[model]["embedding"], draws[: 1 + FRECHET_DRAWS])
            )
            for model in models
        }
        lines += ["Frechet distance to its embeddings of the real leads", _line("", apart)]
        lines += [_line("", apart.values()), ""]
    return "\n".join(lines)


def by_teacher(teacher: Teacher, groups: Iterable[str]) -> Reader:
    """Return a teacher, whose logits are of these groups, as a reader."""

    def read(signal: Array, mask: Array) -> Logits:
        outputs = predict(teacher, torch.from_numpy(signal) * 1000, torch.from_numpy(mask))
        return dict(zip(("embedding", *groups), outputs, strict=True))

    return read


def reconstructed(model: Reconstructor, signal: Array, mask: Array) -> Array:
    """Return twelve leads ``[N, 12, L]`` from conditioned windows of which all show the same ones."""
    parts = []
    for at in range(0, len(signal), CHUNK):
        x, m = signal[at : at + CHUNK], mask[at : at + CHUNK]
        answer = model.independent(x, m)
        assert answer is not None
        parts.append(twelve(x, m, *answer)[0])
    return np.concatenate(parts)


def frechet(a: Array, b: Array, weights: NDArray[np.floating]) -> Drawn:
    """Frechet distance of the normal distributions of two sets of embeddings ``[N, size]``, in each draw.

    ``|m - n|^2 + tr(A + B - 2 (A B)^(1/2))`` (Dowson and Landau, J Multivariate Anal 12:450, 1982). With
    ``A = P'P`` and ``B = Q'Q`` the trace of the root is the sum of the singular values of ``Q P'``.
    """
    found = []
    for w in weights / weights.sum(axis=1, keepdims=True):
        means = [w @ x for x in (a, b)]
        centred = [np.sqrt(w)[:, None] * (x - m) for x, m in zip((a, b), means, strict=True)]
        p, q = (np.asarray(np.linalg.qr(x, mode="r")) for x in centred)
        apart = np.square(means[0] - means[1]).sum() + np.square(p).sum() + np.square(q).sum()
        found.append(apart - 2 * np.linalg.norm(q @ p.T, "nuc"))
    return np.array(found)


def _areas(
    data: ptbxl.PtbXl,
    labels: Mapping[str, NDArray[np.bool_]],
    rows: NDArray[np.bool_],
    logits: Mapping[str, Array],
    draws: NDArray[np.floating],
) -> dict[str, Drawn]:
    """Macro AUROC over the superclasses and AUROC of each statement, in each draw."""
    found = {"superclasses": macro_auroc(logits["superclass"], labels["superclass"][rows], draws)}
    y, codes = labels["subclass"][rows], list(data.statements["subclass"])
    some = y.any(axis=1)
    for code in (c for c in STATEMENTS if c in codes):
        k = codes.index(code)
        found[f"{code} ({y[:, k].sum()})"] = auroc(logits["subclass"][some, k], y[some, k], draws[:, some])
    return found


def _line(title: str, cells: Iterable[str]) -> str:
    return f"{title:14}" + "".join(f"{cell:>28}" for cell in cells)


def _cell(values: Drawn, sign: str = "") -> str:
    low, high = interval(values[1:])
    return f"{values[0]:{sign}.4f} [{low:{sign}.4f}, {high:{sign}.4f}]"
