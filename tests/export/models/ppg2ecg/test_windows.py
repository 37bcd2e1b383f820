"""Windows of pulse and ECG at zero lag."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.datasets.pulses import ECG_SD
from export.models.ppg2ecg.net import (
    LENGTH,
)
from export.models.ppg2ecg.windows import Windows, chances, look

LAG = 0.42


def test_windows_show_the_ecg_at_the_pulse(people):
    windows = Windows(people[:3])
    assert len(windows) > 20
    batch = windows.batch(np.arange(len(windows)), np.random.default_rng(0))
    for ecg, beats in zip(batch.ecg[:, 0].numpy(), batch.beats.numpy(), strict=True):
        tops = [k for k in range(6, LENGTH - 6) if beats[k] > 0.9 and beats[k] == beats[k - 3 : k + 4].max()]
        assert len(tops) >= 8
        assert np.mean([ecg[k - 2 : k + 3].max() > 3 * ECG_SD for k in tops]) > 0.9
    known = batch.lag[batch.lag.isfinite()]
    assert 0 < len(known) < len(batch.lag)
    assert known.numpy() == pytest.approx(LAG, abs=0.02)


def test_a_window_with_a_hole_or_another_heart_is_not_trained_on(people):
    torn = people[0].ppg.copy()
    torn[2000:2050] = np.nan
    assert look(0, replace(people[0], ppg=torn), 15.0).agreement == 0
    assert look(0, replace(people[0], beats=people[1].beats), 15.0).agreement < 0.85
    assert chances(np.array([-5.0, 20.0])).max() == 0
