"""The three stages of ppg2ecg's training."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.models.ppg2ecg import train as ppg2ecg
from export.models.ppg2ecg.net import (
    LENGTH,
)


def test_three_stages_train_stop_and_go_on(people, tmp_path):
    recipe = ppg2ecg.Recipe(epochs=1, flow=1, one=1, batch=8)
    last = ppg2ecg.train(people, tmp_path, recipe)
    trained = ppg2ecg.load(tmp_path, people)
    assert (trained.recipe.flow, trained.recipe.one) == (1, 1)
    before = torch.load(last, weights_only=True)["net"]
    last.unlink()
    ppg2ecg.train(people, tmp_path, recipe)
    again = torch.load(last, weights_only=True)["net"]
    assert all(torch.equal(before[name], again[name]) for name in before)
    ecg, beats, lag = trained.net()(torch.randn(2, 1, LENGTH), torch.ones(2, 1))
    assert ecg.shape == beats.shape == (2, LENGTH)
    assert lag.shape == (2, 2)
