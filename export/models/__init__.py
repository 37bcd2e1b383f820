"""The models that wearecg ships, a folder each; a model's `Kind` is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from export.errors import ExportError
from wearecg.models.card import load_card

if TYPE_CHECKING:
    from export.kind import Kind

KINDS = {
    "encoder": "export.models.encoder.kind",
    "rhythm1": "export.models.rhythm1.kind",
    "lead12": "export.models.lead12.kind",
    "ppg2ecg": "export.models.ppg2ecg.kind",
    "waves": "export.models.waves.kind",
    "beats": "export.models.beats.kind",
}
"""The module of each, in which ``KIND`` is."""
DEFAULT = "encoder"
"""What is evaluated where no model is named."""


def kind(name: str) -> Kind:
    """Return the model of this name.

    Raises
    ------
    ExportError
        It is not made here.
    """
    if name not in KINDS:
        raise ExportError(f"model {name!r} is not made here; these are: {', '.join(KINDS)}")
    found: Kind = import_module(KINDS[name]).KIND
    return found


def kind_of(model: str) -> Kind:
    """Return the model of this name, or the one whose card is at this path.

    Raises
    ------
    ModelError
        There is no such card, or it cannot be read.
    ExportError
        It is of a model that is not made here.
    """
    return kind(model if model in KINDS else load_card(model).name)
