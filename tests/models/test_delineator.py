"""Whether beats have P waves, by all that are alike."""

from __future__ import annotations

import numpy as np
import pytest

import wearecg
from wearecg.ecg import beat_shape as shape
from wearecg.models.delineator import MOST_DOUBT, P_LOGIT, SAID, doubt


@pytest.fixture
def p_waves(monkeypatch):
    """Return which of some beats have a P wave, where the network gives these odds and sees all else clearly."""
    model = wearecg.load_model("waves", "fp32")

    def found(odds, usual=None, doubt=0.0):
        said = np.zeros((len(odds), 21), np.float32)
        said[:, :9] = -0.2, -0.16, -0.12, -0.04, 0.0, 0.05, 0.2, 0.28, 0.34
        said[:, 9:18], said[:, 18:] = -5.0, 9.0
        said[:, P_LOGIT] = odds
        monkeypatch.setattr(model._runner, "run", lambda *_: {SAID: said})
        beats = np.zeros((len(odds), shape.LENGTH), np.float32)
        alike = np.ones(len(odds), bool) if usual is None else np.array(usual)
        borders = model.find(np.zeros((len(odds), 2 * shape.LENGTH), np.float32), alike, beats, doubt)
        return [one[0] is not None for one in borders]

    return found


def test_a_beat_that_is_not_sure_of_its_p_wave_is_helped_by_those_like_it(p_waves):
    assert p_waves([0.2, 4.0, 5.0, 4.5]) == [True] * 4
    assert p_waves([0.2, 0.1, 0.3, 0.1]) == [False] * 4


def test_a_beat_without_one_has_none_whatever_the_others_have(p_waves):
    """As in AV block, or where one sinus beat is missing."""
    assert p_waves([4.0, -1.0, 5.0, 4.5]) == [True, False, True, True]


def test_one_that_looks_like_it_makes_no_p_waves_in_fibrillation(p_waves):
    assert p_waves([-1.0, 1.5, -2.0, 0.4, -0.5], doubt=2.0) == [False] * 5
    assert p_waves([4.0, 4.0, 4.5, 5.0, 3.0], doubt=2.0) == [True] * 5


def test_a_beat_of_another_shape_is_judged_alone(p_waves):
    assert p_waves([4.0, 0.2, 4.0, 4.0], usual=[True, False, True, True]) == [True, False, True, True]
    assert p_waves([4.0, -3.0], usual=[False, False]) == [True, False]


def test_p_waves_are_doubted_where_intervals_are_uneven():
    assert doubt([0.8, 0.6]) == 0.0
    assert doubt([0.80, 0.82, 0.79, 0.81] * 4) == 0.0
    assert doubt([0.6, 0.9, 0.7, 1.1] * 12) == MOST_DOUBT
    once = doubt([0.8] * 20 + [0.5, 1.1] + [0.8] * 20)
    assert 0.0 < once < 0.5
    assert doubt([0.6, 0.9, 0.7]) < doubt([0.6, 0.9, 0.7, 1.1, 0.6, 0.9, 0.7, 1.1])
