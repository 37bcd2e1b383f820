from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wearecg.block import Beat
from wearecg.ecg.rate import HeartRateMeter


def regular(meter, rr=0.8, n=8, start=0.5):
    for k in range(n):
        meter.beat(Beat(start + k * rr, "II", rr if k else None))
    return start + (n - 1) * rr


def test_rate_of_a_regular_rhythm():
    meter = HeartRateMeter()
    end = regular(meter)
    assert abs(meter.at(end).bpm - 75) < 1e-9


def test_one_odd_interval_does_not_matter():
    meter = HeartRateMeter()
    end = regular(meter)
    meter.beat(Beat(end + 0.3, "II", 0.3))
    assert abs(meter.at(end + 0.4).bpm - 75) < 1e-9


def test_reasons_instead_of_zero():
    meter = HeartRateMeter()
    assert meter.at(1.0) == meter.at(1.0).__class__(1.0, None, "learning")
    assert meter.at(4.0).reason == "no beats for 4.0 s"
    end = regular(meter)
    assert meter.at(end + 3.2).reason == "no beats for 3.2 s"
    assert meter.at(end, "lead off").reason == "lead off"
    assert meter.at(end, "lead off").bpm is None
    meter.gap(end + 5)
    assert meter.at(end + 6).reason == "learning"


def test_old_intervals_expire():
    meter = HeartRateMeter()
    end = regular(meter)
    meter.beat(Beat(end + 12, "II", None))
    assert meter.at(end + 12.5).reason == "learning"


@given(st.lists(st.floats(0.25, 2.5), min_size=3, max_size=30))
def test_rate_lies_between_the_extremes_or_has_a_reason(intervals):
    meter = HeartRateMeter()
    time = 0.0
    for rr in intervals:
        time += rr
        meter.beat(Beat(time, "II", rr))
    rate = meter.at(time)
    assert rate.bpm is None or 60 / max(intervals) - 1e-9 <= rate.bpm <= 60 / min(intervals) + 1e-9
    assert (rate.bpm is None) == bool(rate.reason)


def test_a_pause_is_no_interval_of_a_rate():
    meter = HeartRateMeter()
    end = regular(meter)
    meter.beat(Beat(end + 20, "II", 20.0))
    assert meter.at(end + 20.5).reason == "learning"
    meter.beat(Beat(end + 21, "II", 1.0))
    meter.beat(Beat(end + 22, "II", 1.0))
    meter.beat(Beat(end + 23, "II", 1.0))
    assert meter.at(end + 23.5).bpm == 60.0


def test_a_few_uneven_intervals_are_no_rate_yet():
    meter = HeartRateMeter()
    for time, rr in ((0.0, None), (0.3, 0.3), (1.0, 0.7), (1.3, 0.3)):
        meter.beat(Beat(time, "II", rr))
    assert meter.at(1.5).reason == "learning"
    for k in range(4):
        meter.beat(Beat(1.6 + 0.3 * k, "II", 0.3))
    assert meter.at(3.0).bpm == 200.0
