from __future__ import annotations

import numpy as np
import pytest

import wearecg
from wearecg.ecg.pulse import find_pulses, judge, pulse_band

FS = 100.0


@pytest.mark.parametrize(("scenario", "seed"), [("sinus", 1), ("sinus", 4), ("af", 2), ("pvc", 3)])
def test_every_pulse_of_a_person_is_found_where_it_rises_most(scenario, seed):
    person = wearecg.Person(seed=seed, scenario=scenario, fs=FS)
    ppg = person.samples(6000)[:, person.leads.index("PPG")]
    found = find_pulses(pulse_band(ppg, FS), FS)
    beats = person.beats_between(0.5, 58.5)
    lags = np.array([min(abs(found - b.time - 0.28)) for b in beats if b.kind == "N" and b.rr > 0.6])
    assert (lags < 0.06).mean() > 0.97
    assert len(found) <= len(person.beats_between(-1, 60))


@pytest.mark.parametrize("shift", [0.0, 0.002, 0.005, 0.008])
def test_times_lie_between_samples(shift):
    t = np.arange(1000) / FS
    x = np.sin(2 * np.pi * 1.25 * (t - shift)) + 0.3 * np.sin(2 * np.pi * 2.5 * (t - shift))
    found = find_pulses(x, FS)
    expected = 0.8 * np.round((found - shift) / 0.8) + shift
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert len(found) == 12


def test_nothing_is_found_where_nothing_is():
    assert len(find_pulses(np.zeros(500), FS)) == 0
    assert len(find_pulses(np.full(500, np.nan), FS)) == 0
    assert len(find_pulses(np.zeros(2), FS)) == 0
    x = np.sin(2 * np.pi * 1.25 * np.arange(1000) / FS)
    x[300:600] = np.nan
    found = find_pulses(x, FS)
    assert len(found[(found > 3) & (found < 6)]) == 0
    assert len(found) == 8


def clean(seed: int = 1, scenario: str = "sinus") -> np.ndarray:
    person = wearecg.Person(seed=seed, scenario=scenario, fs=FS)
    return person.samples(1000)[:, person.leads.index("PPG")]


@pytest.mark.parametrize("scenario", ["sinus", "af"])
@pytest.mark.parametrize("seed", range(4))
def test_a_clean_pulse_is_good_whatever_the_rhythm_and_the_unit(seed, scenario):
    x = clean(seed, scenario)
    assert judge(x, FS).verdict != "unusable"
    assert judge(x, FS).verdict == judge(50_000 + 300 * x, FS).verdict
    if scenario == "sinus":
        assert judge(x, FS).verdict == "good"


def spoil(x, kind):
    t = np.arange(len(x)) / FS
    rng = np.random.default_rng(3)
    if kind == "gap":
        x[200:251] = np.nan
    elif kind == "flat":
        x[:] = 0.7
    elif kind == "saturated":
        x = np.clip(x, -9, np.quantile(x, 0.9))
    elif kind == "low perfusion":
        x += rng.normal(0, 0.6, len(x))
    elif kind == "motion":
        x += 4 * np.exp(-(((t - 5) / 0.3) ** 2))
    elif kind == "not periodic":
        x[300:700] = x[300]
    elif kind == "upside down":
        x = -x
    return x


@pytest.mark.parametrize(
    "kind", ["gap", "flat", "saturated", "low perfusion", "motion", "not periodic", "upside down"]
)
def test_a_spoilt_pulse_is_unusable_and_the_reason_is_told(kind):
    verdict = judge(spoil(clean().astype(float), kind), FS)
    assert (verdict.lead, verdict.verdict, verdict.reason) == ("PPG", "unusable", kind)


def test_a_few_missing_samples_make_it_poor():
    x = clean()
    x[200:230] = np.nan
    assert (judge(x, FS).verdict, judge(x, FS).reason) == ("poor", "gap")


def test_noise_alone_is_never_good():
    for seed in range(30):
        assert judge(np.random.default_rng(seed).normal(size=1000), FS).verdict == "unusable"
