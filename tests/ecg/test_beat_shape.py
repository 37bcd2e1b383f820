"""What the network sees of a beat."""

from __future__ import annotations

import numpy as np
import pytest

from wearecg.ecg import beat_shape as shape


def bump(width: float = 0.01, height: float = 1.0) -> np.ndarray:
    t = (np.arange(shape.LENGTH) - shape.BEFORE) / shape.FS
    return (height * np.exp(-0.5 * (t / width) ** 2)).astype(np.float32)


@pytest.mark.parametrize("fs", [130.0, 250.0, 360.0, 1000.0])
def test_a_beat_is_cut_at_its_own_place_at_any_rate(fs):
    peaks = [1.0, 2.00123, 3.1]
    t = np.arange(round(5 * fs)) / fs
    x = sum(np.exp(-0.5 * ((t - peak) / 0.03) ** 2) for peak in peaks).astype(np.float32)
    for beat in shape.cut(x, fs, peaks):
        middle = (beat * np.arange(shape.LENGTH)).sum() / beat.sum()
        assert abs(middle - shape.BEFORE) < 0.05
        assert beat.max() == pytest.approx(1, abs=0.02)


def test_what_was_not_received_is_nan():
    x = np.ones(250, np.float32)
    early, late = shape.cut(x, 250, [0.1]), shape.cut(x, 250, [0.9])
    assert np.isnan(early[0, : shape.BEFORE - 25]).all()
    assert np.isfinite(early[0, shape.BEFORE - 24 :]).all()
    assert np.isnan(late[0, shape.BEFORE + 26 :]).all()
    assert np.isfinite(late[0, : shape.BEFORE + 24]).all()


def test_the_mean_lessens_noise_and_a_foreign_beat_stands_alone():
    rng = np.random.default_rng(1)
    mean = shape.MeanBeat()
    for _ in range(20):
        made, usual = mean.feed(bump() + rng.normal(0, 0.1, shape.LENGTH).astype(np.float32))
        assert usual
    assert np.std(made - bump()) < 0.05
    wide = -bump(0.05)
    assert mean.feed(wide)[1] is False
    again, usual = mean.feed(bump())
    assert usual
    assert np.std(again - bump()) < 0.05


def test_what_stays_becomes_usual():
    mean = shape.MeanBeat()
    for _ in range(8):
        mean.feed(bump())
    wide = -bump(0.05)
    said = [mean.feed(wide)[1] for _ in range(5)]
    assert said == [False, False, True, True, True]


@pytest.mark.parametrize("gain", [0.01, 1.0, 500.0])
def test_size_and_offset_are_not_seen(gain):
    beats = np.stack([bump(), 1.1 * bump(), bump()])
    plain, _ = shape.seen(beats, [shape.MeanBeat()] * 3)
    other, _ = shape.seen((gain * beats + 3 * gain).astype(np.float32), [shape.MeanBeat()] * 3)
    np.testing.assert_allclose(other, plain, atol=2e-3)


def test_a_beat_with_a_hole_has_no_part_in_the_mean():
    beats = np.stack([bump(), 3 * bump(), bump()])
    beats[1, 200:220] = np.nan
    pairs, usual = shape.seen(beats, [shape.MeanBeat()] * 3)
    assert usual == [True, False, True]
    assert np.isfinite(pairs).all()
    np.testing.assert_allclose(pairs[2, : shape.LENGTH], pairs[2, shape.LENGTH :], atol=1e-6)
