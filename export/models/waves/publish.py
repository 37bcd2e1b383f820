"""The part of waves in its publication."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from export import publish
from export.datasets.ludb import KEPT, Ludb
from export.evaluate import in_chunks
from export.models.waves.card import ABOUT, DATA
from export.models.waves.evaluate import ODDS, Rate, held_out, measured, rows, score
from export.models.waves.net import BORDERS, WAVES
from export.models.waves.train import Trained, calibrate
from export.models.waves.windows import Batch, Lane, Windows, lanes
from export.package import Batch as Prepared
from export.package import Draft
from wearecg.models.card import PRECISIONS, Card, Loss, Outputs, SignalOutput
from wearecg.models.delineator import SAID
from wearecg.models.runner import Runner

MAX_INT8 = 200_000
CALIBRATION_LANES = 64

Forms = dict[str, dict[str, Rate]]
"""The rates of each form."""


@dataclass(frozen=True, eq=False)
class WavesPublication:
    """A trained network, the recordings, and noise."""

    trained: Trained
    data: Ludb
    noise: NDArray[np.float32]

    @cached_property
    def held(self) -> tuple[Batch, NDArray[np.int64]]:
        """What the gate looks at."""
        return held_out(self.data)

    def draft(self) -> Draft:
        """Take the recipe as it was; int8 is calibrated on training beats as training shows them."""
        recipe, net = self.trained.recipe, self.trained.net.eval()
        ours = lanes(self.data, rows(self.data, kept=False))
        calibrate(net, Windows(ours, None).plain(range(len(ours))))
        output = SignalOutput(SAID, (2 * BORDERS + WAVES,), "s, log s, logit")
        points = {wave: round(1 / (1 + exp(-logit)), 4) for wave, logit in ODDS.items()}
        last = f"train {ABOUT.name} --epochs {recipe.epochs} --seed {recipe.seed}"
        card = publish.unmeasured(
            ABOUT, self.trained, net, Outputs(0, (), (output,), points=points), DATA, last
        )
        return Draft(card, net, self._windows(ours), MAX_INT8)

    def forms(self, net: nn.Module, _card: Card, runners: Mapping[str, Runner]) -> Forms:
        """Return the rates of the torch network and of each file."""
        batch, record = self.held
        mask = torch.ones(len(batch.signal), 1)
        with torch.no_grad():
            said = {"torch": net(batch.signal, mask)[0].numpy()}
        for form, runner in runners.items():
            said[form] = in_chunks(runner, batch.signal.numpy(), mask.numpy())[SAID]
        return {form: score(batch, record, one, [*ODDS.values()]) for form, one in said.items()}

    def losses(self, forms: Forms) -> Sequence[Loss]:
        """One row for each rate."""
        return [
            Loss(name, "one", **{form: round(rates[name].value, 5) for form, rates in forms.items()})
            for name in forms["torch"]
        ]

    def finished(self, card: Card, _stage: Path, forms: Forms) -> Card:
        """Write down the rates of both ONNX files."""
        found = [row for p in PRECISIONS for row in measured(forms[f"{p}_onnx"], p, "onnx", len(KEPT))]
        return dataclasses.replace(card, measured=tuple(found))

    def _windows(self, ours: Sequence[Lane]) -> Prepared:
        """Beats of training leads as training shows them, always the same."""
        rng = np.random.default_rng(0)
        windows = Windows(ours, self.noise)
        signal = windows.batch(rng.permutation(len(windows))[:CALIBRATION_LANES], rng).signal.numpy()
        return rng.permutation(signal), np.ones((len(signal), 1), np.float32)
