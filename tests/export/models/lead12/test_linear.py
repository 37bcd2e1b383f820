"""The floor that lead12 must beat."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
from export.models.lead12.linear import fit, moments
from wearecg.ecg.lead12 import INDEPENDENT, twelve
from wearecg.ecg.leads import TWELVE

LEADS = ("II", "V1", "V5")


def test_the_linear_floor_finds_a_linear_law_and_what_is_left():
    rng = np.random.default_rng(5)
    law, constant = rng.normal(size=(5, 3)), rng.normal(size=5)
    hidden = [k for k, name in enumerate(INDEPENDENT) if name not in LEADS]
    signal = rng.normal(size=(6, 12, 1000)).astype(np.float32)
    known = signal[:, [TWELVE.index(name) for name in LEADS]]
    left = 0.2 * rng.normal(size=(6, 5, 1000))
    signal[:, [TWELVE.index(INDEPENDENT[k]) for k in hidden]] = (
        np.einsum("kl,nlt->nkt", law, known) + constant[:, None] + left
    )
    linear = fit(moments([signal[:2], signal[2:]]), LEADS)
    np.testing.assert_allclose(linear.matrix[hidden], law, atol=0.02)
    np.testing.assert_allclose(linear.constant[hidden], constant, atol=0.02)
    np.testing.assert_allclose(linear.variance[hidden], 0.04, rtol=0.05)
    mask = np.tile(np.float32([name in LEADS for name in TWELVE]), (6, 1))
    found, spread = twelve(signal, mask, *linear.estimate(signal * mask[..., None]))
    v2 = TWELVE.index("V2")
    assert np.square(found[:, v2] - signal[:, v2]).mean() == pytest.approx(float(spread[0, v2, 0]), rel=0.05)
