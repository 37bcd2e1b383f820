"""What a model says about how far it can be believed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tiny_model import make_card, write_model

from wearecg.block import LeadQuality, Quality, Window
from wearecg.models import load_model
from wearecg.models.calibration import entropy
from wearecg.models.card import Doubt, Group, Outputs, SignalOutput
from wearecg.statement import NOT_SCORED


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Its probabilities grow with the size of I and II; above a mean of 2 mV in lead I it knows nothing."""
    folder = tmp_path_factory.mktemp("tiny")
    card = make_card()
    (group,) = card.outputs.groups
    group = Group(group.name, group.statements, Doubt(slope=2.0, offset=-1.0))
    signals = (SignalOutput("unlike", (1,), "logit"),)
    card = dataclasses.replace(card, outputs=Outputs(4, (group,), signals, unlike=2.0))
    write_model(folder, card, unlike=True)
    return load_model(folder / "tiny.json")


def square(size: float) -> np.ndarray:
    """Leads I and II: a square wave of this size in mV."""
    wave = size * np.sign(np.sin(2 * np.pi * 2 * (np.arange(1000) + 0.5) / 100))
    return np.stack([wave, wave], axis=1).astype(np.float32)


def window(x: np.ndarray) -> Window:
    quality = Quality(0.0, 10.0, (LeadQuality("I", "good"), LeadQuality("II", "good")))
    return Window(x, 100.0, ("I", "II"), 0.0, (True, True), quality, 0)


def test_entropy_is_largest_where_nothing_is_known():
    assert entropy(np.array([[0.5, 0.5], [0.5, 1.0], [0.0, 1.0]])) == pytest.approx(
        [2 * np.log(2), np.log(2), 0], abs=1e-6
    )


def test_the_chance_of_a_wrong_call_follows_from_the_probabilities(model):
    scores = model(square(0.5), 100, ["I", "II"])
    p = np.array([list(scores.probabilities["superclass"].values())])
    expected = 1 / (1 + np.exp(-(2.0 * entropy(p)[0] - 1.0)))
    assert scores.uncertainty == {"superclass": pytest.approx(expected)}
    assert model(square(1.5), 100, ["I", "II"]).uncertainty["superclass"] < scores.uncertainty["superclass"]


def test_findings_carry_it(model):
    findings = model.score_window(window(square(0.5)))
    assert {f.code for f in findings} == {"NORM", "MI"}
    chance = model(square(0.5), 100, ["I", "II"]).uncertainty["superclass"]
    assert [f.uncertainty for f in findings] == pytest.approx([chance, chance])


def test_a_window_unlike_all_others_is_not_scored_live(model):
    (finding,) = model.score_window(window(square(3.0)))
    assert (finding.code, finding.probability) == (NOT_SCORED, None)
    assert "not like any ECG the model knows" in finding.reason


def test_a_recording_tells_how_many_of_its_windows_are_unlike(model):
    x = np.concatenate([square(3.0), square(0.5), square(0.5), square(0.5)])
    scores = model(x, 100, ["I", "II"])
    assert scores.unlike == 0.25
    assert [w.unlike for w in scores.windows] == [1, 0, 0, 0]


def test_a_model_without_the_output_cannot_tell(tmp_path):
    write_model(tmp_path)
    scores = load_model(tmp_path / "tiny.json")(square(0.5), 100, ["I", "II"])
    assert np.isnan(scores.unlike)
    assert scores.uncertainty == {}
