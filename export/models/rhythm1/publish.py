"""rhythm1's part of its publication: the held-out fifth, calibration on the fold that training watched."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from export import calibrate, publish
from export.cards import NSTDB, PTBXL
from export.datasets import cinc2017
from export.loop import predict
from export.models.rhythm1.card import ABOUT, CINC2017
from export.models.rhythm1.evaluate import (
    GROUP,
    ROWS,
    Estimate,
    Windows,
    answers,
    cut,
    held_out,
    measured,
    score,
)
from export.models.rhythm1.train import Trained
from export.package import Batch, Draft
from wearecg.models.card import PRECISIONS, Card, Group, Loss, Outputs
from wearecg.models.runner import Runner

MAX_INT8 = 400_000
CALIBRATION_RECORDINGS = 500

Forms = dict[str, dict[str, Estimate]]
"""The F1 of each form."""


@dataclass(frozen=True, eq=False)
class Rhythm1Publication:
    """A trained rhythm1, and the recordings."""

    trained: Trained
    data: cinc2017.Cinc2017

    @cached_property
    def held(self) -> Windows:
        """What the gate looks at."""
        return held_out(self.data, ABOUT.input)

    def draft(self) -> Draft:
        """Take the recipe as it was; int8 is calibrated on training recordings, half of them upside down."""
        recipe, net = self.trained.recipe, self.trained.net.eval()
        card = publish.unmeasured(
            ABOUT,
            self.trained,
            net,
            Outputs(net.embed.out_features, (Group(GROUP, calibrate.unfitted(cinc2017.CLASSES)),)),
            (CINC2017, PTBXL, *((NSTDB,) if recipe.noise else ())),
            f"train {ABOUT.name} --start encoder.pt --epochs {recipe.epochs} "
            f"--seed {recipe.seed}{' --noise' if recipe.noise else ''}",
        )
        return Draft(card, net, self._calibration_windows(), MAX_INT8)

    def forms(self, net: nn.Module, _card: Card, runners: Mapping[str, Runner]) -> Forms:
        """F1 of the torch network and of each file."""
        held = self.held
        logits = predict(net, torch.from_numpy(held.signal) * 1000, torch.from_numpy(held.mask))[1]
        return {"torch": score(held, logits)} | {
            form: score(held, answers(runner, held)) for form, runner in runners.items()
        }

    def losses(self, forms: Forms) -> Sequence[Loss]:
        """One row: the challenge's score."""
        mean = {form: round(f1["mean"].value, 5) for form, f1 in forms.items()}
        return [Loss(ROWS["mean"], "one", **mean)]

    def finished(self, card: Card, stage: Path, forms: Forms) -> Card:
        """Calibrate on the fp32 ONNX file; the rows are those of both ONNX files."""
        spec, folds = card.input, cinc2017.CHOOSE_FOLDS
        chosen = cut(self.data, self.data.rows(folds), spec.seconds, spec.preprocessing)
        labels = np.eye(len(cinc2017.CLASSES), dtype=bool)[chosen.label[chosen.record]]
        logits = {GROUP: answers(Runner(card, stage, "fp32", "onnx"), chosen)}
        unseen = chosen.record % 2 == 1
        outputs = calibrate.fit(card.outputs, [logits], {GROUP: labels}, unseen, (GROUP,))
        records = len(self.held.label)
        rows = [row for p in PRECISIONS for row in measured(forms[f"{p}_onnx"], p, "onnx", records)]
        return dataclasses.replace(card, outputs=outputs, measured=tuple(rows))

    def _calibration_windows(self) -> Batch:
        """Windows of training recordings, half of them upside down, always the same."""
        rng, spec = np.random.default_rng(0), ABOUT.input
        rows = rng.permutation(self.data.rows(cinc2017.TRAIN_FOLDS))[:CALIBRATION_RECORDINGS]
        windows = cut(self.data, rows, spec.seconds, spec.preprocessing)
        sign = rng.choice(np.array([-1, 1], np.float32), (len(windows.signal), 1, 1))
        return windows.signal * sign, windows.mask
