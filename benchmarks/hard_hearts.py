"""Made-up signals that a detector takes for another heart, for `benchmarks.hearts`: one lead in mV each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.made_hearts import QRS, WIDE, Bench, Made, Shape, Signal, beat, sinus


def tailed(fs: float, mode: str, tail_s: float, share: float = 0.3, mv: float = 3.0) -> Made:
    """Return a pacemaker at 70 a minute whose spikes of ``mv`` leave a charge that decays in ``tail_s``."""
    bench = Bench(fs)
    fired = bench.regular(70)
    beats: list[float] = []
    if mode == "escape 30":
        beats = bench.regular(30, 0.9)
    elif mode == "capture":
        beats = [time + 0.07 for time in fired]
    elif mode == "lost at 20 s":
        beats = [time + 0.07 for time in fired if time < 20]
    bench.add(beats, WIDE)
    bench.spikes(fired, 1, (1 - share) * mv)
    for time in fired:
        first = round(time * fs)
        bench.x[first:] += share * mv * np.exp((first - np.arange(first, len(bench.x))) / (tail_s * fs))
    return bench.made("tail", f"{mode}, {share:.0%} of {mv:g} mV, {1e3 * tail_s:.0f} ms, {fs:g} Hz", beats)


def tails() -> Iterator[Made]:
    """Pacing spikes whose charge decays slowly."""
    for fs in (250.0, 500.0, 1000.0, 128.0):
        for tail_s in (0.01, 0.03, 0.08):
            for share in (0.1, 0.3):
                yield tailed(fs, "no capture", tail_s, share)
    yield tailed(250.0, "no capture", 0.03, -0.3)
    yield tailed(250.0, "no capture", 0.05, 1.0, 1.0)
    for mode in ("capture", "escape 30", "lost at 20 s"):
        for tail_s in (0.01, 0.03, 0.08):
            yield tailed(250.0, mode, tail_s)


def blocks() -> Iterator[Made]:
    """Atria without ventricles, or with an escape that is wide and slow beside tall P waves."""
    for escape in (25, 33):
        for atria, height in ((85, 0.4), (85, 0.25), (100, 0.4), (70, 0.3)):
            bench = Bench()
            ps, beats = bench.regular(atria), bench.regular(escape, 0.9)
            bench.add(ps, ((-0.16, 0.02, height),))
            bench.add(beats, WIDE, 0.8)
            yield bench.made("block", f"escape {escape} wide, P {atria} of {height:g} mV", beats)
    for height in (0.1, 0.2, 0.35):
        for stop in (8, 25):
            bench = Bench()
            ps = bench.regular(75)
            beats = [time for time in ps if time < stop]
            bench.add(beats, beat(75, p=(-0.16, 0.02, height)))
            bench.add([time for time in ps if time >= stop], ((-0.16, 0.02, height),))
            yield bench.made("standstill", f"P waves of {height:g} mV alone from {stop} s", beats)


def r_on_t() -> Iterator[Made]:
    """Bigeminy and couplets of ventricular beats that fall on the T wave before."""
    for bpm in (70, 81, 95):
        for coupling in (0.30, 0.34, 0.38):
            for size in (0.7, 1.2):
                bench = Bench()
                pairs = bench.regular(bpm / 2)
                early = [time + coupling for time in pairs]
                bench.add(pairs, beat(75))
                bench.add(early, WIDE, size)
                name = f"bigeminy {bpm} bpm, {1e3 * coupling:.0f} ms, {size:g} mV"
                yield bench.made("R on T", name, sorted(pairs + early))


def edges() -> Iterator[Made]:
    """Steps of the baseline as electrodes move."""
    for level, every in ((0.8, 1.1), (0.8, 4.0), (0.3, 1.7), (2.0, 3.0)):
        bench, made = sinus("steps", f"of {level:g} mV every {every:g} s, 60 bpm", 60)
        for time in bench.regular(60 / every, 2.0):
            bench.x[bench.t >= time] += level * float(bench.rng.choice((-1, 1)))
        yield made
        bench = Bench()
        for time in bench.regular(60 / every, 2.0):
            bench.x[bench.t >= time] += level * float(bench.rng.choice((-1, 1)))
        yield bench.made("steps", f"of {level:g} mV every {every:g} s, no heart", ())


def high_passed(x: Signal, fs: float, hz: float) -> Signal:
    """Return ``x`` behind the capacitor of a front end."""
    keep = float(np.exp(-2 * np.pi * hz / fs))
    y = np.empty_like(x)
    now = 0.0
    for i, step in enumerate(np.diff(x, prepend=x[0])):
        now = keep * (now + step)
        y[i] = now
    return y


def no_heart() -> Iterator[Made]:
    """Calibrators, motion and muscle: no heart beats in any of them."""
    for hz in (0.25, 0.5, 1.0, 1.25):
        for cut in (0.0, 0.05, 0.5, 1.5):
            bench = Bench()
            wave = 0.5 * np.sign(np.sin(2 * np.pi * hz * bench.t))
            bench.x += high_passed(wave, bench.fs, cut) if cut else wave
            yield bench.made("no heart", f"square {hz:g} Hz behind {cut:g} Hz", ())
    for seed in range(6):
        bench = Bench(rng=np.random.default_rng(seed))
        walk = np.cumsum(bench.rng.normal(0, (0.02, 0.05, 0.1)[seed % 3], len(bench.t)))
        bench.x += high_passed(walk, bench.fs, 0.5) if seed < 3 else walk
        yield bench.made("no heart", f"brown noise {seed}", ())
    for hz in (0.5, 1.0, 2.0):
        bench = Bench()
        bench.x += np.abs(2 * (bench.t * hz % 1.0) - 1)
        yield bench.made("no heart", f"triangle {hz:g} Hz", ())
    for mv in (0.1, 0.3, 0.8):
        for hz in (4.0, 5.0, 6.0):
            bench = Bench()
            swing = 1 + 0.4 * np.sin(2 * np.pi * 0.3 * bench.t)
            phase = 2 * np.pi * np.cumsum(hz + 0.3 * np.sin(2 * np.pi * 0.17 * bench.t)) / bench.fs
            bench.x += mv * swing * (np.sin(phase) + 0.3 * np.sin(2 * phase + 0.5))
            yield bench.made("no heart", f"tremor {hz:g} Hz {mv:g} mV", ())
    for bpm in (100, 110, 120):
        for mv in (0.8, 2.0):
            bench = Bench()
            press: Shape = ((0.0, 0.06, mv), (0.13, 0.05, -0.5 * mv), (0.02, 0.02, 0.2 * mv))
            for time in bench.regular(bpm):
                bench.add([time], press, float(bench.rng.uniform(0.7, 1.3)))
            yield bench.made("no heart", f"chest compressions {bpm}, {mv:g} mV", ())


def interrupted() -> Iterator[Made]:
    """Values that are no samples, for a moment."""
    for name, value in (("-32.768 mV", -32.768), ("32.767 mV", 32.767), ("-5 mV", -5.0), ("163 mV", 163.0)):
        for long in (0.01, 0.3, 1.5):
            bench, made = sinus("sentinel", f"{name} for {long:g} s, 70 bpm", 70)
            for start in (15.3, 35.7):
                inside = (bench.t >= start) & (bench.t < start + long)
                bench.x[inside] = value
            lost = [(s, s + long) for s in (15.3, 35.7)]
            yield Made(
                made.kind,
                made.name,
                made.fs,
                made.lead,
                tuple(b for b in made.beats if not any(a <= b < c for a, c in lost)),
            )


def falling() -> Iterator[Made]:
    """The beats become low, at once or slowly, and are seen plainly."""
    for low in (0.08, 0.15, 0.25):
        for seconds in (0.0, 10.0):
            bench = Bench(noise=0.004)
            times = bench.regular(72)
            for time in times:
                part = min(max((time - 20) / seconds, 0.0), 1.0) if seconds else float(time > 20)
                bench.add([time], beat(72), 1.0 + part * (low - 1.0))
            how = f"within {seconds:g} s" if seconds else "at once"
            yield bench.made("falling", f"1 mV to {low:g} mV {how}, 72 bpm", times)


def fast() -> Iterator[Made]:
    """A wide ventricular tachycardia that is faster than most."""
    form: Shape = WIDE[:3]
    for bpm in (210, 220, 235, 250, 260):
        for size, wide in ((1.0, 1.0), (1.5, 1.25), (0.6, 1.1)):
            bench = Bench()
            shape = [(at * wide, sigma * wide, high) for at, sigma, high in form]
            times = bench.regular(bpm)
            bench.add(times, shape, size)
            yield bench.made("fast VT", f"{bpm} bpm, {size:g} mV, width {wide:g}", times)
        bench = Bench()
        before = bench.regular(80, end=15)
        times = bench.regular(bpm, 15.3, 45)
        bench.add(before, (*QRS, (0.28, 0.045, 0.28)))
        bench.add(times, form, 1.2)
        yield bench.made("fast VT", f"{bpm} bpm from 15 to 45 s", before + times)


KINDS: tuple[Callable[[], Iterator[Made]], ...] = (
    tails,
    blocks,
    r_on_t,
    edges,
    no_heart,
    interrupted,
    falling,
    fast,
)
