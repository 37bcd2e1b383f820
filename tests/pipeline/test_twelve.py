from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wearecg
from wearecg.block import Beat, Notice, SignalBlock, Statement, StreamId, StreamInfo, Summary, Trace, Window
from wearecg.ecg.leads import TWELVE
from wearecg.errors import LeadError
from wearecg.models.lead12 import Linear
from wearecg.observers.twelve import TwelveObserver
from wearecg.pipeline.engine import Engine
from wearecg.pipeline.observer import Observer, Windows
from wearecg.pipeline.twelve import Estimate, TwelveStage

FS = 100
LEADS = ("V1", "II")
N = 4700


class Numbered:
    """Says in every reconstructed lead how often it was asked; sd is 0.1, of V6 0.5."""

    label, fs, length, limit_mv = "numbered@1", 100.0, 1000, 0.3

    def __init__(self):
        self.asked = 0
        self.seen = []

    def check(self, leads, fs):
        pass

    def estimate(self, window, leads):
        there = np.isfinite(window).mean(axis=0) > 0.95
        self.seen.append(there.tolist())
        if not there.any():
            return None
        mean = np.full((len(window), 12), self.asked, np.float32)
        self.asked += 1
        sd = np.full((len(window), 12), 0.1, np.float32)
        sd[:, -1] = 0.5
        return Estimate(mean, sd, sd, there)


class Sum(Numbered):
    """A model without memory: each lead is the sum of those that are there."""

    def estimate(self, window, leads):
        estimate = super().estimate(window, leads)
        if estimate is None:
            return None
        mean = np.repeat(np.nansum(window[:, estimate.used], axis=1)[:, None], 12, axis=1)
        return Estimate(mean.astype(np.float32), estimate.sd, estimate.reach, estimate.used)


class Looker(Observer):
    source = "looker@1"
    wants = (Windows(100, 10),)

    def feed(self, item, about):
        return ()


def signal():
    x = np.random.default_rng(3).normal(size=(N, 2)).astype(np.float32)
    x[1700:1790, 1] = np.nan
    x[2500:2530] = np.nan
    return x


def run(model, x, edges, skip=range(0), usable=None):
    """Feed ``x`` cut at ``edges``, without the samples in ``skip``; mean, sd, known of N samples."""
    stage = TwelveStage(model, LEADS, usable)
    parts = []
    for a, b in pairwise(sorted({0, skip.start, skip.stop, len(x), *edges})):
        if a not in skip:
            parts += stage.feed(a, x[a:b])
    parts += stage.flush()
    whole = np.full((3, len(x), 12), np.nan, np.float32)
    for part in parts:
        at = round(part.start * FS)
        assert np.isnan(whole[:, at : at + len(part)]).all(), "a sample came twice"
        whole[:, at : at + len(part)] = part.mean, part.sd, part.known
    return whole


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(1, N - 1), max_size=200),
    skip=st.sampled_from([range(0), range(2100, 2300), range(900, 3200)]),
)
def test_any_chunking_gives_the_same(cuts, skip):
    x = signal()
    np.testing.assert_array_equal(run(Sum(), x, [], skip), run(Sum(), x, cuts, skip))


def test_one_sample_at_a_time_gives_the_same_always_8_s_late():
    x = signal()
    stage = TwelveStage(Sum(), LEADS)
    assert stage.delay == 8.0
    out = []
    for i in range(N):
        for part in stage.feed(i, x[i : i + 1]):
            expected = (i - 800, 1) if i > 999 else (0, 200)  # at first a whole window is waited for
            assert (round(part.start * FS), len(part)) == expected
            out.append(part.mean)
    out += [part.mean for part in stage.flush()]
    whole = run(Sum(), x, [])[0]
    np.testing.assert_array_equal(np.concatenate(out), whole[np.isfinite(whole).any(axis=1)])


def test_one_window_fades_into_the_next_without_a_seam():
    x = np.ones((2500, 2), np.float32)
    first_lead = run(Numbered(), x, [])[0, :, 0]
    steps = np.diff(first_lead)
    assert (first_lead[:700] == 0).all()
    assert (first_lead[800:1200] == 1).all()
    assert steps.min() >= 0
    assert steps.max() < 0.5 * np.pi / FS * 1.01  # half a cosine over a second is nowhere steeper
    assert first_lead[749] < 0.5 < first_lead[750]


def test_what_was_measured_is_untouched_and_never_filled_in():
    x = signal()
    mean, sd, known = run(Sum(), x, [])
    for column, lead in enumerate(LEADS):
        at = TWELVE.index(lead)
        kept = np.isfinite(mean).any(axis=1)
        np.testing.assert_array_equal(mean[kept, at], x[kept, column])
        np.testing.assert_array_equal(known[kept, at], np.isfinite(x[kept, column]))
        assert (sd[kept, at] == 0).all()
    assert np.isnan(mean[2500:2530]).all()  # nothing measured: nothing said
    assert np.isfinite(mean[1700:1790, 0]).all()  # one lead of two is there: the model still speaks


def test_a_wide_band_is_not_known_and_no_sample_of_the_stream():
    stage = TwelveStage(Numbered(), LEADS)
    parts = stage.feed(0, np.ones((1000, 2), np.float32)) + stage.flush()
    known = np.concatenate([part.known for part in parts])
    assert known[:, 0].all()
    assert not known[:, -1].any()
    block = parts[0].block(0, StreamId("twelve"))
    assert np.isnan(block.samples[:, -1]).all()
    assert np.isfinite(block.samples[:, :-1]).all()
    assert np.isnan(parts[0].trace(StreamId("twelve")).samples[:, -1]).all()


def test_a_lead_that_is_not_usable_is_not_looked_at_but_handed_on():
    model = Numbered()
    x = np.ones((2000, 2), np.float32)
    mean, _, _ = run(model, x, [], usable=lambda start, end: (True, end <= 10))
    assert model.seen == [[True, True], [False, True], [False, True]]  # II, V1
    assert (mean[:, TWELVE.index("II")] == 1).all()


def test_nothing_is_made_of_seconds_in_which_all_electrodes_are_off():
    x = np.ones((3000, 2), np.float32)
    mean, _, _ = run(Numbered(), x, [], usable=lambda start, end: (not 12 < end <= 14,) * 2)
    gone = np.isnan(mean).all(axis=1)
    assert gone[1200:1400].all()
    assert gone.sum() == 500  # the windows that hold them are not looked at


def test_too_few_leads_or_a_long_gap_give_nothing():
    x = np.ones((6000, 2), np.float32)
    mean, _, _ = run(Numbered(), x, [], skip=range(2000, 4000))
    assert np.isnan(mean[2000:4000]).all()
    assert np.isfinite(mean[:2000, 0]).all()
    assert np.isfinite(mean[4000:, 0]).mean() > 0.7
    nothing = TwelveStage(Numbered(), LEADS)
    assert nothing.feed(0, np.full((3000, 2), np.nan, np.float32)) + nothing.flush() == []
    short = TwelveStage(Numbered(), LEADS)
    assert short.feed(0, np.ones((999, 2), np.float32)) + short.flush() == []


@pytest.fixture
def person():
    made = wearecg.Person(seed=5, scenario="sinus", fs=250)
    leads = ("II", "V1", "V5")
    return leads, made.samples(250 * 33)[:, [made.leads.index(lead) for lead in leads]]


def events(x, leads, twelve, cuts, trace=True):
    engine = Engine("test", [Looker(), *([TwelveObserver(twelve)] if twelve else [])], trace=trace)
    out = []
    for a, b in pairwise(cuts):
        out += engine.feed(SignalBlock(x[a:b], 250, leads, a / 250), 100 + b / 250)
    return out + engine.finish()


def test_the_stream_is_what_the_recording_gives_offline(person, linear_card):
    leads, x = person
    model = Linear(linear_card)
    offline = model(x, 250, leads)
    live = events(x, leads, model, [0, 100, 3333, 3334, 5000, len(x)])
    info = next(e for e in live if isinstance(e, StreamInfo) and e.stream == "twelve")
    assert info.reconstructed == ("I", "III", "aVR", "aVL", "aVF", "V2", "V3", "V4", "V6")
    assert info.leads == TWELVE
    assert "8 s behind" in info.rate_note
    blocks = [e for e in live if isinstance(e, SignalBlock) and e.stream == "twelve"]
    at = 0
    for block in blocks:
        assert round(block.start * 100) == at + block.lost
        at = round(block.end * 100)
    joined = np.concatenate([block.samples for block in blocks])
    expected = np.where(offline.known, offline.mean, np.nan)
    np.testing.assert_allclose(joined[1000:-1000], expected[1000 : len(joined) - 1000], atol=1e-6)
    summary = next(e for e in live if isinstance(e, Summary) and e.stream == "twelve")
    assert summary.samples == len(joined)
    assert (summary.samples + sum(summary.lost.values())) / 100 == pytest.approx(summary.duration)
    traces = [e for e in live if isinstance(e, Trace) and e.stream == "twelve"]
    assert sum(len(trace.samples) for trace in traces) == len(joined)


def test_beats_quality_and_windows_do_not_see_it(person, linear_card):
    leads, x = person
    cuts = list(range(0, len(x), 250))
    with_it, without = (events(x, leads, twelve, cuts) for twelve in (Linear(linear_card), None))
    for kind in (Beat, Window, Statement):
        told = [[e for e in one if isinstance(e, kind)] for one in (with_it, without)]
        assert len(told[0]) == len(told[1])
    windows = [e for e in with_it if isinstance(e, Window)]
    assert {window.leads for window in windows} == {leads}
    assert not any(isinstance(e, Trace) for e in events(x, leads, None, cuts, trace=False))


def test_a_model_that_fails_is_told_once_and_the_rest_goes_on(person):
    class Broken(Numbered):
        def estimate(self, window, leads):
            raise RuntimeError("out of memory")

    leads, x = person
    cuts = list(range(0, len(x), 250))
    out = events(x, leads, Broken(), cuts)
    (notice,) = (e for e in out if isinstance(e, Notice))
    assert notice.level == "error"
    assert "numbered@1 failed: RuntimeError: out of memory" in notice.message
    assert sum(isinstance(e, Beat) for e in out) > 20
    assert not any(isinstance(e, SignalBlock) and e.stream == "twelve" for e in out)


def test_leads_without_a_place_are_refused_at_once(person, linear_card):
    _, x = person
    with pytest.raises(LeadError, match="known place"):
        events(x, ("ECG", "ECG_2", "PPG"), Linear(linear_card), [0, 250])
