"""What a teacher reads in reconstructed leads, on a small made-up set."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.evaluate import in_chunks
from export.models.lead12 import downstream
from export.teachers.net import Teacher
from wearecg.ecg.leads import TWELVE
from wearecg.models.card import card_path, load_card
from wearecg.models.lead12 import Linear, load_reconstructor
from wearecg.models.runner import Runner


def test_the_distance_of_two_normal_distributions_is_known():
    rng = np.random.default_rng(1)
    a = rng.normal(size=(20000, 3)).astype(np.float32)
    b = 1 + 2 * rng.normal(size=(20000, 3)).astype(np.float32)
    even = np.ones((1, 20000))
    assert downstream.frechet(a, b, even)[0] == pytest.approx(3 * 1 + 3 * (2 - 1) ** 2, rel=0.05)
    assert downstream.frechet(a, a, even)[0] == pytest.approx(0, abs=1e-4)
    doubled = np.ones((1, 20000))
    doubled[0, :10000] = 2  # a row that counts twice is there twice
    twice = downstream.frechet(*(np.concatenate([x[:10000], x]) for x in (a, b)), np.ones((1, 30000)))
    assert downstream.frechet(a, b, doubled)[0] == pytest.approx(twice[0], rel=1e-4)


@pytest.fixture(scope="module")
def teacher(data):
    torch.manual_seed(1)
    groups = {name: labels.shape[1] for name, labels in data.labels.items()}
    return Teacher(groups, stages=((8, 5, 1), (8, 5, 1)), stem=8, embedding=4).eval()


def test_the_report_sets_every_statement_beside_real_leads_and_the_measured_ones(data, teacher):
    models = {"lead12": load_reconstructor(), "linear": load_reconstructor("lead12-linear")}
    encoder = partial(in_chunks, Runner(load_card("encoder"), card_path("encoder").parent))
    readers = {"the teacher": downstream.by_teacher(teacher, data.labels), "the encoder": encoder}
    text = downstream.report(data, 9, readers, models, encoder)
    for title in ("superclasses", "IMI (", "STTC ("):
        assert text.count(f"\n{title}") == 2 * len(readers)
    assert "AMI" not in text  # the made-up set has none
    assert "16 records" in text


def test_windows_are_reconstructed_one_for_one_and_measured_leads_are_handed_through(linear_card):
    n = downstream.CHUNK + 3
    mask = np.tile(np.float32([name in downstream.LEADS for name in TWELVE]), (n, 1))
    signal = np.random.default_rng(2).normal(size=(n, 12, 1000)).astype(np.float32) * mask[..., None]
    found = downstream.reconstructed(Linear(linear_card), signal, mask)
    np.testing.assert_array_equal(found * mask[..., None], signal)
    v2 = 0.9 * signal[:, TWELVE.index("V1")] + 0.3 * signal[:, TWELVE.index("V5")]
    np.testing.assert_allclose(found[:, TWELVE.index("V2")], v2, atol=1e-5)
