from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.augment import lead_mask  # noqa: E402
from export.models.encoder.augment import LEAD_SETS, SHARES, SLOW, augment, slowed  # noqa: E402


def seeded(n: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(n)


def test_some_windows_lose_what_a_slow_sensor_does_not_see():
    t = torch.arange(1000) / 100
    x = torch.stack([torch.sin(2 * torch.pi * f * t) for f in (5, 15, 30, 40)]).expand(500, 4, 1000)
    left = slowed(x, seeded(), 100.0).std(dim=2) / x.std(dim=2)
    slow = left[:, 2] < 0.5
    assert 0.5 * SLOW < float(slow.float().mean()) < 1.5 * SLOW
    torch.testing.assert_close(left[:, :2], torch.ones(500, 2), atol=1e-3, rtol=0)
    assert left[slow, 2:].max() < 1e-3
    torch.testing.assert_close(left[~slow], torch.ones(int((~slow).sum()), 4))


def test_every_reported_lead_set_is_trained_on():
    _, mask = augment(torch.randn(2000, 12, 100), seeded(), 100.0)
    for name, share in SHARES.items():
        drawn = float((mask == lead_mask(LEAD_SETS[name])).all(dim=1).float().mean())
        assert drawn > 0.8 * share
    assert SHARES.keys() == LEAD_SETS.keys()
