from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tiny_model import write_model
from tiny_pulse import LAG_S, SIGNALS, make_pulse_card, write_pulse_model

import wearecg
from wearecg.block import Beat, SignalBlock
from wearecg.ecg.leads import SYNTHETIC
from wearecg.errors import LeadError, ModelError, SignalError
from wearecg.formats import Recording
from wearecg.models import load_model
from wearecg.models.card import Outputs
from wearecg.models.model import load_scorer
from wearecg.models.pulse import load_pulse_model
from wearecg.transports.replay import ReplaySource

WAVE = np.sin(2 * np.pi * 1.25 * np.arange(1000) / 100).astype(np.float32)


def test_a_window_gives_a_trace_beats_and_a_lag(tmp_path):
    model = load_pulse_model(write_pulse_model(tmp_path))
    drawn = model.draw(70_000 + 300 * WAVE)
    assert drawn.lag == pytest.approx(LAG_S)
    np.testing.assert_allclose(drawn.ecg[100:900], 0.2 * np.sqrt(2) * WAVE[100:900], atol=0.01)
    assert (drawn.beats > 0).all()
    assert (drawn.beats < 1).all()
    assert model.draw(np.full(1000, 7.0, np.float32)) is None


@pytest.mark.parametrize(("fs", "shape"), [(125.0, (-1,)), (100.0, (-1, 1))])
def test_a_whole_recording_is_what_the_live_stream_gives(fs, shape):
    person = wearecg.Person(seed=2, scenario="sinus", fs=fs)
    pulse = person.samples(round(60 * fs))[:, person.leads.index("PPG")].copy()
    pulse[round(25 * fs) : round(35 * fs)] = np.nan
    model = load_model("ppg2ecg")
    drawn = model(pulse.reshape(shape), fs)
    recording = Recording(pulse.reshape(-1, 1), fs, ("PPG",), "pulse")
    source = ReplaySource(recording, speed=float("inf"))
    events = list(wearecg.stream(source, observe="ppg2ecg"))
    blocks = [e for e in events if isinstance(e, SignalBlock) and e.leads == (SYNTHETIC,)]
    live = np.full(len(drawn.ecg), np.nan, np.float32)
    for block in blocks:
        at = round(block.start * block.fs)
        live[at : at + len(block)] = block.samples[:, 0]
    np.testing.assert_array_equal(drawn.ecg, live)
    assert np.isnan(drawn.ecg[2500:3500]).all()
    assert np.isfinite(drawn.ecg[500:2400]).all()
    beats = [e for e in events if isinstance(e, Beat) and e.lead == SYNTHETIC]
    np.testing.assert_allclose(drawn.beats, [beat.time for beat in beats])
    np.testing.assert_allclose(drawn.rr, [beat.rr or np.nan for beat in beats])
    assert np.isnan(drawn.rr).sum() == 2
    assert {reason for _, reason in drawn.skipped} == {"gap"}
    assert drawn.fs == 100
    assert drawn.source == model.label


def test_the_lag_of_each_beat_is_the_models(tmp_path):
    model = load_model(write_pulse_model(tmp_path))
    drawn = model(WAVE, 100)
    assert len(drawn.beats) == len(drawn.lag) > 5
    np.testing.assert_allclose(drawn.lag, model.draw(WAVE).lag)
    np.testing.assert_allclose(drawn.rr[2:], 0.8, atol=0.02)


@pytest.mark.parametrize(
    ("samples", "fs", "message"),
    [
        (WAVE, 10.0, r"10 Hz is too slow"),
        (WAVE, float("nan"), r"fs is nan"),
        (WAVE[:900], 100, r"900 samples at 100 Hz are 9\.00 s: .* needs at least 10 s"),
        (np.stack([WAVE, WAVE], axis=1), 100, r"shape \(1000, 2\): give one pulse wave, \[n\] or \[n, 1\]"),
        (np.float32(1), 100, r"shape \(\): give one pulse wave"),
        (np.zeros(1000), 100, r"nothing to draw in 10\.0 s: flat"),
        (["a"] * 1000, 100, r"samples are not numbers"),
    ],
)
def test_a_recording_that_cannot_be_used_is_refused(tmp_path, samples, fs, message):
    with pytest.raises(SignalError, match=message):
        load_model(write_pulse_model(tmp_path))(samples, fs)


def test_a_card_without_the_point_from_which_a_beat_is_one_is_refused(tmp_path):
    path = write_pulse_model(tmp_path, make_pulse_card(outputs=Outputs(0, (), SIGNALS)))
    with pytest.raises(ModelError, match=r"tinypulse@1\.0\.0 has no point 'beats'"):
        load_model(path)


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
