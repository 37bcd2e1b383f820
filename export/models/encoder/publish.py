"""The encoder's part of its publication: files, the gate's windows, calibration, what the card reports."""

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
from export.datasets import ptbxl
from export.evaluate import CHUNK, Fold, Logits
from export.loop import TRAIN_FOLDS, VALIDATION_FOLD
from export.metrics import macro_auroc
from export.models.encoder import trust
from export.models.encoder.augment import LEAD_SETS, augment
from export.models.encoder.card import ABOUT, ALWAYS, DATA, GROUPS
from export.models.encoder.evaluate import abstaining, measure, run
from export.models.encoder.train import Trained
from export.models.encoder.unlike import WithUnlike
from export.package import Batch, Draft
from wearecg.models.card import PRECISIONS, Card, Group, Loss, Outputs, SignalOutput
from wearecg.models.preprocess import condition
from wearecg.models.runner import Runner

CALIBRATION_WINDOWS = 400
MAX_INT8 = 600_000

Forms = dict[str, dict[str, Logits]]
"""By lead set and form."""


@dataclass(frozen=True, eq=False)
class EncoderPublication:
    """A trained encoder, and what its head for unlike input is fitted and measured with."""

    trained: Trained
    data: ptbxl.PtbXl
    outliers: trust.Outliers

    @cached_property
    def validation(self) -> Fold:
        """What the gate looks at, and calibration at half of."""
        return Fold.of(self.data, VALIDATION_FOLD, ABOUT.input.preprocessing)

    def draft(self) -> Draft:
        """Fit the head; int8 is calibrated on training windows with random lead subsets, gains and noise."""
        encoder = self.trained.net.eval()
        net = WithUnlike(encoder, trust.fit(encoder, self.data, self.outliers), GROUPS).eval()
        recipe = self.trained.recipe
        groups = tuple(Group(name, calibrate.unfitted(self.data.statements[name])) for name in GROUPS)
        options = f" --shape {recipe.shape}"
        options += f" --teacher{' FILE' * len(recipe.teacher.split())}" if recipe.teacher else ""
        options += f" --jepa {recipe.jepa}" if recipe.jepa else ""
        options += " --noise" if recipe.noise else ""
        card = publish.unmeasured(
            ABOUT,
            self.trained,
            net,
            Outputs(net.size, groups, (SignalOutput("unlike", (1,), "logit"),)),
            DATA,
            f"train {ABOUT.name} --epochs {recipe.epochs} --seed {recipe.seed}{options}",
        )
        return Draft(card, net, calibration_windows(self.data), MAX_INT8, first=1)

    def forms(self, net: nn.Module, card: Card, runners: Mapping[str, Runner]) -> Forms:
        """Logits of the torch network and of each file, with every lead set."""
        return {
            name: {"torch": self._torch(net, card, leads)}
            | {form: run(runner, self.validation, leads) for form, runner in runners.items()}
            for name, leads in LEAD_SETS.items()
        }

    def losses(self, forms: Forms) -> Sequence[Loss]:
        """Macro AUROC of each form of the model, for every group and lead set."""
        labels = self.validation.labels
        return [
            Loss(
                group=group,
                leads=leads,
                **{
                    name: round(float(macro_auroc(logits[group], labels[group])[0]), 5)
                    for name, logits in form.items()
                },
            )
            for group in GROUPS
            for leads, form in forms.items()
        ]

    def finished(self, card: Card, stage: Path, forms: Forms) -> Card:
        """Calibrate on the fp32 ONNX file; measure both ONNX files, and of int8 when it doubts itself or its input."""
        validation = self.validation
        logits = [form["fp32_onnx"] for form in forms.values()]
        outputs = calibrate.fit(card.outputs, logits, validation.labels, validation.unseen, ALWAYS)
        seen = np.concatenate([part["unlike"][~validation.unseen, 0] for part in logits])
        card = dataclasses.replace(card, outputs=dataclasses.replace(outputs, unlike=trust.threshold(seen)))
        rows = [row for p in PRECISIONS for row in measure(card, stage, p, "onnx", validation)]
        rows += abstaining(card, stage, "int8", "onnx", validation)
        rows += trust.measure(card, stage, "int8", "onnx", validation, self.outliers)
        return dataclasses.replace(card, measured=tuple(rows))

    def _torch(self, net: nn.Module, card: Card, leads: tuple[str, ...]) -> Logits:
        signal, mask = (torch.from_numpy(x) for x in self.validation.masked(leads))
        with torch.no_grad():
            parts = [net(signal[i : i + CHUNK], mask[i : i + CHUNK]) for i in range(0, len(signal), CHUNK)]
        outputs = [torch.cat(part).numpy() for part in zip(*parts, strict=True)]
        return {name: outputs[n][:, columns] for name, (n, columns) in card.outputs.places.items()}


def calibration_windows(data: ptbxl.PtbXl) -> Batch:
    """Draw training windows with random lead subsets, gains and noise, the same ones each time.

    Twice as many as ``CALIBRATION_WINDOWS``: the second half is for choosing.
    """
    rng = np.random.default_rng(0)
    rows = data.rows(TRAIN_FOLDS)
    rows = rng.choice(rows, min(2 * CALIBRATION_WINDOWS, len(rows)), replace=False)
    signal, present = condition(data.millivolts(rows), ptbxl.FS, ABOUT.input.preprocessing)
    x, mask = augment(torch.from_numpy(signal), torch.Generator().manual_seed(0), ptbxl.FS)
    mask = mask * torch.from_numpy(present)
    return (x * mask.unsqueeze(-1)).numpy(), mask.numpy()
