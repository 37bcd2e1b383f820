from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearecg.ecg.lead12 import INDEPENDENT, LIMB, twelve
from wearecg.ecg.leads import TWELVE

ONE, TWO, III, AVR, AVL, AVF = range(6)
N = 50


def drawn(seed: int, known: tuple[str, ...]):
    """A true ECG, which leads of it were measured, and a poor estimate of the eight independent ones."""
    rng = np.random.default_rng(seed)
    eight = rng.normal(size=(3, 8, N)).astype(np.float32)
    limb = np.array(list(LIMB.values())) @ eight[:, :2]
    truth = np.concatenate([limb, eight[:, 2:]], axis=1).astype(np.float32)
    mask = np.tile(np.float32([name in known for name in TWELVE]), (3, 1))
    variance = np.exp(rng.normal(size=eight.shape)).astype(np.float32)
    mean = (eight + np.sqrt(variance) * rng.normal(size=eight.shape)).astype(np.float32)
    return truth, mask, mean, variance


@given(st.integers(0, 2**32 - 1), st.sets(st.sampled_from(TWELVE)).map(tuple))
def test_measured_leads_stay_to_the_bit_and_the_limb_leads_obey_einthoven(seed, known):
    truth, mask, mean, variance = drawn(seed, known)
    found, spread = twelve(truth, mask, mean, variance)
    there = mask.astype(bool)
    np.testing.assert_array_equal(found[there], truth[there])
    assert not spread[there].any()
    assert found.dtype == spread.dtype == np.float32
    assert (spread >= 0).all()
    # To the bit where the lead was not measured; a measured one is rounded as its recorder did.
    derived = {
        III: found[:, TWO] - found[:, ONE],
        AVR: -(found[:, ONE] + found[:, TWO]) / 2,
        AVL: found[:, ONE] - found[:, TWO] / 2,
        AVF: found[:, TWO] - found[:, ONE] / 2,
    }
    for lead, expected in derived.items():
        if TWELVE[lead] in known:
            np.testing.assert_allclose(found[:, lead], expected, atol=3e-6)
        else:
            np.testing.assert_array_equal(found[:, lead], expected)


@pytest.mark.parametrize("known", [("III", "aVR"), ("aVL", "aVF"), ("II", "aVR"), ("I", "III")])
def test_two_limb_leads_give_the_other_four(known):
    truth, mask, mean, variance = drawn(1, known)
    found, spread = twelve(truth, mask, mean, variance)
    np.testing.assert_allclose(found[:, :6], truth[:, :6], atol=1e-5)
    assert not spread[:, :6].any()


def test_one_limb_lead_moves_both_estimates_by_their_uncertainty():
    truth, mask, mean, variance = drawn(2, ("III",))
    found, spread = twelve(truth, mask, mean, variance)
    off = truth[:, III] - (mean[:, TWO] - mean[:, ONE])
    v_one, v_two = variance[:, 0], variance[:, 1]
    np.testing.assert_allclose(found[:, ONE], mean[:, 0] - off * v_one / (v_one + v_two), atol=1e-5)
    np.testing.assert_allclose(found[:, TWO], mean[:, 1] + off * v_two / (v_one + v_two), atol=1e-5)
    left = v_one * v_two / (v_one + v_two)
    np.testing.assert_allclose(spread[:, ONE], left, rtol=1e-4)
    # II is I plus what was measured, so they err together, and aVR by as much as either.
    np.testing.assert_allclose(spread[:, AVR], left, rtol=1e-4)


def test_without_a_limb_lead_variances_add_up():
    truth, mask, mean, variance = drawn(3, ("V1",))
    found, spread = twelve(truth, mask, mean, variance)
    v_one, v_two = variance[:, 0], variance[:, 1]
    np.testing.assert_allclose(spread[:, III], v_one + v_two, rtol=1e-5)
    np.testing.assert_allclose(spread[:, AVR], (v_one + v_two) / 4, rtol=1e-5)
    np.testing.assert_allclose(spread[:, AVL], v_one + v_two / 4, rtol=1e-5)
    np.testing.assert_allclose(spread[:, AVF], v_two + v_one / 4, rtol=1e-5)
    v2 = INDEPENDENT.index("V2")
    np.testing.assert_array_equal(found[:, TWELVE.index("V2")], mean[:, v2])
    np.testing.assert_array_equal(spread[:, TWELVE.index("V2")], variance[:, v2])


def test_a_record_of_a_batch_may_have_leads_of_its_own():
    truth, _, mean, variance = drawn(4, ())
    sets = (("II", "V1", "V5"), ("III", "aVF"), ())
    mask = np.float32([[name in known for name in TWELVE] for known in sets])
    together = twelve(truth, mask, mean, variance)
    for i in range(3):
        for a, b in zip(together, twelve(truth[i], mask[i], mean[i], variance[i]), strict=True):
            np.testing.assert_array_equal(a[i], b)


def test_estimates_that_claim_to_be_sure_give_no_nan():
    truth, mask, mean, _ = drawn(5, ("aVL",))
    found, spread = twelve(truth, mask, mean, np.zeros_like(mean))
    assert np.isfinite(found).all()
    assert not spread.any()
