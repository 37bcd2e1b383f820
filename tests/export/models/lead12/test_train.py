"""The network of lead12 and its training, on a small made-up set."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
import export.models.lead12.train as training
from export.loop import TRAIN_FOLDS, conditioned, predict
from export.models.lead12.net import Lead12
from wearecg.ecg.lead12 import INDEPENDENT
from wearecg.ecg.leads import TWELVE
from wearecg.models.preprocess import Preprocessing

RECIPE = training.Recipe(epochs=2, batch=32, latent=4)


@pytest.fixture(scope="module", autouse=True)
def small():
    """A small network in place of the large one."""
    patch = pytest.MonkeyPatch()
    patch.setattr(training, "Lead12", lambda latent: Lead12(latent, 16, ((16, 2), (24, 5))))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def checkpoint(data, tmp_path_factory):
    return training.train(data, tmp_path_factory.mktemp("work"), RECIPE)


def test_what_is_shown_may_be_noisy_and_what_is_to_be_found_is_not():
    g = torch.Generator().manual_seed(1)
    signal, present = torch.randn(400, 12, 100), torch.ones(400, 12)
    present[:, 3] = 0
    clean, shown, mask = training.hidden(signal, present, g)
    gain = clean / signal
    torch.testing.assert_close(gain, gain[:, :1, :1].expand_as(gain))
    assert not mask[:, 3].any()
    assert not shown[mask == 0].any()
    noise = (shown - clean)[mask == 1]
    assert 0 < noise.std() < 0.03
    sets = {tuple(row) for row in mask.tolist()}
    assert {tuple(float(name in leads) for name in TWELVE) for leads in training.LEAD_SETS.values()} <= sets
    assert len(sets) > 30


def test_the_loss_counts_hidden_leads_that_are_there_and_nothing_else():
    torch.manual_seed(1)
    clean = torch.randn(2, 12, 20)
    columns = [TWELVE.index(name) for name in INDEPENDENT]
    mask, present = torch.zeros(2, 12), torch.ones(2, 12)
    mask[:, 1], present[:, 11] = 1, 0  # II is shown, V6 does not exist
    mean = clean[:, columns].clone()
    logvar = torch.full_like(mean, math.log(0.01))
    recipe = dataclasses.replace(RECIPE, certainty=0.0, correlation=0.0)
    arguments = (torch.zeros(2), clean, present * (1 - mask), recipe)
    perfect = training.loss(mean, logvar, *arguments)
    torch.testing.assert_close(perfect, torch.tensor(math.log(0.01) / 2))
    mean[:, [1, 7]] += 1
    torch.testing.assert_close(training.loss(mean, logvar, *arguments), perfect)
    mean[:, 0] += 0.1
    assert training.loss(mean, logvar, *arguments) > perfect


def test_with_full_certainty_the_mean_learns_as_from_the_squared_error():
    torch.manual_seed(1)
    clean = torch.randn(2, 12, 20)
    mean, logvar = torch.randn(2, 8, 20, requires_grad=True), torch.randn(2, 8, 20)
    recipe = dataclasses.replace(RECIPE, certainty=1.0, correlation=0.0)
    training.loss(mean, logvar, torch.zeros(2), clean, torch.ones(2, 12), recipe).backward()
    error = mean.detach() - clean[:, [TWELVE.index(name) for name in INDEPENDENT]]
    weight = torch.tensor([training.LIMB_WEIGHT] * 2 + [1.0] * 6)[:, None]
    torch.testing.assert_close(mean.grad, weight * error / (2 * weight.sum() * 20))


def test_unlikeness_is_one_minus_the_correlation_of_hidden_leads():
    torch.manual_seed(1)
    truth = torch.randn(2, 8, 200)
    found = 3 * truth + 1
    found[:, 2] = -truth[:, 2]
    hidden = torch.zeros(2, 8)
    hidden[:, 1] = 1
    assert training.unlikeness(found, truth, hidden).item() == pytest.approx(0, abs=1e-3)
    hidden[:, 2] = 1
    assert training.unlikeness(found, truth, hidden).item() == pytest.approx(1, abs=1e-3)
    assert training.unlikeness(found, truth, 0 * hidden) == 0


def test_it_learns_leads_that_follow_from_each_other(data, tmp_path):
    """In the made-up set every lead is the same wave, so one lead tells the others."""
    recipe = training.Recipe(epochs=10, batch=16, average=0.9, latent=4)
    trained = training.load(training.train(data, tmp_path, recipe))
    assert trained.recipe == recipe
    signal, present = conditioned(data, data.rows(TRAIN_FOLDS), Preprocessing())
    mask = present * training.lead_mask(("II",))
    mean, logvar = predict(trained.net, signal, mask)
    truth = signal.numpy()[:, 6:] / 1000
    assert np.corrcoef(mean[:, 2:].ravel(), truth.ravel())[0, 1] > 0.95
    z = (mean[:, 2:] - truth) / np.exp(logvar[:, 2:] / 2)
    assert 0.3 < z.std() < 3


def test_a_run_that_was_stopped_ends_with_the_same_weights(checkpoint, data, stopped_and_resumed):
    resumed = training.load(stopped_and_resumed(training, data, RECIPE, "lead12")).net.state_dict()
    for name, value in training.load(checkpoint).net.state_dict().items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0)


def test_shrunken_amplitudes_are_told_by_their_slope():
    torch.manual_seed(1)
    clean = 0.01 * torch.randn(64, 12, 1000)
    clean[:, :, 100::100] = torch.rand(64, 12, 1) + 0.5
    clean[:, :, 130::100] = 3.0  # a T wave as high as it likes, but slow
    for step in range(1, 20):
        for at in (130 - step, 130 + step):
            clean[:, :, at::100] = 3.0 * (1 - step / 20)
    where = training.qrs(clean)
    assert where[:, :, 100::100].all()
    hidden = torch.ones(64, 6)
    truth = clean[:, 6:]
    beats = where & (truth < 2)
    assert beats[:, :1, 100::100].all()
    for share in (0.0, 0.5, 1.0, 1.5):
        found = truth.mean(dim=0) + share * (truth - truth.mean(dim=0))
        expected = max(0.0, 1 - share) ** 2
        assert training.shrinkage(found, truth, hidden, where).item() == pytest.approx(expected, abs=0.02)
    few = torch.zeros(64, 6)
    few[:3] = 1
    assert training.shrinkage(0 * truth, truth, few, where) == 0
