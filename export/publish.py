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

from export import calibrate, gate, to_onnx, to_tflite
from export.augment import LEAD_SETS, augment
from export.cards import (
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
from export.errors import GateError
from export.evaluate import CHUNK, Fold, Logits, measure, run
from export.metrics import macro_auroc
from export.nets.encoder import Encoder, cost, fold
from export.quantize import quantize_onnx, quantize_tflite
from export.train.encoder import Trained
from wearecg.models import golden
from wearecg.models.card import (
    PRECISIONS,
    RUNTIMES,
    Card,
    GoldenFile,
    Group,
    Loss,
    ModelFile,
    Outputs,
    Quantisation,
    Statement,
    Training,
    load_card,
)
from wearecg.models.describe import gate_table, measured_table
from wearecg.models.preprocess import condition
from wearecg.models.runner import Runner
from wearecg.models.verify import verify

log = logging.getLogger("export.publish")

NAME = "encoder"
TRAIN_FOLDS = tuple(range(1, 9))
VALIDATION_FOLD = 9
CALIBRATION_WINDOWS = 400
CLIPS = {"onnx": (99.9, 99.99, 99.999, 100.0), "tflite": (95.0, 98.0, 99.0, 100.0)}
"""Percentiles that are tried; that of the smallest error on other training windows is taken."""
QUANTIZE = {"onnx": quantize_onnx, "tflite": quantize_tflite}
STAMP = {"onnx": to_onnx.stamp, "tflite": to_tflite.stamp}
METHOD = (
    "Conv and Gemm static int8, weights per channel; the first two and the last layers, the sums and the pooling in "
    "floating point; calibrated on {windows} training windows with random lead subsets. ONNX Runtime: uint8 "
    "activations, reduced range, {onnx:g} % percentile of the values. TFLite: int8 activations, {tflite:g} % "
    "percentile of the windows' extremes. The percentiles are those of the smallest error of the logits on as "
    "many other training windows"
)

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


def publish(trained: Trained, data: ptbxl.PtbXl, zoo: Path) -> Card:
    """Publish the encoder into the folder ``zoo``, or raise and leave the folder as it was.

    Raises
    ------
    GateError
        A form lost too much, or a file must not be shipped.
    """
    torch.set_num_threads(1)
    net = trained.net.only(ENCODER_GROUPS).eval()
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        card = build(net, draft(trained, net, data), data, stage)
        validation = Fold.of(data, VALIDATION_FOLD, card.input.preprocessing)
        forms = {name: _forms(net, card, stage, validation, leads) for name, leads in LEAD_SETS.items()}
        report = compare(forms, validation)
        gate.check(report)
        log.info("gate, %s:\n%s", validation.name, gate_table(tuple(report)))

        logits = [form["fp32_onnx"] for form in forms.values()]
        outputs = calibrate.fit(card.outputs, logits, validation.labels, validation.unseen, ENCODER_ALWAYS)
        quantisation = dataclasses.replace(card.quantisation, report=tuple(report))
        card = dataclasses.replace(card, outputs=outputs, quantisation=quantisation)
        rows = tuple(row for p in PRECISIONS for row in measure(card, stage, p, "onnx", validation))
        log.info("%s", measured_table(rows))
        pairs = golden.make(card, stage, *golden.windows(card.input))
        entry = golden.write(pairs, stage / f"{NAME}.golden.npz")
        card = dataclasses.replace(card, measured=rows, golden=entry)
        card.write(stage / f"{NAME}.json")
        _install(card, stage, zoo)
    return load_card(zoo / f"{NAME}.json")


def draft(trained: Trained, net: Encoder, data: ptbxl.PtbXl) -> Card:
    """Return the card as far as it is known before any file is made."""
    recipe = trained.recipe
    parameters, macs = cost(net, len(ENCODER_INPUT.leads), ENCODER_INPUT.length)
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
    teach = "python -m export teach own --data DIR; " if recipe.teacher else ""
    options = (" --teacher teacher.npz" if recipe.teacher else "") + (" --noise" if recipe.noise else "")
    return Card(
        name=NAME,
        version=ENCODER_VERSION,
        task=ENCODER_TASK,
        input=ENCODER_INPUT,
        outputs=Outputs(net.embed.out_features, groups),
        files=(),
        golden=GoldenFile("", 0, 0, ""),
        calibration=calibrate.METHOD.format(always=" and ".join(ENCODER_ALWAYS)),
        training=Training(
            data=(PTBXL, NSTDB) if recipe.noise else (PTBXL,),
            command=(
                f"{teach}python -m export train {NAME} --data DIR --epochs {recipe.epochs} --seed {recipe.seed}"
                f"{options}; python -m export publish {NAME} --data DIR"
            ),
            seed=recipe.seed,
            epochs=recipe.epochs,
            minutes=round(trained.seconds / 60, 1),
            machine=trained.machine,
        ),
        measured=(),
        quantisation=Quantisation("", gate.ALLOWED_LOSS, ()),
        parameters=parameters,
        mmac=round(macs / 1e6, 2),
        limits=ENCODER_LIMITS,
    )


def build(net: Encoder, card: Card, data: ptbxl.PtbXl, stage: Path) -> Card:
    """Write the stamped model files into ``stage``; return the card that lists them."""
    folded, leads, length = fold(net), len(card.input.leads), card.input.length
    outputs = ["embedding", *(group.name for group in card.outputs.groups)]
    to_onnx.to_onnx(folded, stage / f"{NAME}.fp32.onnx", leads, length, outputs)
    to_tflite.to_tflite(folded, stage / f"{NAME}.fp32.tflite", leads, length)
    signal, mask = calibration_windows(data, card)
    half = len(signal) // 2
    files, chosen = [], {}
    for runtime in RUNTIMES:
        fp32 = _listed(card, stage / f"{NAME}.fp32.{runtime}", "fp32", runtime)
        clip = _best_clip(card, fp32, stage, (signal[:half], mask[:half]), (signal[half:], mask[half:]))
        int8 = stage / f"{NAME}.int8.{runtime}"
        QUANTIZE[runtime](stage / fp32.path, int8, signal[:half], mask[:half], clip)
        files += [fp32, _listed(card, int8, "int8", runtime)]
        chosen[runtime] = clip
    for file in files:
        gate.check_file(stage / file.path, file.precision)
    method = METHOD.format(windows=half, **chosen)
    quantisation = dataclasses.replace(card.quantisation, method=method)
    return dataclasses.replace(card, files=tuple(files), quantisation=quantisation)


def _best_clip(card: Card, fp32: ModelFile, stage: Path, fit: Batch, held: Batch) -> float:
    """Return the percentile whose int8 form is nearest to fp32 on the windows held back."""
    expected = _logits(card, fp32, stage, held)
    errors = {}
    with tempfile.TemporaryDirectory() as folder:
        for clip in CLIPS[fp32.runtime]:
            tried = Path(folder) / f"{clip}.{fp32.runtime}"
            QUANTIZE[fp32.runtime](stage / fp32.path, tried, *fit, clip)
            got = _logits(card, _listed(card, tried, "int8", fp32.runtime), tried.parent, held)
            errors[clip] = float(np.mean((got - expected) ** 2 / expected.var(axis=0)))
    shares = ", ".join(f"{clip:g} %: {error:.5f}" for clip, error in errors.items())
    log.info("%s, variance of the logits lost at each percentile: %s", fp32.runtime, shares)
    return min(errors, key=errors.__getitem__)


def _logits(card: Card, file: ModelFile, folder: Path, windows: Batch) -> NDArray[np.float32]:
    """Run a file that may not be on the card yet; all its logits side by side."""
    runner = Runner(dataclasses.replace(card, files=(file,)), folder, file.precision, file.runtime)
    out = runner.run(*windows)
    return np.concatenate([out[group.name] for group in card.outputs.groups], axis=1)


def _listed(card: Card, path: Path, precision: str, runtime: str) -> ModelFile:
    """Stamp a file; return its entry for the card."""
    STAMP[runtime](path, card.stamp(precision))
    content = path.read_bytes()
    return ModelFile(path.name, precision, runtime, len(content), hashlib.sha256(content).hexdigest())


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
    net: Encoder, card: Card, stage: Path, validation: Fold, leads: tuple[str, ...]
) -> dict[str, Logits]:
    """Logits of the torch network and of each file."""
    signal, mask = (torch.from_numpy(x) for x in validation.masked(leads))
    with torch.no_grad():
        parts = [net(signal[i : i + CHUNK], mask[i : i + CHUNK])[1:] for i in range(0, len(signal), CHUNK)]
    outputs = [torch.cat(part).numpy() for part in zip(*parts, strict=True)]
    forms: dict[str, Logits] = {"torch": dict(zip(net.heads, outputs, strict=True))}
    for file in card.files:
        forms[file.form] = run(Runner(card, stage, file.precision, file.runtime), validation, leads)
    return forms


def _install(card: Card, stage: Path, zoo: Path) -> None:
    """Check the staged model as a user would, then move it into the zoo, the card last."""
    faults = [check for check in verify(stage / f"{NAME}.json") if check.ok is False]
    if faults:
        raise GateError(f"refused: {faults[0].file} does not verify: {faults[0].problem}")
    zoo.mkdir(parents=True, exist_ok=True)
    for name in [*(file.path for file in card.files), card.golden.path, f"{NAME}.json"]:
        shutil.copyfile(stage / name, zoo / name)
