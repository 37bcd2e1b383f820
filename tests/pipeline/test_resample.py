from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wearecg.pipeline.resample import Resampler, resample
from wearecg.pipeline.windows import Windower


@pytest.mark.parametrize("fs_in", [100, 125, 128, 130, 187.3, 250, 360, 500, 1000])
@pytest.mark.parametrize("f", [1.0, 15.0, 38.0])
def test_a_sine_keeps_its_phase_and_amplitude(fs_in, f):
    t_in, t_out = np.arange(int(20 * fs_in)) / fs_in, np.arange(200, 1800) / 100
    y = resample(np.sin(2 * np.pi * f * t_in)[:, None].astype(np.float32), fs_in, 100)
    assert np.abs(y[200:1800, 0] - np.sin(2 * np.pi * f * t_out)).max() < 0.003


def test_what_the_new_rate_cannot_hold_is_removed():
    t = np.arange(10000) / 500
    y = resample(np.sin(2 * np.pi * 55 * t)[:, None].astype(np.float32), 500, 100)
    assert np.abs(y[100:-100]).max() < 0.002


def test_ten_seconds_stay_ten_seconds():
    for fs in (100, 125, 250, 360, 500, 1000):
        assert len(resample(np.zeros((10 * fs, 1), np.float32), fs, 100)) == 1000


def test_missing_input_is_missing_output_and_its_neighbours_are_not_bent():
    x = np.full((5000, 1), 3.0, np.float32)
    x[2000:2100] = np.nan
    y = resample(x, 500, 100)[:, 0]
    assert np.isnan(y[400:420]).all()
    assert y[:399] == pytest.approx(3.0)
    assert y[421:] == pytest.approx(3.0)


def chunked(x, cuts):
    edges = sorted({0, len(x), *(c % (len(x) + 1) for c in cuts)})
    return [x[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize("leads", [1, 2, 3, 12])
@pytest.mark.parametrize("fs", [128, 250, 257.3, 500])
def test_no_cut_is_seen_in_the_last_bit(fs, leads):
    x = np.random.default_rng(0).normal(size=(round(12 * fs), leads)).astype(np.float32)
    x[300:310] = np.nan
    x[700, 0] = np.nan
    whole = Resampler(fs, 100, leads).feed(x)
    for n in (1, 37, round(fs)):
        resampler = Resampler(fs, 100, leads)
        pieces = [resampler.feed(x[i : i + n]) for i in range(0, len(x), n)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole)


@settings(max_examples=40, deadline=None)
@given(
    fs=st.sampled_from([100, 130, 187.3, 250, 500]),
    cuts=st.lists(st.integers(0, 2000)),
    gap=st.integers(0, 600),
    one_by_one=st.booleans(),
)
def test_any_chunking_gives_the_same_samples(fs, cuts, gap, one_by_one):
    x = np.random.default_rng(0).normal(size=(700, 2)).astype(np.float32)
    x[gap : gap + 30, 0] = np.nan
    whole = Resampler(fs, 100, 2).feed(x)
    resampler = Resampler(fs, 100, 2)
    pieces = [resampler.feed(c) for c in (x[:, None] if one_by_one else chunked(x, cuts))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_seek_goes_on_at_the_right_place():
    t = np.arange(8000) / 500
    x = np.sin(2 * np.pi * 3 * t)[:, None].astype(np.float32)
    resampler = Resampler(500, 100, 1)
    resampler.feed(x[:2000])
    resampler.seek(6003)
    first = resampler.next
    y = resampler.feed(x[6003:])
    assert first == 1201
    times = (first + np.arange(len(y))) / 100
    assert np.abs(y[30:, 0] - np.sin(2 * np.pi * 3 * times[30:])).max() < 0.003


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 90)), min_size=1, max_size=30),
    one_by_one=st.booleans(),
)
def test_windows_hold_what_was_sent_at_their_place(pieces, one_by_one):
    windower, length, hop, at, sent, made = Windower(100, 25, 1), 100, 25, 0, {}, []
    for skip, n in pieces:
        at += skip
        values = np.arange(at, at + n, dtype=np.float32)[:, None]
        sent.update({i: float(i) for i in range(at, at + n)})
        for i in range(n) if one_by_one else [None]:
            part, index = (values[i : i + 1], at + i) if one_by_one else (values, at)
            made += windower.feed(index, part)
        at += n
    expected = []
    for start in range(0, at - length + 1, hop):
        window = [sent.get(i, np.nan) for i in range(start, start + length)]
        if not np.isnan(window).all():
            expected.append((start, window))
    assert [start for start, _ in made] == [start for start, _ in expected]
    for (_, got), (_, want) in zip(made, expected, strict=True):
        np.testing.assert_array_equal(got[:, 0], np.array(want, np.float32))
