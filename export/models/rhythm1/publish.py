"""rhythm1, the one-lead rhythm model, from its checkpoint to the zoo."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from pathlib import Path

import numpy as np
import torch

from export import calibrate, gate
from export.cards import CINC2017, NSTDB, PTBXL, RHYTHM1_INPUT, RHYTHM1_LIMITS, RHYTHM1_TASK, RHYTHM1_VERSION
from export.datasets import cinc2017
from export.loop import predict
from export.models.encoder.net import fold
from export.models.rhythm1.evaluate import Estimate, Windows, cut, score
from export.models.rhythm1.train import Trained
from export.package import About, Batch, Draft, build, install, unmeasured
from wearecg.models import golden
from wearecg.models.card import (
    PRECISIONS,
    Card,
    Group,
    Loss,
    Measured,
    Outputs,
    Quantisation,
    Statement,
    load_card,
)
from wearecg.models.describe import gate_table, measured_table
from wearecg.models.runner import Runner

log = logging.getLogger("export.publish")

NAME, GROUP = "rhythm1", "rhythm"
METRIC = "F1"
ALLOWED_LOSS = 0.01
MAX_INT8 = 400_000
CALIBRATION_RECORDINGS = 500
DATA = "CinC 2017, held-out fifth (folds 9 and 10 by a hash of the record's name)"
ROWS = {"mean": "mean of N, A, O", "N": "N", "A": "A", "O": "O"}


def publish(trained: Trained, data: cinc2017.Cinc2017, zoo: Path) -> Card:
    """Publish rhythm1 into the folder ``zoo``, or raise and leave the folder as it was.

    Raises
    ------
    GateError
        A form lost too much, or a file must not be shipped.
    """
    torch.set_num_threads(1)
    net, spec = trained.net.eval(), RHYTHM1_INPUT
    held, chosen = (
        cut(data, data.rows(folds), spec.seconds, spec.preprocessing)
        for folds in (cinc2017.HELD_OUT_FOLDS, cinc2017.CHOOSE_FOLDS)
    )
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        card = build(Draft(_draft(trained), fold(net), _calibration_windows(data), MAX_INT8), stage)
        found = {file.form: score(held, _run(card, stage, file.form, held)) for file in card.files}
        found["torch"] = score(
            held, predict(net, torch.from_numpy(held.signal) * 1000, torch.from_numpy(held.mask))[1]
        )
        report = Loss(ROWS["mean"], "one", **{form: round(f1["mean"].value, 5) for form, f1 in found.items()})
        quantisation = dataclasses.replace(card.quantisation, report=(report,))
        gate.check(quantisation)
        log.info("%s", gate_table(quantisation))
        labels = np.eye(len(cinc2017.CLASSES), dtype=bool)[chosen.label[chosen.record]]
        logits = {GROUP: _run(card, stage, "fp32_onnx", chosen)}
        unseen = chosen.record % 2 == 1
        outputs = calibrate.fit(card.outputs, [logits], {GROUP: labels}, unseen, (GROUP,))
        measured = [
            row for p in PRECISIONS for row in _measured(found[f"{p}_onnx"], p, "onnx", len(held.label))
        ]
        card = dataclasses.replace(card, quantisation=quantisation, outputs=outputs, measured=tuple(measured))
        log.info("%s", measured_table(card.measured))
        install(card, stage, zoo, golden.windows(card.input))
    return load_card(zoo / f"{NAME}.json")


def _draft(trained: Trained) -> Card:
    recipe = trained.recipe
    statements = tuple(
        Statement(code, text, 1.0, 0.0, calibrate.DEFAULT_THRESHOLD, reported=False)
        for code, text in cinc2017.CLASSES.items()
    )
    return unmeasured(
        About(
            name=NAME,
            version=RHYTHM1_VERSION,
            task=RHYTHM1_TASK,
            input=RHYTHM1_INPUT,
            calibration=calibrate.METHOD_RHYTHM1,
            rule=Quantisation(
                "", METRIC, lower_is_better=False, relative=False, allowed_loss=ALLOWED_LOSS, report=()
            ),
            limits=RHYTHM1_LIMITS,
        ),
        trained,
        trained.net,
        Outputs(trained.net.embed.out_features, (Group(GROUP, statements),)),
        (CINC2017, PTBXL, *((NSTDB,) if recipe.noise else ())),
        f"train {NAME} --start encoder.pt --epochs {recipe.epochs} "
        f"--seed {recipe.seed}{' --noise' if recipe.noise else ''}",
    )


def _calibration_windows(data: cinc2017.Cinc2017) -> Batch:
    """Windows of training recordings, half of them upside down, always the same."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(data.rows(cinc2017.TRAIN_FOLDS))[:CALIBRATION_RECORDINGS]
    windows = cut(data, rows, RHYTHM1_INPUT.seconds, RHYTHM1_INPUT.preprocessing)
    sign = rng.choice(np.array([-1, 1], np.float32), (len(windows.signal), 1, 1))
    return windows.signal * sign, windows.mask


def _run(card: Card, folder: Path, form: str, windows: Windows) -> np.ndarray:
    precision, runtime = form.split("_")
    return Runner(card, folder, precision, runtime).run(windows.signal, windows.mask)[GROUP]


def _measured(f1: dict[str, Estimate], precision: str, runtime: str, records: int) -> list[Measured]:
    return [
        Measured(
            data=DATA,
            metric=METRIC,
            group=label,
            leads="one",
            precision=precision,
            runtime=runtime,
            records=records,
            value=round(f1[code].value, 4),
            low=round(f1[code].low, 4),
            high=round(f1[code].high, 4),
        )
        for code, label in ROWS.items()
    ]
