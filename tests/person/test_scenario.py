from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearecg.errors import SourceError
from wearecg.person.scenario import Scenario, names


def test_names_join() -> None:
    (act,) = Scenario.parse("AF + noise+lead_off").acts
    assert (act.rhythm, act.injury, act.overlays, act.duration) == (
        "af",
        None,
        frozenset({"noise", "lead-off"}),
        math.inf,
    )
    (act,) = Scenario.parse("st-inferior").acts
    assert act.rhythm == "sinus"
    assert act.injury is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("asystole", "no scenario 'asystole'; known: sinus, af"),
        ("", "no scenario ''"),
        ("af+vt", "af and vt at once"),
        ("st+st-depression", "st and st-depression at once"),
        ("demo+noise", "no scenario 'demo'"),
        ("vt-19", "no scenario 'vt-19'"),
        ("rate-400", "no scenario 'rate-400'"),
        ("af-90", "no scenario 'af-90'"),
        ("vt-190+rate-60", "vt-190 and rate-60 at once"),
    ],
)
def test_what_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        Scenario.parse(text)


def test_a_rate_in_a_name() -> None:
    (act,) = Scenario.parse("VT-165 + hum").acts
    assert (act.rhythm, act.bpm, act.overlays) == ("sustained", 165.0, frozenset({"hum"}))
    assert Scenario.parse("rate-40").acts[0].bpm == 40.0
    assert Scenario.parse("vt").acts[0].bpm is None


def test_every_name_is_a_scenario() -> None:
    assert all(Scenario.parse(name).acts for name in names())


@given(since=st.floats(0, 1e5), length=st.floats(0.001, 500))
def test_spans_cover_the_time_asked_for_without_a_hole(since: float, length: float) -> None:
    spans = Scenario.parse("demo").spans(since, since + length)
    assert spans[0][2] == since
    assert spans[-1][3] == since + length
    assert all(a[3] == b[2] for a, b in pairwise(spans))
    assert all(start <= low < high <= start + act.duration + 1e-6 for act, start, low, high in spans)
