"""rhythm1's training, on a small made-up set of clear rhythms."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
import export.models.encoder.train as encoders
import export.models.rhythm1.train as training
from export.datasets import cinc2017
from export.errors import ExportError
from export.loop import predict
from export.models.encoder.net import WIDE, Encoder
from export.models.rhythm1.evaluate import cut, score
from wearecg.models.preprocess import Preprocessing

GROUPS = {"superclass": 5, "subclass": 23, "form": 19, "rhythm": 12}
RECIPE = training.Recipe(epochs=2, batch=16, seconds=5.0)
SPEC = Preprocessing()


@pytest.fixture(scope="module")
def checkpoint(data, tmp_path_factory):
    return training.train(data, tmp_path_factory.mktemp("work"), RECIPE)


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


def test_a_run_that_was_stopped_ends_with_the_same_weights(checkpoint, data, stopped_and_resumed):
    resumed = training.load(stopped_and_resumed(training, data, RECIPE, "rhythm1")).net.state_dict()
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
    with pytest.raises(ExportError, match="has another recipe"):
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
