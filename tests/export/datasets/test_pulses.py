"""Pulses and ECGs paired."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from export.datasets import pulses

LAG = 0.42


def test_times_are_paired_once_and_in_order():
    truth, found = np.array([1.0, 2.0, 3.0]), np.array([0.99, 1.04, 2.5, 3.05])
    i, j = pulses.matches(truth, found, 0.06)
    assert i.tolist() == [0, 2]
    assert j.tolist() == [0, 3]
    assert pulses.f1(truth, found, 0.06) == pytest.approx(4 / 7)
    assert pulses.f1(np.zeros(0), np.zeros(0)) == 1.0


def test_the_lag_is_found(people):
    assert people[0].lag == pytest.approx(LAG, abs=0.01)
    assert people[0].agreement > 0.97
    lag, agreement = pulses.find_lag(people[0].beats, people[1].pulses)
    assert agreement < 0.5 or abs(lag - LAG) > 0.02


@pytest.mark.parametrize("name", ["bidmc", "cinc2015"])
def test_no_subject_is_in_two_parts(name, tmp_path):
    data = Path(os.environ.get("WEARECG_DATA", ""))
    if not (data / name).is_dir():
        pytest.skip(f"WEARECG_DATA has no {name}/")
    pairs = pulses.load(data, tmp_path, (name,))
    parts = {(pair.subject, pair.part) for pair in pairs}
    assert len(parts) == len({pair.subject for pair in pairs})
    assert {pair.part for pair in pairs} >= {"train", "test"}
    assert np.median([pair.agreement for pair in pairs]) > (0.5 if name == "cinc2015" else 0.95)
    again = pulses.load(data, tmp_path, (name,))
    assert all(np.array_equal(a.ppg, b.ppg, equal_nan=True) for a, b in zip(pairs, again, strict=True))
