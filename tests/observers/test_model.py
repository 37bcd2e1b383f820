from __future__ import annotations

import numpy as np
import pytest

import wearecg
from wearecg.block import Beat, Statement, Window
from wearecg.observers import open_observer
from wearecg.pipeline.observer import About


@pytest.fixture(scope="module")
def window():
    person = wearecg.Person(seed=1, scenario="sinus", fs=100)
    x = person.samples(1000)[:, :12]
    return Window(x, 100.0, person.leads[:12], 0.0, (True,) * 12, wearecg.Quality(0, 10, ()))


def about(leads, beats=()):
    info = wearecg.StreamInfo(wearecg.StreamId("ecg"), "test", 250.0, tuple(leads), (0.0,) * len(leads), 0.0)
    return About(info, lambda start, end: beats, lambda start, end: wearecg.Quality(start, end, ()))


def test_evidence_is_measured_on_the_beats_of_the_window(window):
    beats = tuple(Beat(t, "II", 0.8) for t in np.arange(0.5, 9, 0.8))
    statements = open_observer("encoder").feed(window, about(window.leads, beats))
    assert statements
    for one in statements:
        assert isinstance(one, Statement)
        assert {m.key: m.value for m in one.evidence} == {"heart_rate_bpm": 75.0, "rr_irregularity": 0.0}


def test_few_beats_are_no_evidence(window):
    beats = tuple(Beat(t, "II", 0.8) for t in (1.0, 1.8, 2.6))
    assert not open_observer("encoder").feed(window, about(window.leads, beats))[0].evidence


@pytest.mark.parametrize(
    ("leads", "name"), [(("II", "V5"), "encoder"), (("ECG",), "rhythm1"), (("ECG", "ECG_2"), "rhythm1")]
)
def test_without_being_told_the_leads_decide(leads, name):
    auto = open_observer("auto")
    assert auto.accepts(about(leads).info)
    assert auto.begin(about(leads)).source.partition("@")[0] == name


def test_one_model_serves_several_streams():
    auto = open_observer("auto")
    assert auto.begin(about(("II",))) is auto.begin(about(("V5",)))
    assert not auto.accepts(about(("PPG",)).info)
    assert not auto.accepts(about(("RR",)).info)


def test_without_a_beat_nothing_is_stated(window):
    (one,) = open_observer("encoder").feed(window, about(window.leads))
    assert (one.code, one.why, one.reason) == ("NOT_SCORED", "unusable", "no beat in 10 s")
