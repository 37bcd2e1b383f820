"""Controls that cannot be fooled."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.datasets import pulses
from export.models.ppg2ecg import evaluate as evaluation

LAG = 0.42


def test_controls_are_what_they_say(people):
    def knows(signal, mask):
        return signal[:, 0], signal[:, 0] * 0 - 9, np.tile(np.float32([0.5, -4]), (len(signal), 1))

    on = evaluation.Trial(people[3:], [np.ones(6, bool)] * 2)
    rules = evaluation.learn(people)
    assert rules.lag == pytest.approx(LAG, abs=0.01)
    measured = evaluation.measure(on, evaluation.methods(rules, {"silent": knows}, on.pairs))
    f1 = {name: values[evaluation.METRICS["f50"]][0] for name, values in measured.items()}
    assert f1["oracle template"] == 1.0
    assert f1["upslope + template"] > 0.97
    assert f1["silent"] == 0.0
    assert f1["mean waveform"] < 0.5
    r = {name: values[evaluation.METRICS["r"]][0] for name, values in measured.items()}
    assert r["oracle template"] > r["upslope + template"] > r["mean waveform"]
    text = evaluation.table(on, measured)
    assert "2 recordings, 2 subjects, 12 of 12 windows" in text


def test_spoiled_pulses_are_spoiled_the_same_each_time(people):
    once, twice = (evaluation.spoiled(people[3:4])[0] for _ in range(2))
    assert np.array_equal(once.ppg, twice.ppg)
    assert pulses.f1(once.beats, once.pulses - LAG) < people[3].agreement
