"""From a trained network to the zoo on a small made-up set: convert, quantise, gate, card, evaluate."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("onnx", reason="the export extra is not installed")
pytest.importorskip("litert_torch", reason="the export extra is not installed")
import export.models.encoder.publish as publishing
from export import package
from export.__main__ import main
from export.datasets import ptbxl
from export.errors import GateError
from export.evaluate import Fold
from export.loop import TRAIN_FOLDS
from export.models.encoder import evaluate, trust
from export.models.encoder.augment import LEAD_SETS, augment
from export.models.encoder.net import Block, Encoder, Shape
from export.models.encoder.outliers import kinds
from export.models.encoder.publish import EncoderPublication
from export.models.encoder.train import Recipe, Trained
from export.publish import publish
from export.quantize import quantize_onnx, quantize_tflite
from wearecg.models import load_card, load_model
from wearecg.models.describe import describe
from wearecg.models.preprocess import Preprocessing, condition
from wearecg.models.verify import verify

SAID = {
    "superclass": {"NORM": 1.0, "MI": 6.0, "CD": 11.0},
    "subclass": {"NORM": 1.0, "IMI": 6.0},
    "form": {"PVC": 17.0, "HVOLT": 0.0},
    "rhythm": {"SR": 31.0, "AFIB": 37.0},
}
"""Each statement is an oscillation (Hz) in the signal, but HVOLT: the gain is larger than usual."""
GROUPS = {name: len(codes) for name, codes in SAID.items()}


@pytest.fixture(scope="module")
def data():
    """A set whose statements can be seen in its signals; quiet records say nothing of the range of loud ones."""
    rng, n = np.random.default_rng(7), 500
    labels = {name: rng.random((n, size)) < 0.5 for name, size in GROUPS.items()}
    labels["subclass"] = labels["superclass"][:, :2]
    t = np.arange(1000) / 100
    x = rng.normal(scale=0.01, size=(n, 12, 1000))
    for name in ("superclass", "form", "rhythm"):
        for k, f in enumerate(SAID[name].values()):
            wave = np.sin(2 * np.pi * (f * t + rng.random((n, 1))))
            x += 0.3 * labels[name][:, k, None, None] * wave[:, None] * np.linspace(0.7, 1.3, 12)[:, None]
    largest = labels["form"][:, 1]
    gain = np.where(largest, 2.2, np.where(rng.random(n) < 0.5, 0.15, 0.8))
    x *= gain[:, None, None]
    return ptbxl.PtbXl(
        signals=np.rint(x * 1000).astype(np.int16),
        labels=labels,
        statements={name: {code: code.lower() for code in codes} for name, codes in SAID.items()},
        fold=np.arange(n) // 2 % 10 + 1,
        patient=np.arange(n) // 2,
        broken=np.zeros(n, bool),
    )


@pytest.fixture(scope="module")
def trained(data):
    """A small encoder that has really learnt to tell the statements."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    net = Encoder(GROUPS, Shape((16, 9, 2), ((16, 7), (24, 5)), Block), embedding=16)
    rows = data.rows(TRAIN_FOLDS)
    signal, _ = condition(data.millivolts(rows), ptbxl.FS, Preprocessing())
    signal = torch.from_numpy(signal)
    y = torch.from_numpy(np.concatenate([data.labels[name][rows] for name in GROUPS], axis=1)).float()
    g = torch.Generator().manual_seed(1)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=160)
    for _ in range(160):
        batch = torch.randint(0, len(rows), (48,), generator=g)
        x, mask = augment(signal[batch], g, ptbxl.FS)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.cat(net(x, mask)[1:], 1), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return Trained(net.eval(), GROUPS, Recipe(), 1.0, "a test")


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Fewer windows to calibrate on, fewer draws."""
    patch = pytest.MonkeyPatch()
    patch.setattr(publishing, "CALIBRATION_WINDOWS", 60)
    patch.setattr(package, "CLIPS", {"onnx": (100.0,), "tflite": (100.0,)})
    patch.setattr(evaluate, "DRAWS", 20)
    patch.setattr(trust, "EPOCHS", 30)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def outliers():
    """Made-up noise and pulses; a wave at 3 Hz is like nothing in the set."""
    noise = np.random.default_rng(3).normal(size=(2, 3000)).astype(np.float32)
    made = kinds(noise, np.sin(np.arange(1000) * 0.06 * np.pi).astype(np.float32)[None])
    return trust.Outliers(made, {"white noise": made["white noise"]}, noise)


@pytest.fixture(scope="module")
def zoo(trained, data, outliers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo")
    publish(EncoderPublication(trained, data, outliers), folder)
    return folder


def test_what_is_published_loads_and_states_what_was_measured(zoo, data):
    card = load_card(zoo / "encoder.json")
    forms = {
        f"encoder.{precision}.{runtime}" for precision in ("fp32", "int8") for runtime in ("onnx", "tflite")
    }
    assert {path.name for path in zoo.iterdir()} == {"encoder.json", "encoder.golden.npz", *forms}
    assert [g.name for g in card.outputs.groups] == list(GROUPS)
    areas = [row for row in card.measured if row.ece is not None]
    assert len(areas) == len(GROUPS) * len(LEAD_SETS) * 2
    assert len(card.quantisation.report) == len(GROUPS) * len(LEAD_SETS)
    # The network has really learnt, so that a bad quantisation has something to lose.
    assert min(row.torch for row in card.quantisation.report if row.leads == "12 leads") > 0.95
    assert max(map(card.quantisation.worst, card.quantisation.report)) <= card.quantisation.allowed_loss
    fold = Fold.of(data, 9, card.input.preprocessing)
    again = evaluate.measure(card, zoo, "int8", "onnx", fold)
    assert again == [row for row in areas if row.precision == "int8"]
    assert card.source in describe(card)


def test_the_doubtful_windows_are_those_with_wrong_calls(zoo):
    measured = load_card(zoo / "encoder.json").measured
    found = {(row.metric, row.group, row.leads): row.value for row in measured}
    # Over all groups: in one alone, where hardly a call is wrong, a single window decides, and with it the processor.
    every, certain = (
        np.mean([found[metric, group, leads] for group in GROUPS for leads in LEAD_SETS])
        for metric in (evaluate.WRONG, f"{evaluate.WRONG}, most certain 80%")
    )
    assert certain < every


def test_noise_is_called_unlike_and_recordings_are_not(zoo):
    measured = [row for row in load_card(zoo / "encoder.json").measured if row.metric == trust.METRIC]
    found = {(row.group, row.leads): row.value for row in measured}
    assert found["white noise", "12 leads"] > 0.9
    # Of one lead set alone there are thirteen windows; which of them so small a network doubts hangs on the last
    # bits of what it was trained on, and four may be called so.
    real = [found[trust.REAL, leads] for leads in LEAD_SETS]
    assert max(real) < 0.35
    assert np.mean(real) < 0.15


def test_every_form_gives_the_networks_logits(zoo, trained, data):
    signal, mask = condition(data.millivolts(np.arange(20)), ptbxl.FS, Preprocessing())
    with torch.no_grad():
        expected = trained.net(torch.from_numpy(signal), torch.from_numpy(mask))
    for runtime in ("onnx", "tflite"):
        got = load_model(zoo / "encoder.json", "fp32", runtime).runner.run(signal, mask)
        for name, values in zip(("embedding", *GROUPS), expected, strict=True):
            np.testing.assert_allclose(got[name], values.numpy(), atol=1e-4)


def test_what_is_published_verifies(zoo):
    assert all(check.ok is not False for check in verify(zoo / "encoder.json"))


def test_the_files_name_no_path(zoo):
    for path in zoo.iterdir():
        assert not re.search(rb"site-packages|/home/|/root/|/tmp/|\.py\b", path.read_bytes())


def test_a_code_is_reported_once_and_rare_statements_are_not(zoo):
    reported = {
        g.name: [s.code for s in g.statements if s.reported]
        for g in load_card(zoo / "encoder.json").outputs.groups
    }
    assert reported["superclass"] == ["NORM", "MI", "CD"]
    assert reported["rhythm"] == ["SR", "AFIB"]
    assert reported["subclass"] == []  # NORM is a superclass already, IMI has fewer than 30 positive records


def badly(quantise):
    """Per tensor, minimum and maximum of one record: the quietest."""

    def made(fp32, int8, signal, mask, percentile, first):
        quiet = np.abs(signal).max(axis=(1, 2)).argsort()[:1]
        quantise(fp32, int8, signal[quiet], mask[quiet], 100.0, first, per_channel=False)

    return made


@pytest.mark.parametrize(("runtime", "quantise"), [("onnx", quantize_onnx), ("tflite", quantize_tflite)])
def test_a_bad_quantisation_is_refused_and_nothing_is_written(
    trained, data, outliers, tmp_path, monkeypatch, runtime, quantise
):
    monkeypatch.setitem(package.QUANTIZE, runtime, badly(quantise))
    message = rf"refused: .*int8_{runtime} 0\.\d+ against torch"
    with pytest.raises(GateError, match=message) as refusal:
        publish(EncoderPublication(trained, data, outliers), tmp_path / "zoo")
    assert f"int8_{'tflite' if runtime == 'onnx' else 'onnx'}" not in str(
        refusal.value
    )  # the good one passes
    assert not (tmp_path / "zoo").exists()


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


def test_evaluate_prints_every_group_and_lead_set(zoo, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ptbxl, "load", lambda root, cache: data)
    run = partial(main, ["evaluate", "--data", "DIR", "--model", str(zoo / "encoder.json"), "--runtime", "both",
                         "--work", str(tmp_path)])  # fmt: skip
    assert run() == 0
    out = capsys.readouterr().out
    for word in (
        *GROUPS,
        *LEAD_SETS,
        "fp32 onnx",
        "int8 onnx",
        "fp32 tflite",
        "int8 tflite",
        "[95 % interval]",
    ):
        assert word in out
