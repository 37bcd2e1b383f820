from __future__ import annotations

import dataclasses

import pytest
from tiny_model import edit_card, make_card, write_model

from wearecg.errors import ModelError
from wearecg.models.card import Outputs, SignalOutput, available, load_card
from wearecg.models.describe import describe


def test_a_card_reads_back_as_it_was_written(tiny):
    card = load_card(tiny / "tiny.json")
    assert card.source == "tiny@1.0.0"
    card.write(tiny / "again.json")
    assert load_card(tiny / "again.json") == card


def test_a_model_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ModelError, match=r"no model 'enkoder'; shipped: .*encoder"):
        load_card("enkoder")


def test_shipped_cards_are_found():
    for name in available():
        assert load_card(name).name == name


def test_an_edited_card_is_refused(tiny):
    path = tiny / "tiny.json"
    edit_card(path, lambda body: body["outputs"]["groups"][0]["statements"][1].update(threshold=0.01))
    with pytest.raises(ModelError, match="does not match its own seal"):
        load_card(path)


def test_a_card_without_a_seal_is_refused(tiny):
    edit_card(tiny / "tiny.json", lambda body: body.pop("seal"))
    with pytest.raises(ModelError, match="seal"):
        load_card(tiny / "tiny.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.update(format=2), r"format is 2; this wearecg reads 1"),
        (lambda b: b["input"].update(fs="100"), r"input: fs: expected float, got '100'"),
        (lambda b: b["input"].update(fs=-1.0), r"input\.fs is -1\.0; expected above 0"),
        (lambda b: b["input"].update(units="uV"), r"input\.units is 'uV'; expected 'mV'"),
        (lambda b: b["input"]["leads"].append("V9"), r"input\.leads is .*V9"),
        (lambda b: b["input"]["leads"].append("PPG"), r"input\.leads is .*PPG"),
        (lambda b: b["input"].update(leads=["PPG"]), r"input\.units is 'mV'; expected 'arbitrary'"),
        (lambda b: b["input"].update(leads=["PPG"], units="arbitrary"), r"outputs\.groups is .*'MI'.*none"),
        (lambda b: b["input"].update(min_leads=0), r"input\.min_leads is 0"),
        (
            lambda b: b["input"]["preprocessing"].update(name="wavelet/3"),
            r"preprocessing\.name is 'wavelet/3'",
        ),
        (lambda b: b["input"].update(around="night"), r"input\.around is 'night'; .*window.*beat"),
        (lambda b: b["outputs"].update(points={"MI": 1.0}), r"points MI is 1\.0; expected in \(0, 1\)"),
        (lambda b: b["outputs"].update(points={"MI": 0}), r"points MI is 0\.0; expected in \(0, 1\)"),
        (lambda b: b["outputs"].update(points={"MI": "often"}), r"points: MI: expected float, got 'often'"),
        (lambda b: b["outputs"].update(points=[0.5]), r"points: expected an object, got \[0\.5\]"),
        (lambda b: b.pop("limits"), r"fields missing or unknown: limits"),
        (lambda b: b.update(colour="red"), r"fields missing or unknown: colour"),
        (lambda b: b["files"][0].update(path="../elsewhere.onnx"), r"files\.path is '\.\./elsewhere\.onnx'"),
        (lambda b: b["files"][0].update(precision="int4"), r"files\.precision is 'int4'"),
        (lambda b: b["files"][0].update(bytes=True), r"files\[0\]: bytes: expected int, got True"),
        (
            lambda b: b["outputs"]["groups"][0]["statements"][1].update(code="NORM", reported=False),
            r"superclass codes is .*repetition",
        ),
        (
            lambda b: b["outputs"]["groups"].append(
                {
                    "name": "subclass",
                    "statements": [dict(b["outputs"]["groups"][0]["statements"][0])],
                    "doubt": None,
                }
            ),
            r"outputs\.groups is .*reported codes without repetition",
        ),
        (
            lambda b: b["outputs"]["groups"][0]["statements"][0].update(reported=1),
            r"reported: expected bool, got 1",
        ),
        (lambda b: b["golden"].update(path="../pairs.npz"), r"golden\.path is '\.\./pairs\.npz'"),
        (
            lambda b: b["outputs"]["groups"][0]["statements"][1].update(threshold=2.0),
            r"outputs MI\.threshold is 2\.0",
        ),
    ],
)
def test_an_impossible_card_is_refused_with_field_and_value(tiny, change, message):
    edit_card(tiny / "tiny.json", change, reseal=True)
    with pytest.raises(ModelError, match=message):
        load_card(tiny / "tiny.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_what_is_no_card_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ModelError, match=r"x\.json"):
        load_card(tmp_path / "x.json")


def test_the_contract_covers_what_a_file_must_agree_with_and_no_more():
    card = make_card()
    outputs = card.outputs
    group = outputs.groups[0]
    swapped = dataclasses.replace(group, statements=group.statements[::-1])
    recalibrated = dataclasses.replace(
        group, statements=tuple(dataclasses.replace(s, slope=2.0) for s in group.statements)
    )

    def contract(**changes):
        return dataclasses.replace(card, **changes).contract

    assert contract(limits=()) == card.contract
    assert contract(outputs=dataclasses.replace(outputs, groups=(recalibrated,))) == card.contract
    assert contract(version="1.0.1") != card.contract
    assert contract(outputs=dataclasses.replace(outputs, groups=(swapped,))) != card.contract
    assert contract(input=dataclasses.replace(card.input, fs=125.0)) != card.contract


def test_a_card_from_before_a_field_was_added_reads_with_its_default(tiny):
    def older(body):
        del body["input"]["around"], body["outputs"]["points"]

    edit_card(tiny / "tiny.json", older, reseal=True)
    card = load_card(tiny / "tiny.json")
    assert (card.input.around, card.outputs.points) == ("window", {})
    assert card.contract == make_card().contract


def test_what_windows_are_laid_around_is_of_the_contract_and_operating_points_are_not(tmp_path):
    card = make_card()
    pointed = dataclasses.replace(card, outputs=dataclasses.replace(card.outputs, points={"MI": 0.4}))
    around = dataclasses.replace(card, input=dataclasses.replace(card.input, around="beat"))
    assert pointed.contract == card.contract != around.contract
    for one in (pointed, around):
        one.write(tmp_path / "one.json")
        assert load_card(tmp_path / "one.json") == one
    assert "MI: from a probability of 0.4" in describe(pointed)


def test_the_shipped_operating_point_of_a_beat():
    assert load_card("ppg2ecg").outputs.points == {"beats": 0.38}


def test_the_logits_of_a_classifier_are_one_output_of_a_file():
    group = make_card().outputs.groups[0]
    signals = (SignalOutput("unlike", (1,), "logit"),)
    outputs = Outputs(4, (group, dataclasses.replace(group, name="rhythm")), signals)
    assert outputs.in_file == {"embedding": (4,), "logits": (5,)}
    assert outputs.places == {
        "embedding": (0, slice(None)),
        "superclass": (1, slice(0, 2)),
        "rhythm": (1, slice(2, 4)),
        "unlike": (1, slice(4, 5)),
    }


def test_a_form_that_does_not_exist_is_refused_with_those_that_do(tmp_path):
    card = write_model(tmp_path)
    with pytest.raises(ModelError, match="does not come as int8 tflite; it comes as fp32 onnx, int8 onnx"):
        card.file("int8", "tflite")
