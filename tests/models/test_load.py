"""One loader for every model, in every form it comes in."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import wearecg
from wearecg.errors import ModelError
from wearecg.models import (
    BeatClassifier,
    Delineator,
    Model,
    PulseModel,
    Reconstructor,
    available,
    calibrate,
    load_model,
    read_profile,
)
from wearecg.models.lead12 import load_reconstructor
from wearecg.models.model import load_scorer
from wearecg.models.pulse import load_pulse_model

KINDS = {
    "encoder": Model,
    "rhythm1": Model,
    "lead12": Reconstructor,
    "lead12-linear": Reconstructor,
    "ppg2ecg": PulseModel,
    "waves": Delineator,
    "beats": BeatClassifier,
}
RUNTIMES = ["onnx", *(["tflite"] if find_spec("ai_edge_litert") else [])]


@pytest.fixture(scope="module")
def person():
    made = wearecg.Person(seed=1, scenario="sinus", fs=100)
    return dict(zip(made.leads, made.samples(2000).T, strict=True))


def columns(person, leads):
    return np.stack([person[lead] for lead in leads.split(",")], axis=1)


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_each_model_is_of_its_kind(name, kind):
    assert isinstance(load_model(name), kind)


def test_every_shipped_model_can_be_loaded():
    assert set(available()) <= set(KINDS)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", available())
def test_precisions_are_other_files_that_say_about_the_same(person, name, runtime):
    def answer(precision):
        model = load_model(name, precision, runtime)
        if isinstance(model, PulseModel):
            return model(person["PPG"], 100).ecg
        if isinstance(model, Delineator):
            waves = model(columns(person, "II"), 100, [1.0 * k for k in range(1, 19)])
            return np.array([one.qrs_on or np.nan for one in waves])
        if isinstance(model, BeatClassifier):
            peaks = [beat.time for beat in wearecg.Person(1, "sinus", 100).beats_between(1, 19)]
            return np.array([one.probability for one in model(columns(person, "II"), 100, peaks)])
        if isinstance(model, Reconstructor):
            return model(columns(person, "II,V1,V5"), 100, "II,V1,V5").mean[:, 7]
        x = np.tile(columns(person, "II"), (2, 1))
        return np.concatenate([list(p.values()) for p in model(x, 100, "II").probabilities.values()])

    fp32, int8 = answer("fp32"), answer("int8")
    assert not np.array_equal(fp32, int8, equal_nan=True)
    np.testing.assert_allclose(fp32, int8, atol=0.2)


def test_a_matrix_has_one_form():
    for form in (("fp32", "onnx"), ("int8", "tflite")):
        words = f"lead12-linear@.* is a matrix.*no {' '.join(form)} of it"
        with pytest.raises(ModelError, match=words):
            load_model("lead12-linear", *form)
    with pytest.raises(ModelError, match="is a matrix"):
        load_reconstructor("lead12-linear", precision="fp32")


def test_a_form_that_there_is_not_is_refused():
    for name in ("encoder", "lead12", "ppg2ecg"):
        with pytest.raises(ModelError, match="does not come as int4 onnx; it comes as"):
            load_model(name, "int4")


@pytest.mark.parametrize("name", ["lead12", "lead12-linear"])
def test_a_profile_is_taken_whole_or_by_its_file(person, name, tmp_path):
    leads = "I,II,V1,V2,V3,V4,V5,V6"
    profile = calibrate(load_model(name), columns(person, leads), 100, leads, "II,V1,V5")
    profile.write(str(tmp_path / "me.json"))
    assert read_profile(str(tmp_path / "me.json")) == profile
    for given in (profile, tmp_path / "me.json", str(tmp_path / "me.json")):
        assert load_model(name, profile=given).profile == profile
        assert load_reconstructor(name, given).profile == profile
    plain, fitted = (
        load_model(name, profile=one)(columns(person, "II,V1,V5"), 100, "II,V1,V5") for one in (None, profile)
    )
    assert not np.array_equal(plain.mean, fitted.mean, equal_nan=True)


@pytest.mark.parametrize("name", ["encoder", "ppg2ecg"])
def test_a_profile_is_for_what_reconstructs(name):
    with pytest.raises(ModelError, match=rf"{name}@.* does not reconstruct leads: leave out the profile"):
        load_model(name, profile="me.json")


@pytest.mark.parametrize(
    ("load", "name", "words"),
    [
        (load_scorer, "lead12", "makes no statements"),
        (load_scorer, "ppg2ecg", "makes no statements"),
        (load_reconstructor, "encoder", "does not reconstruct leads"),
        (load_pulse_model, "encoder", "does not draw from a pulse"),
    ],
)
def test_where_one_kind_is_needed_another_is_refused(load, name, words):
    with pytest.raises(ModelError, match=words):
        load(name)


def test_leads_are_a_text_or_a_sequence(person):
    x = columns(person, "II,V1,V5")
    score, reconstruct = load_model("encoder"), load_model("lead12")
    for model, values in ((score, lambda s: s.embedding), (reconstruct, lambda t: t.mean)):
        one, other = (values(model(x, 100, leads)) for leads in ("II, V1,V5", ["II", "V1", "V5"]))
        np.testing.assert_array_equal(one, other)
    assert score(x[:, :1], 100, "II").leads == ("II",)
    with pytest.raises(wearecg.SignalError, match=r"shape \(2000, 3\) for 1 leads"):
        score(x, 100, "II")
    with pytest.raises(wearecg.LeadError, match="lead II is given twice"):
        score(x[:, :2], 100, "II,II")
