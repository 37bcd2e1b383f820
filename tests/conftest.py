from __future__ import annotations

import signal
from pathlib import Path

import pytest

from wearecg.ecg.lead12 import INDEPENDENT
from wearecg.ecg.leads import TWELVE
from wearecg.models.card import Band, Input
from wearecg.models.lead12 import LinearCard, LinearSet
from wearecg.models.preprocess import Preprocessing

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell has jobs in the background ignore Ctrl-C, and so would every process that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore_glob = ["bluez/*"]
"""Runs in an emulated computer, with packages that are not needed here."""
THREE = {
    "I": (0.5, 0.0, 0.2),
    "II": (1.0, 0.0, 0.0),
    "V1": (0.0, 1.0, 0.0),
    "V2": (0.0, 0.9, 0.3),
    "V3": (0.0, 0.5, 0.6),
    "V4": (0.2, 0.2, 0.8),
    "V5": (0.0, 0.0, 1.0),
    "V6": (0.1, 0.0, 0.7),
}
VARIANCE = (0.01, 0.0, 0.0, 0.02, 0.2, 0.01, 0.0, 0.005)


def make_linear_card() -> LinearCard:
    """Two sets by hand; with a limit of 0.4 mV, V3 is never known, and from II alone only I is."""
    return LinearCard(
        name="lead12-linear",
        version="0.0.1",
        input=Input(100.0, 10.0, TWELVE, "mV", 50.0, 1, Preprocessing()),
        sets=(
            LinearSet(("II",), ((0.5,),) * 8, (0.0,) * 8, (0.01, 0.0, *(0.1,) * 6)),
            LinearSet(("II", "V1", "V5"), tuple(THREE[lead] for lead in INDEPENDENT), (0.0,) * 8, VARIANCE),
        ),
        band=Band(0.9, (1.0,) * 12, 0.4),
        data="none",
    )


@pytest.fixture
def linear_card() -> LinearCard:
    return make_linear_card()


@pytest.fixture
def linear_path(tmp_path: Path) -> Path:
    """The card file of a model that reconstructs leads with matrices made by hand."""
    path = tmp_path / "model" / "linear.json"
    make_linear_card().write(path)
    return path
