"""ppg2ecg from its checkpoints to the zoo."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from export import publish
from export.datasets.pulses import Pair
from export.evaluate import in_chunks
from export.layers import fold
from export.models.ppg2ecg import evaluate as evaluation
from export.models.ppg2ecg.card import ABOUT, DATA
from export.models.ppg2ecg.evaluate import Array, Net
from export.models.ppg2ecg.train import Trained
from export.models.ppg2ecg.windows import Windows
from export.package import Batch, Draft
from wearecg.models.card import Card, Loss, Measured, Outputs, SignalOutput
from wearecg.models.runner import Runner

MAX_INT8 = 1_000_000
CALIBRATION_WINDOWS = 400
PAIRS = slice(3)
"""Golden pairs: of a regular, a fibrillating and an ectopic heart."""
GATED = ("bidmc", "cuffless")


@dataclass(frozen=True, eq=False)
class Ppg2EcgPublication:
    """A trained ppg2ecg, and the recordings."""

    trained: Trained
    pairs: Sequence[Pair]

    @cached_property
    def tests(self) -> dict[str, evaluation.Trial]:
        """What the gate looks at."""
        return {name: evaluation.trial(self.pairs, name) for name in GATED}

    def draft(self) -> Draft:
        """Take the recipe as it was; int8 is calibrated on training windows as training shows them."""
        recipe, net, length = self.trained.recipe, fold(self.trained.net()), ABOUT.input.length
        signals = (
            SignalOutput("ecg", (length,), "mV"),
            SignalOutput("beats", (length,), "logit"),
            SignalOutput("lag", (2,), "s, log s^2"),
        )
        last = f"train {ABOUT.name} --epochs {recipe.epochs} --seed {recipe.seed}"
        outputs = Outputs(0, (), signals, points={"beats": evaluation.THRESHOLD})
        card = publish.unmeasured(ABOUT, self.trained, net, outputs, DATA, last)
        return Draft(card, net, self._windows(), MAX_INT8, pairs=PAIRS)

    def forms(self, net: nn.Module, _card: Card, runners: Mapping[str, Runner]) -> dict[str, Net]:
        """Each form as a function of arrays."""
        return {"torch": of_torch(net)} | {form: through(runner) for form, runner in runners.items()}

    def losses(self, forms: dict[str, Net]) -> Sequence[Loss]:
        """F1 of the beats, and of the trace's R peaks, in each set."""
        report = []
        for name, on in self.tests.items():
            f1 = {form: evaluation.gated(on, run) for form, run in forms.items()}
            report += [
                Loss(part, name, **{form: round(values[k], 4) for form, values in f1.items()})
                for k, part in enumerate(("beats", "trace"))
            ]
        return report

    def finished(self, card: Card, _stage: Path, forms: dict[str, Net]) -> Card:
        """Measure the int8 ONNX file beside the controls."""
        rules = evaluation.learn(self.pairs)
        rows = [row for name, on in self.tests.items() for row in measured(on, name, rules, forms)]
        return dataclasses.replace(card, measured=tuple(rows))

    def _windows(self) -> Batch:
        """The same ones each time; the second half is for choosing."""
        windows = Windows([pair for pair in self.pairs if pair.part == "train"])
        rng = np.random.default_rng(0)
        batch = windows.batch(rng.permutation(len(windows))[: 2 * CALIBRATION_WINDOWS], rng)
        return batch.pulse.numpy(), np.ones((len(batch.pulse), 1), np.float32)


def through(runner: Runner) -> Net:
    """Return a model file as a network on arrays, run by the product's own runner."""

    def run(signal: Array, mask: Array) -> tuple[Array, Array, Array]:
        out = in_chunks(runner, signal, mask)
        return out["ecg"], out["beats"], out["lag"]

    return run


def of_torch(net: Callable[[torch.Tensor, torch.Tensor], Sequence[torch.Tensor]]) -> Net:
    """Return a torch network, or a function like one, as a network on arrays."""

    @torch.no_grad()
    def run(signal: Array, mask: Array) -> tuple[Array, Array, Array]:
        parts = [
            net(torch.from_numpy(signal[i : i + 128]), torch.from_numpy(mask[i : i + 128]))
            for i in range(0, len(signal), 128)
        ]
        ecg, beats, lag = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
        return ecg, beats, lag

    return run


def measured(
    on: evaluation.Trial, name: str, rules: evaluation.Rules, nets: dict[str, Net]
) -> list[Measured]:
    """The card's rows: the int8 ONNX file beside the controls, in the windows whose pulse is good."""
    answers = evaluation.methods(rules, {ABOUT.name: nets["int8_onnx"]}, on.pairs)
    networks = (ABOUT.name, evaluation.MISMATCHED, evaluation.BEATS)
    return [
        Measured(
            data=f"{name}, people unseen in training",
            metric=title,
            group=method,
            leads="PPG",
            precision="int8" if method in networks else "-",
            runtime="onnx" if method in networks else "numpy",
            records=len(on.pairs),
            value=round(value, 4),
            low=round(low, 4),
            high=round(high, 4),
        )
        for method, values in evaluation.measure(on, answers).items()
        for title, (value, low, high) in values.items()
        if np.isfinite(value)
    ]
