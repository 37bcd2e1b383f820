from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ecg.signals import WIDE, add, cuts, ecg, quiet
from wearecg.ecg.leads import TWELVE
from wearecg.ecg.quality import QualityMeter

FS = 250.0


def reasons(x, off=(), fs=FS, lead="II"):
    meter = QualityMeter(fs, (lead,))
    return [(q.leads[0].verdict, q.leads[0].reason) for q in meter.feed(np.asarray(x)[:, None], off)]


def test_clean_ecg_is_good_each_second():
    x, _ = ecg(FS, 10)
    meter = QualityMeter(FS, ("II",), start=3.0)
    found = meter.feed(x[:, None])
    assert [(q.start, q.end) for q in found] == [(3.0 + k, 4.0 + k) for k in range(10)]
    assert all(q.leads[0].verdict == "good" for q in found)
    assert set(found[-1].leads[0].measures) == {"range_mv", "noise_mv", "noise_ratio", "baseline_mv"}


def test_what_is_wrong_is_named():
    rng = np.random.default_rng(0)
    x, _ = ecg(FS, 10)
    t = np.arange(len(x)) / FS
    assert set(reasons(0 * x + 0.3)) == {("unusable", "flat")}
    assert set(reasons(rng.normal(0, 0.3, len(x)))) == {("unusable", "noise")}
    assert ("unusable", "saturated") in reasons(np.clip(x + 3 * np.sin(t), -2, 2))
    assert ("poor", "baseline") in reasons(x + 1.5 * np.sin(2 * np.pi * 0.4 * t))
    assert set(reasons(x, (True,))) == {("unusable", "lead off")}


def test_asystole_is_not_called_lead_off_or_noise():
    x = np.random.default_rng(0).normal(0, 0.004, 2500)
    assert set(reasons(x)) == {("good", "")}


def test_missing_samples():
    x, _ = ecg(FS, 6)
    x[300:310] = np.nan
    x[600:700] = np.nan
    found = reasons(x)
    assert found[1] == ("poor", "gap")
    assert found[2] == ("unusable", "gap")
    assert found[4] == ("good", "")
    assert reasons(np.full(500, np.nan)) == [("unusable", "gap")] * 2


def test_a_long_gap_is_one_verdict_and_seconds_stay_whole():
    x, _ = ecg(FS, 20)
    meter = QualityMeter(FS, ("II",))
    found = meter.feed(x[:400, None]) + meter.gap(1500) + meter.feed(x[1900:, None])
    assert [(q.start, q.end, q.leads[0].reason) for q in found[:4]] == [
        (0, 1, ""),
        (1, 2, "gap"),
        (2, 7, "gap"),
        (7, 8, "gap"),
    ]
    assert [(q.start, q.end) for q in found[4:]] == [(8 + k, 9 + k) for k in range(12)]


def test_other_signals_are_judged_only_for_contact():
    rng = np.random.default_rng(0)
    assert set(reasons(1000 + rng.normal(0, 300, 1000), lead="PPG")) == {("good", "")}
    assert set(reasons(np.full(1000, 7.0), lead="PPG")) == {("unusable", "flat")}


def test_between_says_the_worse_for_long_enough():
    x, _ = ecg(FS, 10)
    x[1000:2000] = 0.0
    meter = QualityMeter(FS, ("II",))
    meter.feed(x[:, None])
    assert meter.between(0, 4).leads[0].verdict == "good"
    assert meter.between(4, 8).leads[0].verdict == "unusable"
    assert meter.between(4, 8).leads[0].reason == "flat"
    assert meter.between(50, 60).leads[0].reason == "not judged"


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=5), fs=st.sampled_from([100.0, 187.3, 250.0]))
def test_same_verdicts_for_any_chunking(sizes, fs):
    x, _ = ecg(fs, 7, noise=0.03)
    x = np.stack((x, np.roll(x, 11)), axis=1)
    x[180:200, 1] = np.nan
    whole, pieces = QualityMeter(fs, ("II", "V1")), QualityMeter(fs, ("II", "V1"))
    assert [q for cut in cuts(len(x), sizes) for q in pieces.feed(x[cut])] == whole.feed(x)


@pytest.fixture
def data():
    folder = os.environ.get("WEARECG_DATA")
    if not folder or not (Path(folder) / "mitdb").is_dir():
        pytest.skip("set WEARECG_DATA to a folder with mitdb/ and nstdb/")
    return Path(folder)


def test_real_ecg_is_usable_and_real_noise_is_not_good(data):
    wfdb = pytest.importorskip("wfdb")
    verdicts = []
    for record in ("106", "119", "223"):
        x = wfdb.rdrecord(str(data / "mitdb" / record), sampto=360 * 120).p_signal[:, 0]
        verdicts += reasons(x, fs=360.0)
    assert np.mean([verdict != "unusable" for verdict, _ in verdicts]) > 0.95
    for noise in ("em", "ma"):
        x = wfdb.rdrecord(str(data / "nstdb" / noise), sampto=360 * 300).p_signal[:, 0]
        assert np.mean([verdict != "good" for verdict, _ in reasons(x, fs=360.0)]) > 0.6


@pytest.mark.parametrize("bpm", [130, 165, 190, 215])
def test_wide_and_regular_is_no_noise(bpm):
    x = quiet(FS, 20)
    add(x, FS, np.arange(0, 20, 60 / bpm), WIDE)
    found = reasons(x)
    assert set(found[2:]) == {("poor", "wide")}


def test_drawn_signals_are_unlike_an_ecg():
    t = np.arange(2500) / FS
    for x in (np.sign(np.sin(2 * np.pi * t)), t % 1.0):
        assert set(reasons(0.5 * x + quiet(FS, 10))[1:]) == {("unusable", "unlike ECG")}


def test_amplitudes_that_no_heart_has():
    x, _ = ecg(FS, 20)
    assert {reason for _, reason in reasons(x)} == {""}
    assert reasons(5 * x)[3:] == [("poor", "amplitude")] * 17
    assert {verdict for verdict, _ in reasons(10 * x)[3:]} == {"poor"}


@pytest.mark.parametrize(
    ("leads", "mv", "known"), [(1, 0.06, False), (1, 0.15, True), (12, 0.2, False), (12, 0.7, True)]
)
def test_amplitudes_that_are_too_small_for_a_heart(leads, mv, known):
    x = np.stack([ecg(FS, 20, mv=mv, noise=0.0005, wander=0.0)[0]] * leads, axis=1)
    meter = QualityMeter(FS, TWELVE[:leads])
    said = {(lead.verdict, lead.reason) for quality in meter.feed(x)[13:] for lead in quality.leads}
    assert said == {("good", "") if known else ("poor", "amplitude")}


def test_samples_at_the_end_of_the_range_are_told():
    x, _ = ecg(FS, 20)
    x[np.random.default_rng(0).random(len(x)) < 0.01] = -3.3
    assert np.mean([found == ("poor", "saturated") for found in reasons(x)]) > 0.7


def test_a_second_can_be_judged_again():
    x, _ = ecg(FS, 4)
    noise = np.random.default_rng(0).normal(0, 0.3, 250).astype(np.float32)
    plain, again = QualityMeter(FS, ("II",)), QualityMeter(FS, ("II",))
    plain.feed(x[:, None])
    (spoilt,) = again.feed((x[:250] + noise)[:, None])
    assert again.noisy
    assert spoilt.leads[0].reason == "noise"
    np.testing.assert_array_equal(again.samples[:, 0], x[:250] + noise)
    again.again(x[:250, None])
    again.feed(x[250:, None])
    assert list(again.recent) == list(plain.recent)
