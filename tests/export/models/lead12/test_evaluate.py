"""The measures of lead12 and its floor, against recordings of which the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
from export.models.lead12 import evaluate as evaluation
from wearecg.ecg.lead12 import LIMB
from wearecg.ecg.leads import TWELVE

LEADS = ("II", "V1", "V5")
MISSING = [k for k, name in enumerate(TWELVE) if name not in LEADS]
V3 = TWELVE.index("V3")
RECORDS = 24


@pytest.fixture(scope="module")
def truth():
    """Recordings whose R waves are 0.5 to 1.5 mV high, 5 samples to the J point, ST 0.1 mV high."""
    rng = np.random.default_rng(3)
    t = np.arange(1000)
    beats = tuple(np.arange(60 + i % 20, 960, 80) for i in range(RECORDS))
    size = np.linspace(0.5, 1.5, RECORDS)
    eight = np.zeros((RECORDS, 8, 1000))
    for i, at in enumerate(beats):
        since = t[:, None] - at
        shape = np.maximum(0, 1 - np.abs(since) / 5).sum(axis=1)
        shape += 0.1 * ((since > 5) & (since < 20)).sum(axis=1)
        eight[i] = size[i] * rng.uniform(0.6, 1.4, (8, 1)) * shape
    signal = np.concatenate([np.array(list(LIMB.values())) @ eight[:, :2], eight[:, 2:]], axis=1)
    signal = (signal + 0.001 * rng.normal(size=signal.shape)).astype(np.float32)
    found = tuple(evaluation.r_peaks(x) for x in signal)
    j = np.array([evaluation.j_point(x, at) for x, at in zip(signal, found, strict=True)])
    mask = np.ones((RECORDS, 12), np.float32)
    return evaluation.Truth("made up", signal, mask, np.arange(RECORDS) // 2, found, j)


def measured(truth, found):
    draws = np.ones((1, RECORDS))
    parts = {name: part for name, part in evaluation.sums(truth, found).items() if name not in LEADS}
    each = evaluation.metrics(parts, draws)
    return each, evaluation.overall(parts, each, draws)


def test_beats_and_j_points_are_found(truth):
    assert all(len(at) >= 9 for at in truth.beats)
    assert all(np.min(np.abs(at[:, None] - np.arange(1000)), axis=1).max() == 0 for at in truth.beats)
    assert np.abs(truth.j - 5).max() <= 1


def test_the_truth_itself_is_perfect(truth):
    each, whole = measured(truth, truth.signal)
    assert list(each) == [TWELVE[k] for k in MISSING]
    expected = {"r": 1, "rmse": 0, "r2": 1, "slope": 1, "mae": 0, "st": 0}
    assert {m: float(v[0]) for m, v in whole.items()} == pytest.approx(expected, abs=1e-6)


def test_half_the_amplitude_keeps_its_correlation_and_is_told_by_the_slope(truth):
    each, _ = measured(truth, truth.signal / 2)
    one, x = each["V3"], truth.signal[:, V3]
    assert one["r"][0] == pytest.approx(1, abs=1e-4)
    assert one["slope"][0] == pytest.approx(0.5, abs=1e-4)
    assert one["rmse"][0] == pytest.approx(500 * np.sqrt(np.square(x).mean(axis=1)).mean(), rel=1e-4)
    assert one["mae"][0] == pytest.approx(500 * np.abs(x).mean(), rel=1e-4)
    assert one["r2"][0] == pytest.approx(1 - np.square(x / 2).mean() / x.var(), rel=1e-4)


def test_an_st_shift_is_told_in_microvolts(truth):
    found = truth.signal.copy()
    for record, at in enumerate(truth.beats):
        for beat in at:
            found[record, :, beat + 8 : beat + 18] += 0.2
    each, _ = measured(truth, found)
    assert each["V3"]["st"][0] == pytest.approx(200, abs=2)


def test_a_lead_that_was_not_recorded_is_not_counted(truth):
    mask = truth.mask.copy()
    mask[0, V3] = 0
    without = evaluation.Truth("made up", truth.signal, mask, truth.patient, truth.beats, truth.j)
    found = truth.signal.copy()
    found[0, V3] += 5
    each, _ = measured(without, found)
    assert each["V3"]["rmse"][0] == pytest.approx(0, abs=1e-6)


def test_pooled_r2_weighs_leads_by_their_variance(truth):
    found = truth.signal.copy()
    found[:, V3] = 0
    _, whole = measured(truth, found)
    x = truth.signal[:, MISSING].astype(np.float64)
    expected = 1 - np.square(truth.signal[:, V3]).mean() / x.var(axis=(0, 2)).sum()
    assert whole["r2"][0] == pytest.approx(expected, rel=1e-5)


def test_bands_are_stretched_until_they_hold_what_they_say(truth):
    """Errors are three times what the variance says; patients the fit has not seen see the right share."""
    rng = np.random.default_rng(4)
    variance = np.full(truth.signal.shape, 0.01, np.float32)
    mean = (truth.signal + 0.3 * rng.normal(size=truth.signal.shape)).astype(np.float32)
    scale = evaluation.fit_scale(truth, [(LEADS, mean, variance)])
    np.testing.assert_allclose(scale[MISSING], 3, rtol=0.05)
    assert scale[TWELVE.index("II")] == 1
    before = evaluation.coverage(truth, LEADS, mean, variance, np.ones(12))
    after = evaluation.coverage(truth, LEADS, mean, variance, scale)
    assert list(after) == [TWELVE[k] for k in MISSING]
    assert max(before.values()) < 0.5
    assert all(0.88 < share < 0.92 for share in after.values())


def test_leads_that_follow_from_measured_ones_need_no_band(truth):
    variance = np.full(truth.signal.shape, 0.01, np.float32)
    variance[:, TWELVE.index("III")] = 0
    rng = np.random.default_rng(6)
    mean = (truth.signal + 0.1 * rng.normal(size=truth.signal.shape)).astype(np.float32)
    scale = evaluation.fit_scale(truth, [(("I", "II"), mean, variance)])
    assert scale[TWELVE.index("III")] == 1
    assert scale[V3] == pytest.approx(1, rel=0.05)
    assert "III" not in evaluation.coverage(truth, ("I", "II"), mean, variance, scale)
