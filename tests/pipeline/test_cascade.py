from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import sosfilt, sosfilt_zi

from wearecg.pipeline import biquad
from wearecg.pipeline.cascade import Cascade

SOS = np.stack([biquad.lowpass(250, 40), biquad.notch(250, 50, 2)])


@pytest.mark.parametrize("size", [1, 7, 64, 300])
def test_equals_the_textbook_recursion_for_any_chunk(size):
    x = np.random.default_rng(0).normal(1.0, 0.3, (300, 2))
    cascade = Cascade(SOS, 2)
    got = np.concatenate([cascade.feed(x[k : k + size]) for k in range(0, 300, size)])
    start = sosfilt_zi(SOS)[:, :, None] * x[0]
    np.testing.assert_allclose(got, sosfilt(SOS, x, axis=0, zi=start)[0], atol=1e-9)


def test_a_lead_that_stops_starts_again_at_rest():
    x = np.full((100, 2), 3.0)
    x[40:60, 0] = np.nan
    x[60:, 0] = -2.0
    got = Cascade(SOS, 2).feed(x)
    np.testing.assert_allclose(got, x, atol=1e-9)
