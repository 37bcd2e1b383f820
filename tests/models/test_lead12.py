from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from tiny_model import edit_card, field, listing, make_card, matrix, node, tensor

import wearecg
from wearecg.ecg.lead12 import INDEPENDENT
from wearecg.ecg.leads import TWELVE
from wearecg.errors import LeadError, ModelError, SignalError
from wearecg.models.card import Band, Outputs, SignalOutput, load_card
from wearecg.models.lead12 import Lead12, Linear, LinearSet, load_reconstructor
from wearecg.models.preprocess import condition
from wearecg.models.runner import Runner

BAND = Band(0.9, tuple(1.0 + 0.1 * i for i in range(12)), 0.4)
SIGNALS = tuple(
    SignalOutput(name, (8, 1000), units) for name, units in (("leads", "mV"), ("logvar", "log mV^2"))
)
LOGVAR = np.log(np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.5]) ** 2)
"""V6 is always more than 0.4 mV wide."""
THREE = ("V5", "II", "V1")


def weights() -> np.ndarray:
    return np.random.default_rng(2).normal(scale=0.5, size=(8, 12))


def make_onnx(stamp: dict[str, str]) -> bytes:
    """``leads = weights @ signal`` and a logvar that is always the same."""
    graph = (
        node("MatMul", ["weights", "signal"], "leads")
        + node("Mul", ["leads", "nothing"], "zero")
        + node("Add", ["zero", "level"], "logvar")
        + field(2, "tiny12")
        + matrix("weights", weights())
        + matrix("nothing", np.zeros((1, 1)))
        + matrix("level", LOGVAR[:, None])
        + field(11, tensor("signal", 12, 1000))
        + field(11, tensor("mask", 12))
        + field(12, tensor("leads", 8, 1000))
        + field(12, tensor("logvar", 8, 1000))
    )
    props = b"".join(field(14, field(1, key) + field(2, value)) for key, value in stamp.items())
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13)) + props


def write_lead12(folder):
    """A card of a model that reconstructs, and its file."""
    card = make_card(name="tiny12", outputs=Outputs(0, (), SIGNALS, band=BAND))
    content = make_onnx(card.stamp("int8"))
    (folder / "tiny12.int8.onnx").write_bytes(content)
    card = dataclasses.replace(card, files=(listing(content, "tiny12.int8.onnx", "int8"),))
    card.write(folder / "tiny12.json")
    return folder / "tiny12.json"


@pytest.fixture
def model(tmp_path):
    return load_reconstructor(write_lead12(tmp_path))


@pytest.fixture(scope="module")
def person():
    made = wearecg.Person(seed=3, scenario="sinus", fs=100)
    x = made.samples(1000)
    return x[:, [made.leads.index(lead) for lead in TWELVE]]


def picked(person, leads=THREE):
    return person[:, [TWELVE.index(lead) for lead in leads]]


def test_measured_leads_are_the_very_samples_and_the_others_obey_einthoven(model, person):
    twelve = model(picked(person), 100, THREE)
    assert twelve.mean.shape == twelve.sd.shape == twelve.known.shape == (1000, 12)
    for lead in THREE:
        at = TWELVE.index(lead)
        np.testing.assert_array_equal(twelve.mean[:, at], person[:, at])
        assert not twelve.sd[:, at].any()
        assert twelve.measured[at]
    one, two, three, right, left, foot = twelve.filtered[:, :6].T
    np.testing.assert_allclose(two, one + three, atol=1e-5)
    np.testing.assert_allclose(right, -(one + two) / 2, atol=1e-5)
    np.testing.assert_allclose(left, one - two / 2, atol=1e-5)
    np.testing.assert_allclose(foot, two - one / 2, atol=1e-5)


def test_the_estimate_is_what_the_file_computes_in_the_models_band(model, person):
    twelve = model(picked(person), 100, THREE)
    x = np.full((1, 12, 1000), np.nan, np.float32)
    x[0, [TWELVE.index(lead) for lead in THREE]] = picked(person).T
    signal, _ = condition(x, 100.0, model.input.preprocessing)
    expected = weights() @ signal[0]
    for lead in ("V2", "V3", "V4"):
        at = TWELVE.index(lead)
        np.testing.assert_allclose(twelve.mean[:, at], expected[INDEPENDENT.index(lead)], atol=1e-4)
        np.testing.assert_allclose(twelve.sd[:, at], 0.1 * BAND.scale[at], rtol=1e-4)


def test_known_is_where_the_calibrated_band_is_narrow_enough(model, person):
    known = model(picked(person), 100, THREE).known.all(axis=0)
    half_width = (
        1.6449 * np.array([0.1, 0.5]) * np.array(BAND.scale)[[TWELVE.index("V3"), TWELVE.index("V6")]]
    )
    assert half_width[0] < BAND.unknown_mv < half_width[1]
    assert known[TWELVE.index("V3")]
    assert not known[TWELVE.index("V6")]


def test_the_order_of_leads_and_the_rate_do_not_matter(model, person):
    a = model(picked(person), 100, THREE)
    b = model(picked(person, THREE[::-1]), 100, [lead.lower() for lead in THREE[::-1]])
    np.testing.assert_array_equal(a.mean, b.mean)
    faster = wearecg.Person(seed=3, scenario="sinus", fs=500)
    x = faster.samples(10000)[:, [faster.leads.index(lead) for lead in THREE]]
    assert model(x, 500, THREE).mean.shape == (2000, 12)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda x, fs, leads: (x, 20, leads), SignalError, "QRS"),
        (lambda x, fs, leads: (x[:900], fs, leads), SignalError, "needs 10 s"),
        (lambda x, fs, leads: (x[:, :2], fs, leads), SignalError, "one column|give"),
        (lambda x, fs, leads: (x, fs, ("II", "II", "V1")), LeadError, "twice"),
        (lambda x, fs, leads: (x, fs, ("II", "V9", "V1")), LeadError, "V9"),
        (lambda x, fs, leads: (np.full_like(x, np.nan), fs, leads), SignalError, "hardly ever missing"),
    ],
)
def test_what_cannot_be_reconstructed_is_refused(model, person, change, error, words):
    with pytest.raises(error, match=words):
        model(*change(picked(person), 100, THREE))


def test_a_card_without_a_band_does_not_reconstruct(tiny):
    card = load_card(tiny / "tiny.json")
    with pytest.raises(ModelError, match="does not reconstruct"):
        load_reconstructor(tiny / "tiny.json")
    with pytest.raises(ModelError, match="band"):
        Lead12(card, Runner(card, tiny))


@pytest.mark.parametrize(
    "change",
    [
        lambda out: out["band"].update(scale=[1.0] * 11),
        lambda out: out["band"].update(share=1.5),
        lambda out: out["band"].update(unknown_mv=0.0),
        lambda out: out["signals"].reverse(),
        lambda out: out["signals"][0].update(shape=[8, 999]),
    ],
)
def test_a_band_that_cannot_be_is_refused(tmp_path, change):
    path = write_lead12(tmp_path)
    edit_card(path, lambda body: change(body["outputs"]), reseal=True)
    with pytest.raises(ModelError, match=r"band|outputs\.signals"):
        load_card(path)


def test_linear_multiplies_and_falls_back_to_the_leads_that_are_there(linear_card, linear_path, person):
    model = load_reconstructor(linear_path)
    twelve = model(picked(person), 100, THREE)
    chest = twelve.filtered[:, TWELVE.index("V2")]
    np.testing.assert_allclose(
        chest,
        0.9 * twelve.filtered[:, TWELVE.index("V1")] + 0.3 * twelve.filtered[:, TWELVE.index("V5")],
        atol=1e-5,
    )
    x = picked(person).copy()
    x[:, 0] = np.nan  # V5 is off: from II and V1 there is no matrix, from II there is
    alone = model(x, 100, THREE)
    assert alone.known[:, TWELVE.index("I")].all()
    assert not alone.known[:, TWELVE.index("V2")].any()
    assert not alone.known[:, TWELVE.index("V5")].any()
    assert alone.sd[:, TWELVE.index("V2")].min() > twelve.sd[:, TWELVE.index("V2")].max()
    with pytest.raises(LeadError, match=r"no matrix from V1, V2; it has from II\+V1\+V5, II"):
        Linear(linear_card).check(("V1", "V2"), 100)


def test_a_linear_card_that_was_edited_is_refused(linear_path, linear_card):
    body = json.loads(linear_path.read_text())
    body["version"] = "9"
    linear_path.write_text(json.dumps(body))
    with pytest.raises(ModelError, match="seal"):
        load_reconstructor(linear_path)
    short = LinearSet(("II",), ((1.0,),) * 7, (0.0,) * 8, (0.0,) * 8)
    dataclasses.replace(linear_card, sets=(short,)).write(linear_path)
    with pytest.raises(ModelError, match="shape"):
        load_reconstructor(linear_path)
