from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tiny_model import write_model
from tiny_pulse import LAG_S, SIGNALS, make_pulse_card, write_pulse_model

from wearecg.errors import LeadError, ModelError, SignalError
from wearecg.models import load_model
from wearecg.models.card import Outputs
from wearecg.models.model import load_scorer
from wearecg.models.pulse import load_pulse_model

WAVE = np.sin(2 * np.pi * 1.25 * np.arange(1000) / 100).astype(np.float32)


def test_a_window_gives_a_trace_beats_and_a_lag(tmp_path):
    model = load_pulse_model(write_pulse_model(tmp_path))
    drawn = model.draw(70_000 + 300 * WAVE)
    assert drawn.lag == pytest.approx(LAG_S)
    np.testing.assert_allclose(drawn.ecg[100:900], 0.2 * np.sqrt(2) * WAVE[100:900], atol=0.01)
    assert (drawn.beats > 0).all()
    assert (drawn.beats < 1).all()
    assert model.draw(np.full(1000, 7.0, np.float32)) is None


@pytest.mark.parametrize("changed", [SIGNALS[:2], (SIGNALS[1], SIGNALS[0], SIGNALS[2])])
def test_another_model_is_refused_with_what_to_do(tmp_path, changed):
    write_model(tmp_path, pairs=False)
    with pytest.raises(ModelError, match=r"tiny@1\.0\.0 does not draw from a pulse.*`wearecg models` lists"):
        load_pulse_model(tmp_path / "tiny.json")
    write_pulse_model(tmp_path, make_pulse_card(outputs=Outputs(0, (), changed)))
    with pytest.raises(ModelError, match="does not draw from a pulse"):
        load_pulse_model(tmp_path / "tinypulse.json")


def test_it_is_no_model_that_scores_and_a_rate_must_be_enough(tmp_path):
    path = write_pulse_model(tmp_path)
    with pytest.raises(ModelError, match=r"makes no statements.*--ppg-to-ecg"):
        load_scorer(path)
    with pytest.raises(SignalError, match=r"10 Hz is too slow.*at least 25 Hz"):
        load_pulse_model(path).check(10.0)


@pytest.mark.parametrize("name", ["II*", "ii*", "II* synthetic", "MLII*", "lead II*", "ECG*"])
@pytest.mark.parametrize("model", ["encoder", "rhythm1"])
def test_no_scoring_model_takes_the_synthetic_lead(name, model):
    with pytest.raises(LeadError, match="does not know lead"):
        load_model(model)(np.zeros((10_000, 1)), 250, [name])


def test_a_card_cannot_ask_for_the_synthetic_lead(tmp_path):
    card = make_pulse_card()
    bad = dataclasses.replace(card, input=dataclasses.replace(card.input, leads=("II*",), units="mV"))
    with pytest.raises(ModelError, match=r"input\.leads is .*II\*"):
        load_pulse_model(write_pulse_model(tmp_path, bad))
