# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.datasets.bidmc import Record
from export.models.encoder.outliers import arms_exchanged, kinds, pulses, wrong_gain
from wearecg.ecg.leads import TWELVE


def leads(x, *names):
    return [x[:, TWELVE.index(name)] for name in names]


def twelve(n=4):
    """Limb leads that keep Einthoven's and Goldberger's laws, as electrodes give them."""
    g = torch.Generator().manual_seed(1)
    ra, la, ll, *chest = torch.randn(9, n, 200, generator=g)
    limb = [la - ra, ll - ra, ll - la, ra - (la + ll) / 2, la - (ra + ll) / 2, ll - (ra + la) / 2]
    return torch.stack([*limb, *chest], dim=1), (ra, la, ll)


def test_exchanged_arms_are_what_the_electrodes_would_give():
    x, (ra, la, ll) = twelve()
    swapped = arms_exchanged(x, torch.Generator())
    i, ii, iii, avr, avl, avf, v1 = leads(swapped, "I", "II", "III", "aVR", "aVL", "aVF", "V1")
    torch.testing.assert_close(i, ra - la)
    torch.testing.assert_close(ii, ll - la)
    torch.testing.assert_close(iii, ll - ra)
    torch.testing.assert_close(avr, la - (ra + ll) / 2)
    torch.testing.assert_close(avl, ra - (la + ll) / 2)
    torch.testing.assert_close(avf, ll - (ra + la) / 2)
    torch.testing.assert_close(v1, x[:, 6])


def test_every_kind_keeps_the_shape_and_is_no_copy():
    rng = np.random.default_rng(2)
    noise, ppg = (rng.normal(size=(3, 400)).astype(np.float32) for _ in range(2))
    x, _ = twelve()
    for name, make in (*kinds(noise, ppg[:, :200]).items(), ("gain", wrong_gain)):
        y = make(x, torch.Generator().manual_seed(3))
        assert y.shape == x.shape, name
        assert not torch.equal(y, x), name
        assert y.abs().max() <= 5 or name == "arms exchanged"


def test_pulses_are_ten_seconds_at_the_models_rate():
    t = np.arange(125 * 25) / 125
    wave = np.sin(2 * np.pi * 1.2 * t).astype(np.float32)
    wave[125 * 12] = np.nan
    (found,) = pulses([Record("a", "s1", wave, wave)])
    assert found.shape == (1000,)
    assert found.std() == pytest.approx(1, abs=1e-3)
    assert np.abs(np.fft.rfft(found)).argmax() == 12
