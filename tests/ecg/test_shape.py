from __future__ import annotations

import numpy as np
import pytest

from tests.ecg.signals import WIDE, add, ecg
from wearecg.ecg.shape import is_drawn, period

FS = 250.0
T = np.arange(750) / FS


@pytest.mark.parametrize("bpm", [120, 165, 190, 240])
def test_the_period_of_a_wide_tachycardia(bpm):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.02, 750) + 0.5 * np.sin(T)
    add(x, FS, np.arange(0, 3, 60 / bpm), WIDE)
    assert period(x, FS) == pytest.approx(60 / bpm, rel=0.02)


def test_noise_sines_and_tremor_have_none():
    rng = np.random.default_rng(0)
    assert period(rng.normal(0, 0.3, 750), FS) is None
    assert period(np.zeros(750), FS) is None
    assert all(period(np.sin(2 * np.pi * hz * T), FS) is None for hz in (1.0, 3.0, 5.0, 10.0))
    assert period(np.sign(np.sin(2 * np.pi * 10 * T)), FS) is None


def drawn(x):
    return is_drawn(np.sort(x), [float(part.mean()) for part in np.split(x[:250], 10)])


def test_square_waves_and_ramps_are_drawn():
    rng = np.random.default_rng(0)
    for noise in (0.0, 0.02):
        hiss = rng.normal(0, noise, 250)
        assert drawn(np.sign(np.sin(2 * np.pi * 1.5 * T[:250])) + hiss)
        assert drawn((T[:250] + 0.3) % 1.0 + hiss)
    x = ecg(FS, 10)[0]
    assert not any(drawn(sign * x[k : k + 250]) for sign in (1, -1) for k in range(0, 2250, 50))
    tachycardia = np.zeros(250)
    add(tachycardia, FS, np.arange(0, 1, 60 / 190), WIDE)
    assert not drawn(tachycardia)
