"""Hearts that once got a wrong rate with nothing said: the rate is right, or it is unknown, and why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import wearecg
from benchmarks.hard_hearts import high_passed, tailed
from benchmarks.hearts import judge, truth
from benchmarks.made_hearts import LOW_WIDE, WIDE, Bench, Made, P, beat, paced, person, sinus
from wearecg.formats import Recording
from wearecg.session import Session
from wearecg.transports.replay import replay


def tall_t(bpm: float, t: float) -> Made:
    return sinus("", "tall T", bpm, t=(0.28, 0.045, t))[1]


def alternans() -> Made:
    bench = Bench()
    times = bench.regular(75)
    bench.add(times[::2], beat(75))
    bench.add(times[1::2], beat(75), 0.15)
    return bench.made("", "alternans", times)


def bigeminy() -> Made:
    bench = Bench()
    pairs = bench.regular(37.5)
    early = [time + 0.5 for time in pairs]
    bench.add(pairs, beat(75))
    bench.add(early, LOW_WIDE)
    return bench.made("", "bigeminy of low wide beats", sorted(pairs + early))


def standstill() -> Made:
    bench = Bench()
    ps = bench.regular(75)
    before = [time for time in ps if time < 20]
    bench.add(before, beat(75))
    bench.add([time for time in ps if time >= 20], (P,))
    return bench.made("", "ventricular standstill", before)


def end_stop() -> Made:
    bench, made = sinus("", "single samples at the end stop", 70)
    bench.x[bench.rng.random(len(bench.x)) < 0.01] = -2.2
    return made


def flat() -> Made:
    bench, made = sinus("", "flat for 20 s", 62)
    off = (bench.t >= 20.4) & (bench.t < 39.7)
    bench.x[off] = 0.0
    return Made("", made.name, made.fs, bench.x, tuple(b for b in made.beats if not 20.4 <= b < 39.7))


def drawn(shape: Callable[[np.ndarray], np.ndarray]) -> Made:
    bench = Bench(noise=0.01)
    bench.x += shape(bench.t)
    return bench.made("", "drawn", ())


def hum(fs: float, hz: float) -> Made:
    bench, made = sinus("", "hum", 72, fs)
    bench.hum(hz, 2.0, 0.5)
    return made


def wide(bpm: float) -> Made:
    bench = Bench()
    times = bench.regular(bpm)
    bench.add(times, WIDE, 1.1)
    return bench.made("", "wide tachycardia", times)


def escape(atria: float) -> Made:
    bench = Bench()
    ps, beats = bench.regular(atria), bench.regular(25, 0.9)
    bench.add(ps, ((-0.16, 0.02, 0.4),))
    bench.add(beats, WIDE, 0.8)
    return bench.made("", "complete block, a wide escape and tall P waves", beats)


def r_on_t(coupling: float) -> Made:
    bench = Bench()
    pairs = bench.regular(40.5)
    early = [time + coupling for time in pairs]
    bench.add(pairs, beat(75))
    bench.add(early, WIDE, 0.7)
    return bench.made("", "bigeminy, R on T", sorted(pairs + early))


def steps(mv: float, beating: bool) -> Made:
    bench, made = sinus("", "steps", 60)
    if not beating:
        bench = Bench()
    for time in bench.regular(20, 2.0):
        bench.x[bench.t >= time] += mv * float(bench.rng.choice((-1, 1)))
    return bench.made("", "steps", made.beats if beating else ())


def sentinel(value: float, seconds: float) -> Made:
    bench, made = sinus("", "a value that is no sample", 70)
    bench.x[(bench.t >= 15.3) & (bench.t < 15.3 + seconds)] = value
    return made


def tremor(hz: float) -> Made:
    bench = Bench()
    phase = 2 * np.pi * np.cumsum(hz + 0.3 * np.sin(2 * np.pi * 0.17 * bench.t)) / bench.fs
    bench.x += 0.3 * (1 + 0.4 * np.sin(2 * np.pi * 0.3 * bench.t)) * np.sin(phase)
    return bench.made("", "tremor", ())


def heard(heart: Made) -> list[wearecg.HeartRate]:
    recording = Recording(heart.lead[:, None].astype(np.float32), heart.fs, ("II",), "heart")
    events = Session(replay(recording, float("inf")))
    return [event for event in events if isinstance(event, wearecg.HeartRate)]


@pytest.mark.parametrize(
    "heart",
    [
        *(pytest.param(tall_t(bpm, 2.0), id=f"tall_t_{bpm}bpm") for bpm in (40, 60)),
        pytest.param(tall_t(75, 2.5), id="tall_t_2.5"),
        pytest.param(sinus("", "", 300)[1], id="rate300"),
        pytest.param(end_stop(), id="zero-samples"),
        pytest.param(flat(), id="flat20s_then_62bpm"),
        pytest.param(paced(250, 1, 2.0, "escape 30"), id="pace_escape30"),
        pytest.param(tailed(250, "escape 30", 0.03), id="spikes with a tail, escape 30"),
        pytest.param(tailed(250, "capture", 0.08), id="spikes with a tail, capture"),
        *(pytest.param(steps(mv, True), id=f"steps of {mv} mV") for mv in (0.3, 0.8, 2.0)),
        *(pytest.param(sentinel(v, s), id=f"{v} mV for {s} s") for v in (-32.768, 5.0) for s in (0.02, 0.3)),
        pytest.param(wide(165), id="wide tachycardia at 165"),
        pytest.param(wide(190), id="wide tachycardia at 190"),
        *(
            pytest.param(hum(fs, hz), id=f"{hz} Hz of hum at {fs} Hz")
            for fs in (100, 250, 1000)
            for hz in (50, 60)
        ),
    ],
)
def test_the_rate_is_right_and_told_of_most_seconds(heart: Made) -> None:
    got = judge(heart, heard(heart), set(), set())
    assert got["wrong"] == 0
    assert got["unknown"] < 0.45
    usual = 60 / float(np.median(np.diff(heart.beats)))
    assert got["bpm"] == pytest.approx(usual, rel=0.05)


@pytest.mark.parametrize(
    "heart",
    [
        pytest.param(alternans(), id="alternans"),
        pytest.param(bigeminy(), id="bigeminy_wide"),
        pytest.param(standstill(), id="standstill"),
        pytest.param(escape(70), id="block, wide escape, tall P"),
        *(pytest.param(r_on_t(s), id=f"R on T after {s} s") for s in (0.3, 0.34, 0.38)),
        pytest.param(person("", "", 1, "vt", "II"), id="vt_II"),
    ],
)
def test_the_rate_is_right_or_unknown(heart: Made) -> None:
    assert truth(heart)
    assert judge(heart, heard(heart), set(), set())["wrong"] == 0


def test_a_standstill_is_told_as_no_beats() -> None:
    late = [rate for rate in heard(standstill()) if rate.time > 25]
    assert {rate.bpm for rate in late} == {None}
    assert all(rate.reason.startswith("no beats for") for rate in late)


def test_a_tachycardia_is_no_noise() -> None:
    told = [rate.bpm for rate in heard(person("", "", 1, "vt", "II")) if rate.bpm is not None]
    assert max(told) > 150


@pytest.mark.parametrize(
    "heart",
    [
        pytest.param(paced(250, 1, 2.0, "no capture"), id="pace_no_capture"),
        pytest.param(paced(250, 2, 2.0, "no capture"), id="pace_no_capture, wider"),
        pytest.param(drawn(lambda t: 0.5 * np.sign(np.sin(2 * np.pi * t))), id="square_cal_noise"),
        pytest.param(drawn(lambda t: t % 1.0), id="sawtooth"),
        *(
            pytest.param(
                tailed(fs, "no capture", s, share), id=f"spikes, {share:.0%} decays in {s} s, {fs} Hz"
            )
            for fs in (128.0, 250.0, 1000.0)
            for s in (0.01, 0.03, 0.08)
            for share in (0.1, -0.3)
        ),
        *(
            pytest.param(
                drawn(lambda t, hz=hz: high_passed(0.5 * np.sign(np.sin(2 * np.pi * hz * t)), 250, 0.5)),
                id=f"square of {hz} Hz behind a high-pass",
            )
            for hz in (0.25, 1.0)
        ),
        *(
            pytest.param(drawn(lambda t, hz=hz: np.sign(np.sin(2 * np.pi * hz * t))), id=f"square of {hz} Hz")
            for hz in (0.25, 0.5)
        ),
        *(pytest.param(steps(mv, False), id=f"steps of {mv} mV alone") for mv in (0.3, 0.8, 2.0)),
        *(pytest.param(tremor(hz), id=f"tremor at {hz} Hz") for hz in (4.0, 5.0)),
    ],
)
def test_what_is_no_heart_has_no_rate(heart: Made) -> None:
    assert {rate.bpm for rate in heard(heart) if rate.time > 2} == {None}


def test_what_is_drawn_is_scored_by_nothing() -> None:
    for heart in (drawn(lambda t: 0.5 * np.sign(np.sin(2 * np.pi * t))), drawn(lambda t: t % 1.0)):
        report = wearecg.score(heart.lead[:, None], fs=heart.fs, leads="II")
        assert {finding.code for finding in report.findings} == {"NOT_SCORED"}
