"""From a finished run to files in the zoo: the steps that all models share.

Convert, quantise, apply the gate to every form on the same windows, calibrate, measure, verify, install.
"""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import nn

from export import gate
from export.cards import About
from export.layers import cost
from export.loop import Schedule
from export.package import Draft, build, install
from wearecg.models import golden
from wearecg.models.card import Card, DataSet, GoldenFile, Loss, Outputs, Training, load_card
from wearecg.models.describe import gate_table, measured_table
from wearecg.models.runner import Runner

log = logging.getLogger("export.publish")

Forms = TypeVar("Forms")


class Publication(Protocol[Forms]):
    """The steps of one model; ``Forms`` is how it represents its forms: their outputs, or functions that give them."""

    def draft(self) -> Draft:
        """Return the network, its card as far as known, and the windows on which int8 is calibrated."""

    def forms(self, net: nn.Module, card: Card, runners: Mapping[str, Runner]) -> Forms:
        """Return the forms: the torch network and every file (``fp32_onnx``, ...) on the windows of the gate."""

    def losses(self, forms: Forms) -> Sequence[Loss]:
        """Return the rows that the gate checks."""

    def finished(self, card: Card, stage: Path, forms: Forms) -> Card:
        """Return the calibrated card, with the measurements of its files in the folder ``stage``."""


class Finished(Protocol):
    """What a card states about a finished training run."""

    @property
    def recipe(self) -> Schedule:
        """Epochs and seed."""

    @property
    def seconds(self) -> float:
        """Duration."""

    @property
    def machine(self) -> str:
        """The machine that it ran on."""


def publish(model: Publication[Forms], zoo: Path) -> Card:
    """Publish to the folder ``zoo``, or raise and leave the folder unchanged.

    Raises
    ------
    GateError
        A form lost too much, or a file must not be shipped.
    """
    torch.set_num_threads(1)
    draft = model.draft()
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        card = build(draft, stage)
        runners = {file.form: Runner(card, stage, file.precision, file.runtime) for file in card.files}
        forms = model.forms(draft.net, card, runners)
        quantisation = dataclasses.replace(card.quantisation, report=tuple(model.losses(forms)))
        gate.check(quantisation)
        log.info("%s", gate_table(quantisation))
        card = model.finished(dataclasses.replace(card, quantisation=quantisation), stage, forms)
        log.info("%s", measured_table(card.measured))
        signal, mask = golden.windows(card.input)
        install(card, stage, zoo, (signal[draft.pairs], mask[draft.pairs]))
    return load_card(zoo / f"{card.name}.json")


def unmeasured(
    about: About, trained: Finished, net: nn.Module, outputs: Outputs, data: Sequence[DataSet], last: str
) -> Card:
    """Return the card as far as known before there are files; ``last`` is the last stage of the training."""
    spec = about.input
    parameters, macs = cost(net, len(spec.leads), spec.length)
    return Card(
        name=about.name,
        version=about.version,
        task=about.task,
        input=spec,
        outputs=outputs,
        files=(),
        golden=GoldenFile("", 0, 0, ""),
        calibration=about.calibration,
        training=Training(
            data=tuple(data),
            command=f"python -m export make {about.name} --data DIR, which ends with {last}",
            seed=trained.recipe.seed,
            epochs=trained.recipe.epochs,
            minutes=round(trained.seconds / 60, 1),
            machine=trained.machine,
        ),
        measured=(),
        quantisation=about.rule,
        parameters=parameters,
        mmac=round(macs / 1e6, 2),
        limits=about.limits,
    )
