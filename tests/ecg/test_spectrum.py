from __future__ import annotations

import numpy as np
import pytest

from wearecg.ecg.spectrum import WindowFilter, filtered, window_filter

FS, PAD_S = 100.0, 3.0


def above(hz):
    return hz**4 / (hz**4 + 0.5**4)


def band(hz):
    return above(hz) / (1 + (hz / 8.0) ** 4)


def wandering(windows: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    return (0.05 * rng.normal(size=(windows, n)).cumsum(axis=1) + rng.normal(size=(windows, n))).astype("f4")


@pytest.mark.parametrize("gain", [above, band])
@pytest.mark.parametrize("n", [1, 2, 50, 97, 250, 576, 1000, 3000])
def test_a_window_filter_is_the_filter_that_it_was_made_from(n, gain):
    x = wandering(3, n)
    error = np.abs(WindowFilter(n, FS, PAD_S, gain)(x) - filtered(x, FS, PAD_S, gain)).max()
    assert error < 1e-6 * np.abs(x).max()


@pytest.mark.parametrize("pad_s", [0.0, 0.37, 1.0, 20.0])
def test_wherever_the_mirrored_stretches_end(pad_s):
    x = wandering(3, 1000)
    error = np.abs(WindowFilter(1000, FS, pad_s, above)(x) - filtered(x, FS, pad_s, above)).max()
    assert error < 1e-6 * np.abs(x).max()


def test_a_window_comes_out_the_same_to_the_last_bit_whatever_stands_beside_it():
    x = wandering(48, 1000)
    made = window_filter(1000, FS, PAD_S, above)
    together = made(x)
    for first, last in ((0, 1), (7, 8), (3, 6), (20, 37)):
        np.testing.assert_array_equal(made(x[first:last]), together[first:last])
