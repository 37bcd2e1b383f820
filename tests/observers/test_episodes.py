"""The observer ``episodes`` beside others: it hears the classes of beats, P waves and what models say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wearecg
from wearecg import Beat, BeatClass, Finding, Quality, SignalBlock, Statement, Waves
from wearecg.ecg.irregular import AHEAD
from wearecg.findings import Board
from wearecg.observers import Events, Observer, Samples, open_observer
from wearecg.pipeline.engine import Engine

FS = 125


def waves(time: float, source: str) -> Waves:
    places = {"p_on": -0.16, "p_peak": -0.12, "p_off": -0.08, "qrs_on": -0.04, "qrs_off": 0.05}
    places |= {"t_on": 0.2, "t_peak": 0.25, "t_off": 0.3}
    return Waves(time=time, lead="II", source=source, **{name: time + dt for name, dt in places.items()})


class Classes(Observer):
    """Calls every so many beats ventricular, a second and a half behind each beat; sees a P wave before others."""

    source, wants = "classes@1", (Events((Beat,)), Samples(100.0))

    def __init__(self, every: int = 4, p_waves: bool = True) -> None:
        self._every, self._p_waves = every, p_waves
        self._waiting: list[float] = []
        self._count = 0

    def feed(self, item, about):
        if isinstance(item, Beat):
            self._waiting.append(item.time)
            return []
        told: list[wearecg.Event] = []
        while self._waiting and self._waiting[0] + 1.5 <= item.end:
            time = self._waiting.pop(0)
            self._count += 1
            code = "V" if self._count % self._every == 0 else "N"
            told.append(BeatClass(time, code, 0.9, self.source))
            if self._p_waves and code == "N":
                told.append(waves(time, self.source))
        return told


@pytest.fixture(scope="module")
def sinus() -> np.ndarray:
    person = wearecg.Person(seed=4, scenario="sinus", fs=FS)
    return person.samples(FS * 150)[:, [person.leads.index("II")]]


def run(
    x: np.ndarray, cuts: list[int], observers: list[Observer], lost: range = range(0)
) -> list[wearecg.Event]:
    engine, events, missing = Engine("ecg", observers), [], 0
    for a, b in pairwise(sorted({0, len(x), *cuts, *([lost.start, lost.stop] if lost else [])})):
        if a in lost:
            missing += b - a
            continue
        events += engine.feed(SignalBlock(x[a:b], FS, ("II",), a / FS, missing), 100 + b / FS)
        missing = 0
    return events + engine.finish()


def said(events: list[wearecg.Event]) -> list[Statement]:
    return [event for event in events if isinstance(event, Statement) and event.code != "NOTHING"]


@settings(max_examples=6, deadline=None)
@given(cuts=st.lists(st.integers(1, FS * 150 - 1), max_size=40))
def test_what_it_hears_of_others_does_not_depend_on_the_cuts(sinus, cuts):
    whole, cut = (
        sorted(
            (one.source, one.code, round(one.start, 3), round(one.end, 3), [m.key for m in one.evidence])
            for one in said(run(sinus, at, [Classes(), open_observer("episodes")], range(FS * 60, FS * 63)))
        )
        for at in ([], cuts)
    )
    assert {code for _, code, *_ in whole} >= {"PVC", "SR"}
    assert cut == whole


def test_classes_become_sequences_and_p_waves_a_sinus_rhythm(sinus):
    events = run(sinus, [*range(50, len(sinus), 50)], [Classes(every=2), open_observer("episodes")])
    codes = {one.code for one in said(events)}
    assert "BIGU" in codes
    assert codes & {"SR", "SBRAD", "STACH"}
    assert "AFIB" not in codes


def test_without_p_waves_and_models_only_the_pulse_is_named(sinus):
    events = run(sinus, [*range(50, len(sinus), 50)], [open_observer("episodes")])
    assert {one.code for one in said(events)} <= {"RR_REGULAR", "RR_IRREGULAR"}


def test_sequences_are_told_within_seconds_and_rhythms_when_what_follows_is_known(sinus):
    late: dict[str, float] = {}
    now = 0.0
    for event in run(sinus, [*range(50, len(sinus), 50)], [Classes(every=2), open_observer("episodes")]):
        if isinstance(event, Quality):
            now = event.end
        elif isinstance(event, Statement) and event.code != "NOTHING" and now < 148:
            late[event.source] = max(late.get(event.source, 0.0), now - event.end)
    assert late["runs@1"] <= 8
    assert late["episodes@1"] <= 1.3 * (AHEAD + 32 + 16)


def test_on_the_board_single_beats_begin_and_end(sinus):
    class Once(Classes):
        """Calls two beats ventricular at the beginning, and none after."""

        def feed(self, item, about):
            for event in super().feed(item, about):
                if isinstance(event, BeatClass):
                    odd = self._count in (20, 24)
                    yield BeatClass(event.time, "V" if odd else "N", 0.9, self.source)

    x = np.concatenate([sinus, sinus, sinus])
    board, findings = Board(), []
    for event in run(x, [*range(50, len(x), 50)], [Once(), open_observer("episodes")]):
        findings += [one for one in board.feed(event) if isinstance(one, Finding) and one.code == "PVC"]
    assert [one.change for one in findings] == ["begins", "holds", "ends"]
    assert findings[-1].end < 30
    assert findings[-1].seen < 200


def test_a_flat_line_is_no_pause(sinus):
    x = sinus.copy()
    x[FS * 50 : FS * 56] = x[FS * 50]
    codes = {one.code for one in said(run(x, [*range(50, len(x), 50)], [open_observer("episodes")]))}
    assert not codes & {"PAUSE", "ASYS"}


def test_a_heart_that_stops_is_told_while_it_does():
    person = wearecg.Person(seed=1, scenario="pause", fs=FS)
    x = person.samples(FS * 120)[:, [person.leads.index("II")]]
    events = run(x, [*range(50, len(x), 50)], [open_observer("episodes")])
    beats = [event for event in events if isinstance(event, Beat)]
    long = [beat for beat in beats if beat.rr and beat.rr >= 2.0]
    told = [one for one in said(events) if one.code in ("PAUSE", "ASYS") and one.start < one.end]
    assert len(told) >= len(long) > 0


def test_the_burden_is_measured_with_its_error():
    person = wearecg.Person(seed=2, scenario="af", fs=FS)
    x = person.samples(FS * 200)[:, [person.leads.index("II")]]
    events = run(x, [*range(500, len(x), 500)], [open_observer("episodes")])
    measures = {event.name: event for event in events if isinstance(event, wearecg.Measure)}
    assert measures["af_burden"].unit == "%"
    assert measures["af_burden"].value > 90
    assert measures["af_burden"].error is not None
    assert "AFIB" in {one.code for one in said(events)}


class Intervals(Observer):
    """Measures a PR interval every ten seconds."""

    source, wants = "intervals@1", (Events((Quality,)),)

    def __init__(self, ms: float, error: float) -> None:
        self._ms, self._error = ms, error

    def feed(self, item, about):
        if item.end % 10:
            return ()
        return (wearecg.Measure("pr", self._ms, "ms", self.source, item.end - 10, item.end, self._error),)


@pytest.mark.parametrize(
    ("ms", "error", "block"), [(230.0, 14.0, True), (205.0, 14.0, False), (160.0, 5.0, False)]
)
def test_a_long_pr_interval_is_first_degree_block_if_it_is_longer_than_its_error(sinus, ms, error, block):
    events = run(sinus, [*range(50, len(sinus), 50)], [Intervals(ms, error), open_observer("episodes")])
    told = [one for one in said(events) if one.code == "1AVB"]
    assert bool(told) is block
    if told:
        assert (told[0].start, told[0].end) == (0.0, 60.0)
        assert told[-1].evidence[0].value == ms
