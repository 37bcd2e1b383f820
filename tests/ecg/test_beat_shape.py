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


def noisy(shapes: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    return np.stack([one + rng.normal(0, 0.1, shape.LENGTH) for one in shapes]).astype(np.float32)


def test_the_mean_lessens_noise_and_a_foreign_beat_has_no_part_in_it():
    rng = np.random.default_rng(1)
    mean = shape.MeanBeat()
    first, usual = mean.feed(noisy([bump()] * 6, rng))
    assert usual.all()
    assert 0.03 < np.std(first - bump()) < 0.05  # of six beats, whatever comes later
    made, usual = mean.feed(noisy([bump(), -bump(0.05), bump(), bump()], rng))
    assert usual.tolist() == [True, False, True, True]
    assert np.std(made - bump()) < np.std(first - bump())


def test_what_most_beats_of_a_first_turn_are_like_is_usual():
    wide, mean = -bump(0.05), shape.MeanBeat()
    _, usual = mean.feed(np.stack([wide, bump(), bump(), wide, bump()]))
    assert usual.tolist() == [False, True, True, False, True]


def test_what_a_whole_turn_is_like_becomes_usual():
    mean, wide = shape.MeanBeat(), -bump(0.05)
    mean.feed(np.stack([bump()] * 5))
    _, usual = mean.feed(np.stack([wide] * 4))
    assert usual.all()
    made, usual = mean.feed(np.stack([bump(), wide]))
    assert usual.tolist() == [False, True]
    np.testing.assert_allclose(made, wide, atol=1e-6)


def test_a_flat_line_is_of_no_shape():
    mean = shape.MeanBeat()
    _, usual = mean.feed(np.zeros((3, shape.LENGTH), np.float32))
    assert not usual.any()
    assert mean.feed(np.stack([bump()] * 2))[1].all()


def test_beats_of_one_turn_come_together():
    times = [0.4, 1.2, 4.999, 5.0, 21.0, 22.5]
    assert [times[turn] for turn in shape.turns(times)] == [[0.4, 1.2, 4.999], [5.0], [21.0, 22.5]]


@pytest.mark.parametrize("gain", [0.01, 1.0, 500.0])
def test_size_and_offset_are_not_seen(gain):
    beats = np.stack([bump(), 1.1 * bump(), bump()])
    plain, _ = shape.seen(beats, shape.MeanBeat())
    other, _ = shape.seen((gain * beats + 3 * gain).astype(np.float32), shape.MeanBeat())
    np.testing.assert_allclose(other, plain, atol=2e-3)


def test_a_beat_with_a_hole_has_no_part_in_the_mean():
    beats = np.stack([bump(), 3 * bump(), bump()])
    beats[1, 200:220] = np.nan
    pairs, usual = shape.seen(beats, shape.MeanBeat())
    assert usual.tolist() == [True, False, True]
    assert np.isfinite(pairs).all()
    np.testing.assert_allclose(pairs[2, : shape.LENGTH], pairs[2, shape.LENGTH :], atol=1e-6)
    holes = np.full((2, shape.LENGTH), np.nan, np.float32)
    assert not shape.seen(holes, shape.MeanBeat())[1].any()
