from __future__ import annotations

import numpy as np
import pytest

from tests.ecg.signals import QRS, add
from wearecg.ecg.spikes import find, without


def cleaned(x, fs):
    return without(x, find(x, fs, 0.15))


@pytest.mark.parametrize("fs", [100.0, 130.0, 250.0, 500.0, 1000.0])
@pytest.mark.parametrize("width", [0.006, 0.01])
@pytest.mark.parametrize("mv", [1.0, 3.0])
def test_no_qrs_is_a_spike(fs, width, mv):
    for phase in np.linspace(0, 1 / fs, 7):
        x = np.zeros(round(fs))
        add(x, fs, [0.5 + phase], ((0.0, width, mv),))
        assert find(x[:, None], fs, 0.15) == []


@pytest.mark.parametrize(("fs", "samples"), [(100, 1), (160, 2), (250, 1), (250, 2), (250, 3), (1000, 2)])
@pytest.mark.parametrize("mv", [2.0, -5.0])
def test_spikes_become_lines(fs, samples, mv):
    x = np.zeros((fs, 2))
    add(x[:, 0], fs, [0.5], QRS)
    clean = x.copy()
    x[fs // 4 : fs // 4 + samples, 0] += mv
    np.testing.assert_allclose(cleaned(x, fs), clean, atol=0.01)
    assert x[fs // 4, 0] == pytest.approx(mv, abs=0.01), "the argument stays as it is"


@pytest.mark.parametrize("fs", [125, 250, 500, 1000])
@pytest.mark.parametrize("tail_s", [0.03, 0.08, 0.3])
@pytest.mark.parametrize("share", [0.3, -0.3, 1.0])
def test_what_a_spike_leaves_behind_goes_with_it(fs, tail_s, share):
    x, spike = np.zeros((fs, 1)), fs // 4
    add(x[:, 0], fs, [0.7], QRS)
    clean = x.copy()
    x[spike:, 0] += 2.0 * share * np.exp(-np.arange(fs - spike) / (tail_s * fs))
    if share < 1.0:
        x[spike, 0] = 2.0
    np.testing.assert_allclose(cleaned(x, fs), clean, atol=0.01)


@pytest.mark.parametrize("fs", [100, 250, 1000])
@pytest.mark.parametrize("mv", [0.4, -2.0])
def test_a_step_of_the_baseline_goes(fs, mv):
    x = np.zeros((fs, 1))
    add(x[:, 0], fs, [0.7], QRS)
    clean = x.copy()
    x[fs // 3 :] += mv
    np.testing.assert_allclose(cleaned(x, fs), clean, atol=0.002)


def test_what_is_unknown_stays_so():
    x = np.zeros((100, 1))
    x[40], x[60] = 3.0, np.nan
    found = cleaned(x, 250)
    assert found[40] == 0.0
    assert np.isnan(found[60])
