"""lead12 and lead12-linear, from a checkpoint and the training recordings to the zoo."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from export import publish as publishing
from export.calibrate import halves
from export.cards import PTBXL
from export.datasets import ptbxl
from export.evaluate import in_chunks
from export.loop import TRAIN_FOLDS, VALIDATION_FOLD, conditioned, predict
from export.metrics import interval, patient_draws
from export.models.lead12 import evaluate, linear
from export.models.lead12.card import ABOUT
from export.models.lead12.evaluate import NOMINAL, Net, Truth
from export.models.lead12.train import LEAD_SETS, Trained, hidden
from export.package import Batch, Draft
from wearecg.ecg.lead12 import INDEPENDENT, twelve
from wearecg.ecg.leads import TWELVE
from wearecg.models.card import PRECISIONS, Band, Card, Loss, Measured, Outputs, SignalOutput
from wearecg.models.lead12 import LINEAR, LinearCard, LinearSet
from wearecg.models.preprocess import Preprocessing
from wearecg.models.runner import Runner

MAX_INT8 = 1_200_000
CALIBRATION_WINDOWS = 400
PAIRS = slice(1, 3)
"""Of the golden windows; the outputs of one are 16,000 numbers."""
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


@dataclass(frozen=True, eq=False)
class Lead12Publication:
    """A trained lead12, the recordings, and the matrices that it must beat."""

    trained: Trained
    data: ptbxl.PtbXl
    truth: Truth
    floors: Mapping[str, linear.Linear]

    def draft(self) -> Draft:
        """Take the recipe as it was; int8 is calibrated on training windows as training shows them."""
        recipe, net = self.trained.recipe, self.trained.net.eval()
        shape = (len(INDEPENDENT), ABOUT.input.length)
        card = publishing.unmeasured(
            ABOUT,
            self.trained,
            net,
            Outputs(0, (), (SignalOutput("leads", shape, "mV"), SignalOutput("logvar", shape, "log mV^2"))),
            (PTBXL,),
            f"train {ABOUT.name} --epochs {recipe.epochs} --seed {recipe.seed}",
        )
        return Draft(card, net, self._windows(), MAX_INT8, pairs=PAIRS)

    def forms(self, net: nn.Module, _card: Card, runners: Mapping[str, Runner]) -> dict[str, Net]:
        """Each form as a function of arrays."""
        files: dict[str, Net] = {form: partial(_file, runner) for form, runner in runners.items()}
        return files | {"torch": partial(_torch, net)}

    def losses(self, forms: dict[str, Net]) -> Sequence[Loss]:
        """Mean RMSE of the missing leads with every lead set."""
        return [
            Loss("missing", name, **{form: _rmse(self.truth, run, leads) for form, run in forms.items()})
            for name, leads in LEAD_SETS.items()
        ]

    def finished(self, card: Card, _stage: Path, forms: dict[str, Net]) -> Card:
        """Fit the error bars on the int8 ONNX file; measure both ONNX files, and the matrices beside them."""
        truth = self.truth
        answers = {
            p: {name: _answer(truth, forms[f"{p}_onnx"], leads) for name, leads in LEAD_SETS.items()}
            for p in PRECISIONS
        }
        scale = _scale(truth, [(LEAD_SETS[name], *answer) for name, answer in answers["int8"].items()])
        rows = [row for p in PRECISIONS for row in _measured(truth, answers[p], p, np.array(scale))]
        floors = {name: _floor_answer(truth, self.floors[name]) for name in LEAD_SETS}
        rows += _measured(truth, floors, "linear", None)
        outputs = dataclasses.replace(card.outputs, band=Band(NOMINAL, scale, UNKNOWN_MV))
        return dataclasses.replace(card, outputs=outputs, measured=tuple(rows))

    def _windows(self) -> Batch:
        """The same ones each time; the second half is for choosing."""
        rows = np.random.default_rng(0).permutation(self.data.rows(TRAIN_FOLDS))[: 2 * CALIBRATION_WINDOWS]
        signal, present = conditioned(self.data, rows, Preprocessing())
        _, shown, mask = hidden(signal.float() / 1000, present, torch.Generator().manual_seed(0))
        return shown.numpy(), mask.numpy()


def publish(trained: Trained, data: ptbxl.PtbXl, zoo: Path) -> Card:
    """Publish both models into the folder ``zoo``, or raise and leave lead12's files as they were.

    Raises
    ------
    GateError
        A form lost too much, or a file must not be shipped.
    """
    truth, floors = Truth.of(data, VALIDATION_FOLD), floor(data)
    card = publishing.publish(Lead12Publication(trained, data, truth, floors), zoo)
    _publish_linear(floors, truth, zoo / LINEAR.parent.name / LINEAR.name)
    return card


def floor(data: ptbxl.PtbXl) -> dict[str, linear.Linear]:
    """Fit the matrix of each lead set to folds 1 to 8."""
    rows = data.rows(TRAIN_FOLDS)
    parts = (
        conditioned(data, rows[i : i + 512], Preprocessing())[0].numpy().astype(np.float32) / np.float32(1000)
        for i in range(0, len(rows), 512)
    )
    moments = linear.moments(parts)
    return {name: linear.fit(moments, leads) for name, leads in LEAD_SETS.items()}


def _publish_linear(floors: Mapping[str, linear.Linear], truth: Truth, path: Path) -> None:
    found = [(floors[name].leads, *_floor_answer(truth, floors[name])) for name in LEAD_SETS]
    scale = _scale(truth, found)
    LinearCard(
        name=LINEAR.stem,
        version=ABOUT.version,
        input=ABOUT.input,
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


def _file(runner: Runner, signal: Array, mask: Array) -> tuple[Array, Array]:
    out = in_chunks(runner, signal, mask)
    return out["leads"], out["logvar"]


def _torch(net: torch.nn.Module, signal: Array, mask: Array) -> tuple[Array, Array]:
    mean, logvar = predict(net, torch.from_numpy(signal) * 1000, torch.from_numpy(mask))
    return mean, logvar


def _rmse(truth: Truth, net: Net, leads: tuple[str, ...]) -> float:
    """Mean over the missing leads of the mean RMSE of a record, uV."""
    found, _ = _answer(truth, net, leads)
    error = np.sqrt(np.square(found - truth.signal).mean(axis=-1))
    missing = [k for k, name in enumerate(TWELVE) if name not in leads]
    return round(1000 * float(error[:, missing].mean()), 4)


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
