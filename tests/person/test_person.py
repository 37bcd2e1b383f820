from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wearecg.block import HeartRate, SignalBlock
from wearecg.errors import SignalError
from wearecg.person import LEADS, Person, names
from wearecg.pipeline.frontend import FrontEnd

FS = 500


def play(scenario: str, seconds: float = 30, seed: int = 1, fs: float = FS) -> tuple[Person, np.ndarray]:
    person = Person(seed, scenario, fs)
    return person, person.samples(round(seconds * fs))


def lead(samples: np.ndarray, name: str) -> np.ndarray:
    return samples[:, LEADS.index(name)]


def average_beat(person: Person, samples: np.ndarray, kind: str = "N") -> np.ndarray:
    """Median of the beats of ``kind`` from 300 ms before R to 500 ms after, baseline before P at 0."""
    n, end = len(samples), len(samples) / FS
    rows = [round(b.time * FS) for b in person.beats_between(0.5, end - 0.6) if b.kind == kind]
    beat = np.median([samples[r - 150 : r + 250] for r in rows if r + 250 < n], axis=0)
    return beat - np.median(beat[:25], axis=0)


@pytest.mark.parametrize(
    "scenario", [*(n for n in names() if n not in ("lead-off", "rails")), "af+noise+motion"]
)
def test_einthoven_and_goldberger_hold_to_the_last_bit_whatever_happens(scenario: str) -> None:
    _, x = play(scenario, 12 if scenario == "demo" else 20)
    one, two = lead(x, "I"), lead(x, "II")
    np.testing.assert_array_equal(lead(x, "III"), two - one)
    np.testing.assert_array_equal(lead(x, "aVR"), -(one + two) / 2)
    np.testing.assert_array_equal(lead(x, "aVL"), one - two / 2)
    np.testing.assert_array_equal(lead(x, "aVF"), two - one / 2)


_WHOLE = {s: Person(3, s, 250).samples(1500) for s in ("demo", "vt+noise+motion+lead-off")}


@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 700), min_size=1, max_size=8),
    scenario=st.sampled_from(sorted(_WHOLE)),
)
def test_samples_do_not_depend_on_the_chunks_they_are_asked_in(cuts: list[int], scenario: str) -> None:
    person = Person(3, scenario, 250)
    parts = [person.samples(n) for n in cuts]
    total = sum(cuts)
    again = Person(3, scenario, 250).samples(total)
    np.testing.assert_array_equal(np.concatenate(parts), again)
    np.testing.assert_array_equal(again[:1500], _WHOLE[scenario][:total])


def test_one_sample_at_a_time_is_the_same() -> None:
    person = Person(3, "demo", 250)
    np.testing.assert_array_equal(
        np.concatenate([person.samples(1) for _ in range(600)]), _WHOLE["demo"][:600]
    )


def test_the_same_seed_is_the_same_person_and_another_is_not() -> None:
    np.testing.assert_array_equal(play("pvc", 5, 7)[1], play("pvc", 5, 7)[1])
    assert not np.array_equal(play("pvc", 5, 7)[1], play("pvc", 5, 8)[1])


def test_beats_do_not_depend_on_the_sampling_rate() -> None:
    assert Person(5, "af", 130).beats_between(0, 60) == Person(5, "af", 1000).beats_between(0, 60)


@pytest.mark.parametrize("scenario", ["sinus", "af", "pac", "pvc", "bigeminy", "vt", "pause", "st"])
@pytest.mark.parametrize("fs", [250, 500])
def test_truth_is_where_lead_ii_peaks_within_one_sample(scenario: str, fs: int) -> None:
    person, x = play(scenario, 30, fs=fs)
    two = lead(x, "II")
    beats = person.beats_between(0.2, 29.8)
    assert len(beats) > 15
    for beat in beats:
        r = round(beat.time * fs)
        reach = round(0.03 * fs)
        # The amplifier noise of 3 uV moves the flat top of a wide beat; the heart itself does not.
        near = np.convolve(two[r - reach - 2 : r + reach + 3], np.ones(5) / 5, "valid")
        tolerance = 0.012 if beat.kind == "V" else 1 / fs
        assert abs(np.argmax(near) - reach) / fs <= tolerance + 1e-9


def test_shape_of_a_normal_beat() -> None:
    person, x = play("sinus", 60)
    beat = average_beat(person, x)
    r = beat[150]
    assert 0.6 < lead(beat, "II")[150] < 1.6
    p, t = beat[50:125], beat[200:]
    assert all(lead(p, name).max() > 0.05 for name in ("II", "aVF", "V3"))
    assert all(lead(t, name).max() > 0.1 for name in ("II", "V2", "V3", "V4", "V5", "V6"))
    assert lead(beat, "aVR")[150] < -0.4
    assert lead(t, "aVR").min() < -0.1
    depth = {name: -lead(beat[130:180], name).min() for name in LEADS}
    height = {name: lead(beat[130:180], name).max() for name in LEADS}
    assert height["V1"] < 0.35 < depth["V1"]
    ratios = [height[v] / (height[v] + depth[v]) for v in ("V1", "V2", "V3", "V4", "V5")]
    assert ratios == sorted(ratios), "R grows and S shrinks from V1 to V5"
    assert height["V5"] > height["V6"] > 0.6
    assert r.shape == (13,)


def test_intervals_of_a_normal_beat() -> None:
    person, x = play("sinus", 60)
    beat = average_beat(person, x)
    speed = np.abs(np.gradient(beat[:, :12], 1 / FS, axis=0)).max(axis=1)
    fast = np.flatnonzero(speed[:190] > 6)
    assert 0.07 < (fast[-1] - fast[0]) / FS < 0.11
    onset = fast[0]
    p_onset = np.flatnonzero(lead(beat, "II")[:onset] > 0.015)[0]
    assert 0.12 < (onset - p_onset) / FS < 0.20
    t_peak = 175 + np.argmax(lead(beat, "V5")[175:])
    t_end = t_peak + np.flatnonzero(lead(beat, "V5")[t_peak:] < 0.02)[0]
    rr = np.median([b.rr for b in person.beats_between(0, 60)])
    assert 0.36 < (t_end - onset) / FS / np.sqrt(rr) < 0.46


def test_sinus_rhythm_breathes() -> None:
    rr = np.array([b.rr for b in Person(1, "sinus").beats_between(0, 300)])
    assert 0.6 < rr.mean() < 1.0
    assert 0.02 < rr.std() / rr.mean() < 0.08


def test_fibrillation_is_irregular_without_p_waves_and_with_f_waves() -> None:
    person, x = play("af", 60)
    beats = person.beats_between(0, 60)
    rr = np.array([b.rr for b in beats])
    assert {b.rhythm for b in beats} == {"AFIB"}
    assert 0.17 < rr.std() / rr.mean() < 0.32
    steps = np.diff(rr)
    assert abs(np.corrcoef(rr[:-1], rr[1:])[0, 1]) < 0.35
    assert np.sqrt(np.mean(steps**2)) > 0.1
    # No wave keeps its place before R.
    normal, sinus = play("sinus", 60)
    assert (
        lead(average_beat(person, x)[60:120], "II").max()
        < 0.4 * lead(average_beat(normal, sinus)[60:120], "II").max()
    )
    # Between the T wave and the next QRS there is rhythm at 5 to 8 Hz.
    rest = [
        x[round((a.time + 0.55) * FS) : round((b.time - 0.06) * FS), LEADS.index("V1")]
        for a, b in pairwise(beats)
        if a.time > 1 and b.rr > 0.95
    ]
    power = sum(np.abs(np.fft.rfft((r - r.mean()) * np.hanning(len(r)), 2048)) ** 2 for r in rest)
    hz = np.fft.rfftfreq(2048, 1 / FS)
    assert 4.5 < hz[np.argmax(power)] < 8.5
    assert 0.03 < np.ptp(np.concatenate(rest)) < 0.35


def test_ventricular_beats_are_early_wide_and_followed_by_a_pause() -> None:
    person, x = play("pvc", 120)
    beats = person.beats_between(0, 120)
    early = [i for i, b in enumerate(beats[:-1]) if b.kind == "V" and i]
    assert len(early) >= 8
    for i in early:
        usual = np.median([b.rr for b in beats if b.kind == "N"])
        assert beats[i].rr < 0.75 * usual
        assert beats[i + 1].rr > 1.2 * usual
    wide, normal = (np.abs(lead(average_beat(person, x, kind)[100:200], "II")) for kind in "VN")
    assert (wide > wide.max() / 2).sum() > 2 * (normal > normal.max() / 2).sum()
    assert lead(average_beat(person, x, "V")[230:], "II").min() < -0.15, "T against the QRS"


def test_bigeminy_alternates() -> None:
    kinds = [b.kind for b in Person(1, "bigeminy").beats_between(0, 60)]
    assert all(a != b for a, b in pairwise(kinds))


def test_tachycardia_comes_in_fast_runs() -> None:
    runs = [b for b in Person(1, "vt").beats_between(0, 60) if b.rhythm == "VT"]
    assert len(runs) > 16
    rate = 60 / np.median([b.rr for b in runs])
    assert 150 < rate < 190


def test_pauses_are_three_seconds_and_silent() -> None:
    person, x = play("pause", 60)
    pauses = [b for b in person.beats_between(5, 60) if b.rr > 2.9]
    assert len(pauses) >= 3
    for beat in pauses:
        still = x[round((beat.time - beat.rr + 0.6) * FS) : round((beat.time - 0.3) * FS), :12]
        assert np.ptp(still, axis=0).max() < 0.15


@pytest.mark.parametrize(
    ("scenario", "raised", "lowered"),
    [
        ("st", ("V2", "V3"), ("III",)),
        ("st-inferior", ("II", "III", "aVF"), ("aVL",)),
        ("st-depression", ("aVR",), ("V4", "V5", "II")),
    ],
)
def test_st_shift_is_where_the_territory_says(
    scenario: str, raised: tuple[str, ...], lowered: tuple[str, ...]
) -> None:
    shifted, normal = (average_beat(*play(name, 30)) for name in (scenario, "sinus"))
    change = (shifted - normal)[150 + 40 : 150 + 60].mean(axis=0)
    assert all(change[LEADS.index(name)] > 0.1 for name in raised)
    assert all(change[LEADS.index(name)] < -0.05 for name in lowered)


def test_pulse_follows_each_beat_and_is_weak_after_a_short_interval() -> None:
    person, x = play("sinus", 30)
    ppg = lead(x, "PPG")
    for beat in person.beats_between(1, 28):
        r = round(beat.time * FS)
        assert 0.2 < np.argmax(ppg[r : r + 300]) / FS < 0.5
    person, x = play("bigeminy", 30)
    ppg = lead(x, "PPG")
    heights = {
        kind: np.median(
            [
                np.ptp(ppg[round((b.time + 0.15) * FS) : round((b.time + 0.42) * FS)])
                for b in person.beats_between(1, 28)
                if b.kind == kind
            ]
        )
        for kind in "NV"
    }
    assert heights["V"] < 0.6 * heights["N"]


def test_electrodes_that_fall_off_are_flagged_and_on_the_rail() -> None:
    person, x = play("lead-off", 20)
    off_v2, off_ll = person.lead_off(4, 4.04), person.lead_off(14, 14.04)
    assert [n for n, off in zip(LEADS, off_v2, strict=True) if off] == ["V2"]
    assert [n for n, off in zip(LEADS, off_ll, strict=True) if not off] == ["I", "PPG"]
    assert not any(person.lead_off(8, 12))
    assert (x[4 * FS : 6 * FS, LEADS.index("V2")] == 5).all()
    assert np.ptp(x[4 * FS : 6 * FS, LEADS.index("V3")]) > 0.5
    assert (x[14 * FS : 16 * FS, LEADS.index("II")] == 5).all()
    assert np.ptp(x[14 * FS : 16 * FS, LEADS.index("I")]) > 0.2


@pytest.mark.parametrize(("mains", "hz"), [(50.0, 50), (60.0, 60)])
def test_noise_hums_at_the_mains(mains: float, hz: int) -> None:
    x = lead(Person(1, "noise", FS, mains).samples(10 * FS), "V1")
    power = np.abs(np.fft.rfft(x * np.hanning(len(x))))
    peak = np.argmax(power[400:]) + 400
    assert abs(peak / 10 - hz) <= 0.1


def test_motion_comes_in_bursts() -> None:
    moved, still = (lead(play(name, 60)[1], "V4").reshape(60, FS) for name in ("motion", "sinus"))
    difference = np.ptp(moved - still, axis=1)
    assert (difference > 0.5).sum() > 10
    assert (difference < 0.05).sum() > 10


def test_demo_walks_through_everything() -> None:
    person = Person(1, "demo", 100)
    found = {(b.rhythm, b.kind) for b in person.beats_between(0, 230)}
    assert {("N", "N"), ("N", "V"), ("B", "V"), ("AFIB", "N"), ("VT", "V")} <= found
    again = person.beats_between(230, 250)
    assert {b.rhythm for b in again} == {"N"}, "and starts over"


@pytest.mark.parametrize("fs", [100, 130, 360, 1000])
def test_any_usual_rate(fs: int) -> None:
    x = Person(1, "demo", fs).samples(3 * fs)
    assert x.shape == (3 * fs, 13)
    assert np.isfinite(x).all()


@pytest.mark.parametrize("fs", [0, 30, -5, float("nan"), 1e5])
def test_impossible_rates_are_refused(fs: float) -> None:
    with pytest.raises(SignalError, match=r"cannot be sampled|give the samples per second"):
        Person(1, "sinus", fs)


def test_living_is_cheap() -> None:
    person = Person(1, "demo", 500)
    began = time.process_time()
    person.samples(100 * 500)
    assert time.process_time() - began < 3.0, "3 % of a core at 500 Hz"


def heart_rates(scenario: str, name: str = "II", seconds: int = 50) -> list[HeartRate]:
    person = Person(3, scenario, 250)
    front, rates = FrontEnd(250, (name,)), []
    column = person.leads.index(name)
    for second in range(seconds):
        x = person.samples(250)[:, column : column + 1]
        rates += front.feed(SignalBlock(x, 250, (name,), float(second)))
    return [event for event in rates if isinstance(event, HeartRate)]


@pytest.mark.parametrize(
    ("scenario", "bpm"),
    [
        ("tall-t", 69),
        ("sinus+hum", 69),
        ("sinus+rails", 69),
        ("paced", 70),
        ("vt-165", 165),
        ("vt-190+hum", 190),
        ("rate-30", 30),
        ("rate-300", 300),
    ],
)
def test_a_difficult_heart_gets_its_rate(scenario: str, bpm: float) -> None:
    rates = [rate.bpm for rate in heart_rates(scenario)[12:]]
    assert np.mean([rate is not None for rate in rates]) > 0.8
    assert all(rate is None or abs(rate - bpm) < 0.08 * bpm for rate in rates)


def test_low_beats_make_no_rate() -> None:
    assert {rate.reason for rate in heart_rates("alternans")[8:]} == {
        "a small wave halfway between beats may be a beat"
    }


def test_p_waves_alone_and_lost_spikes_are_no_beats() -> None:
    beats = [b.time for b in Person(3, "standstill").beats_between(0, 50)]
    stop = next(a for a, b in pairwise(beats) if b - a > 4)
    stopped = [r for r in heart_rates("standstill", "V2") if stop + 3.5 < r.time < stop + 17]
    assert len(stopped) > 10
    assert all(rate.reason.startswith("no beats") for rate in stopped)
    assert all(r.bpm is None or abs(r.bpm - 32) < 3 for r in heart_rates("pacing-lost", "V2"))


def test_spikes_are_one_sample_wide() -> None:
    for scenario in ("paced", "pacing-lost"):
        x = lead(play(scenario, 20)[1], "II")
        jumps = np.abs(np.diff(x))
        assert 20 <= (jumps > 1.0).sum() / 2 <= 24
