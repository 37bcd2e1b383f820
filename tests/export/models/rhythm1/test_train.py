"""The one-lead rhythm network, its training and its score, on a small made-up set of clear rhythms."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
import export.models.encoder.train as encoders
import export.models.rhythm1.train as training
from export.datasets import cinc2017, mitdb
from export.datasets.cache import MISSING, microvolts
from export.errors import ExportError
from export.loop import Run, predict
from export.metrics import class_f1
from export.models.encoder.net import WIDE, Encoder, cost, fold
from export.models.rhythm1.evaluate import Windows, cut, holter, score
from export.models.rhythm1.net import Rhythm1, start_from
from wearecg.models.preprocess import Preprocessing, condition

RECIPE = training.Recipe(epochs=2, batch=16, seconds=5.0)
SPEC = Preprocessing()
GROUPS = {"superclass": 5, "subclass": 23, "form": 19, "rhythm": 12}


def rhythm(label: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Spikes at an even pace, at an uneven one, at twice the pace, or noise."""
    gaps = {0: 80 + rng.integers(-2, 3, 200), 1: rng.integers(40, 130, 200), 2: np.full(200, 40)}
    x = rng.normal(scale=0.02 if label < 3 else 0.4, size=samples)
    if label < 3:
        at = np.cumsum(gaps[label])
        x[at[at < samples]] += 1.0
        x = np.convolve(x, [0.3, 1.0, 0.3], "same")
    return x


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    label = np.arange(160) % 4
    length = rng.integers(920, 1800, len(label))
    signals = np.full((len(label), 1, cinc2017.LENGTH), MISSING, np.int16)
    for row, (k, n) in enumerate(zip(label, length, strict=True)):
        signals[row, 0, :n] = microvolts(rhythm(int(k), int(n), rng))
    return cinc2017.Cinc2017(signals, length, label, fold=np.arange(len(label)) // 4 % 10 + 1)


@pytest.fixture(scope="module")
def checkpoint(data, tmp_path_factory):
    return training.train(data, tmp_path_factory.mktemp("work"), RECIPE)


def lived_in() -> Rhythm1:
    """A network whose batch norms have seen data."""
    torch.manual_seed(3)
    net = Rhythm1(4)
    net.train()
    for _ in range(3):
        net(torch.randn(8, 1, 1000), torch.ones(8, 1))
    return net.eval()


def test_the_network_stays_within_its_budget():
    parameters, macs = cost(Rhythm1(4), 1, 3000)
    assert parameters <= 200_000
    assert macs <= 60e6


def test_it_begins_where_the_encoder_with_lead_I_alone_is():
    torch.manual_seed(5)
    encoder = Encoder(GROUPS, WIDE)
    for layer in (encoder.lead_gain, encoder.lead_bias):
        torch.nn.init.normal_(layer.weight, std=0.5)
    for _ in range(3):
        encoder(torch.randn(8, 12, 1000), (torch.rand(8, 12) < 0.5).float())
    encoder.eval()
    net = Rhythm1(4).eval()
    start_from(net, encoder)
    found = []
    encoder.blocks[2].register_forward_hook(lambda *args: found.append(args[2]))
    net.blocks[2].register_forward_hook(lambda *args: found.append(args[2]))
    mask, x = torch.eye(12)[:1], torch.randn(1, 12, 1000)
    encoder(x, mask)
    net(x[:, :1], torch.ones(1, 1))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)
    assert found[0].abs().max() > 0.1


@pytest.mark.parametrize("length", [1000, 3000])
def test_folding_changes_nothing_at_any_length_and_an_absent_lead_is_not_looked_at(length):
    net = lived_in()
    x = torch.randn(2, 1, length)
    for a, b in zip(net(x, torch.ones(2, 1)), fold(net)(x, torch.ones(2, 1)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    absent = torch.zeros(2, 1)
    torch.testing.assert_close(net(x, absent)[1], net(0 * x, absent)[1])


def test_onnx_and_its_int8_form_give_what_torch_gives(tmp_path):
    pytest.importorskip("onnx", reason="the export extra is not installed")
    import onnxruntime as ort

    from export.quantize import quantize_onnx
    from export.to_onnx import to_onnx

    net, x, mask = fold(lived_in()), torch.randn(8, 1, 500), torch.ones(8, 1)
    to_onnx(net, tmp_path / "fp32.onnx", 1, 500, ["embedding", "rhythm"])
    quantize_onnx(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", x.numpy(), mask.numpy(), 99.99)
    with torch.no_grad():
        expected = net(x, mask)[1].numpy()
    for name, near in (("fp32", 1e-4), ("int8", 0.1)):
        session = ort.InferenceSession(tmp_path / f"{name}.onnx", providers=["CPUExecutionProvider"])
        got = session.run(["rhythm"], {"signal": x.numpy(), "mask": mask.numpy()})[0]
        np.testing.assert_allclose(got, expected, atol=near * np.ptp(expected))


def test_f1_counts_as_the_challenge_does():
    truth = np.array([0, 0, 0, 1, 1, 2])
    said = np.array([0, 0, 1, 1, 2, 2])
    expected = [2 * 2 / (2 + 3), 2 * 1 / (2 + 2), 2 * 1 / (2 + 1), np.nan]
    np.testing.assert_allclose(class_f1(said, truth, 4), [expected])
    twice = np.array([[2, 2, 2, 2, 2, 2], [1, 1, 0, 1, 0, 1]])
    np.testing.assert_allclose(class_f1(said, truth, 4, twice), [expected, [1, 1, 1, np.nan]])


def test_windows_cover_a_recording_and_the_last_ends_with_it(data):
    windows = cut(data, np.arange(8), 10.0, SPEC)
    for k, n in enumerate(data.length[:8]):
        assert (windows.record == k).sum() == (1 if n <= 1000 else 2)
    assert windows.signal.shape == (len(windows.record), 1, 1000)
    assert windows.mask.all()
    np.testing.assert_array_equal(windows.label, data.label[:8])


def test_a_short_recording_lies_between_zeros(data):
    (row,) = np.flatnonzero(data.length < 1000)[:1]
    n, signal = data.length[row], cut(data, np.array([row]), 10.0, SPEC).signal[0, 0]
    there = np.flatnonzero(signal)
    assert there[0] >= (1000 - n) // 2
    assert there[-1] < (1000 + n + 1) // 2
    assert len(there) > 0.9 * n


def test_the_score_is_that_of_mean_logits_and_leaves_noise_out():
    record = np.array([0, 0, 1, 2, 3])
    windows = Windows(np.zeros((5, 1, 1000)), np.ones((5, 1)), record, np.arange(4), np.arange(4))
    logits = np.eye(4)[[0, 3, 1, 2, 0]] + [[2, 0, 0, 0], *([[0, 0, 0, 0]] * 4)]
    assert windows.combine(logits)[0].tolist() == [1.5, 0, 0, 0.5]
    scores = score(windows, logits)
    assert [scores[code].value for code in ("A", "O")] == [1, 1]
    assert scores["N"].value == pytest.approx(2 / 3)
    assert scores["mean"].value == pytest.approx(8 / 9)
    assert scores["mean"].low <= scores["mean"].value <= scores["mean"].high


def test_holter_windows_are_called_by_their_rhythm_and_beats():
    seconds = np.arange(0.5, 100, 1.0)
    classes = np.where(seconds == 45.5, 2, 0)
    rhythms = (mitdb.Rhythm(0.1, 60, "N"), mitdb.Rhythm(60, 95, "AFIB"), mitdb.Rhythm(95, 100, "N"))
    signals = microvolts(np.random.default_rng(1).normal(size=(2, 2, 10_000)))
    data = mitdb.MitDb(
        ("1", "2"),
        (("V5", "II"), ("V5", "V2")),
        signals,
        (mitdb.Beats(seconds, classes),) * 2,
        (rhythms,) * 2,
    )
    windows = holter(data, 30.0, SPEC)
    assert "".join(list(cinc2017.CLASSES)[k] for k in windows.label) == "NOA"
    assert windows.person.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(
        windows.signal[2], condition(data.millivolts(0)[1:, 6000:9000], 100.0, SPEC)[0]
    )


def test_training_windows_come_at_another_pace():
    x = np.sin(2 * np.pi * 2 * np.arange(1800) / 100)[None].astype(np.float32)
    g = torch.Generator().manual_seed(1)
    windows = torch.stack([training.window(x, 1000, g) for _ in range(40)])
    assert windows.shape == (40, 1, 1000)
    hz = np.abs(np.fft.rfft(windows[:, 0])).argmax(axis=1) / 10
    assert hz.min() == pytest.approx(1.8)
    assert hz.max() == pytest.approx(2.2)


def test_a_window_longer_than_the_recording_has_zeros_around_it():
    x = np.sin(np.arange(900))[None].astype(np.float32)
    y = training.window(x, 1000, torch.Generator().manual_seed(1))[0]
    there = np.flatnonzero(y)
    assert 900 / 1.1 - 2 < len(there) <= 990
    assert there[-1] - there[0] + 1 < len(there) + 5


def test_half_of_the_windows_are_turned_upside_down():
    x = torch.zeros(400, 1, 1000)
    x[..., 500] = 5.0
    y = training.augment(x, torch.Generator().manual_seed(1), None)
    up = (y.sum(dim=2) > 0).float().mean()
    assert 0.4 < up < 0.6


def test_a_run_that_was_stopped_ends_with_the_same_weights(checkpoint, data, tmp_path, monkeypatch):
    save = Run._save

    def stop_after_the_first(run):
        save(run)
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "_save", stop_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        training.train(data, tmp_path, RECIPE)
    with pytest.raises(ExportError, match="1 of 2 epochs done"):
        training.load(tmp_path / "rhythm1.pt")
    monkeypatch.setattr(Run, "_save", save)
    resumed = training.load(training.train(data, tmp_path, RECIPE)).net.state_dict()
    for name, value in training.load(checkpoint).net.state_dict().items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0)


def test_a_run_from_an_encoder_says_so_and_does_not_take_over_another(
    checkpoint, data, tmp_path, monkeypatch
):
    start = tmp_path / "encoder.pt"
    start.write_bytes(b"an encoder's checkpoint")
    torch.manual_seed(1)
    trained = encoders.Trained(Encoder(GROUPS, WIDE), GROUPS, encoders.Recipe(shape="wide"), 0.0, "")
    monkeypatch.setattr(encoders, "load", lambda path: trained)
    noise = np.random.default_rng(0).normal(size=(6, 5000)).astype(np.float32)
    recipe = dataclasses.replace(RECIPE, epochs=1)
    found = training.load(training.train(data, tmp_path, recipe, start, noise)).recipe
    assert len(found.start) == 64
    assert found.noise
    with pytest.raises(ExportError, match="is of another recipe"):
        training.train(data, checkpoint.parent, RECIPE, start)
    trained = encoders.Trained(Encoder(GROUPS), GROUPS, encoders.Recipe(), 0.0, "")
    with pytest.raises(ExportError, match=r"encoder\.pt is not a wide encoder's"):
        training.train(data, tmp_path, recipe, start)


def test_it_learns_to_tell_the_rhythms_apart(data, tmp_path):
    recipe = dataclasses.replace(RECIPE, epochs=5, batch=8, average=0.9, seconds=10.0)
    net = training.load(training.train(data, tmp_path, recipe)).net
    windows = cut(data, data.rows(cinc2017.HELD_OUT_FOLDS), 10.0, SPEC)
    logits = predict(net, torch.from_numpy(windows.signal) * 1000, torch.from_numpy(windows.mask))[1]
    assert score(windows, logits)["mean"].value > 0.8


def test_the_published_set_gives_windows_of_every_class(tmp_path):
    base = Path(os.environ.get("WEARECG_DATA", "")) / "cinc2017"
    if not (base / "training2017").is_dir():
        pytest.skip("WEARECG_DATA has no cinc2017/")
    table = (base / "training2017" / cinc2017.LABELS).read_text().split()
    few = tmp_path / "training2017"
    few.mkdir()
    chosen = [next(row for row in table if row.endswith(label)) for label in cinc2017.CLASSES]
    (few / cinc2017.LABELS).write_text("\n".join(chosen) + "\n")
    for row in chosen:
        for file in (base / "training2017").glob(row.partition(",")[0] + ".*"):
            (few / file.name).symlink_to(file)
    windows = cut(cinc2017.load(tmp_path, tmp_path / "cache"), np.arange(4), 30.0, SPEC)
    assert windows.label.tolist() == [0, 1, 2, 3]
    assert np.isfinite(windows.signal).all()
    assert (windows.signal.std(axis=(1, 2)) > 0.02).all()
