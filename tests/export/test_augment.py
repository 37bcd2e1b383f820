from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.augment import crop, disturb, mix  # noqa: E402


def seeded(n: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(n)


@pytest.mark.parametrize("db", [0.0, 12.0])
def test_recorded_noise_has_the_ratio_asked_for(db):
    x = torch.randn(40, 12, 1000)
    added = disturb(x, 3 * torch.randn(6, 20_000), torch.full((40,), db), seeded()) - x
    ratio = 10 * torch.log10(x.square().mean(dim=(1, 2)) / added.square().mean(dim=(1, 2)))
    torch.testing.assert_close(ratio, torch.full((40,), db), atol=1e-2, rtol=0)


def test_all_leads_of_a_window_get_one_kind_of_noise_from_different_places():
    noise = torch.stack([torch.linspace(1, 2, 9000), -torch.linspace(1, 2, 9000)])
    added = disturb(torch.zeros(30, 12, 100) + 0.1, noise, torch.zeros(30), seeded()) - 0.1
    assert (added.sign() == added.sign()[:, :1, :1]).all()
    assert len(added.sign()[:, 0, 0].unique()) == 2
    assert (added.std(dim=1) > 0).all()


def test_a_crop_is_a_part_of_the_window():
    x = torch.arange(1000.0).expand(8, 12, 1000)
    part = crop(x, 500, seeded())
    assert part.shape == (8, 12, 500)
    assert (part.diff(dim=-1) == 1).all()
    assert len(part[:, 0, 0].unique()) > 4
    torch.testing.assert_close(crop(x, 1000, seeded()), x)


def test_mixing_blends_signal_and_labels_alike_and_leaves_half_alone():
    value = torch.rand(400, 1)
    signal, labels = mix(value.unsqueeze(-1).expand(-1, 12, 50), value, seeded())
    torch.testing.assert_close(signal[:, 3, 7], labels[:, 0])
    assert 0.4 < float((labels == value).float().mean()) < 0.6
