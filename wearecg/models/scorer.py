"""What is common to a recording and to a live window: samples in mV in, a model's numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Samples
from wearecg.ecg.leads import canonical, is_ecg
from wearecg.models.calibration import Calibration
from wearecg.models.card import Card
from wearecg.models.preprocess import condition
from wearecg.models.runner import Runner


class Scored(NamedTuple):
    """What a model gives for one window.

    Attributes
    ----------
    probabilities : float64 [statements]
    doubts : list of float
        For each group the chance of a wrong call.
    unlike : float
        1 if the window is not like those that the model knows, else 0; NaN if it cannot tell.
    embedding : float32 [size]
        Empty where the model has none.
    leads : tuple of str
        Those that were looked at.
    reported : list of int
        The statements at or above their threshold.
    """

    probabilities: NDArray[np.float64]
    doubts: list[float]
    unlike: float
    embedding: NDArray[np.float32]
    leads: tuple[str, ...]
    reported: list[int]


class Scorer:
    """A card with its model and its calibration."""

    def __init__(self, card: Card, runner: Runner) -> None:
        self.card = card
        self.calibration = Calibration(card.outputs)
        self._runner = runner
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}

    def takes(self, lead: str) -> bool:
        """Whether the model can look at a lead of this name."""
        spec = self.card.input
        return is_ecg(lead) if spec.any_lead else canonical(lead) in spec.leads

    def names(self, leads: tuple[str, ...]) -> tuple[str, ...]:
        """Return the house spelling of each of a stream's leads, empty for one that the model does not take."""
        if leads not in self._names:
            self._names[leads] = tuple(canonical(lead) if self.takes(lead) else "" for lead in leads)
        return self._names[leads]

    def too_few(self, names: Sequence[str]) -> str:
        """Say that too few of these leads are there."""
        share = self.card.input.preprocessing.max_missing
        return (
            f"too few usable leads of {', '.join(names)}: "
            f"more than {share:.0%} of the samples missing, or flat"
        )

    def __call__(self, windows: Samples, names: Sequence[str]) -> list[Scored | None]:
        """Score windows [N, leads, n] of the leads ``names``; None for one with too few leads."""
        spec = self.card.input
        signal, mask = self._prepare(windows, names)
        result: list[Scored | None] = [None] * len(signal)
        leads = [
            tuple(name for name, there in zip(spec.leads, row, strict=True) if there) for row in mask.tolist()
        ]
        enough = [number for number, there in enumerate(leads) if len(there) >= spec.min_leads]
        if not enough:
            return result
        if len(enough) < len(signal):
            signal, mask = signal[enough], mask[enough]
        out = self._runner.run(signal, mask)
        table, doubts = self.calibration(out)
        limit = self.card.outputs.unlike
        unlike = [np.nan] * len(enough)
        if limit is not None:
            unlike = [float(sign >= limit) for (sign,) in out["unlike"].tolist()]
        reported = self.calibration.reported(table)
        for number, *scored in zip(
            enough, table, doubts.tolist(), unlike, out["embedding"], reported, strict=True
        ):
            p, chances, strange, embedding, above = scored
            result[number] = Scored(p, chances, strange, embedding, leads[number], above)
        return result

    def _prepare(
        self, windows: Samples, names: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Condition the windows and put them in the model's order."""
        spec = self.card.input
        given, there = condition(windows, spec.fs, spec.preprocessing)
        if spec.any_lead or tuple(names) == spec.leads:
            return given, there
        signal = np.zeros((len(given), len(spec.leads), given.shape[2]), np.float32)
        mask = np.zeros(signal.shape[:2], np.float32)
        rows = [spec.leads.index(name) for name in names]
        signal[:, rows], mask[:, rows] = given, there
        return signal, mask
