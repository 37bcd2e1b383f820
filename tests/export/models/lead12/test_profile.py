"""What a profile is worth on a later recording, on made-up people."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
from export.models.lead12 import profile as evaluation
from wearecg.ecg.lead12 import INDEPENDENT, twelve
from wearecg.ecg.leads import TWELVE
from wearecg.models.lead12 import Linear

V3 = TWELVE.index("V3")


@pytest.fixture(scope="module")
def people(data):
    """Twelve people, two recordings each, as the matrix says but for as much of V1 in V3 as is each one's own."""
    rng = np.random.default_rng(5)
    n = 24
    patient = np.arange(n) % 12  # the second round of recordings comes after the first
    own = np.linspace(-1.5, 1.5, 12)[patient]
    t = np.arange(1000)
    beat = [np.exp(-(((t - a) % 80 - 20) ** 2) / w) for a, w in ((0, 8), (5, 20), (12, 60))]
    size = rng.uniform(0.5, 1.5, (n, 3, 1))
    given = size * np.stack(beat) + 0.01 * rng.normal(size=(n, 3, 1000))
    return (
        given,
        own,
        dataclasses.replace(
            data, patient=patient, fold=np.where(patient < 6, 9, 6), broken=np.zeros(n, bool)
        ),
    )


@pytest.fixture
def recordings(people, linear_card):
    given, own, data = people
    matrix = np.asarray(linear_card.sets[-1].matrix)
    eight = matrix @ given
    eight[:, INDEPENDENT.index("V3")] += own[:, None] * given[:, 1]
    signal = np.zeros((len(given), 12, 1000), np.float32)
    mask = np.zeros((len(given), 12), np.float32)
    whole, _ = twelve(signal, mask, np.float32(eight), np.ones_like(eight, np.float32))
    return dataclasses.replace(data, signals=np.rint(1000 * whole).astype(np.int16))


def test_the_first_two_recordings_of_a_patient_are_a_pair_in_their_order(recordings):
    rows = evaluation.pairs(recordings, [9])
    np.testing.assert_array_equal(rows, [[k, k + 12] for k in range(6)])
    three = dataclasses.replace(recordings, patient=np.arange(24) // 3, fold=np.full(24, 9))
    np.testing.assert_array_equal(evaluation.pairs(three, [9]), [[k, k + 1] for k in range(0, 24, 3)])
    alone = dataclasses.replace(recordings, patient=np.arange(24))
    assert len(evaluation.pairs(alone, [9])) == 0


def test_what_is_a_persons_own_is_learnt_and_the_rest_is_left_alone(recordings, linear_card):
    model = Linear(linear_card)
    found = evaluation.errors(model, recordings, evaluation.pairs(recordings, [6, 9]))
    at = evaluation.MISSING.index(V3)
    assert found.rmse.shape == (12, 2, len(evaluation.MISSING))
    assert found.rmse[:, 1, at].mean() < 0.7 * found.rmse[:, 0, at].mean()
    assert model.profile is None


def test_a_pull_that_is_too_hard_leaves_all_as_it_was(recordings, linear_card):
    found = evaluation.errors(Linear(linear_card), recordings, evaluation.pairs(recordings, [9]), ridge=1e9)
    np.testing.assert_allclose(found.rmse[:, 0], found.rmse[:, 1], rtol=1e-3)


def test_a_pair_with_a_lead_that_cannot_be_used_is_left_out(recordings, linear_card):
    signals = recordings.signals.copy()
    signals[0, V3] = 0  # a first recording,
    signals[13, V3] = 0  # and a second one
    flat = dataclasses.replace(recordings, signals=signals)
    found = evaluation.errors(Linear(linear_card), flat, evaluation.pairs(flat, [9]))
    assert len(found.rmse) == 4


def test_the_tables_name_every_missing_lead_and_every_ridge(recordings, linear_card):
    model = Linear(linear_card)
    text = evaluation.table(model, recordings, 9)
    assert "6 patients" in text
    assert all(f"RMSE {TWELVE[k]} " in text for k in evaluation.MISSING)
    assert evaluation.choose(model, recordings).count("\n") == len(evaluation.RIDGES) - 1
