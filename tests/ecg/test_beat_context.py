"""A beat beside the wearer's normal one, and its place in the rhythm."""

from __future__ import annotations

import numpy as np
import pytest

from wearecg.ecg import beat_context as context

FS = 250.0


def lead(times, heights, width=0.01, fs=FS):
    t = np.arange(int((times[-1] + 1) * fs)) / fs
    x = np.zeros((len(t), 1), np.float32)
    for time, height in zip(times, heights, strict=True):
        x[:, 0] += height * np.exp(-0.5 * ((t - time) / width) ** 2)
    return x


def seen(x, times, fs=FS):
    leads = context.Leads(x.shape[1])
    rr = [None, *np.diff(times)]
    behind = [*np.diff(times), 1.0]
    return np.stack(
        [leads.see(context.cut(x, fs, t), r, b, True) for t, r, b in zip(times, rr, behind, strict=True)]
    )


def numbers(given, name):
    at = {
        "now": 2 * context.SHAPE,
        "like normal": 2 * context.SHAPE + context.RHYTHM,
        "share": 2 * context.SHAPE + context.RHYTHM + 6,
    }
    return given[:, 0, at[name]]


def test_an_early_beat_is_early_and_the_others_are_not():
    times = np.cumsum([1.0] + [0.8] * 19 + [0.5] + [1.1] + [0.8] * 10)
    now = numbers(seen(lead(times, np.ones(len(times))), times), "now")
    assert now[20] < -1.0
    assert np.abs(np.delete(now, [0, 20, 21])).max() < 0.1


def test_after_a_gap_nothing_is_known_of_the_interval():
    leads = context.Leads(1)
    beat = np.zeros((1, context.SHAPE), np.float32)
    for _ in range(10):
        leads.see(beat, 0.8, 0.8, True)
    given = leads.see(beat, None, 0.8, True)
    assert given[0, 2 * context.SHAPE] == 0.0
    assert np.isfinite(given).all()


def test_the_shape_of_most_beats_is_the_normal_one_whatever_its_size():
    times = np.cumsum([1.0] + [0.8] * 40)
    for gain in (1e-3, 1.0, -50.0):
        heights = np.where(np.arange(41) % 5 == 4, -1.5, 1.0) * gain
        given = seen(lead(times, heights), times)
        like = numbers(given, "like normal")
        normal = np.arange(41) % 5 != 4
        assert like[normal][3:].min() > 0.95
        assert like[~normal].max() < 0.0
        assert np.abs(given[5:, 0, : context.SHAPE]).max() == pytest.approx(1.5, rel=0.1)


def test_what_is_missing_is_no_shape():
    times = np.cumsum([1.0] + [0.8] * 10)
    x = lead(times, np.ones(11))
    x[round((times[5] - 0.1) * FS) : round((times[5] + 0.1) * FS)] = np.nan
    given = seen(x, times)
    assert np.isfinite(given).all()
    np.testing.assert_allclose(given[6:, 0, context.SHAPE : 2 * context.SHAPE].max(axis=1), 1.0, atol=0.1)


@pytest.mark.parametrize("fs", [100.0, 128.0, 360.0, 500.0, 1000.0])
def test_a_beat_is_the_same_at_every_rate(fs):
    x, reference = lead([1.0, 2.0], [1.0, 1.0], 0.03, fs), lead([1.0, 2.0], [1.0, 1.0], 0.03, 2000.0)
    np.testing.assert_allclose(context.cut(x, fs, 1.0), context.cut(reference, 2000.0, 1.0), atol=0.06)


def test_a_beat_at_an_end_is_cut_with_what_there_is():
    x = lead([0.05, 1.0], [1.0, 1.0])
    beat = context.cut(x, FS, 0.05)
    assert np.isnan(beat[0, 0])
    assert beat[0, context.BEFORE] == pytest.approx(1.0, abs=0.1)
    assert np.isnan(context.cut(x[:1], FS, 0.0)).all()
