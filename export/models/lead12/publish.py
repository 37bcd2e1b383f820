"""lead12 and lead12-linear, from a checkpoint and the training recordings to the zoo."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from export import gate
from export.calibrate import halves
from export.cards import LEAD12_INPUT, LEAD12_LIMITS, LEAD12_TASK, LEAD12_VERSION, PTBXL
from export.datasets import ptbxl
from export.evaluate import in_chunks
from export.loop import TRAIN_FOLDS, VALIDATION_FOLD, conditioned, predict
from export.metrics import interval, patient_draws
from export.models.encoder.net import fold
from export.models.lead12 import evaluate, linear
from export.models.lead12.evaluate import NOMINAL, Net, Truth
from export.models.lead12.train import LEAD_SETS, Trained, hidden
from export.package import About, Batch, Draft, build, install, unmeasured
from wearecg.ecg.lead12 import INDEPENDENT, twelve
from wearecg.ecg.leads import TWELVE
from wearecg.models import golden
from wearecg.models.card import (
    PRECISIONS,
    Band,
    Card,
    Loss,
    Measured,
    Outputs,
    Quantisation,
    SignalOutput,
    load_card,
)
from wearecg.models.describe import gate_table
from wearecg.models.lead12 import LINEAR, LinearCard, LinearSet
from wearecg.models.preprocess import Preprocessing
from wearecg.models.runner import Runner

log = logging.getLogger("export.publish")

NAME = "lead12"
GATE = "mean RMSE of the missing leads, uV"
ALLOWED_LOSS = 0.02
MAX_INT8 = 1_200_000
CALIBRATION_WINDOWS = 400
PAIRS = 2
"""Golden pairs; the outputs of one window are 16,000 numbers."""
UNKNOWN_MV = 0.3
"""A lead whose 90 % band is wider than plus or minus this, root mean square over a beat or two, is not known."""
METRICS = {
    "r": "Pearson r",
    "rmse": "RMSE, uV",
    "r2": "R2",
    "slope": "slope of found on true R amplitude",
    "mae": "mean absolute error, uV",
    "st": "error of the ST level at J + 60 ms, uV",
}
COVERAGE = "share of samples in the 90 % band"

Array = NDArray[np.float32]


def publish(trained: Trained, data: ptbxl.PtbXl, zoo: Path) -> Card:
    """Publish both models into the folder ``zoo``, or raise and leave lead12's files as they were.

    Raises
    ------
    GateError
        A form lost too much, or a file must not be shipped.
    """
    torch.set_num_threads(1)
    net = trained.net.eval()
    truth = Truth.of(data, VALIDATION_FOLD)
    floors = floor(data)
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        card = build(Draft(_draft(trained), fold(net), _windows(data), MAX_INT8), stage)
        nets = {file.form: _net(card, stage, file.form) for file in card.files}
        nets["torch"] = lambda signal, mask: _torch(net, signal, mask)
        report = tuple(
            Loss("missing", name, **{form: _rmse(truth, run, leads) for form, run in nets.items()})
            for name, leads in LEAD_SETS.items()
        )
        quantisation = dataclasses.replace(card.quantisation, report=report)
        gate.check(quantisation)
        log.info("%s", gate_table(quantisation))
        answers = {p: _answers(truth, nets[f"{p}_onnx"]) for p in PRECISIONS}
        scale = _scale(truth, [(LEAD_SETS[name], *answer) for name, answer in answers["int8"].items()])
        band = Band(NOMINAL, scale, UNKNOWN_MV)
        rows = [row for p in PRECISIONS for row in _measured(truth, answers[p], p, np.array(scale))]
        rows += _measured(truth, {n: _floor_answer(truth, floors[n]) for n in LEAD_SETS}, "linear", None)
        card = dataclasses.replace(
            card,
            outputs=dataclasses.replace(card.outputs, band=band),
            quantisation=quantisation,
            measured=tuple(rows),
        )
        signal, mask = golden.windows(card.input)
        install(card, stage, zoo, (signal[1 : 1 + PAIRS], mask[1 : 1 + PAIRS]))
    _publish_linear(floors, truth, zoo / LINEAR.parent.name / LINEAR.name)
    return load_card(zoo / f"{NAME}.json")


def floor(data: ptbxl.PtbXl) -> dict[str, linear.Linear]:
    """Fit the matrix of each lead set to folds 1 to 8."""
    rows = data.rows(TRAIN_FOLDS)
    parts = (
        conditioned(data, rows[i : i + 512], Preprocessing())[0].numpy().astype(np.float32) / np.float32(1000)
        for i in range(0, len(rows), 512)
    )
    moments = linear.moments(parts)
    return {name: linear.fit(moments, leads) for name, leads in LEAD_SETS.items()}


def _publish_linear(floors: dict[str, linear.Linear], truth: Truth, path: Path) -> None:
    found = [(floors[name].leads, *_floor_answer(truth, floors[name])) for name in LEAD_SETS]
    scale = _scale(truth, found)
    LinearCard(
        name=LINEAR.stem,
        version=LEAD12_VERSION,
        input=LEAD12_INPUT,
        sets=tuple(
            LinearSet(
                leads=one.leads,
                matrix=tuple(tuple(round(float(v), 5) for v in row) for row in one.matrix),
                constant=tuple(round(float(v), 5) for v in one.constant),
                variance=tuple(round(float(v), 6) for v in one.variance),
            )
            for one in floors.values()
        ),
        band=Band(NOMINAL, scale, UNKNOWN_MV),
        data=f"{PTBXL.name}, folds 1-8; {PTBXL.licence}; {PTBXL.citation}",
    ).write(path)


def _scale(truth: Truth, found: list[tuple[tuple[str, ...], Array, Array]]) -> tuple[float, ...]:
    """Fit a lead's factor on the first lead set, II+V1+V5; on the others where it is measured there."""
    first, others = (evaluate.fit_scale(truth, part) for part in (found[:1], found[1:]))
    measured = [name in found[0][0] for name in TWELVE]
    return tuple(round(float(s), 3) for s in np.where(measured, others, first))


def _draft(trained: Trained) -> Card:
    recipe = trained.recipe
    shape = (len(INDEPENDENT), LEAD12_INPUT.length)
    return unmeasured(
        About(
            name=NAME,
            version=LEAD12_VERSION,
            task=LEAD12_TASK,
            input=LEAD12_INPUT,
            calibration=(
                "One factor for each lead's standard deviation, fitted on the int8 ONNX file and half of fold 9's "
                "patients with II+V1+V5 (with the other lead sets for these three); the share of samples in the "
                "band is of the other half"
            ),
            rule=Quantisation(
                "", GATE, lower_is_better=True, relative=True, allowed_loss=ALLOWED_LOSS, report=()
            ),
            limits=LEAD12_LIMITS,
        ),
        trained,
        trained.net,
        Outputs(0, (), (SignalOutput("leads", shape, "mV"), SignalOutput("logvar", shape, "log mV^2"))),
        (PTBXL,),
        f"train {NAME} --epochs {recipe.epochs} --seed {recipe.seed}",
    )


def _windows(data: ptbxl.PtbXl) -> Batch:
    """Training windows as training shows them, the same ones each time; the second half is for choosing."""
    rows = np.random.default_rng(0).permutation(data.rows(TRAIN_FOLDS))[: 2 * CALIBRATION_WINDOWS]
    signal, present = conditioned(data, rows, Preprocessing())
    _, shown, mask = hidden(signal.float() / 1000, present, torch.Generator().manual_seed(0))
    return shown.numpy(), mask.numpy()


def _net(card: Card, folder: Path, form: str) -> Net:
    precision, runtime = form.split("_")
    runner = Runner(card, folder, precision, runtime)

    def run(signal: Array, mask: Array) -> tuple[Array, Array]:
        out = in_chunks(runner, signal, mask)
        return out["leads"], out["logvar"]

    return run


def _torch(net: torch.nn.Module, signal: Array, mask: Array) -> tuple[Array, Array]:
    mean, logvar = predict(net, torch.from_numpy(signal) * 1000, torch.from_numpy(mask))
    return mean, logvar


def _rmse(truth: Truth, net: Net, leads: tuple[str, ...]) -> float:
    """Mean over the missing leads of the mean RMSE of a record, uV."""
    found, _ = _answer(truth, net, leads)
    error = np.sqrt(np.square(found - truth.signal).mean(axis=-1))
    missing = [k for k, name in enumerate(TWELVE) if name not in leads]
    return round(1000 * float(error[:, missing].mean()), 4)


def _answers(truth: Truth, net: Net) -> dict[str, tuple[Array, Array]]:
    return {name: _answer(truth, net, leads) for name, leads in LEAD_SETS.items()}


def _answer(truth: Truth, net: Net, leads: tuple[str, ...]) -> tuple[Array, Array]:
    signal, mask = truth.shown(leads)
    mean, logvar = net(signal, mask)
    return twelve(signal, mask, mean, np.exp(logvar))


def _floor_answer(truth: Truth, matrix: linear.Linear) -> tuple[Array, Array]:
    signal, mask = truth.shown(matrix.leads)
    return twelve(signal, mask, *matrix.estimate(signal))


def _measured(
    truth: Truth,
    answers: dict[str, tuple[Array, Array]],
    precision: str,
    scale: NDArray[np.float64] | None,
) -> list[Measured]:
    """Every metric of every missing lead and of all together; ``linear`` stands where a precision does."""
    draws = np.concatenate(
        [
            np.ones((1, len(truth.patient))),
            patient_draws(truth.patient, evaluate.DRAWS, evaluate.SEED),
        ]
    )
    unseen = int((~halves(truth.patient)).sum())
    rows = []

    def add(metric: str, lead: str, leads: str, values: NDArray[np.float64], records: int) -> None:
        low, high = interval(values[1:]) if len(values) > 1 else (values[0], values[0])
        rows.append(
            Measured(
                data=truth.name,
                metric=metric,
                group=lead,
                leads=leads,
                precision=precision,
                runtime="onnx" if scale is not None else "numpy",
                records=records,
                value=round(float(values[0]), 4),
                low=round(float(low), 4),
                high=round(float(high), 4),
            )
        )

    for name, (found, variance) in answers.items():
        known = LEAD_SETS[name]
        parts = {lead: s for lead, s in evaluate.sums(truth, found).items() if lead not in known}
        each = evaluate.metrics(parts, draws)
        whole = evaluate.overall(parts, each, draws)
        for metric, title in METRICS.items():
            add(title, "all missing", name, whole[metric], len(truth.patient))
            if precision != "fp32":
                for lead, values in each.items():
                    add(title, lead, name, values[metric], len(truth.patient))
        if scale is not None:
            inside = evaluate.coverage(truth, known, found, variance, scale)
            for lead, share in inside.items():
                add(COVERAGE, lead, name, np.array([share]), unseen)
    return rows
