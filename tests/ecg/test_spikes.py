from __future__ import annotations

import numpy as np
import pytest

from tests.ecg.signals import QRS, add
from wearecg.ecg.spikes import longest, without_spikes


@pytest.mark.parametrize("fs", [100.0, 130.0, 250.0, 500.0, 1000.0])
@pytest.mark.parametrize("width", [0.006, 0.01])
def test_no_qrs_is_a_spike(fs, width):
    for phase in np.linspace(0, 1 / fs, 7):
        x = np.zeros(round(fs))
        add(x, fs, [0.5 + phase], ((0.0, width, 1.0),))
        assert without_spikes(x[:, None], longest(fs), 0.15) is None


@pytest.mark.parametrize(("fs", "samples"), [(100, 1), (160, 2), (250, 1), (250, 2), (250, 3), (1000, 2)])
@pytest.mark.parametrize("mv", [2.0, -5.0])
def test_spikes_become_lines(fs, samples, mv):
    x = np.zeros((fs, 2))
    add(x[:, 0], fs, [0.5], QRS)
    clean = x.copy()
    x[fs // 4 : fs // 4 + samples, 0] += mv
    found = without_spikes(x, longest(fs), 0.15)
    np.testing.assert_allclose(found, clean, atol=0.01)
    assert x[fs // 4, 0] == pytest.approx(mv, abs=0.01), "the argument stays as it is"


def test_what_is_unknown_stays_so():
    x = np.zeros((100, 1))
    x[40], x[60] = 3.0, np.nan
    found = without_spikes(x, 3, 0.15)
    assert found[40] == 0.0
    assert np.isnan(found[60])
