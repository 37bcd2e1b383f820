"""What a teacher says of every training window of PTB-XL, kept for a student to learn from."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from export.datasets import ptbxl
from export.loop import TRAIN_FOLDS
from export.teachers.public.teacher import Teacher

log = logging.getLogger("export.teachers")

BATCH = 16


def answer(teacher: Teacher, data: ptbxl.PtbXl, work: Path) -> Path:
    """Ask a teacher about each window of folds 1 to 8; return the file of its answers in ``work``.

    The file (``teacher-NAME.npz``) holds row for row: ``embedding [n, d]`` and, where the teacher has
    a head, ``logits [n, labels]``, float16, beside their ``labels``. Rows of windows with missing
    samples are NaN.
    """
    rows = data.rows(TRAIN_FOLDS)
    found: dict[str, Any] = {}
    labels: tuple[str, ...] = ()
    for start in range(0, len(rows), BATCH):
        batch = data.millivolts(rows[start : start + BATCH]).swapaxes(1, 2)
        whole = np.isfinite(batch).all(axis=(1, 2))
        if not whole.any():
            continue
        opinion = teacher(batch[whole], ptbxl.FS)
        labels = opinion.labels
        for name, values in (("embedding", opinion.embedding), ("logits", opinion.logits)):
            if values is not None:
                out = found.setdefault(name, np.full((len(rows), values.shape[1]), np.nan, np.float16))
                out[start + np.flatnonzero(whole)] = values
        if start // BATCH % 64 == 0:
            log.info("asked %s about %d of %d windows", teacher.name, start + len(batch), len(rows))
    path = work / f"teacher-{teacher.name}.npz"
    np.savez(path, labels=np.array(labels, dtype=str), **found)
    return path
