"""``waves`` in a stream."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest

import wearecg
from wearecg.block import Beat, Gap, Measure, SignalBlock, Waves
from wearecg.ecg.beat_shape import TURN_S
from wearecg.ecg.size import Size
from wearecg.observers import open_observer
from wearecg.pipeline.engine import Engine

FS = 250
TIMES = [one.name for one in fields(Waves) if one.name not in ("lead", "source", "stream")]


@pytest.fixture(scope="module")
def observer():
    return open_observer("waves")


def person(scenario="sinus", seconds=40, leads=("II",), fs=FS, seed=1):
    made = wearecg.Person(seed=seed, scenario=scenario, fs=fs)
    return made.samples(fs * seconds)[:, [made.leads.index(lead) for lead in leads]]


def run(observer, x, leads=("II",), fs=FS, cuts=(), lost=range(0), uncalibrated=()):
    engine, said, missing = Engine("person", [observer]), [], 0
    engine.uncalibrated[0] = dict.fromkeys(uncalibrated, Size(0.0, 1.0))
    for a, b in pairwise(sorted({0, lost.start, lost.stop, len(x), *cuts})):
        if a in lost:
            missing += b - a
            continue
        said += engine.feed(SignalBlock(x[a:b].astype(np.float32), fs, leads, a / fs, missing), 100 + b / fs)
        missing = 0
    return said + engine.finish()


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def values(events, name):
    return [one.value for one in of(events, Measure) if one.name == name]


def test_every_beat_of_a_sinus_rhythm_has_its_waves_in_order(observer):
    events = run(observer, person())
    beats, waves = of(events, Beat), of(events, Waves)
    assert [one.time for one in waves] == [one.time for one in beats]
    for one in waves[1:-1]:
        order = [getattr(one, name) for name in TIMES if name != "time"]
        assert None not in order
        assert order == sorted(order)
        assert one.qrs_on < one.time < one.qrs_off
        assert one.lead == "II"
        assert one.source == observer.source


def test_the_intervals_are_those_that_the_person_was_made_with(observer):
    """At 70 a minute its P wave begins 0.2 s before R, its QRS lasts 0.08 s, its T wave ends 0.34 s after R."""
    events = run(observer, person("rate-70", 60))
    bounds = {"pr": (140, 185), "qrs": (70, 105), "qt": (340, 400), "qtc_fridericia": (355, 425)}
    for name, (low, high) in bounds.items():
        found = values(events, name)
        assert len(found) >= 5
        assert low < np.median(found) < high, name
        assert np.ptp(found) < 15
    assert all(one.error for one in of(events, Measure))


@pytest.mark.parametrize("pace", [0.9, 1.1])
def test_a_heart_that_is_slower_has_longer_intervals(observer, pace):
    """The same samples, said to come at another rate: all that is told in time stretches with it."""
    x = person(seconds=60, fs=500)
    usual = run(observer, x, fs=500)
    slower = run(observer, x, fs=round(500 / pace))
    for name in ("pr", "qrs", "qt"):
        ratio = np.median(values(slower, name)) / np.median(values(usual, name))
        assert ratio == pytest.approx(pace, abs=0.05), name


def test_no_p_wave_is_drawn_in_atrial_fibrillation(observer):
    events = run(observer, person("af", 60))
    waves = of(events, Waves)
    assert len(waves) > 50
    assert sum(one.p_on is not None for one in waves) <= 0.02 * len(waves)
    assert not values(events, "pr")
    assert values(events, "qt")


def test_st_elevation_is_measured_where_it_is(observer):
    leads = ("II", "V3", "aVL")
    events = run(observer, person("st", 30, leads), leads)
    plain = run(observer, person("sinus", 30, leads), leads)

    def level(events, lead):
        return np.median(
            [one.value for one in of(events, Measure) if one.name == "st80" and one.leads == (lead,)]
        )

    assert level(events, "V3") - level(plain, "V3") > 0.1
    assert abs(level(plain, "II")) < 0.1


def test_it_says_the_same_however_the_stream_comes(observer):
    leads = ("V1", "II")
    x = person("pvc", 45, leads, seed=3)
    x[3000:3010] = np.nan
    lost = range(22 * FS, 26 * FS)
    whole = run(observer, x, leads, lost=lost)
    rng = np.random.default_rng(5)
    for count in (3, 40, 300):
        cut = run(observer, x, leads, cuts=rng.integers(1, len(x), count).tolist(), lost=lost)
        for kind in (Waves, Measure):
            ours, theirs = of(whole, kind), of(cut, kind)
            assert len(ours) == len(theirs) > 10
            for one, other in zip(ours, theirs, strict=True):
                for field in fields(kind):
                    a, b = getattr(one, field.name), getattr(other, field.name)
                    assert a == (pytest.approx(b, abs=1e-3) if isinstance(b, float) else b), field.name


def test_a_beat_is_told_when_its_turn_is_over(observer):
    x = person()
    engine, late = Engine("person", [observer]), []
    for at in range(0, len(x), 50):
        block = SignalBlock(x[at : at + 50].astype(np.float32), FS, ("II",), at / FS)
        late += [(at + 50) / FS - one.time for one in of(engine.feed(block, 100 + at / FS), Waves)]
    assert len(late) > 20
    assert max(late) < TURN_S + 1.3


def test_beats_behind_which_the_heart_stands_still_are_told_too(observer):
    """No next beat comes: it is not waited for longer than it can take to be found."""
    x = person(seconds=30)
    x[12 * FS :] = x[12 * FS]
    engine, told = Engine("person", [observer]), []
    for at in range(0, 20 * FS, 50):
        block = SignalBlock(x[at : at + 50].astype(np.float32), FS, ("II",), at / FS)
        told += of(engine.feed(block, 100 + at / FS), Waves)
    assert len(told) > 12
    assert {int(one.time // TURN_S) for one in told} == {0, 1, 2}


def test_what_was_not_received_has_no_borders(observer):
    x = person()
    beats = of(run(observer, x), Beat)
    at = round((beats[20].time + 0.2) * FS)
    x[at : at + 40] = np.nan
    waves = {round(one.time, 2): one for one in of(run(observer, x), Waves)}
    struck = waves[round(beats[20].time, 2)]
    assert struck.qrs_on is not None
    assert struck.t_peak is None
    assert waves[round(beats[15].time, 2)].t_peak is not None


def test_behind_a_gap_it_goes_on(observer):
    x = person(seconds=40)
    events = run(observer, x, lost=range(15 * FS, 20 * FS))
    assert of(events, Gap)
    times = [one.time for one in of(events, Waves)]
    assert not [time for time in times if 15.2 < time < 20]
    assert len([time for time in times if time > 22]) > 15


def test_a_lead_without_a_signal_is_not_looked_at(observer):
    leads = ("V1", "II")
    x = person(seconds=30, leads=leads)
    x[:, 0] = 0.0
    waves = of(run(observer, x, leads), Waves)
    assert {one.lead for one in waves[2:]} == {"II"}
    assert not of(run(observer, np.zeros((30 * FS, 1)), ("II",)), Waves)


def test_of_a_lead_of_no_known_size_there_is_no_st(observer):
    events = run(observer, person(), uncalibrated=("II",))
    assert values(events, "qt")
    assert not values(events, "st60")


def test_a_recording_at_once_gives_what_the_stream_gives(observer):
    x = person()
    events = run(observer, x)
    model = wearecg.load_model("waves")
    found = model(x, FS, [beat.time for beat in of(events, Beat)], lead="II")
    said = of(events, Waves)
    assert len(found) == len(said)
    apart = [
        abs(a - b)
        for one, other in zip(found[1:-1], said[1:-1], strict=True)
        for name in TIMES
        if None not in (a := getattr(one, name), b := getattr(other, name))
    ]
    assert np.median(apart) < 0.002


@pytest.mark.parametrize(
    ("samples", "fs", "peaks"),
    [
        (np.zeros((500, 2)), 250, [1.0]),
        (np.zeros(500), 250, [2.5]),
        (np.zeros(500), 250, [-0.1]),
        (np.zeros(500), 20, [1.0]),
        (np.zeros(500), float("nan"), [1.0]),
    ],
)
def test_what_cannot_be_used_is_told(samples, fs, peaks):
    with pytest.raises(wearecg.SignalError):
        wearecg.load_model("waves")(samples, fs, peaks)
    assert wearecg.load_model("waves")(np.zeros(500), 250, []) == ()
