"""The encoder, from its checkpoint to the zoo: files, measurements, the gate, calibration, the card."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from export import calibrate, gate
from export.augment import LEAD_SETS, augment
from export.cards import (
    BIDMC,
    ENCODER_ALWAYS,
    ENCODER_GROUPS,
    ENCODER_INPUT,
    ENCODER_LIMITS,
    ENCODER_TASK,
    ENCODER_VERSION,
    NSTDB,
    PTBXL,
)
from export.datasets import ptbxl
from export.evaluate import CHUNK, METRIC, Fold, Logits, abstaining, measure, run
from export.loop import TRAIN_FOLDS, VALIDATION_FOLD
from export.metrics import macro_auroc
from export.models.encoder import trust
from export.models.encoder.net import fold
from export.models.encoder.train import Trained
from export.models.encoder.unlike import WithUnlike
from export.package import About, Batch, Draft, build, install, unmeasured
from wearecg.models import golden
from wearecg.models.card import (
    PRECISIONS,
    Card,
    Group,
    Loss,
    Outputs,
    Quantisation,
    SignalOutput,
    Statement,
    load_card,
)
from wearecg.models.describe import gate_table, measured_table
from wearecg.models.preprocess import condition
from wearecg.models.runner import Runner

log = logging.getLogger("export.publish")

NAME = "encoder"
CALIBRATION_WINDOWS = 400
MAX_INT8 = 600_000


def publish(trained: Trained, data: ptbxl.PtbXl, outliers: trust.Outliers, zoo: Path) -> Card:
    """Publish the encoder into the folder ``zoo``, or raise and leave the folder as it was.

    Raises
    ------
    GateError
        A form lost too much, or a file must not be shipped.
    """
    torch.set_num_threads(1)
    encoder = trained.net.eval()
    net = WithUnlike(encoder, trust.fit(encoder, data, outliers), ENCODER_GROUPS).eval()
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        card = draft(trained, net, data)
        card = build(Draft(card, fold(net), calibration_windows(data, card), MAX_INT8, first=1), stage)
        validation = Fold.of(data, VALIDATION_FOLD, card.input.preprocessing)
        forms = {name: _forms(net, card, stage, validation, leads) for name, leads in LEAD_SETS.items()}
        report = compare(forms, validation)
        quantisation = dataclasses.replace(card.quantisation, report=tuple(report))
        gate.check(quantisation)
        log.info("%s:\n%s", validation.name, gate_table(quantisation))

        logits = [form["fp32_onnx"] for form in forms.values()]
        outputs = calibrate.fit(card.outputs, logits, validation.labels, validation.unseen, ENCODER_ALWAYS)
        seen = np.concatenate([part["unlike"][~validation.unseen, 0] for part in logits])
        outputs = dataclasses.replace(outputs, unlike=trust.threshold(seen))
        card = dataclasses.replace(card, outputs=outputs, quantisation=quantisation)
        rows = [row for p in PRECISIONS for row in measure(card, stage, p, "onnx", validation)]
        rows += abstaining(card, stage, "int8", "onnx", validation)
        rows += trust.measure(card, stage, "int8", "onnx", validation, outliers)
        card = dataclasses.replace(card, measured=tuple(rows))
        log.info("%s", measured_table(card.measured))
        install(card, stage, zoo, golden.windows(card.input))
    return load_card(zoo / f"{NAME}.json")


def draft(trained: Trained, net: WithUnlike, data: ptbxl.PtbXl) -> Card:
    """Return the card as far as it is known before any file is made."""
    recipe = trained.recipe
    groups = tuple(
        Group(
            name,
            tuple(
                Statement(code, text, 1.0, 0.0, calibrate.DEFAULT_THRESHOLD, reported=False)
                for code, text in data.statements[name].items()
            ),
        )
        for name in ENCODER_GROUPS
    )
    options = f" --shape {recipe.shape}"
    options += f" --teacher{' FILE' * len(recipe.teacher.split())}" if recipe.teacher else ""
    options += f" --jepa {recipe.jepa}" if recipe.jepa else ""
    options += " --noise" if recipe.noise else ""
    return unmeasured(
        About(
            name=NAME,
            version=ENCODER_VERSION,
            task=ENCODER_TASK,
            input=ENCODER_INPUT,
            calibration=calibrate.METHOD.format(always=" and ".join(ENCODER_ALWAYS)),
            rule=Quantisation(
                "", METRIC, lower_is_better=False, relative=False, allowed_loss=gate.ALLOWED_LOSS, report=()
            ),
            limits=ENCODER_LIMITS,
        ),
        trained,
        net,
        Outputs(net.size, groups, (SignalOutput("unlike", (1,), "logit"),)),
        (PTBXL, NSTDB, BIDMC),
        f"train {NAME} --epochs {recipe.epochs} --seed {recipe.seed}{options}",
    )


def calibration_windows(data: ptbxl.PtbXl, card: Card) -> Batch:
    """Draw training windows with random lead subsets, gains and noise, the same ones each time.

    Twice as many as ``CALIBRATION_WINDOWS``: the second half is for choosing.
    """
    rng = np.random.default_rng(0)
    rows = data.rows(TRAIN_FOLDS)
    rows = rng.choice(rows, min(2 * CALIBRATION_WINDOWS, len(rows)), replace=False)
    signal, present = condition(data.millivolts(rows), ptbxl.FS, card.input.preprocessing)
    x, mask = augment(torch.from_numpy(signal), torch.Generator().manual_seed(0), ptbxl.FS)
    mask = mask * torch.from_numpy(present)
    return (x * mask.unsqueeze(-1)).numpy(), mask.numpy()


def compare(forms: dict[str, dict[str, Logits]], validation: Fold) -> list[Loss]:
    """Macro AUROC of each form of the model, for every group and lead set."""
    return [
        Loss(
            group=group,
            leads=leads,
            **{
                name: round(float(macro_auroc(logits[group], validation.labels[group])[0]), 5)
                for name, logits in form.items()
            },
        )
        for group in ENCODER_GROUPS
        for leads, form in forms.items()
    ]


def _forms(
    net: nn.Module, card: Card, stage: Path, validation: Fold, leads: tuple[str, ...]
) -> dict[str, Logits]:
    """Logits of the torch network and of each file."""
    signal, mask = (torch.from_numpy(x) for x in validation.masked(leads))
    with torch.no_grad():
        parts = [net(signal[i : i + CHUNK], mask[i : i + CHUNK]) for i in range(0, len(signal), CHUNK)]
    outputs = [torch.cat(part).numpy() for part in zip(*parts, strict=True)]
    places = card.outputs.places.items()
    forms: dict[str, Logits] = {"torch": {name: outputs[n][:, columns] for name, (n, columns) in places}}
    for file in card.files:
        forms[file.form] = run(Runner(card, stage, file.precision, file.runtime), validation, leads)
    return forms
