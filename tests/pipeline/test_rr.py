from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearecg.block import RR, Beat, Gap, HeartRate, Notice, RRIntervals, Statement, StreamInfo, Summary
from wearecg.observers.episodes import EpisodesObserver
from wearecg.pipeline.engine import Engine
from wearecg.pipeline.rr import RRStream


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def judged():
    return RRStream("strap", 0.0, RR, [EpisodesObserver()])


def tell(stream, rr, start=100.0, delay=0.3, contact=True):
    """Tell beats that are ``rr`` apart, a notification a second, as a strap does."""
    events, times = [], start + np.cumsum(rr)
    for second in range(int(start), int(times[-1]) + 2):
        due = [float(r) for r, t in zip(rr, times, strict=True) if second <= t < second + 1]
        bpm = 60 / due[-1] if due else 60.0
        events += stream.feed(RRIntervals(tuple(due), bpm, contact), second + 1 + delay)
    return events


def test_beats_are_as_far_apart_as_the_intervals_say():
    rr = [0.8, 0.82, 0.79, 0.81] * 10
    events = tell(RRStream("strap", 1e9), rr)
    beats = of(Beat, events)
    assert [beat.rr for beat in beats] == pytest.approx(rr)
    assert np.diff([beat.time for beat in beats]) == pytest.approx(rr[1:])
    assert of(Gap, events) == []
    (info,) = of(StreamInfo, events)
    assert (info.stream, info.leads) == ("rr", ("RR",))
    # The first beat ended before it was told, at most the second that a strap collects.
    assert info.epoch + beats[0].time == pytest.approx(1e9 + 100.8, abs=1.4)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=30))
def test_how_intervals_are_put_together_does_not_matter(cuts):
    rr = [0.5 + 0.01 * (i % 7) for i in range(sum(cuts))]
    one, other = RRStream("a", 0.0), RRStream("a", 0.0)
    first = [e for i, r in enumerate(rr) for e in one.feed(RRIntervals((r,), 70.0), 10.0 + sum(rr[: i + 1]))]
    second, at = [], 0
    for cut in cuts:
        second += other.feed(RRIntervals(tuple(rr[at : at + cut]), 70.0), 10.0 + sum(rr[: at + cut]))
        at += cut
    assert [b.time for b in of(Beat, first)] == pytest.approx([b.time for b in of(Beat, second)])


def test_intervals_that_were_lost_are_a_gap():
    stream = judged()
    before = tell(stream, [0.8] * 25)
    after = tell(stream, [0.8] * 25, start=130.0)
    (gap,) = of(Gap, before + after)
    assert (gap.reason, gap.samples, gap.stream) == ("link", 0, "rr")
    assert gap.duration == pytest.approx(10, abs=1)
    assert of(Beat, after)[0].time > gap.start + gap.duration
    (summary,) = of(Summary, stream.finish())
    assert (summary.samples, summary.gaps) == (50, 1)


def test_a_link_that_was_lost_gives_its_name_to_the_gap():
    stream = judged()
    tell(stream, [0.8] * 25)
    stream.link_lost()
    (gap,) = of(Gap, tell(stream, [0.8] * 5, start=140.0))
    assert gap.reason == "unplugged"


def test_off_the_skin_there_is_no_rate():
    events = tell(judged(), [0.8] * 3, contact=False)
    assert {(rate.bpm, rate.reason) for rate in of(HeartRate, events)} == {(None, "no skin contact")}
    none = judged().feed(RRIntervals((), None, True), 1.0)
    assert of(HeartRate, none)[0].reason == "the sensor gives none"


@pytest.mark.parametrize(("spread", "code"), [(0.02, "RR_REGULAR"), (0.18, "AFIB")])
def test_the_rhythm_is_told_with_its_measure(spread, code):
    rr = 0.8 * (1 + spread * np.random.default_rng(1).standard_normal(160))
    stream = judged()
    last = of(Statement, tell(stream, list(rr)) + stream.finish())[-1]
    assert (last.code, last.why, last.leads) == (code, None, ("RR",))
    assert (last.probability is None) == (code == "RR_REGULAR")
    evidence = {measure.key: measure.value for measure in last.evidence}
    assert evidence["rr_irregularity"] == pytest.approx(spread * 2**0.5, rel=0.3)
    assert last.start < last.end - 20


def test_a_few_intervals_are_not_judged():
    stream = judged()
    tell(stream, [0.8] * 12)
    (said,) = of(Statement, stream.finish())
    assert (said.code, said.why) == ("NOT_SCORED", "short")
    assert "or more" in said.reason


@pytest.mark.parametrize("wrong", [0.0, 65535 / 1024, 0.1])
@pytest.mark.parametrize("alone", [True, False])
def test_an_interval_that_no_heart_has_is_no_beat(wrong, alone):
    engine, events = Engine("strap"), []
    for second in range(1, 41):
        rr = (wrong, 1.0) if second in (1, 20, 21) else (1.0,)
        events += engine.feed(RRIntervals(rr, 60.0, alone=alone), 100.0 + second)
    assert {rr for told in of(RRIntervals, events) for rr in told.rr} == {1.0}
    assert {beat.rr for beat in of(Beat, events)} == ({1.0} if alone else set())
    assert not of(Gap, events)
    (notice,) = of(Notice, events)
    assert f"told an interval of {wrong:.3g} s" in notice.message


def test_a_rate_that_no_heart_has_is_none():
    events = [e for bpm in (1023.0, 3.0, 72.0) for e in Engine("strap").feed(RRIntervals((), bpm), 1.0)]
    assert [rate.bpm for rate in of(HeartRate, events)] == [None, None, 72.0]


def test_beside_an_ecg_intervals_are_only_handed_on():
    engine = Engine("strap")
    beside = RRIntervals((0.8,), 75.0, alone=False)
    assert engine.feed(beside, 1.0) == [beside]
    assert of(Beat, engine.feed(RRIntervals((0.8,), 75.0), 2.0))
    engine.link_lost()
    assert engine.end == pytest.approx(0.8)
    assert [summary.stream for summary in of(Summary, engine.finish())] == ["rr"]


def test_what_a_strap_told_is_placed_in_time():
    told = of(RRIntervals, tell(judged(), [0.8, 0.82, 0.79, 0.81] * 3))
    assert told[0].start == 0.0
    assert [one.end - one.start for one in told] == pytest.approx([sum(one.rr) for one in told])
    assert [one.start for one in told[1:]] == pytest.approx([one.end for one in told[:-1]])
