"""The network of lead12."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.layers import cost, fold
from export.models.lead12.net import Lead12


def test_it_is_small_enough_for_a_wearable():
    parameters, macs = cost(Lead12())
    assert parameters <= 1_000_000
    assert macs <= 80e6


def test_hidden_leads_are_not_seen_and_the_answer_is_always_the_same():
    torch.manual_seed(1)
    net = Lead12().eval()
    x, mask = torch.randn(2, 12, 1000), torch.zeros(2, 12)
    mask[:, [1, 6]] = 1
    first = net(x, mask)
    assert [out.shape for out in first] == [(2, 8, 1000)] * 2
    x[:, 2] += 1
    for a, b in zip(first, net(x, mask), strict=True):
        assert torch.equal(a, b)


def test_folding_changes_nothing():
    torch.manual_seed(1)
    net = Lead12()
    for _ in range(3):
        net(torch.randn(8, 12, 1000), torch.ones(8, 12))
    net.eval()
    x, mask = torch.randn(2, 12, 1000), torch.ones(2, 12)
    folded = fold(net)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    for a, b in zip(net(x, mask), folded(x, mask), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_training_draws_the_latent_and_pays_for_what_it_tells():
    torch.manual_seed(1)
    net = Lead12().eval()
    x, mask = torch.randn(2, 12, 1000), torch.ones(2, 12)
    mean, _, divergence = net.sampled(x, mask)
    assert not torch.equal(mean, net.sampled(x, mask)[0])
    assert divergence.shape == (2,)
    assert (divergence > 0).all()
    for head in (net.latent_mean, net.latent_logvar):  # nothing told: the standard normal itself
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    assert not net.sampled(x, mask)[2].any()
