"""The command line: what it knows of a model, it has from the model's Kind."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from types import ModuleType

import pytest

from export.__main__ import main
from export.kind import Extra, Kind, Place, schedule
from export.models import KINDS, kind, kind_of
from wearecg.models.card import ZOO, load_card


@pytest.fixture
def ran(monkeypatch):
    """What a fifth model, which is told of from outside, was asked to do."""
    calls = []

    def add(parser):
        schedule(3)(parser)
        parser.add_argument("--size", choices=["small", "large"], default="small")

    def noted(name, answer):
        return lambda args: calls.append((name, args)) or answer

    module = ModuleType("a_fifth_model")
    module.KIND = Kind(
        name="tiny",
        train=noted("train", "tiny.pt"),
        publish=noted("publish", load_card("encoder")),
        evaluate=noted("evaluate", None),
        chain=(
            ("train", "tiny", "--work", Place("t"), "--size", "large"),
            ("publish", "tiny", "--work", Place("t")),
        ),
        arguments={"train": add},
        extra={"shrink": Extra("make it smaller", noted("shrink", None))},
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(KINDS, "tiny", module.__name__)
    return calls


@pytest.fixture
def places(tmp_path):
    return ["--data", str(tmp_path / "data"), "--work", str(tmp_path / "work")]


@pytest.mark.parametrize("model_first", [True, False])
def test_a_fifth_model_is_trained_with_options_of_its_own(ran, places, capsys, model_first):
    options = ["--size", "large", "--seed", "4"]
    words = ["tiny", *options] if model_first else [*options, "tiny"]
    assert main(["train", *words, *places]) == 0
    assert "checkpoint: tiny.pt" in capsys.readouterr().out
    ((name, args),) = ran
    assert (name, args.model, args.size, args.epochs, args.seed) == ("train", "tiny", "large", 3, 4)


def test_a_fifth_model_has_every_command_and_its_own(ran, places, capsys):
    for command in ("publish", "shrink"):
        assert main([command, "tiny", *places]) == 0
    assert main(["evaluate", "--model", "tiny", *places]) == 0
    assert [name for name, _ in ran] == ["publish", "shrink", "evaluate"]
    ran.clear()
    assert main(["make", "tiny", *places]) == 0
    assert [name for name, _ in ran] == ["train", "publish"]
    assert ran[0][1].work.name == "t"
    assert ran[0][1].size == "large"
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "tiny: make it smaller" in capsys.readouterr().out


def test_the_options_of_a_model_are_no_other_models(ran, places, capsys):
    for words in (["train", "lead12", "--size", "large"], ["train", "tiny", "--jepa", "3"], ["shrink", "lead12"],
                  ["evaluate", "--model", "ppg2ecg", "--profile"], ["publish", "tiny", "--epochs", "3"]):  # fmt: skip
        with pytest.raises(SystemExit) as stop:
            main([*words, *places])
        assert stop.value.code == 2
        assert "usage: python -m export" in capsys.readouterr().err
    assert not ran


def test_a_value_that_is_a_models_name_names_no_model(ran, tmp_path):
    assert main(["train", "--data", "encoder", "--work", str(tmp_path), "tiny", "--size", "small"]) == 0
    assert ran[0][1].model == "tiny"


def test_a_card_is_evaluated_by_the_model_that_it_is_of(ran, places, tmp_path, capsys):
    assert kind_of(str(ZOO / "rhythm1.json")) is kind("rhythm1")
    assert main(["evaluate", "--model", "lead12", *places]) == 1
    assert "needs --profile or --teacher FILE" in capsys.readouterr().err
    path = tmp_path / "other.json"
    dataclasses.replace(load_card("encoder"), name="other").write(path)
    assert main(["evaluate", "--model", str(path), *places]) == 1
    assert "model 'other' is not made here; these are: encoder" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["train", "encoder", "--help"], ["ablate", "--help"]])
def test_help_needs_no_torch(words):
    code = (
        "import sys\nfrom export.__main__ import main\n"
        f"try: main({words!r})\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'onnx', 'scipy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_only_the_model_that_is_named_is_imported():
    code = (
        "import sys\nfrom export.models import KINDS, kind\nkind('lead12')\n"
        "assert [name for name, module in KINDS.items() if module in sys.modules] == ['lead12']\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
