"""What holds for every observer that is registered, models included."""

from __future__ import annotations

from dataclasses import astuple
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wearecg
from wearecg.block import BeatClass, Measure, RRIntervals, SignalBlock, Statement, StreamId, Waves
from wearecg.observers import BUILT_IN, Observer, known, open_observer
from wearecg.pipeline.engine import Engine

FS, SECONDS = 125, 44
LEADS = ("II", "V1", "PPG")
LOST = range(20 * FS, 21 * FS)


@pytest.fixture(scope="module", params=known())
def observer(request) -> Observer:
    return open_observer(request.param)


@pytest.fixture(scope="module")
def signal() -> np.ndarray:
    person = wearecg.Person(seed=3, scenario="pvc", fs=FS)
    x = person.samples(FS * SECONDS)[:, [person.leads.index(lead) for lead in LEADS]]
    x[900:930, 1] = np.nan
    return x


def run(observer: Observer, x: np.ndarray, cuts: list[int]) -> list[object]:
    """Feed an ECG with a pulse, and a strap's intervals, cut at ``cuts``; return what the observer says."""
    engine, said, lost = Engine(["ecg", "strap"], [observer]), [], 0
    for a, b in pairwise(sorted({0, LOST.start, LOST.stop, len(x), *cuts})):
        if a in LOST:
            lost += b - a
            continue
        said += engine.feed(SignalBlock(x[a:b], FS, LEADS, a / FS, lost), 100 + b / FS)
        lost = 0
    rr = 0.7 + 0.2 * np.random.default_rng(1).random(80)
    strap = StreamId("rr", 2)
    for interval, arrival in zip(rr, 100 + np.cumsum(rr), strict=True):
        said += engine.feed(RRIntervals((float(interval),), 75.0, stream=strap), float(arrival))
    own = {"twelve", "pulse"}
    return [
        event
        for event in said + engine.finish()
        if isinstance(event, Statement | Measure | BeatClass | Waves) or getattr(event, "stream", "") in own
    ]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, FS * SECONDS - 1), max_size=60))
def test_it_says_the_same_however_the_stream_comes(observer, signal, cuts):
    whole = run(observer, signal, [])
    cut = run(observer, signal, cuts)
    assert whole
    assert texts(cut) == texts(whole)
    np.testing.assert_allclose(numbers(cut), numbers(whole), atol=2e-3, equal_nan=True)


def texts(events: list[object]) -> list[object]:
    """All that is said, without the numbers; blocks of a stream that is made, without how they are cut."""
    return [
        (event.key, event.why, event.start, event.end, event.reason, [one.key for one in event.evidence])
        for event in events
        if isinstance(event, Statement)
    ] + [
        tuple(value for value in astuple(event) if not isinstance(value, float))
        for event in events
        if isinstance(event, Measure | BeatClass | Waves)
    ]


def numbers(events: list[object]) -> np.ndarray:
    said = [
        [event.probability or 0.0, event.uncertainty or 0.0, *(one.value for one in event.evidence)]
        for event in events
        if isinstance(event, Statement)
    ]
    said += [
        [value for value in astuple(event) if isinstance(value, float)]
        for event in events
        if isinstance(event, Measure | BeatClass | Waves)
    ]
    made = [event.samples.ravel() for event in events if isinstance(event, SignalBlock)]
    return np.concatenate([*said, *made, [0.0]])


def test_each_says_what_it_is(observer):
    name, _, version = observer.source.partition("@")
    assert name
    assert version
    assert observer.wants


def test_an_option_that_there_is_not_is_refused_with_those_that_there_are(observer):
    name = observer.source.partition("@")[0]
    with pytest.raises(wearecg.WearECGError, match="colour"):
        open_observer(f"{name}?colour=red")


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(wearecg.ModelError, match="encoder"):
        open_observer("encodr")
    assert set(BUILT_IN) < set(known())
