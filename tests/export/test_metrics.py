from __future__ import annotations

import numpy as np
import pytest

from export.calibrate import best_f1_threshold, halves, platt
from export.metrics import auroc, calibration_error, class_f1, frechet, interval, macro_auroc, patient_draws

RNG = np.random.default_rng(11)


def pairs(scores, labels) -> float:
    """AUROC by its definition: the share of (positive, negative) pairs in the right order."""
    p, n = scores[labels][:, None], scores[~labels][None]
    return float(((p > n) + 0.5 * (p == n)).mean())


@pytest.mark.parametrize("steps", [3, 1000])
def test_auroc_is_the_share_of_ordered_pairs_ties_counting_half(steps):
    scores = RNG.integers(0, steps, 200).astype(float)
    labels = RNG.random(200) < 0.3
    assert auroc(scores, labels)[0] == pytest.approx(pairs(scores, labels))


def test_weights_are_repetitions():
    scores, labels = RNG.integers(0, 20, 60).astype(float), RNG.random(60) < 0.5
    times = RNG.integers(0, 4, 60)
    repeated = np.repeat(np.arange(60), times)
    expected = pairs(scores[repeated], labels[repeated])
    assert auroc(scores, labels, times[None])[0] == pytest.approx(expected)


def test_the_macro_leaves_out_rows_without_a_statement_and_statements_without_two_classes():
    labels = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0]], bool)
    scores = np.array([[2.0, 0, 0], [1, 3, 0], [0, 1, 0], [9, 9, 9]])
    assert macro_auroc(scores, labels)[0] == pytest.approx((0.5 + 1.0) / 2)


def test_draws_keep_the_records_of_a_patient_together():
    patient = np.array([5, 5, 8, 9, 9, 9])
    draws = patient_draws(patient, 200, seed=1)
    assert np.all(draws[:, 0] == draws[:, 1])
    assert np.all(draws[:, 3:5] == draws[:, 5:])
    assert np.all(draws[:, 0] + draws[:, 2] + draws[:, 3] == 3)


def test_the_interval_covers_its_share():
    assert interval(np.arange(1001.0)) == (25.0, 975.0)


def test_calibration_error_of_the_truth_is_small_and_of_a_boast_large():
    truth = RNG.random((20000, 1))
    labels = RNG.random((20000, 1)) < truth
    assert calibration_error(truth, labels) < 0.02
    assert calibration_error(np.clip(truth * 1.5, 0, 1), labels) > 0.1


def test_platt_scaling_finds_slope_and_offset():
    z = RNG.normal(size=20000) * 3
    labels = RNG.random(20000) < 1 / (1 + np.exp(-(0.5 * z - 1)))
    assert platt(z, labels) == pytest.approx((0.5, -1.0), abs=0.06)


@pytest.mark.parametrize("positives", [0, 2])
def test_platt_scaling_of_a_rare_statement_stays_near_the_sigmoid(positives):
    z = np.full(300, -6.0)
    labels = np.arange(300) < positives
    slope, offset = platt(z, labels)
    assert 0.5 < slope < 1.6
    assert abs(offset) < 2.5


def test_the_threshold_is_that_of_best_f1():
    p = np.round(RNG.random(300), 2)
    labels = RNG.random(300) < p

    def f1(threshold):
        called = p >= threshold
        return 2 * (called & labels).sum() / (called.sum() + labels.sum())

    assert f1(best_f1_threshold(p, labels)) == max(f1(t) for t in np.unique(p))


def test_the_halves_share_no_patient():
    patient = np.repeat(np.arange(40), 3)
    half = halves(patient)
    assert not set(patient[half]) & set(patient[~half])
    assert half.sum() == 60


def test_f1_counts_as_the_challenge_does():
    truth = np.array([0, 0, 0, 1, 1, 2])
    said = np.array([0, 0, 1, 1, 2, 2])
    expected = [2 * 2 / (2 + 3), 2 * 1 / (2 + 2), 2 * 1 / (2 + 1), np.nan]
    np.testing.assert_allclose(class_f1(said, truth, 4), [expected])
    twice = np.array([[2, 2, 2, 2, 2, 2], [1, 1, 0, 1, 0, 1]])
    np.testing.assert_allclose(class_f1(said, truth, 4, twice), [expected, [1, 1, 1, np.nan]])


def test_the_distance_of_a_set_to_itself_is_nothing():
    x = np.random.default_rng(0).normal(size=(500, 4))
    assert frechet(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet(x, x + 2) == pytest.approx(16, rel=1e-6)
