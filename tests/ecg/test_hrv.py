"""Heart rate variability: what is known of made intervals, and the same numbers by other roads."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import interp1d
from scipy.signal import welch

import wearecg
from wearecg import Beat, BeatClass, hrv
from wearecg.ecg.hrv import FEWEST, RATE_HZ


def wavy(seed: int = 0, beats: int = 400, **waves: float) -> np.ndarray:
    """Intervals around 0.8 s with waves of given amplitude (ms) by frequency (``f_250`` is 0.25 Hz)."""
    rng, rr, t = np.random.default_rng(seed), [], 0.0
    for _ in range(beats):
        slow = sum(a * np.sin(2 * np.pi * int(f[2:]) / 1000 * t) for f, a in waves.items())
        rr.append(0.8 + slow / 1000 + 0.001 * rng.normal())
        t += rr[-1]
    return np.array(rr)


def test_the_time_domain_by_hand():
    rr = np.tile([0.8, 0.86, 0.80, 0.84], 10)
    found = hrv(rr)
    step = 1000 * np.diff(rr)
    assert found.intervals == 40
    assert found.left_out == 0
    assert found.mean_nn == pytest.approx(825)
    assert found.sdnn == pytest.approx(1000 * rr.std(ddof=1))
    assert found.rmssd == pytest.approx(np.sqrt((step**2).mean()))
    assert found.sdnn != pytest.approx(found.rmssd, rel=0.1)
    assert found.pnn50 == pytest.approx(100 * 20 / 40)
    assert (found.min_nn, found.max_nn) == (pytest.approx(800), pytest.approx(860))
    # SD1 is the width across the line of identity, and RMSSD by another name (Ciccone 2017).
    assert found.sd1 == pytest.approx(found.sdsd / np.sqrt(2))
    assert found.sd2**2 + found.sd1**2 == pytest.approx(2 * found.sdnn**2, rel=0.05)


def test_a_difference_of_just_50_ms_is_not_more():
    assert hrv(np.tile([0.80, 0.85], 20)).pnn50 == 0


@pytest.mark.parametrize(("wave", "band"), [("f_20", "vlf"), ("f_100", "lf"), ("f_250", "hf")])
def test_a_wave_has_its_power_in_its_band(wave, band):
    found = hrv(wavy(beats=1200, **{wave: 30.0}))
    power = {name: getattr(found, name) for name in ("vlf", "lf", "hf")}
    assert power[band] == pytest.approx(30**2 / 2, rel=0.06)
    assert sum(power.values()) - power[band] < 0.05 * power[band]
    assert found.spectrum == pytest.approx(1200 * 0.8, rel=0.01)


@pytest.mark.parametrize("beats", [160, 377, 5000])
def test_the_spectrum_is_that_of_scipy(beats):
    rr = wavy(3, beats, f_30=20, f_100=25, f_250=15)
    found = hrv(rr)
    t, nn = np.cumsum(rr), 1000 * rr
    even = np.arange(t[0], t[-1] + 1 / RATE_HZ, 1 / RATE_HZ)
    x = interp1d(t, nn, kind="quadratic", bounds_error=False, fill_value=(nn[0], nn[-1]))(even)
    length = len(x) // 2
    f, p = welch(x - x.mean(), RATE_HZ, nperseg=length, nfft=2 * length, detrend=False)
    for name, low, high in (("lf", 0.04, 0.15), ("hf", 0.15, 0.4)):
        here = (f >= low) & (f < high)
        assert getattr(found, name) == pytest.approx(np.trapezoid(p[here], f[here]), rel=1e-9)


def test_neurokit2_says_the_same():
    nk = pytest.importorskip("neurokit2", reason="neurokit2 is not installed")
    from benchmarks.account import ALIKE

    ends = np.concatenate([[0], np.cumsum(np.round(1000 * wavy(5, 2000, f_30=20, f_100=25, f_250=15)))])
    ends = ends.astype(int)
    theirs = nk.hrv_time(ends, 1000).iloc[0].to_dict()
    theirs |= nk.hrv_frequency(ends, 1000, interpolation_rate=4, normalize=False).iloc[0].to_dict()
    ours = hrv(np.diff(ends) / 1000)
    assert [getattr(ours, name) for name in ALIKE] == pytest.approx(
        [theirs[name] for name in ALIKE.values()], rel=1e-6
    )


def beats_of(rr: np.ndarray) -> list[Beat]:
    times = np.concatenate([[1.0], 1.0 + np.cumsum(rr)])
    known = [None, *(None if np.isnan(one) else float(one) for one in rr)]
    return [Beat(float(t), "II", one) for t, one in zip(times, known, strict=True)]


def with_ectopic(rr: np.ndarray, at: list[int]) -> tuple[np.ndarray, list[str]]:
    rr, codes = rr.copy(), ["N"] * (len(rr) + 1)
    for i in at:
        codes[i] = "V"
        rr[i - 1] *= 0.6
        rr[i] *= 1.4
    return rr, codes


def test_intervals_beside_beats_that_are_not_normal_are_left_out_and_told():
    rr = wavy(1, 200, f_250=20)
    odd, codes = with_ectopic(rr, [50, 120])
    found, plain = hrv(odd, codes), hrv(rr)
    assert found.intervals == 196
    assert found.left_out == pytest.approx(2)
    assert found.sdnn == pytest.approx(plain.sdnn, rel=0.05)
    assert found.rmssd == pytest.approx(plain.rmssd, rel=0.05)
    assert hrv(odd, ["N"] * 201).rmssd > 1.5 * plain.rmssd
    alone = hrv(odd)
    assert (alone.intervals, alone.sdnn) == (196, found.sdnn)
    beats = beats_of(odd)
    classes = [BeatClass(b.time, code, 0.9, "t@1") for b, code in zip(beats, codes, strict=True)]
    by_event = hrv(beats, classes)
    assert (by_event.intervals, by_event.left_out) == (196, pytest.approx(2))
    assert by_event.sdnn == pytest.approx(found.sdnn)


def test_a_beat_whose_class_is_not_known_is_not_normal():
    beats = beats_of(wavy(1, 100, f_250=20))
    classes = [BeatClass(beat.time, "N", 0.9, "t@1") for beat in beats[10:]]
    assert hrv(beats, classes).intervals == 90


def test_a_gap_is_no_interval_and_a_stretch_can_be_left_out():
    rr = wavy(1, 150, f_250=20)
    rr[40] = np.nan
    assert hrv(rr).intervals == 149
    beats = beats_of(np.nan_to_num(rr, nan=20.0))
    beats[41] = Beat(beats[41].time, "II", None)
    found = hrv(beats)
    assert found.intervals == 149
    assert 80 < found.spectrum < 90  # on one side of the gap
    fewer = hrv(beats, without=[(0.0, beats[10].time)])
    assert fewer.intervals == 139
    # The beat before was taken out: its interval is not the time since the beat that is now before it.
    assert hrv([*beats[:20], *beats[21:]]).intervals == 147


def test_most_of_it_left_out_is_not_known():
    found = hrv(np.random.default_rng(0).uniform(0.3, 1.5, 300))
    assert found.left_out > 20
    assert np.isnan(found.sdnn)
    assert np.isnan(found.hf)
    assert hrv(np.full(FEWEST - 1, 0.8)).sdnn != hrv(np.full(FEWEST + 1, 0.8)).sdnn  # NaN, 0
    assert hrv([]).intervals == hrv([np.nan] * 30).intervals == 0


def test_what_is_too_short_has_no_power_in_the_slow_bands():
    found = hrv(wavy(0, 100, f_250=20))
    assert found.hf > 0
    assert np.isnan([found.vlf, found.lf, found.sdann]).all()


def turbulent(response: np.ndarray, premature: int) -> tuple[np.ndarray, list[str]]:
    rr, codes = np.full(50 * premature + 60, 0.8), ["N"] * (50 * premature + 61)
    for k in range(premature):
        i = 40 + 50 * k
        codes[i] = "V"
        rr[i - 1], rr[i] = 0.5, 1.1
        rr[i + 1 : i + 1 + len(response)] += response
    return rr, codes


def test_heart_rate_turbulence():
    rise = np.array([-0.02, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03, 0.02, 0.01])
    found = hrv(*turbulent(rise, 6))
    assert found.turbulent == 6
    assert found.turbulence_onset == pytest.approx(100 * -0.04 / 1.6)
    assert found.turbulence_slope == pytest.approx(10.0)
    few = hrv(*turbulent(rise, 4))
    assert few.turbulent == 4
    assert np.isnan(few.turbulence_onset)
    assert hrv(*turbulent(0 * rise, 6)).turbulence_slope == pytest.approx(0, abs=1e-9)


def test_measures_have_their_names_and_units():
    found = hrv(wavy(0, 200, f_250=20))
    told = {one.name: one for one in found.measures("hrv@1", 0.0, 160.0)}
    assert told["hrv_sdnn"].unit == told["hrv_rmssd"].unit == "ms"
    assert told["hrv_hf"].unit == "ms2"
    assert told["hrv_sdnn"].value == found.sdnn
    assert "hrv_vlf" not in told  # not known


@pytest.mark.parametrize(
    ("rr", "codes", "text"),
    [(np.ones((3, 2)), (), "one row"), (["a"], (), "numbers"), ([0.8, 0.8], ["N"], "1 classes for 2")],
)
def test_what_is_no_row_of_intervals_is_refused(rr, codes, text):
    with pytest.raises(wearecg.SignalError, match=text):
        hrv(rr, codes)
