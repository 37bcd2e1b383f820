"""Folds of PTB-XL, prepared as for a model, and many windows through wearecg's own runner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.calibrate import halves
from export.datasets import ptbxl
from wearecg.ecg.leads import TWELVE
from wearecg.models.preprocess import Preprocessing, condition
from wearecg.models.runner import Runner

CHUNK = 64

Logits = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Fold:
    """Windows of PTB-XL, prepared as for a model, with their labels."""

    name: str
    signal: NDArray[np.float32]
    mask: NDArray[np.float32]
    labels: dict[str, NDArray[np.bool_]]
    patient: NDArray[np.int64]
    unseen: NDArray[np.bool_]
    """Rows whose patients were not used for calibration."""

    @classmethod
    def of(cls, data: ptbxl.PtbXl, fold: int, spec: Preprocessing) -> Fold:
        """Prepare one fold. Of fold 9, half of the patients were used for calibration."""
        rows = data.rows([fold])
        signal, mask = condition(data.millivolts(rows), ptbxl.FS, spec)
        patient = data.patient[rows]
        return cls(
            name=f"PTB-XL 1.0.3 fold {fold}",
            signal=signal,
            mask=mask,
            labels={name: labels[rows] for name, labels in data.labels.items()},
            patient=patient,
            unseen=~halves(patient) if fold == 9 else np.ones(len(rows), bool),
        )

    def masked(self, leads: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return signal and mask with these leads only."""
        mask = self.mask * np.array([name in leads for name in TWELVE], np.float32)
        return self.signal * mask[..., None], mask


def in_chunks(runner: Runner, signal: NDArray[np.float32], mask: NDArray[np.float32]) -> Logits:
    """Run a model over many windows in chunks; return every output in one array."""
    parts = [runner.run(signal[i : i + CHUNK], mask[i : i + CHUNK]) for i in range(0, len(signal), CHUNK)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
