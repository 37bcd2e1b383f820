from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ecg.signals import QRS, P, T, add, cuts, ecg, quiet
from wearecg.ecg.beats import BeatDetector
from wearecg.errors import SignalError

RATES = (100.0, 128.0, 130.0, 187.3, 250.0, 360.0, 500.0, 1000.0)


def found(x, fs, leads=("II",), chunk=None):
    detector = BeatDetector(fs, leads)
    x = x if x.ndim == 2 else x[:, None]
    beats = []
    for piece in cuts(len(x), [chunk or len(x)]):
        beats += detector.feed(x[piece])
    return beats + detector.flush()


@pytest.mark.parametrize("fs", RATES)
def test_every_beat_within_a_sample_after_the_first_second(fs):
    x, peaks = ecg(fs, 20, seed=int(fs))
    beats = found(x, fs)
    expected = peaks[peaks > 1.1]
    assert len(beats) >= len(expected)
    times = np.array([beat.time for beat in beats])[-len(expected) :]
    assert np.abs(times - expected).max() <= max(1 / fs, 0.003) + 1e-9


@pytest.mark.parametrize("mv", [0.1, 0.5, 3.0, 10.0])
@pytest.mark.parametrize("polarity", [1, -1])
def test_any_amplitude_and_polarity(mv, polarity):
    x, peaks = ecg(250.0, 15, mv=mv * polarity, noise=0.002)
    times = [beat.time for beat in found(x, 250.0)]
    missed = [peak for peak in peaks[peaks > 1.2] if not any(abs(peak - time) < 0.02 for time in times)]
    assert not missed
    assert len(times) <= len(peaks)


@pytest.mark.parametrize("bpm", [30, 45, 120, 200])
def test_slow_and_fast(bpm):
    x, peaks = ecg(250.0, 30, bpm=bpm)
    times = np.array([beat.time for beat in found(x, 250.0)])
    late = peaks[peaks > 5]
    assert all(np.abs(times - peak).min() < 0.02 for peak in late)
    assert abs((times > 4.9).sum() - len(late)) <= 1


@pytest.mark.parametrize("fs", [100.0, 250.0, 1000.0])
def test_emitted_within_300_ms_of_the_peak(fs):
    x, _peaks = ecg(fs, 12, seed=3)
    detector = BeatDetector(fs, ("II",))
    delays = []
    for k in range(len(x)):
        delays += [k / fs - beat.time for beat in detector.feed(x[k : k + 1, None])]
    assert len(delays) >= 10
    assert max(delays) <= 0.3 + 1e-9


CHUNKS = st.lists(st.integers(1, 400), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(
    sizes=CHUNKS,
    fs=st.sampled_from([100.0, 187.3, 360.0]),
    leads=st.integers(1, 3),
    hole=st.integers(0, 1500),
)
def test_same_beats_for_any_chunking(sizes, fs, leads, hole):
    rng = np.random.default_rng(5)
    x, _ = ecg(fs, 8, seed=2)
    x = x[:, None] * np.linspace(1, 0.4, leads, dtype=np.float32)
    x += rng.normal(0, 0.05, x.shape).astype(np.float32)
    x[hole : hole + 150, 0] = np.nan
    x[700:720] = np.nan
    x[hole % 97 :: 97] = np.nan
    x[hole % 150 + 1 :: 150] = np.nan
    names = ("II", "V5", "V2")[:leads]
    whole, pieces = BeatDetector(fs, names), BeatDetector(fs, names)
    expected = whole.feed(x) + whole.flush()
    got = [beat for cut in cuts(len(x), sizes) for beat in pieces.feed(x[cut])] + pieces.flush()
    assert got == expected
    assert got


def test_one_sample_at_a_time_equals_one_piece():
    x, _ = ecg(250.0, 10, noise=0.05)
    assert found(x, 250.0, chunk=1) == found(x, 250.0)


def test_no_beats_without_a_heart():
    rng = np.random.default_rng(1)
    n = 250 * 30
    flat = np.zeros(n)
    assert found(flat, 250.0) == []
    assert found(flat + 5.0, 250.0) == []
    assert found(rng.normal(0, 0.004, n), 250.0) == []
    assert found(np.full(n, np.nan), 250.0) == []
    assert found(0.3 * np.sin(2 * np.pi * 50 * np.arange(n) / 250.0), 250.0) == []


def test_asystole_after_beats_is_silent():
    x, _peaks = ecg(250.0, 20)
    x[250 * 10 :] = np.random.default_rng(0).normal(0, 0.004, 250 * 10)
    times = [beat.time for beat in found(x, 250.0)]
    assert len(times) >= 9
    assert max(times) < 10.1


def test_gap_leaves_the_timeline_and_takes_the_rr():
    fs = 250.0
    x, peaks = ecg(fs, 30)
    first, last = round(10.05 * fs), round(15.3 * fs)
    detector = BeatDetector(fs, ("II",))
    beats = detector.feed(x[:first, None]) + detector.gap(last - first) + detector.feed(x[last:, None])
    after = [beat for beat in beats if beat.time > 15]
    expected = peaks[peaks > 15.4]
    assert after[0].rr is None
    assert all(beat.rr is not None for beat in after[1:])
    assert np.abs([beat.time for beat in after[-len(expected) :]] - expected).max() <= 0.004


def test_nan_run_takes_the_rr_and_adds_no_beat():
    fs = 250.0
    x, _peaks = ecg(fs, 20)
    x[round(8.1 * fs) : round(11.4 * fs)] = np.nan
    beats = found(x, fs)
    assert not [beat for beat in beats if 8.1 <= beat.time <= 11.4]
    assert next(beat.rr for beat in beats if beat.time > 11.4) is None
    assert [beat.rr for beat in beats if beat.time > 11.4][1] is not None


@pytest.mark.parametrize("fs", [130.0, 250.0, 360.0])
@pytest.mark.parametrize("clipped", [1, 2])
def test_a_clipped_top_is_still_a_beat(fs, clipped):
    x, peaks = ecg(fs, 30)
    for peak in peaks:
        first = round(peak * fs) - clipped // 2
        x[first : first + clipped] = np.nan
    beats = found(x, fs)
    times = np.array([beat.time for beat in beats])
    assert all(np.abs(times - peak).min() <= 0.02 for peak in peaks[peaks > 1.2])
    assert len(times) <= len(peaks)
    assert all(beat.rr is not None for beat in beats[1:])


def test_an_artefact_hides_no_beat_after_it():
    fs = 250.0
    x, peaks = ecg(fs, 30)
    for leads in (1, 2):
        both = np.stack((x, 0.6 * x), axis=1)[:, :leads]
        centre = round((peaks[15] + peaks[16]) / 2 * fs) + 20
        both[centre - 5 : centre + 5, leads - 1] += 20.0
        times = np.array([beat.time for beat in found(both, fs, ("II", "V5")[:leads])])
        assert all(np.abs(times - peak).min() < 0.02 for peak in peaks[17:])


def test_changing_leads_keeps_the_beats():
    fs = 250.0
    x, peaks = ecg(fs, 30)
    detector = BeatDetector(fs, ("II",))
    beats = detector.feed(x[: 10 * 250, None])
    detector.use(("II", "V2"))
    beats += detector.feed(np.stack((x, -0.7 * x), axis=1)[10 * 250 : 20 * 250])
    detector.use(("V2",))
    beats += detector.feed(-0.7 * x[20 * 250 :, None]) + detector.flush()
    times = np.array([beat.time for beat in beats])
    assert all(np.abs(times - peak).min() < 0.02 for peak in peaks[peaks > 1.2])
    assert beats[-1].lead == "V2"
    assert len(times) <= len(peaks)


def test_rate_and_leads_are_checked():
    with pytest.raises(SignalError, match="fs = 20"):
        BeatDetector(20.0, ("II",))
    with pytest.raises(SignalError, match="not on 4"):
        BeatDetector(250.0, ("I", "II", "V1", "V2"))


def made(waves, bpm=60.0, fs=250.0, seconds=30, size=1.0):
    x = quiet(fs, seconds)
    times = np.arange(0.7, seconds - 0.5, 60 / bpm)
    add(x, fs, times, waves, size)
    return x, times


@pytest.mark.parametrize("fs", [200.0, 250.0, 500.0])
@pytest.mark.parametrize("t", [(0.28, 0.045, 2.0), (0.28, 0.045, -2.0), (0.27, 0.03, 1.2), (0.28, 0.04, 2.5)])
@pytest.mark.parametrize("bpm", [40, 60, 75])
def test_a_tall_t_wave_is_no_beat(fs, t, bpm):
    x, times = made((P, *QRS, t), bpm, fs)
    late = [beat for beat in found(x, fs) if beat.time > 2]
    expected = times[times > 2]
    assert len(late) == len(expected)
    assert np.abs(np.array([beat.time for beat in late]) - expected).max() < 0.02


def test_a_steep_t_wave_is_found_out_after_some():
    x, times = made((P, *QRS, (0.29, 0.02, 1.2)))
    detector = BeatDetector(250.0, ("II",))
    beats = detector.feed(x[:, None]) + detector.flush()
    assert detector.waves.revised
    late = [beat.time for beat in beats if beat.time > 8]
    assert len(late) == (times > 8).sum()


@pytest.mark.parametrize("fs", [250.0, 500.0])
def test_three_hundred_a_minute(fs):
    x, times = made(QRS, 300, fs)
    assert abs(len([b for b in found(x, fs) if b.time > 3]) - (times > 3).sum()) <= 1


@pytest.mark.parametrize(("fs", "samples"), [(250.0, 1), (250.0, 2), (500.0, 2), (1000.0, 2)])
@pytest.mark.parametrize("mv", [2.0, -4.0])
def test_pacing_spikes_are_no_beats(fs, samples, mv):
    x = quiet(fs, 30)
    escape = np.arange(1.3, 29, 2.0)
    add(x, fs, escape, QRS)
    alone = quiet(fs, 30)
    for time in np.arange(0.5, 29.5, 0.85):
        for lead in (x, alone):
            lead[round(time * fs) : round(time * fs) + samples] += mv
    assert found(alone, fs) == []
    times = np.array([beat.time for beat in found(x, fs)])
    assert len(times) == len(escape)
    assert np.abs(times - escape).max() < 0.02


def test_single_samples_at_the_end_of_the_range_hide_nothing():
    x, times = made((P, *QRS, T), 72)
    x[np.random.default_rng(1).random(len(x)) < 0.01] = -2.2
    beats = [beat.time for beat in found(x, 250.0) if beat.time > 2]
    assert abs(len(beats) - (times > 2).sum()) <= 1


def test_p_waves_alone_are_no_beats_however_long():
    x, times = made((P,), 75, seconds=60)
    add(x, 250.0, times[times < 20], (*QRS, T))
    assert max(beat.time for beat in found(x, 250.0)) < 20


@pytest.mark.parametrize("low", [0.15, 0.2])
def test_low_waves_halfway_are_told(low):
    x, times = made((), 75)
    add(x, 250.0, times[::2], (P, *QRS, T))
    add(x, 250.0, times[1::2], (P, *QRS, T), low)
    detector = BeatDetector(250.0, ("II",))
    beats = detector.feed(x[: 250 * 25, None])
    assert detector.waves.doubt == "a small wave halfway between beats may be a beat" or len(beats) >= 28


def test_what_may_be_a_late_t_wave_is_told():
    x, _ = made((P, *QRS, (0.42, 0.05, 2.5)), 60)
    detector = BeatDetector(250.0, ("II",))
    detector.feed(x[: 250 * 20, None])
    assert detector.waves.doubt == "every other wave may be a T wave"


def test_levels_that_are_forgotten_are_learned_anew():
    x, times = made((*QRS, T), 75)
    detector = BeatDetector(250.0, ("II",))
    detector.feed(x[: 250 * 15, None])
    detector.begin_anew()
    low = 0.1 * x[250 * 15 :, None]
    beats = detector.feed(low) + detector.flush()
    assert abs(len(beats) - (times > 16.1).sum()) <= 2


@settings(max_examples=15, deadline=None)
@given(sizes=CHUNKS, fs=st.sampled_from([100.0, 187.3, 250.0]), leads=st.integers(1, 2))
def test_spikes_and_tall_t_waves_for_any_chunking(sizes, fs, leads):
    x, _ = made((P, *QRS, (0.27, 0.03, 1.5)), 75, fs, 9)
    x = x[:, None] * np.linspace(1, 0.4, leads)
    rng = np.random.default_rng(2)
    x[rng.random(len(x)) < 0.02] += 3.0
    x[400:440, 0] = np.nan
    names = ("II", "V5")[:leads]
    whole, pieces = BeatDetector(fs, names), BeatDetector(fs, names)
    expected = whole.feed(x) + whole.flush()
    assert [beat for cut in cuts(len(x), sizes) for beat in pieces.feed(x[cut])] + pieces.flush() == expected
    assert expected
