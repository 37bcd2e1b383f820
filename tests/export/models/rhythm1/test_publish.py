"""rhythm1 from a checkpoint to the zoo and back, on the small made-up set."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("onnx", reason="the export extra is not installed")
pytest.importorskip("litert_torch", reason="the export extra is not installed")
from export import gate, package
from export.__main__ import main
from export.datasets import cinc2017
from export.models.rhythm1 import evaluate, train
from wearecg.models import load_card
from wearecg.models.verify import verify


@pytest.fixture(scope="module")
def work(data, tmp_path_factory):
    """The folder of a run that was soon over."""
    folder = tmp_path_factory.mktemp("work")
    train.train(data, folder, train.Recipe(epochs=2, batch=16, seconds=5.0))
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch, data):
    monkeypatch.setattr(package, "CLIPS", {"onnx": (100.0,), "tflite": (100.0,)})
    monkeypatch.setattr(evaluate, "DRAWS", 20)
    monkeypatch.setattr(cinc2017, "load", lambda root, cache: data)


def test_what_is_published_is_what_evaluate_measures(work, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gate, "check", lambda rule: None)  # so little trained, it is called by chance
    zoo, places = tmp_path / "zoo", ["--data", "DIR", "--work", str(work)]
    assert main(["publish", "rhythm1", *places, "--zoo", str(zoo)]) == 0
    assert all(check.ok is not False for check in verify(zoo / "rhythm1.json"))
    card = load_card(zoo / "rhythm1.json")
    assert {row.group for row in card.measured} == set(evaluate.ROWS.values())
    assert [loss.leads for loss in card.quantisation.report] == ["one"]
    capsys.readouterr()
    assert main(["evaluate", "--model", str(zoo / "rhythm1.json"), *places]) == 0
    out = capsys.readouterr().out
    for row in card.measured:
        assert f"{row.value:.4f} [{row.low:.4f}, {row.high:.4f}]" in out
