"""The part of beats in its publication."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from export import publish
from export.evaluate import in_chunks
from export.models.beats.card import ABOUT, DATA
from export.models.beats.evaluate import POINTS, ROWS, as_found, judged, measured, rates
from export.models.beats.train import Trained
from export.models.beats.windows import Examples
from export.package import Batch, Draft
from wearecg.models.beat_classifier import CODES, SAID
from wearecg.models.card import PRECISIONS, Card, Loss, Outputs, SignalOutput
from wearecg.models.runner import Runner

MAX_INT8 = 28_000
CALIBRATION = 1024
Forms = dict[str, NDArray[np.float32]]
"""The logits of each form."""


@dataclass(frozen=True, eq=False)
class BeatsPublication:
    """A trained network and the beats of MIT-BIH."""

    trained: Trained
    beats: Examples

    @cached_property
    def gate(self) -> Examples:
        """What the gate looks at."""
        return as_found(self.beats)

    def draft(self) -> Draft:
        """Take the recipe as it was; int8 is calibrated on training beats."""
        recipe, net = self.trained.recipe, self.trained.net.eval()
        output = SignalOutput(SAID, (len(CODES),), "logit")
        last = f"train {ABOUT.name} --epochs {recipe.epochs} --seed {recipe.seed}"
        outputs = Outputs(0, (), (output,), points=POINTS)
        card = publish.unmeasured(ABOUT, self.trained, net, outputs, DATA, last)
        rows = np.random.default_rng(0).choice(len(self.beats.rows), CALIBRATION, replace=False)
        windows: Batch = self.beats.rows[rows][:, None], np.ones((CALIBRATION, 1), np.float32)
        return Draft(card, net, windows, MAX_INT8, first=1)

    def forms(self, net: nn.Module, _card: Card, runners: Mapping[str, Runner]) -> Forms:
        """Return the logits of the torch network and of each file."""
        signal = self.gate.rows[:, None]
        mask = np.ones((len(signal), 1), np.float32)
        with torch.no_grad():
            said = {"torch": net(torch.from_numpy(signal), torch.from_numpy(mask))[0].numpy()}
        return said | {form: in_chunks(runner, signal, mask)[SAID] for form, runner in runners.items()}

    def losses(self, forms: Forms) -> Sequence[Loss]:
        """One row for the F1 of each class."""
        f1 = {
            form: {code: rates(said, truth, code)[2] for code in ROWS}
            for form, (said, truth, _) in (
                (form, judged(logits, self.gate)) for form, logits in forms.items()
            )
        }
        return [Loss(code, "both", **{form: round(f1[form][code], 5) for form in forms}) for code in ROWS]

    def finished(self, card: Card, _stage: Path, forms: Forms) -> Card:
        """Write down the F1 of both ONNX files."""
        found = [
            row
            for precision in PRECISIONS
            for row in measured(judged(forms[f"{precision}_onnx"], self.gate), precision, "onnx")
        ]
        return dataclasses.replace(card, measured=tuple(found))
