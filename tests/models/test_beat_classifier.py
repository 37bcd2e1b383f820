"""The classes of the beats of a recording."""

from __future__ import annotations

import numpy as np
import pytest

import wearecg
from wearecg.errors import ModelError, SignalError
from wearecg.models import BeatClassifier, load_model
from wearecg.models.beat_classifier import places


@pytest.fixture(scope="module")
def model() -> BeatClassifier:
    return load_model("beats")


def test_a_recording_is_judged_as_a_stream_is(model):
    person = wearecg.Person(seed=1, scenario="pvc", fs=250)
    x = person.samples(250 * 60)[:, [person.leads.index("II")]]
    events = [
        event
        for event in wearecg.Session(_source(x), [wearecg.open_observer("beats")])
        if isinstance(event, wearecg.Beat | wearecg.BeatClass)
    ]
    beats = [event.time for event in events if isinstance(event, wearecg.Beat)]
    live = [event.code for event in events if isinstance(event, wearecg.BeatClass)]
    at_once = [one.code for one in model(x, 250, beats)]
    assert np.mean([a == b for a, b in zip(live, at_once, strict=True)]) > 0.97


def _source(x):
    from wearecg.formats import Recording, Stored
    from wearecg.transports.replay import ReplaySource

    return ReplaySource(Stored.of(Recording(x, 250.0, ("II",), "made")), float("inf"))


def test_a_beat_is_told_when_the_next_has_come_or_after_half_a_second_to_a_second_and_a_half():
    told = [(round(behind, 2), whole) for _, _, behind, whole in places([0.6, 1.4, 3.9])]
    assert told == [(0.8, True), (0.6, False), (1.1, False)]


@pytest.mark.parametrize(
    ("samples", "fs", "peaks", "error"),
    [
        (np.zeros(100), 50, [0.5], "at least 100 Hz"),
        (np.zeros((100, 2, 2)), 250, [0.1], "give"),
        (np.zeros(250), 250, [2.0], "R peaks from 2 to 2 s in 1 s"),
    ],
)
def test_what_cannot_be_judged_is_refused(model, samples, fs, peaks, error):
    with pytest.raises(SignalError, match=error):
        model(samples, fs, peaks)


def test_no_beats_have_no_class(model):
    assert model(np.zeros(250), 250, []) == ()


def test_another_model_tells_no_classes():
    waves = load_model("waves")
    with pytest.raises(ModelError, match="does not tell the classes of beats"):
        BeatClassifier(waves.card, waves._runner)
