from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt

from tests.ecg.signals import cuts, ecg
from wearecg.errors import SignalError
from wearecg.pipeline.filters import MonitorFilter


def run(x, fs, sizes=(90,), leads=1):
    chain = MonitorFilter(fs, leads)
    return np.concatenate([chain.feed(x[cut]) for cut in cuts(len(x), list(sizes))]), chain


def test_equals_the_textbook_recursion():
    x, _ = ecg(250.0, 10)
    low, high = butter(2, 40, fs=250, output="sos"), butter(2, 0.5, "highpass", fs=250, output="sos")
    expected = sosfilt(np.concatenate((low, high)), x.astype(float) - float(x[0]))
    got, chain = run(x[:, None], 250.0)
    assert chain.mains_hz is None
    np.testing.assert_allclose(got[:, 0], expected, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=6),
    fs=st.sampled_from([100.0, 130.0, 187.3, 500.0]),
    leads=st.integers(1, 3),
)
def test_same_output_for_any_chunking(sizes, fs, leads):
    rng = np.random.default_rng(0)
    t = np.arange(round(9 * fs)) / fs
    x = 5 + rng.normal(0, 0.1, (len(t), leads)) + 0.3 * np.sin(2 * np.pi * 50.2 * t)[:, None]
    x[200:230, 0] = np.nan
    whole, a = run(x, fs, [len(x)], leads)
    cut, b = run(x, fs, sizes, leads)
    np.testing.assert_allclose(cut, whole, atol=1e-9)
    assert a.mains_hz == b.mains_hz


def test_one_sample_at_a_time():
    x, _ = ecg(250.0, 4)
    np.testing.assert_allclose(run(x[:, None], 250.0, [1])[0], run(x[:, None], 250.0)[0], atol=1e-9)


@pytest.mark.parametrize("fs", [128.0, 130.0, 250.0, 360.0, 500.0, 1000.0])
@pytest.mark.parametrize("mains", [49.5, 50.0, 50.5, 59.5, 60.0, 60.5])
def test_finds_and_removes_the_mains(fs, mains):
    if mains + 0.5 > 0.47 * fs:
        pytest.skip("above what this rate can notch")
    x, _ = ecg(fs, 20)
    t = np.arange(len(x)) / fs
    hum = 0.2 * np.sin(2 * np.pi * mains * t)
    clean, _ = run(x[:, None].astype(float), fs)
    got, chain = run((x + hum)[:, None], fs)
    assert abs(chain.mains_hz - mains) <= 0.16
    late = t > 12
    assert np.std((got - clean)[late]) < 0.03


def test_no_mains_no_notch_and_it_goes_when_the_hum_goes():
    x, _ = ecg(250.0, 40)
    assert run(x[:, None], 250.0)[1].mains_hz is None
    t = np.arange(len(x)) / 250
    hum = np.where(t < 15, 0.2, 0.0) * np.sin(2 * np.pi * 50 * t)
    chain = MonitorFilter(250.0, 1)
    chain.feed((x + hum)[: 250 * 14, None])
    assert chain.mains_hz == pytest.approx(50, abs=0.1)
    chain.feed((x + hum)[250 * 14 :, None])
    assert chain.mains_hz is None


@pytest.mark.parametrize("offset", [0.0, 300.0, -5.0])
def test_no_step_at_the_start_or_after_nan(offset):
    x, _ = ecg(250.0, 20, wander=0.0)
    x = x.astype(float) + offset
    x[1000:1100] = np.nan
    x[1100:] += 2.0
    got, _ = run(x[:, None], 250.0)
    assert np.array_equal(np.isnan(got[:, 0]), np.isnan(x))
    assert np.nanmax(np.abs(got)) < 1.5


def test_a_broken_lead_leaves_the_others_alone():
    x, _ = ecg(250.0, 8)
    both = np.stack((x, x), axis=1).astype(float)
    both[500:900, 0] = np.nan
    both[1200, 0] = np.nan
    got, _ = run(both, 250.0, [37], 2)
    np.testing.assert_allclose(got[:, 1], run(x[:, None], 250.0)[0][:, 0], atol=1e-9)


@pytest.mark.parametrize("fs", [100.0, 250.0, 1000.0])
def test_delay_is_that_of_a_qrs(fs):
    t = np.arange(round(6 * fs)) / fs
    qrs = np.exp(-0.5 * ((t - 3) / 0.015) ** 2)
    got, chain = run(qrs[:, None], fs)
    assert abs(t[got[:, 0].argmax()] - 3 - chain.delay) <= max(1.5 / fs, 0.002)


def test_reset_starts_afresh():
    x, _ = ecg(250.0, 6)
    chain = MonitorFilter(250.0, 1)
    first = chain.feed(x[:, None])
    chain.reset()
    np.testing.assert_array_equal(chain.feed(x[:, None]), first)


def test_rate_too_low():
    with pytest.raises(SignalError, match="fs = 25"):
        MonitorFilter(25.0, 1)
