from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wearecg
from wearecg.block import (
    Beat,
    HeartRate,
    LeadQuality,
    Notice,
    Quality,
    SignalBlock,
    Statement,
    StreamInfo,
    Summary,
    Window,
)
from wearecg.ecg.pulse import pulse_band
from wearecg.observers.pulse import PulseObserver
from wearecg.pipeline.engine import Engine
from wearecg.pipeline.observer import Observer, Windows
from wearecg.pipeline.pulse import Drawn, PulseStage

FS = 100


class Slope:
    """Draws the pulse itself; a beat is where it rises most."""

    label, fs, length, threshold = "slope@1", 100.0, 1000, 0.5
    lag = 0.3

    def check(self, fs):
        pass

    def draw(self, window):
        x = np.where(np.isnan(window), np.nanmean(window), window)
        band = pulse_band(x, self.fs)
        slope = np.gradient(band) * self.fs / band.std()
        return Drawn(band.astype(np.float32), 1 / (1 + np.exp(12 - slope)), self.lag)


class Looker(Observer):
    source = "looker@1"
    wants = (Windows(100, 10),)

    def feed(self, item, about):
        return ()


def person(leads, seconds, scenario="sinus", seed=1, fs=250):
    made = wearecg.Person(seed=seed, scenario=scenario, fs=fs)
    return made, made.samples(fs * seconds)[:, [made.leads.index(lead) for lead in leads]]


def events(x, leads, cuts, lag=None, fs=250, model=None, holes=()):
    engine = Engine("test", [Looker(), PulseObserver(model or Slope(), lag)], trace=True)
    out, lost = [], 0
    for a, b in pairwise(cuts):
        if any(low <= a < high for low, high in holes):
            lost += b - a
            continue
        out += engine.feed(SignalBlock(x[a:b], fs, leads, lost=lost), 100 + b / fs)
        lost = 0
    return out + engine.finish()


def of(kind, out):
    return [e for e in out if isinstance(e, kind)]


def pulse_beats(out):
    return [b for b in of(Beat, out) if b.lead == "II*"]


def trace(out, n):
    y = np.full(n, np.nan, np.float32)
    for block in (e for e in of(SignalBlock, out) if e.stream == "pulse"):
        first = round(block.start * FS)
        y[first : first + len(block)] = block.samples[:, 0]
    return y


@pytest.fixture(scope="module")
def spoilt():
    """Forty-five seconds at 100 Hz, with a few samples, two seconds and half a second missing, and motion."""
    _, x = person(("PPG",), 45, fs=FS)
    x[700:703] = np.nan
    x[1900:2100] = np.nan
    x[3350:3400] += 8
    return x


def told(x, cuts):
    out = events(x, ("PPG",), cuts, lag="model", fs=FS)
    kinds = Beat, HeartRate, Statement, Quality, Summary
    rest = [
        [e for e in of(kind, out) if not isinstance(e, Quality) or e.leads[0].lead == "II*"] for kind in kinds
    ]
    return trace(out, len(x)), rest[:-1]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 4499), max_size=30, unique=True).map(sorted))
def test_the_stream_is_the_same_however_the_input_is_cut(cuts):
    _, x = person(("PPG",), 45, fs=FS)
    x[700:703] = np.nan
    x[1900:2100] = np.nan
    x[3350:3400] += 8
    expected, rest = told(x, [0, *range(50, 4500, 50), 4500])
    found, others = told(x, [0, *cuts, 4500])
    np.testing.assert_array_equal(found, expected)
    assert others == rest


def test_nothing_is_drawn_where_the_pulse_is_missing_or_cannot_be_used_and_the_reason_is_told(spoilt):
    found, _ = told(spoilt, [0, *range(50, 4500, 50), 4500])
    assert np.isnan(found[np.isnan(spoilt[:, 0])]).all()
    assert np.isnan(found[700:703]).all()
    assert np.isfinite(found[:690]).all()
    out = events(spoilt, ("PPG",), [0, *range(50, 4500, 50), 4500], fs=FS)
    verdicts = {q.leads[0].reason for q in of(Quality, out) if q.leads[0].lead == "II*"}
    assert {"gap", "motion"} <= verdicts
    bad = [q for q in of(Quality, out) if q.leads[0].lead == "II*" and q.leads[0].verdict == "unusable"]
    good = [q for q in of(Quality, out) if q.leads[0].lead == "II*" and q.leads[0].verdict != "unusable"]
    covered = np.zeros(len(found), bool)
    for q in good:
        covered[round(q.start * FS) : round(q.end * FS)] = True
    assert bad
    assert np.isnan(found[~covered]).all()
    summary = next(s for s in of(Summary, out) if s.stream == "pulse")
    assert summary.samples == np.isfinite(trace(out, len(found))).sum()
    assert (summary.samples + summary.lost["not drawn"]) / FS == pytest.approx(summary.duration)


def test_a_beat_after_a_break_has_no_interval(spoilt):
    beats = pulse_beats(events(spoilt, ("PPG",), [0, *range(50, 4500, 50), 4500], fs=FS))
    for before, after in pairwise(beats):
        if after.rr is not None:
            assert after.rr == pytest.approx(after.time - before.time)
    assert sum(b.rr is None for b in beats) >= 3


@pytest.mark.parametrize("cuts", [[0, 8000], [0, *range(7, 8000, 7), 8000]])
def test_when_the_pulse_is_lost_rate_and_rhythm_are_told_to_hold_no_more(cuts):
    _, x = person(("PPG",), 80, fs=FS)
    x[4500:6500] = np.random.default_rng(0).normal(size=(2000, 1))
    out = events(x, ("PPG",), cuts, fs=FS)
    told = [e for e in out if isinstance(e, Statement) or (isinstance(e, HeartRate) and e.stream == "pulse")]
    at = next(i for i, e in enumerate(told) if e.reason.startswith("pulse: "))
    before, rate, finding, after = told[at - 1 : at + 3]
    assert before.bpm
    assert (rate.bpm, rate.reason) == (None, "pulse: low perfusion")
    assert (finding.code, finding.reason, finding.end) == ("NOT_SCORED", rate.reason, rate.time)
    assert 45 < rate.time < 48
    assert 65 < after.time < 68
    assert sum(e.reason.startswith("pulse: ") for e in told) == 2


def test_a_sensor_that_calls_its_seconds_unusable_is_believed():
    _, x = person(("PPG",), 20, fs=FS)
    off = LeadQuality("PPG", "unusable", "lead off")
    stage = PulseStage(Slope(), lambda start, end: off if start >= 15 else LeadQuality("PPG", "good"))
    verdicts, _ = stage.feed(0, x[:, 0])
    assert [q.leads[0].reason for q in verdicts] == [""] * 6 + ["lead off"] * 5


def test_it_is_late_by_three_seconds_and_says_so():
    _, x = person(("PPG",), 30)
    engine = Engine("test", [PulseObserver(Slope())])
    for at in range(0, len(x), 25):
        out = engine.feed(SignalBlock(x[at : at + 25], 250, ("PPG",)), at / 250)
        blocks = [e for e in of(SignalBlock, out) if e.stream == "pulse"]
        for info in of(StreamInfo, out)[1:]:
            assert (info.stream, info.leads, info.synthetic) == ("pulse", ("II*",), ("II*",))
            assert "3 s behind" in info.rate_note
        if at / 250 > 10.5:
            assert all(abs((at + 25) / 250 - block.end - 3.0) < 0.2 for block in blocks)


@pytest.mark.parametrize("seed", range(3))
def test_rate_intervals_and_regularity_are_those_of_the_heart(seed):
    made, x = person(("PPG",), 60, seed=seed)
    out = events(x, ("PPG",), [*range(0, 15000, 125), 15000])
    beats = [b.time for b in made.beats_between(3, 52)]
    rates = [r for r in of(HeartRate, out) if r.stream == "pulse" and r.bpm]
    assert abs(rates[-1].bpm - 60 / np.median(np.diff(beats[-9:]))) < 3
    found = pulse_beats(out)
    assert {b.lag for b in found} == {None}
    rr = np.array([b.rr for b in found if b.rr and 5 < b.time < 50])
    assert abs(np.median(rr) - np.median(np.diff(beats))) < 0.02
    codes = {f.code for f in of(Statement, out)}
    assert "RR_REGULAR" in codes
    assert codes <= {"RR_REGULAR", "NOT_SCORED"}


def test_an_irregular_pulse_is_called_so():
    _, x = person(("PPG",), 60, "af", seed=2)
    out = events(x, ("PPG",), [*range(0, 15000, 125), 15000])
    assert "RR_IRREGULAR" in {f.code for f in of(Statement, out)}
    assert {f.leads for f in of(Statement, out) if f.source != Looker.source} == {("II*",)}


def lag_of(made, seconds):
    """From R to the steepest upslope, of the synthetic person's own pulse."""
    x = wearecg.Person(made.seed, "sinus", made.fs).samples(round(made.fs) * seconds)[:, -1]
    slope = np.gradient(pulse_band(x, made.fs))
    lags = []
    for b in made.beats_between(2, seconds - 2):
        near = slice(round((b.time + 0.1) * made.fs), round((b.time + 0.5) * made.fs))
        lags.append(np.argmax(slope[near]) / made.fs + 0.1)
    return float(np.median(lags))


def test_the_lag_is_found_where_there_is_an_ecg_and_told_once():
    made, x = person(("II", "PPG"), 50)
    truth = lag_of(made, 40)
    out = events(x, ("II", "PPG"), [*range(0, 12500, 125), 12500])
    known = [b for b in pulse_beats(out) if b.lag is not None]
    assert len(known) > 20
    assert abs(np.median([b.lag for b in known]) - truth) < 0.03
    true = np.array([b.time for b in made.beats_between(0, 50)])
    assert np.median([np.abs(true - b.time).min() for b in known]) < 0.03
    (news,) = [n for n in of(Notice, out) if "after the R wave" in n.message]
    assert abs(float(news.message.split()[3]) - truth) < 0.03
    # The same with the pulse in a stream of its own, on the sensor's clock, and unknown without a clock.
    for clock, expected in ((1000.0, True), (float("nan"), False)):
        engine = Engine("test", [PulseObserver(Slope())])
        split = []
        for at in range(0, 12500, 125):
            start = clock + at / 250
            for column, lead, stream in ((0, "II", "ecg"), (1, "PPG", "ppg")):
                block = SignalBlock(x[at : at + 125, [column]], 250, (lead,), start, stream=stream)
                split += engine.feed(block, at / 250)
        lags = [b.lag for b in pulse_beats(split) if b.lag is not None]
        assert bool(lags) == expected
        assert all(abs(lag - truth) < 0.03 for lag in lags)


def test_a_lag_that_is_given_is_taken_off_and_the_intervals_stay():
    _, x = person(("PPG",), 30)
    cuts = [*range(0, 7500, 125), 7500]
    unknown, given, guessed = (pulse_beats(events(x, ("PPG",), cuts, lag)) for lag in (None, 0.25, "model"))
    assert [b.rr for b in given] == [b.rr for b in unknown] == [b.rr for b in guessed]
    np.testing.assert_allclose([b.time + 0.25 for b in given], [b.time for b in unknown])
    assert {b.lag for b in given} == {0.25}
    np.testing.assert_allclose([b.lag for b in guessed], Slope.lag, atol=1e-6)


def test_no_window_and_nothing_measured_comes_of_it():
    _, x = person(("II", "PPG"), 30)
    cuts = [*range(0, 7500, 125), 7500]
    with_it = events(x, ("II", "PPG"), cuts)
    engine = Engine("test", [Looker()])
    without = [e for a, b in pairwise(cuts) for e in engine.feed(SignalBlock(x[a:b], 250, ("II", "PPG")), 0)]
    assert {w.leads for w in of(Window, with_it)} == {("II", "PPG")}
    assert len(of(Window, with_it)) == len(of(Window, without + engine.finish()))
    assert not of(Window, events(x[:, 1:], ("PPG",), cuts))


def test_a_model_that_fails_is_told_once_and_a_source_without_a_pulse_too():
    class Broken(Slope):
        def draw(self, window):
            raise RuntimeError("out of memory")

    _, x = person(("II", "PPG"), 20)
    cuts = [*range(0, 5000, 125), 5000]
    out = events(x, ("II", "PPG"), cuts, model=Broken())
    (notice,) = of(Notice, out)
    assert "slope@1 failed: RuntimeError: out of memory" in notice.message
    (refused,) = of(Statement, out)
    assert refused.reason == "pulse: slope@1 failed"
    assert len([b for b in of(Beat, out) if b.lead == "II"]) > 10
    (notice,) = of(Notice, events(x[:, :1], ("II",), cuts))
    assert notice.message == "slope@1 has nothing to look at: it needs the lead PPG, not II"
