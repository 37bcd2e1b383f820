from __future__ import annotations

import numpy as np
import pytest

from wearecg.ecg.pulse import pulse_band
from wearecg.models.preprocess import PULSE, Preprocessing, condition, highpass

FS = 100.0
SPEC = Preprocessing()
T = np.arange(1000) / FS


def beats(leads: int = 3) -> np.ndarray:
    wave = sum(np.exp(-(((T - at) / 0.02) ** 2)) for at in np.arange(0.5, 10, 0.8))
    return np.stack([wave * (k + 1) for k in range(leads)]).astype(np.float32)


@pytest.mark.parametrize(("hz", "gain"), [(0.1, 0.002), (0.25, 0.06), (0.5, 0.5), (1.0, 0.94), (10.0, 1.0)])
def test_the_highpass_has_the_gain_it_states(hz, gain):
    # Whole periods in the window and mirror images that continue the cosine: no edge effect.
    x = np.cos(2 * np.pi * hz * np.arange(4001) / FS)
    y = highpass(x, FS, 0.5, 3.0)
    middle = slice(1000, 3000)
    measured = np.linalg.norm(y[middle]) / np.linalg.norm(x[middle])
    assert measured == pytest.approx(gain, abs=0.015)


def test_the_highpass_does_not_shift_a_peak():
    y = highpass(beats(1)[0], FS, 0.5, 3.0)
    assert np.argmax(y[400:480]) == np.argmax(beats(1)[0][400:480])


def test_an_offset_and_slow_wander_vanish():
    wander = 3.0 + 0.5 * np.sin(2 * np.pi * 0.12 * T)
    clean, _ = condition(beats(), FS, SPEC)
    moved, _ = condition(beats() + wander, FS, SPEC)
    assert np.abs(moved - clean)[:, 100:-100].max() < 0.03


def test_an_electrode_offset_costs_no_precision():
    clean, _ = condition(beats(), FS, SPEC)
    moved, _ = condition(beats() + np.float32(300.0), FS, SPEC)
    # What float32 itself keeps of a sample at 300 mV.
    assert np.abs(moved - clean).max() < 4 * np.spacing(np.float32(300.0))


def test_leads_that_are_absent_are_zero_and_masked():
    x = beats()
    x[1] = np.nan
    signal, mask = condition(x, FS, SPEC)
    assert mask.tolist() == [1, 0, 1]
    assert not signal[1].any()
    assert signal[0].any()


def test_a_flat_lead_counts_as_absent():
    x = beats()
    x[2] = 0.7
    assert condition(x, FS, SPEC)[1].tolist() == [1, 1, 0]


@pytest.mark.parametrize(("missing", "present"), [(50, 1), (51, 0)])
def test_up_to_five_percent_may_be_missing(missing, present):
    x = beats(1)
    x[0, 300 : 300 + missing] = np.nan
    signal, mask = condition(x, FS, SPEC)
    assert mask[0] == present
    assert not signal[0, 300 : 300 + missing].any()


def test_a_gap_leaves_the_rest_of_the_lead_alone():
    x = beats(1) + 2.0
    whole, _ = condition(x, FS, SPEC)
    x[0, 300:340] = np.nan
    gapped, _ = condition(x, FS, SPEC)
    away = np.r_[0:200, 440:1000]
    assert np.abs(whole - gapped)[0, away].max() < 0.1


def test_what_is_beyond_the_range_is_clipped():
    x = beats(1) * 20
    signal, _ = condition(x, FS, SPEC)
    assert signal.max() == SPEC.clip_mv


def test_a_batch_gives_what_its_windows_give():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 3, 1000)).astype(np.float32)
    x[1, 2] = np.nan
    x[2, 0, 5:30] = np.nan
    signal, mask = condition(x, FS, SPEC)
    for i in range(4):
        one, there = condition(x[i], FS, SPEC)
        np.testing.assert_array_equal(one, signal[i])
        np.testing.assert_array_equal(there, mask[i])
    assert signal.dtype == mask.dtype == np.float32
    assert np.isfinite(signal).all()


PULSE_SPEC = Preprocessing(name=PULSE)


def pulse(scale: float = 1.0, offset: float = 0.0) -> np.ndarray:
    return (offset + scale * (np.sin(2 * np.pi * 1.2 * T) + 0.4 * np.sin(2 * np.pi * 2.4 * T)))[None]


@pytest.mark.parametrize(("hz", "gain"), [(0.25, 0.06), (0.5, 0.5), (2.0, 0.996), (8.0, 0.5), (16.0, 0.004)])
def test_the_pulse_band_has_the_gain_it_states(hz, gain):
    x = np.cos(2 * np.pi * hz * np.arange(4001) / FS)
    y = pulse_band(x, FS, 0.5, 3.0)[1000:3000]
    assert np.linalg.norm(y) / np.linalg.norm(x[1000:3000]) == pytest.approx(gain, abs=0.015)


def test_a_pulse_is_the_same_in_any_unit_and_on_any_offset():
    signal, mask = condition(pulse(), FS, PULSE_SPEC)
    assert mask.tolist() == [1]
    assert signal.std() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(condition(pulse(300, 90_000), FS, PULSE_SPEC)[0], signal, atol=1e-4)


def test_a_pulse_sensor_without_a_pulse_is_absent_and_missing_samples_are_zero():
    assert condition(pulse(0, 90_000), FS, PULSE_SPEC)[1].tolist() == [0]
    assert condition(pulse(0.5, 90_000), FS, PULSE_SPEC)[1].tolist() == [0]
    x = pulse()
    x[0, 400:440] = np.nan
    signal, mask = condition(x, FS, PULSE_SPEC)
    assert mask.tolist() == [1]
    assert not signal[0, 400:440].any()
    x[0, 0] = 1000.0
    assert np.abs(condition(x, FS, PULSE_SPEC)[0]).max() == 5
