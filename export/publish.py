"""From a checkpoint to the zoo: convert, quantise, measure, pass the gate, calibrate, write the card."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from export import calibrate, gate
from export.augment import LEAD_SETS, augment
from export.cards import (
    ENCODER_GROUPS,
    ENCODER_INPUT,
    ENCODER_LIMITS,
    ENCODER_TASK,
    ENCODER_VERSION,
    PTBXL,
)
from export.datasets import ptbxl
from export.evaluate import Fold, Logits, measure, run, table
from export.metrics import macro_auroc
from export.nets.encoder import Encoder, cost, fold
from export.quantize import METHOD, quantize
from export.to_onnx import stamp, to_onnx
from export.train.encoder import TRAIN_FOLDS, VALIDATION_FOLD, Trained, conditioned, predict
from wearecg.models.card import (
    PRECISIONS,
    Card,
    Group,
    Loss,
    ModelFile,
    Outputs,
    Quantisation,
    Statement,
    Training,
    load_card,
)
from wearecg.models.model import load_model
from wearecg.models.runner import Runner

log = logging.getLogger("export.publish")

CALIBRATION_WINDOWS = 400
NAME = "encoder"


def publish(trained: Trained, data: ptbxl.PtbXl, zoo: Path) -> Card:
    """Publish the encoder into the folder ``zoo``, or raise and leave the folder as it was.

    Raises
    ------
    GateError
        The int8 form lost too much.
    """
    net = trained.net.only(ENCODER_GROUPS)
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        card = draft(trained, data)
        card = build(net, card, data, stage)
        validation = Fold.of(data, VALIDATION_FOLD, card.input.preprocessing)
        runners = {p: Runner(card, stage, p) for p in PRECISIONS}
        forms = {name: _forms(net, runners, validation, leads) for name, leads in LEAD_SETS.items()}
        report = compare(forms, validation, ENCODER_GROUPS)
        log.info("gate, %s:\n%s", validation.name, gate.table(report))
        gate.check(report)

        card = dataclasses.replace(
            card,
            outputs=calibrated(card.outputs, [form["fp32"] for form in forms.values()], validation),
            quantisation=dataclasses.replace(card.quantisation, report=tuple(report)),
        )
        rows = [row for p in PRECISIONS for row in measure(card, runners[p], p, validation)]
        log.info("%s:\n%s", validation.name, table(rows))
        card = dataclasses.replace(card, measured=tuple(rows))
        card.write(stage / f"{NAME}.json")
        _install(stage, zoo)
    return load_card(zoo / f"{NAME}.json")


def draft(trained: Trained, data: ptbxl.PtbXl) -> Card:
    """Return the card as far as it is known before any file is made."""
    recipe = trained.recipe
    parameters, macs = cost(trained.net.only(ENCODER_GROUPS), len(ENCODER_INPUT.leads), ENCODER_INPUT.length)
    groups = tuple(
        Group(
            name,
            tuple(
                Statement(code, text, 1.0, 0.0, calibrate.DEFAULT_THRESHOLD)
                for code, text in data.statements[name].items()
            ),
        )
        for name in ENCODER_GROUPS
    )
    return Card(
        name=NAME,
        version=ENCODER_VERSION,
        task=ENCODER_TASK,
        input=ENCODER_INPUT,
        outputs=Outputs(trained.net.embed.out_features, groups),
        files=(),
        calibration=calibrate.METHOD,
        training=Training(
            data=(PTBXL,),
            command=(
                f"python -m export train {NAME} --data DIR --epochs {recipe.epochs} --seed {recipe.seed}; "
                f"python -m export publish {NAME} --data DIR"
            ),
            seed=recipe.seed,
            epochs=recipe.epochs,
            minutes=round(trained.seconds / 60, 1),
            machine=trained.machine,
        ),
        measured=(),
        quantisation=Quantisation(METHOD.format(windows=CALIBRATION_WINDOWS), gate.ALLOWED_LOSS, ()),
        parameters=parameters,
        mmac=round(macs / 1e6, 2),
        limits=ENCODER_LIMITS,
    )


def build(net: Encoder, card: Card, data: ptbxl.PtbXl, stage: Path) -> Card:
    """Write the stamped model files into ``stage``; return the card that lists them."""
    names = {precision: f"{card.name}.{precision}.onnx" for precision in PRECISIONS}
    outputs = ["embedding", *(group.name for group in card.outputs.groups)]
    to_onnx(fold(net), stage / names["fp32"], len(card.input.leads), card.input.length, outputs)
    quantize(stage / names["fp32"], stage / names["int8"], *calibration_windows(data, card))
    files = []
    for precision, name in names.items():
        stamp(stage / name, card.stamp(precision))
        content = (stage / name).read_bytes()
        files.append(ModelFile(name, precision, "onnx", len(content), hashlib.sha256(content).hexdigest()))
    return dataclasses.replace(card, files=tuple(files))


def calibration_windows(data: ptbxl.PtbXl, card: Card) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw training windows with random lead subsets, gains and noise, the same ones each time."""
    rng = np.random.default_rng(0)
    rows = data.rows(TRAIN_FOLDS)
    rows = np.sort(rng.choice(rows, min(CALIBRATION_WINDOWS, len(rows)), replace=False))
    signal, present = conditioned(data, rows, card.input.preprocessing)
    x, mask = augment(signal.float() / 1000, torch.Generator().manual_seed(0), ptbxl.FS)
    mask = mask * present
    return (x * mask.unsqueeze(-1)).numpy(), mask.numpy()


def compare(forms: dict[str, dict[str, Logits]], validation: Fold, groups: tuple[str, ...]) -> list[Loss]:
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
        for group in groups
        for leads, form in forms.items()
    ]


def calibrated(outputs: Outputs, logits: list[Logits], validation: Fold) -> Outputs:
    """Fit slope, offset and threshold of every statement on the calibration half of the fold."""
    seen = ~validation.unseen
    groups = []
    for group in outputs.groups:
        z = np.concatenate([z[group.name][seen] for z in logits])
        y = np.tile(validation.labels[group.name][seen], (len(logits), 1))
        statements = []
        for k, statement in enumerate(group.statements):
            slope, offset = calibrate.platt(z[:, k], y[:, k])
            threshold = calibrate.DEFAULT_THRESHOLD
            if y[:, k].sum() >= calibrate.FEW * len(logits):
                p = 1 / (1 + np.exp(-(slope * z[:, k] + offset)))
                threshold = calibrate.best_f1_threshold(p, y[:, k])
            statements.append(
                dataclasses.replace(
                    statement,
                    slope=round(slope, 4),
                    offset=round(offset, 4),
                    threshold=round(threshold, 3),
                )
            )
        groups.append(Group(group.name, tuple(statements)))
    return dataclasses.replace(outputs, groups=tuple(groups))


def _forms(
    net: Encoder, runners: dict[str, Runner], validation: Fold, leads: tuple[str, ...]
) -> dict[str, Logits]:
    """Logits of the torch network and of each published form."""
    signal, mask = validation.masked(leads)
    outputs = predict(net, torch.from_numpy(signal) * 1000, torch.from_numpy(mask))[1:]
    torch_logits = dict(zip(net.heads, outputs, strict=True))
    return {"torch": torch_logits} | {name: run(r, validation, leads) for name, r in runners.items()}


def _install(stage: Path, zoo: Path) -> None:
    """Check the staged model as a user would load it, then move it into the zoo, the card last."""
    for precision in PRECISIONS:
        load_model(stage / f"{NAME}.json", precision)
    zoo.mkdir(parents=True, exist_ok=True)
    for path in sorted(stage.iterdir(), key=lambda path: path.suffix == ".json"):
        shutil.copyfile(path, zoo / path.name)
