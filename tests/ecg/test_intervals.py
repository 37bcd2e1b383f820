"""Intervals over a stretch."""

from __future__ import annotations

import numpy as np
import pytest

from wearecg.block import ECG, Waves
from wearecg.ecg.intervals import LEAST_BEATS, SYSTEMATIC_MS, Measured, measures

FS = 500.0


def beat(time, rr=0.8, qt=0.4, p=0.15):
    """A beat whose QRS is 90 ms long."""
    on = time - 0.04
    waves = Waves(
        time, "II", "w@1", p_on=None if p is None else on - p, qrs_on=on, qrs_off=on + 0.09, t_off=on + qt
    )
    return Measured(waves, rr)


def signal(beats, st):
    """What is to be measured: a level before each QRS complex, and another behind it for 0.2 s."""

    def samples(start, end):
        t = np.arange(round(start * FS), round(end * FS)) / FS
        x = np.full(len(t), 0.2)
        for waves, _ in beats:
            x[(t > waves.qrs_off) & (t < waves.qrs_off + 0.2)] += st
        return np.stack([x, -x], axis=1).astype(np.float32)

    return samples


def said(beats, leads=("II", "V1"), st=0.0):
    columns = {lead: ["II", "V1"].index(lead) for lead in leads}
    found = measures(beats, 0.0, 10.0, FS, signal(beats, st), columns, "waves@1", ECG)
    return {(one.name, *one.leads): one for one in found}


def test_known_intervals_come_out():
    found = said([beat(0.8 * k) for k in range(1, 12)], st=0.15)
    assert found["pr", "II"].value == pytest.approx(150, abs=0.1)
    assert found["qrs", "II"].value == pytest.approx(90, abs=0.1)
    assert found["qt", "II"].value == pytest.approx(400, abs=0.1)
    assert found["qtc_fridericia", "II"].value == pytest.approx(400 / 0.8 ** (1 / 3), abs=0.1)
    assert found["qtc_bazett", "II"].value == pytest.approx(400 / 0.8**0.5, abs=0.1)
    for name in ("st60", "st80"):
        assert found[name, "II"].value == pytest.approx(0.15, abs=1e-3)
        assert found[name, "V1"].value == pytest.approx(-0.15, abs=1e-3)
    assert {one.unit for one in found.values()} == {"ms", "mV"}


def test_the_error_has_the_spread_and_what_more_beats_do_not_lessen():
    rng = np.random.default_rng(2)
    spread = [beat(k, qt=0.4 + 0.02 * rng.standard_normal()) for k in range(1, 10)]
    even = said([beat(float(k)) for k in range(1, 10)])["qt", "II"]
    uneven = said(spread)["qt", "II"]
    assert even.error == pytest.approx(SYSTEMATIC_MS["qt"], abs=0.1)
    assert SYSTEMATIC_MS["qt"] + 1 < uneven.error < SYSTEMATIC_MS["qt"] + 15


def test_uneven_intervals_are_corrected_as_a_whole():
    rr = [0.5, 1.1, 0.6, 1.0, 0.7, 0.9]
    found = said([beat(float(k), rr=one) for k, one in enumerate(rr, 1)])
    assert found["qtc_bazett", "II"].value == pytest.approx(400 / 0.8**0.5, abs=0.1)
    even = said([beat(float(k), rr=0.8) for k in range(1, 7)])
    assert found["qtc_bazett", "II"].error > even["qtc_bazett", "II"].error


def test_without_p_waves_there_is_no_pr():
    found = said([beat(float(k), p=None if k % 4 else 0.15) for k in range(1, 10)])
    assert ("pr", "II") not in found
    assert ("qt", "II") in found


def test_few_beats_give_nothing():
    assert not said([beat(float(k)) for k in range(1, LEAST_BEATS)])


def test_st_only_where_the_size_is_known():
    names = {key for key in said([beat(float(k)) for k in range(1, 10)], leads=("V1",)) if key[0] == "st60"}
    assert names == {("st60", "V1")}
