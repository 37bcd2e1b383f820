"""ppg2ecg from its checkpoints to the zoo."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from export import gate
from export.cards import PPG2ECG_DATA, PPG2ECG_INPUT, PPG2ECG_LIMITS, PPG2ECG_TASK, PPG2ECG_VERSION
from export.datasets.pulses import Pair
from export.evaluate import in_chunks
from export.models.encoder.net import fold
from export.models.ppg2ecg import evaluate as evaluation
from export.models.ppg2ecg.evaluate import Array, Net
from export.models.ppg2ecg.train import Trained
from export.models.ppg2ecg.windows import Windows
from export.package import About, Batch, Draft, build, install, unmeasured
from wearecg.models import golden
from wearecg.models.card import Card, Loss, Measured, Outputs, Quantisation, SignalOutput, load_card
from wearecg.models.describe import gate_table
from wearecg.models.runner import Runner

log = logging.getLogger("export.publish")

NAME = "ppg2ecg"
GATE = "R-peak F1 at 50 ms, aligned by record"
ALLOWED_LOSS = 0.01
MAX_INT8 = 1_000_000
CALIBRATION_WINDOWS = 400
PAIRS = 3
"""Golden pairs: of a regular, a fibrillating and an ectopic heart."""
GATED = ("bidmc", "cuffless")


def publish(trained: Trained, pairs: Sequence[Pair], zoo: Path) -> Card:
    """Publish into the folder ``zoo``, or raise and leave it as it was.

    Raises
    ------
    GateError
        A form lost too much, or a file must not be shipped.
    """
    torch.set_num_threads(1)
    net = fold(trained.net())
    tests = {name: evaluation.trial(pairs, name) for name in GATED}
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        card = build(Draft(_draft(trained), net, _windows(pairs), MAX_INT8), stage)
        nets = {file.form: through(card, stage, file.form) for file in card.files} | {"torch": of_torch(net)}
        report = []
        for name, on in tests.items():
            f1 = {form: evaluation.gated(on, run) for form, run in nets.items()}
            report += [
                Loss(part, name, **{form: round(values[k], 4) for form, values in f1.items()})
                for k, part in enumerate(("beats", "trace"))
            ]
        quantisation = dataclasses.replace(card.quantisation, report=tuple(report))
        gate.check(quantisation)
        log.info("%s", gate_table(quantisation))
        rules = evaluation.learn(pairs)
        rows = [row for name, on in tests.items() for row in measured(on, name, rules, nets)]
        card = dataclasses.replace(card, quantisation=quantisation, measured=tuple(rows))
        signal, mask = golden.windows(card.input)
        install(card, stage, zoo, (signal[:PAIRS], mask[:PAIRS]))
    return load_card(zoo / f"{NAME}.json")


def through(card: Card, folder: Path, form: str) -> Net:
    """Return one of the card's files as a network, run by the product's own runner."""
    runner = Runner(card, folder, *form.split("_"))

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
    answers = evaluation.methods(rules, {NAME: nets["int8_onnx"]}, on.pairs)
    networks = (NAME, evaluation.MISMATCHED, evaluation.BEATS)
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


def _draft(trained: Trained) -> Card:
    recipe = trained.recipe
    length = PPG2ECG_INPUT.length
    return unmeasured(
        About(
            name=NAME,
            version=PPG2ECG_VERSION,
            task=PPG2ECG_TASK,
            input=PPG2ECG_INPUT,
            calibration="none: a beat is where the logit has a maximum above a fixed threshold",
            rule=Quantisation(
                "", GATE, lower_is_better=False, relative=False, allowed_loss=ALLOWED_LOSS, report=()
            ),
            limits=PPG2ECG_LIMITS,
        ),
        trained,
        trained.net(),
        Outputs(
            0,
            (),
            (
                SignalOutput("ecg", (length,), "mV"),
                SignalOutput("beats", (length,), "logit"),
                SignalOutput("lag", (2,), "s, log s^2"),
            ),
        ),
        PPG2ECG_DATA,
        f"train {NAME} --epochs {recipe.epochs} --seed {recipe.seed}",
    )


def _windows(pairs: Sequence[Pair]) -> Batch:
    """Training windows as training shows them, the same ones each time; the second half is for choosing."""
    windows, rng = Windows([pair for pair in pairs if pair.part == "train"]), np.random.default_rng(0)
    batch = windows.batch(rng.permutation(len(windows))[: 2 * CALIBRATION_WINDOWS], rng)
    return batch.pulse.numpy(), np.ones((len(batch.pulse), 1), np.float32)
