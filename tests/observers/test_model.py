from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import wearecg
from wearecg import ConfigError
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


BEATS = tuple(Beat(t, "II", 0.8) for t in np.arange(0.5, 9, 0.8))


def few(window, leads):
    columns = [window.leads.index(lead) for lead in leads]
    return Window(window.samples[:, columns], 100.0, leads, 0.0, (True,) * len(leads), window.quality)


def codes(spec, window, leads):
    said = open_observer(spec).feed(few(window, leads), about(leads, BEATS))
    return {one.code for one in said}


def test_what_the_leads_cannot_carry_is_not_told_unless_asked_for_by_name(window):
    size = {"NORM", "MI", "STTC", "CD", "HYP"}
    twelve = codes("encoder", window, window.leads)
    assert twelve & size
    assert not codes("encoder", window, ("II", "V1")) & size
    (named,) = twelve & size
    assert named in codes(f"encoder?statements={named}", window, ("II", "V1"))


def test_what_rests_on_millivolts_is_not_stated_of_an_impossible_amplitude(window):
    wrong = wearecg.LeadQuality("V2", "poor", "amplitude", {})
    spoilt = replace(window, quality=wearecg.Quality(0, 10, (wrong,)))
    assert codes("encoder", window, window.leads) & {"NORM", "MI", "STTC", "CD", "HYP"}
    assert not codes("encoder", spoilt, window.leads) & {"NORM", "MI", "STTC", "CD", "HYP"}


def test_a_window_in_which_nothing_is_found_is_told_as_looked_at(window):
    said = open_observer("encoder").feed(few(window, ("II",)), about(("II",), BEATS))
    assert said
    assert all(one.source.startswith("encoder@") and one.end == 10 for one in said)


def test_a_prior_moves_the_probability_and_not_what_is_stated():
    person = wearecg.Person(seed=1, scenario="af", fs=100)
    x = person.samples(1000)[:, [person.leads.index("II")]]
    af = Window(x, 100.0, ("II",), 0.0, (True,), wearecg.Quality(0, 10, ()))
    found = {}
    for prior in ("ambulatory", "hospital"):
        said = open_observer(f"encoder?prior={prior}").feed(af, about(("II",), BEATS))
        found[prior] = {one.code: one.probability for one in said}
    assert found["ambulatory"].keys() == found["hospital"].keys()
    assert found["ambulatory"]["AFIB"] < found["hospital"]["AFIB"]


def test_every_window_is_told_where_that_is_asked_for(window):
    (settled,) = {
        one.settle for one in open_observer("encoder").feed(few(window, ("II",)), about(("II",), BEATS))
    }
    assert settled > 0
    each = open_observer("encoder?windows=all").feed(few(window, ("II",)), about(("II",), BEATS))
    assert {(one.settle, one.hold) for one in each} == {(0.0, 0.0)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("prior=home", "prior is 'home'; it is one of ambulatory, hospital"),
        ("statements=LVH,XYZ", r"encoder@.* makes no statement 'XYZ'; it makes .*LVH"),
        ("windows=some", "windows is 'some'; it is all, or left out"),
    ],
)
def test_an_option_that_cannot_be_is_refused_with_words(options, said):
    with pytest.raises(ConfigError, match=said):
        open_observer(f"encoder?{options}")
