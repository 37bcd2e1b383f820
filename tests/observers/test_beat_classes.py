"""``beats`` in a stream."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import wearecg
from wearecg.block import Beat, BeatClass, SignalBlock
from wearecg.observers import open_observer
from wearecg.pipeline.engine import Engine

FS = 250


@pytest.fixture(scope="module")
def observer():
    return open_observer("beats")


def person(scenario, seconds=90, leads=("II",), seed=1):
    made = wearecg.Person(seed=seed, scenario=scenario, fs=FS)
    return made, made.samples(FS * seconds)[:, [made.leads.index(lead) for lead in leads]]


def run(observer, x, leads=("II",), step=25, late=None):
    """Feed 0.1 s at a time; note in ``late`` how long after each R peak its class came."""
    engine, said = Engine("person", [observer]), []
    for a, b in pairwise([*range(0, len(x), step), len(x)]):
        events = engine.feed(SignalBlock(x[a:b].astype(np.float32), FS, leads, a / FS), 100 + b / FS)
        if late is not None:
            late += [b / FS - event.time for event in events if isinstance(event, BeatClass)]
        said += events
    return said + engine.finish()


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_every_beat_has_a_class_within_a_second_and_a_half(observer):
    late: list[float] = []
    events = run(observer, person("sinus")[1], late=late)
    assert [one.time for one in of(events, BeatClass)] == [one.time for one in of(events, Beat)]
    assert {one.code for one in of(events, BeatClass)} == {"N"}
    assert max(late) <= 1.5 + 0.1


@pytest.mark.parametrize(("scenario", "code"), [("pvc", "V"), ("bigeminy", "V"), ("pac", "S")])
@pytest.mark.parametrize("gain", [1.0, -1.0, 0.05])
def test_early_beats_are_told_apart(observer, scenario, code, gain):
    made, x = person(scenario)
    said = of(run(observer, gain * x), BeatClass)
    truth = [(beat.time, beat.kind) for beat in made.beats_between(15, 88)]
    kinds = {"V": "V", "A": "S"}
    right = wrong = 0
    for time, kind in truth:
        near = min(said, key=lambda one: abs(one.time - time))
        ours, theirs = near.code, kinds.get(kind, "N")
        right += ours == theirs == code
        wrong += (ours == code) != (theirs == code)
    assert right >= 5
    assert wrong <= 0.1 * right + 1


def test_atrial_fibrillation_has_no_early_beats(observer):
    said = of(run(observer, person("af")[1]), BeatClass)
    assert np.mean([one.code == "N" for one in said]) > 0.9


def test_nothing_is_said_of_what_cannot_be_read(observer):
    x = person("sinus", 40)[1]
    x[20 * FS : 30 * FS] = 3.3
    said = of(run(observer, x), BeatClass)
    assert not [one for one in said if 21.5 < one.time < 30]
    assert [one for one in said if one.time > 33]


def test_it_comes_with_auto():
    from wearecg.observers import open_observers

    assert [one.source.partition("@")[0] for one in open_observers("auto")][1:] == [
        "beats",
        "waves",
        "episodes",
    ]
