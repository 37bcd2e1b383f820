"""The networks of ppg2ecg."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.layers import cost
from export.models.ppg2ecg.net import (
    LENGTH,
    TRUST,
    UNTRAINED_LAG,
    Aligned,
    Flow,
    Ppg2Ecg,
    PulseEncoder,
    cautious,
    integrated,
)


def test_what_ships_is_small():
    net = Ppg2Ecg(Aligned(), Flow(), 1.0, torch.zeros(1, 4, 1, 125))
    parameters, macs = cost(net, 1, LENGTH)
    assert parameters < 1_000_000
    assert macs < 40_000_000


def test_what_ships_believes_the_lag_in_part():
    pulse, wave = PulseEncoder().eval(), torch.randn(4, 1, LENGTH)
    with torch.no_grad():
        pulse.lag.weight.normal_(std=0.1)
        trained, shipped = pulse(wave), cautious(pulse)(wave)
    usual = UNTRAINED_LAG[0]
    torch.testing.assert_close(shipped.lag[:, 0] - usual, TRUST * (trained.lag[:, 0] - usual))
    torch.testing.assert_close(shipped.lag[:, 1], trained.lag[:, 1])
    torch.testing.assert_close(shipped.beats, trained.beats)


def test_the_flow_is_followed_to_its_end():
    class Straight(Flow):
        def forward(self, latent, timing, time):
            return torch.full_like(latent, 3.0) * (time >= 0)[:, None, None, None]

    end = integrated(Straight(), torch.ones(2, 4, 1, 125), torch.zeros(2, 9, 1, 125), 4)
    assert torch.allclose(end, torch.full_like(end, 4.0))
