"""The whole way on a small made-up set: train, resume, convert, quantise, gate, card, evaluate."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("onnx", reason="the export extra is not installed")
import export.publish
import export.train.encoder as training
from export import evaluate, gate
from export.__main__ import main
from export.errors import ExportError, GateError
from wearecg.models import load_card, load_model
from wearecg.models.card import Loss
from wearecg.models.runner import Runner

RECIPE = training.Recipe(epochs=2, batch=32)


@pytest.fixture(scope="module")
def checkpoint(data, tmp_path_factory):
    return training.train(data, tmp_path_factory.mktemp("work"), RECIPE)


@pytest.fixture(scope="module")
def zoo(checkpoint, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo")
    allowed = pytest.MonkeyPatch()
    # Two epochs teach little: what int8 loses of it says nothing.
    allowed.setattr(gate, "check", lambda report: None)
    export.publish.publish(training.load(checkpoint), data, folder)
    allowed.undo()
    return folder


def weights(path):
    return torch.load(path, weights_only=True)["averaged"]


def test_a_run_that_was_stopped_ends_with_the_same_weights(checkpoint, data, tmp_path, monkeypatch):
    save = training._save

    def stop_after_the_first(path, *args):
        save(path, *args)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_save", stop_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        training.train(data, tmp_path, RECIPE)
    with pytest.raises(ExportError, match="1 of 2 epochs done"):
        training.load(tmp_path / "encoder.pt")
    monkeypatch.setattr(training, "_save", save)
    resumed = weights(training.train(data, tmp_path, RECIPE))
    for name, value in weights(checkpoint).items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0)


def test_another_recipe_does_not_take_over_a_run(checkpoint, data):
    with pytest.raises(ExportError, match="is of another recipe"):
        training.train(data, checkpoint.parent, dataclasses.replace(RECIPE, seed=2))


def test_what_is_published_loads_and_states_what_was_measured(zoo, data):
    card = load_card(zoo / "encoder.json")
    assert {path.name for path in zoo.iterdir()} == {
        "encoder.json",
        "encoder.fp32.onnx",
        "encoder.int8.onnx",
    }
    assert [g.name for g in card.outputs.groups] == ["superclass", "rhythm"]
    assert len(card.measured) == 2 * 3 * 2
    assert len(card.quantisation.report) == 2 * 3
    assert card.parameters <= 400_000
    assert card.mmac <= 30
    fold = evaluate.Fold.of(data, 9, card.input.preprocessing)
    again = evaluate.measure(card, Runner(card, zoo, "int8"), "int8", fold)
    assert again == [row for row in card.measured if row.precision == "int8"]
    assert card.source in card.describe()


def test_the_published_forms_give_the_networks_logits(zoo, checkpoint, data):
    card = load_card(zoo / "encoder.json")
    net = training.load(checkpoint).net
    signal, mask = training.conditioned(data, np.arange(20), card.input.preprocessing)
    expected = training.predict(net, signal, mask)
    got = load_model(zoo / "encoder.json", "fp32").runner.run(
        (signal.float() / 1000 * mask.unsqueeze(-1)).numpy(), mask.numpy()
    )
    np.testing.assert_allclose(got["embedding"], expected[0], atol=1e-4)
    np.testing.assert_allclose(got["rhythm"], expected[4], atol=1e-4)


def test_a_bad_quantisation_is_refused_and_nothing_is_written(checkpoint, data, tmp_path, monkeypatch):
    good = export.publish.quantize

    def calibrated_on_silence(fp32, int8, signal, mask):
        good(fp32, int8, signal[:2] * 1e-3, mask[:2])

    monkeypatch.setattr(export.publish, "quantize", calibrated_on_silence)
    with pytest.raises(
        GateError, match=r"refused, macro AUROC may fall by 0\.005: .*int8 0\.\d+ against fp32"
    ):
        export.publish.publish(training.load(checkpoint), data, tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def row(torch_=0.9, fp32=0.9, int8=0.9):
    return Loss("superclass", "II", torch_, fp32, int8)


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ([row(), row(int8=0.8949)], r"superclass, II: int8 0\.8949 against fp32 0\.9000"),
        ([row(int8=float("nan"))], "int8 nan"),
        ([row(torch_=0.95)], r"ONNX fp32 0\.9000 is not torch's 0\.9500"),
        ([], "nothing was measured"),
    ],
)
def test_the_gate_refuses(report, message):
    with pytest.raises(GateError, match=message):
        gate.check(report)


def test_the_gate_lets_pass_what_the_card_allows():
    gate.check([row(int8=0.8951), row(int8=0.95)])


def test_commands_end_with_an_error_a_user_can_act_on(tmp_path, capsys):
    work = ["--work", str(tmp_path)]
    assert main(["publish", "encoder", "--data", str(tmp_path), *work]) == 1
    assert main(["train", "encoder", "--data", str(tmp_path), *work]) == 1
    assert main(["evaluate", "--data", str(tmp_path), "--model", "nobody", *work]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert "no checkpoint" in errors[0]
    assert "train first" in errors[0]
    assert "no ptbxl_database.csv" in errors[1]
    assert "no model 'nobody'" in errors[2]


def test_evaluate_prints_every_lead_set(zoo, ptbxl_root, tmp_path, capsys):
    model = str(zoo / "encoder.json")
    assert main(["evaluate", "--data", str(ptbxl_root), "--model", model, "--work", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for word in ("12 leads", "II+V1+V5", "superclass", "rhythm", "fp32 macro AUROC", "int8 macro AUROC"):
        assert word in out
