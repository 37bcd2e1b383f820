from __future__ import annotations

from math import inf

import numpy as np
import pytest

from wearecg.ecg import levels


def test_a_clear_lead_says_more_than_a_noisy_one():
    scale, most, quiet = levels.shares([1e6, 1e6], [2e4, 5e5])
    assert most[0] > 10 * most[1]
    assert sum(most) == pytest.approx(levels.CLIP)
    assert scale[0] * 1e6 + scale[1] * 1e6 == pytest.approx(1.0)
    assert 0 < quiet < 0.1


def test_one_lead_says_all_and_an_unknown_one_nothing():
    assert levels.shares([2e6], [1e6]) == ([5e-7], [inf], 0.5)
    assert levels.shares([0.0, 0.0], [0.0, 0.0]) == ([0.0, 0.0], [0.0, 0.0], 0.0)


def test_first_levels_are_of_what_was_seen():
    moduli = np.array([[0.0, 0.0], [4e6, 0.0], [1e6, 0.0]])
    assert levels.first(moduli) == ([pytest.approx(2.8e6), 0.0], [2.5e6, 0.0])


def test_spikes_are_half_a_qrs_or_more():
    assert levels.spike_mv([0.0]) == levels.LOWEST_SPIKE_MV
    assert levels.spike_mv([0.0, 0.2 * levels.UNITS_PER_MV]) == pytest.approx(0.5)
