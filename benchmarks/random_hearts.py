"""Hearts drawn at random, for `benchmarks.hearts --random`: one lead in mV each, its true beats known.

Every heart has a QRS complex, a T wave and a P wave of its own, as far apart as patients are: 60 to 200 ms wide, up or
down, notched, T waves from flat to twice the QRS. Some kinds of rhythm and some faults of recorders are put on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.made_hearts import SECONDS, Bench, Made, Shape, Wave

RATES_HZ = (100.0, 125.0, 128.0, 200.0, 250.0, 250.0, 256.0, 360.0, 500.0, 1000.0)
Rng = np.random.Generator


@dataclass(frozen=True)
class Anatomy:
    """The waves of one heart on one lead."""

    p: Wave
    qrs: Shape
    t: Wave
    ectopic: Shape
    size: float
    width: float
    """Of the QRS, seconds."""

    def beat(self, rr: float, p: bool = True) -> Shape:
        """Return the waves of a beat, ``rr`` seconds after the last one."""
        stretch = min(1.2, (rr / 0.85) ** 0.5)
        early = min(1.0, stretch)
        waves = [*self.qrs, (self.t[0] * stretch, self.t[1] * stretch, self.t[2])]
        return [(self.p[0] * early, self.p[1] * early, self.p[2]), *waves] if p else waves


def between(rng: Rng, low: float, high: float) -> float:
    """Draw evenly."""
    return float(rng.uniform(low, high))


def complex_(rng: Rng, width: float) -> Shape:
    """Draw a QRS of ``width`` seconds with its largest wave of 1 mV, up or down."""
    sign = 1.0 if rng.random() < 0.75 else -1.0
    sigma = width / 7
    form = rng.integers(0, 5)
    if form == 0:  # qRs
        waves = [(-2.2, 0.8, -between(rng, 0, 0.25)), (0.0, 1.0, 1.0), (2.4, 1.0, -between(rng, 0, 0.4))]
    elif form == 1:  # rS
        waves = [(-2.2, 0.9, -between(rng, 0.1, 0.6)), (0.0, 1.1, 1.0)]
    elif form == 2:  # alone
        waves = [(0.0, 1.4, 1.0)]
    elif form == 3:  # RsR'
        waves = [(-2.0, 0.9, between(rng, 0.3, 0.8)), (-0.6, 0.7, -0.3), (1.0, 1.1, 1.0)]
    else:  # slurred
        waves = [(-1.6, 1.1, between(rng, 0.2, 0.5)), (0.0, 1.2, 1.0), (1.8, 1.1, between(rng, 0.1, 0.5))]
    return [(at * sigma, wide * sigma, sign * high) for at, wide, high in waves]


def anatomy(rng: Rng, width: float | None = None, tall: bool = False, rr: float = 0.8) -> Anatomy:
    """Draw a heart; ``rr`` is the shortest interval that it will see."""
    width = min(between(rng, 0.06, 0.12) if width is None else width, 0.5 * rr)
    size = float(np.exp(between(rng, np.log(0.25), np.log(2.5))))
    height = between(rng, 1.0, 2.2) if tall else between(rng, 0.05, 0.6)
    t_sign = 1.0 if rng.random() < 0.7 else -1.0
    qt = between(rng, 0.36, 0.46) + 0.5 * (width - 0.08)
    t_sigma = between(rng, 0.03, 0.055)
    t = (qt - 0.5 * width - 2.0 * t_sigma, t_sigma, t_sign * height * size)
    p = (-between(rng, 0.13, 0.22) - 0.3 * width, between(rng, 0.014, 0.024), between(rng, -0.06, 0.2))
    broad = between(rng, 0.14, 0.2)
    ectopic = [(at, wide, high * size * between(rng, 0.35, 1.6)) for at, wide, high in complex_(rng, broad)]
    scale = max(abs(high) for *_, high in ectopic)
    ectopic.append(
        (0.27, between(rng, 0.045, 0.065), -np.sign(ectopic[0][2]) * scale * between(rng, 0.1, 0.6))
    )
    qrs = [(at, wide, high * size) for at, wide, high in complex_(rng, width)]
    return Anatomy(p, qrs, t, ectopic, size, width)


def bench(rng: Rng, noise: float | None = None) -> Bench:
    """Draw a recorder."""
    fs = float(rng.choice(RATES_HZ))
    made = Bench(fs, noise=between(rng, 0.002, 0.02) if noise is None else noise, rng=rng)
    made.x += between(rng, 0, 0.25) * np.sin(2 * np.pi * between(rng, 0.12, 0.4) * made.t)
    return made


def told(heart: Anatomy, made: Bench, *words: object) -> str:
    """Return a name for a heart."""
    return ", ".join(
        [
            *(f"{word:.3g}" if isinstance(word, float) else str(word) for word in words),
            f"QRS {1e3 * heart.width:.0f} ms {heart.size:.2f} mV",
            f"T {heart.t[2] / heart.size:+.1f}",
            f"{made.fs:g} Hz",
        ]
    )


def sinus(
    rng: Rng, low: float = 30, high: float = 180, width: float | None = None, tall: bool = False
) -> tuple[Bench, Anatomy, float, list[float]]:
    """Draw a regular rhythm on its bench."""
    bpm = float(np.exp(between(rng, np.log(low), np.log(high))))
    heart, made = anatomy(rng, width, tall, 60 / bpm), bench(rng)
    times = made.regular(bpm)
    made.add(times, heart.beat(60 / bpm))
    return made, heart, bpm, times


def any_rate(rng: Rng) -> Made:
    """Sinus rhythm at any rate."""
    made, heart, bpm, times = sinus(rng, 20, 300)
    return made.made("any rate", told(heart, made, f"{bpm:.0f} bpm"), times)


def wide(rng: Rng) -> Made:
    """A wide QRS."""
    made, heart, bpm, times = sinus(rng, 35, 130, width=between(rng, 0.12, 0.2))
    return made.made("wide", told(heart, made, f"{bpm:.0f} bpm"), times)


def tall_t(rng: Rng) -> Made:
    """A T wave as tall as the QRS or twice as tall."""
    made, heart, bpm, times = sinus(rng, 35, 120, tall=True)
    return made.made("tall T", told(heart, made, f"{bpm:.0f} bpm"), times)


def wide_tall_t(rng: Rng) -> Made:
    """Both."""
    made, heart, bpm, times = sinus(rng, 35, 110, width=between(rng, 0.12, 0.18), tall=True)
    return made.made("wide, tall T", told(heart, made, f"{bpm:.0f} bpm"), times)


def alternans(rng: Rng) -> Made:
    """Every other beat low."""
    bpm, low = between(rng, 50, 160), between(rng, 0.12, 0.7)
    heart, made = anatomy(rng, rr=60 / bpm), bench(rng)
    times = made.regular(bpm)
    made.add(times[::2], heart.beat(60 / bpm))
    made.add(times[1::2], heart.beat(60 / bpm), low)
    return made.made("alternans", told(heart, made, f"{bpm:.0f} bpm, every other {low:.2f}"), times)


def bigeminy(rng: Rng) -> Made:
    """Every other beat ventricular, low or tall."""
    bpm, early = between(rng, 50, 110), between(rng, 0.5, 0.75)
    heart, made = anatomy(rng), bench(rng)
    pairs = made.regular(bpm / 2)
    ectopic = [time + early * 60 / bpm for time in pairs]
    made.add(pairs, heart.beat(60 / bpm))
    made.add(ectopic, heart.ectopic)
    high = max(abs(wave[2]) for wave in heart.ectopic[:-1]) / heart.size
    return made.made("bigeminy", told(heart, made, f"{bpm:.0f} bpm, PVC {high:.2f}"), sorted(pairs + ectopic))


def trigeminy(rng: Rng) -> Made:
    """Every third beat ventricular."""
    bpm, early = between(rng, 50, 110), between(rng, 0.5, 0.75)
    heart, made = anatomy(rng), bench(rng)
    first = made.regular(bpm / 3)
    second = [time + 60 / bpm for time in first]
    ectopic = [time + early * 60 / bpm for time in second]
    made.add(first + second, heart.beat(60 / bpm))
    made.add(ectopic, heart.ectopic)
    high = max(abs(wave[2]) for wave in heart.ectopic[:-1]) / heart.size
    return made.made(
        "trigeminy", told(heart, made, f"{bpm:.0f} bpm, PVC {high:.2f}"), sorted(first + second + ectopic)
    )


def premature(rng: Rng) -> Made:
    """Ventricular beats now and then, with a pause."""
    bpm = between(rng, 50, 110)
    heart, made = anatomy(rng), bench(rng)
    times, normal, ectopic, now = [], [], [], 0.5
    while now < SECONDS:
        times.append(now)
        normal.append(now)
        if rng.random() < 0.2:
            ectopic.append(now + between(rng, 0.5, 0.7) * 60 / bpm)
            times.append(ectopic[-1])
            now += 120 / bpm
        else:
            now += 60 / bpm * (1 + 0.02 * float(rng.standard_normal()))
    made.add(normal, heart.beat(60 / bpm))
    made.add(ectopic, heart.ectopic)
    return made.made("premature", told(heart, made, f"{bpm:.0f} bpm"), [t for t in times if t < SECONDS])


def fibrillation(rng: Rng) -> Made:
    """Atrial fibrillation."""
    bpm = between(rng, 50, 170)
    heart, made = anatomy(rng), bench(rng)
    rr = np.clip(60 / bpm * rng.lognormal(0, between(rng, 0.12, 0.25), 400), 0.28, 2.2)
    times = [t for t in np.cumsum(rr).tolist() if t < SECONDS]
    for time, gap in zip(times, rr.tolist(), strict=False):
        made.add([time], heart.beat(gap, p=False))
    cycles = np.cumsum(between(rng, 5, 8) + 0.5 * np.sin(2 * np.pi * 0.2 * made.t)) / made.fs
    made.x += between(rng, 0.01, 0.08) * (np.sin(2 * np.pi * cycles) + 0.4 * np.sin(4 * np.pi * cycles))
    return made.made("AF", told(heart, made, f"{bpm:.0f} bpm"), times)


def flutter(rng: Rng) -> Made:
    """Atrial flutter with every second to fourth wave conducted, or changing."""
    atrial, ratio = between(rng, 220, 330), int(rng.integers(2, 6))
    heart, made = anatomy(rng, rr=ratio * 60 / atrial), bench(rng)
    waves = made.regular(atrial, 0.1)
    if ratio == 5:  # now 2:1, now 4:1
        beats, k = [], 0
        while k < len(waves):
            beats.append(waves[k] + 0.1)
            k += int(rng.choice((2, 4)))
    else:
        beats = [time + 0.1 for time in waves[::ratio]]
    made.add(waves, ((0.0, 60 / atrial / 5, -min(between(rng, 0.08, 0.25), 0.4 * heart.size)),))
    made.add(beats, heart.beat(ratio * 60 / atrial, p=False))
    return made.made("flutter", told(heart, made, f"{atrial:.0f}, {ratio}:1"), beats)


def tachycardia(rng: Rng) -> Made:
    """Ventricular tachycardia throughout or for a while."""
    bpm = between(rng, 120, 250)
    heart, made = anatomy(rng, rr=0.8), bench(rng)
    start, end = (0.4, SECONDS) if rng.random() < 0.5 else (between(rng, 12, 25), between(rng, 38, 50))
    times = made.regular(bpm, start, end)
    made.add(times, heart.ectopic if bpm < 180 else heart.ectopic[:-1])
    before = [t for t in made.regular(75) if t < start - 0.5 or t > end + 0.5]
    made.add(before, heart.beat(0.8))
    return made.made(
        "VT", told(heart, made, f"{bpm:.0f} bpm from {start:.0f} to {end:.0f} s"), sorted(times + before)
    )


def paroxysm(rng: Rng) -> Made:
    """A narrow tachycardia that begins and ends."""
    bpm, slow = between(rng, 140, 230), between(rng, 50, 90)
    heart, made = anatomy(rng, rr=60 / bpm), bench(rng)
    start, end = between(rng, 12, 25), between(rng, 38, 50)
    times = made.regular(bpm, start, end)
    around = [t for t in made.regular(slow) if t < start - 0.3 or t > end + 0.5]
    made.add(times, heart.beat(60 / bpm))
    made.add(around, heart.beat(60 / slow))
    return made.made("paroxysm", told(heart, made, f"{slow:.0f}, then {bpm:.0f} bpm"), sorted(times + around))


def block(rng: Rng) -> Made:
    """AV block."""
    atrial, form = between(rng, 60, 110), str(rng.choice(("2:1", "3:1", "complete", "Wenckebach")))
    heart, made = anatomy(rng, width=between(rng, 0.07, 0.15)), bench(rng)
    ps = made.regular(atrial)
    wave = ((0.0, 0.02, between(rng, 0.06, 0.22)),)
    made.add(ps, wave)
    if form == "complete":
        beats = made.regular(between(rng, 25, 45), 0.7)
    elif form == "Wenckebach":
        beats = [t + 0.16 + 0.06 * (k % 4) for k, t in enumerate(ps) if k % 4 < 3]
    else:
        beats = [t + 0.18 for t in ps[:: int(form[0])]]
    made.add(beats, heart.beat(1.0, p=False))
    return made.made(
        "block", told(heart, made, form, f"atria {atrial:.0f}"), [t for t in beats if t < SECONDS]
    )


def standstill(rng: Rng) -> Made:
    """The ventricles stop, the atria perhaps not."""
    bpm, stop = between(rng, 50, 110), between(rng, 6, 30)
    heart, made = anatomy(rng, rr=60 / bpm), bench(rng)
    ps = made.regular(bpm)
    going = rng.random() < 0.7
    beats = [t for t in ps if t < stop]
    made.add(beats, heart.beat(60 / bpm))
    if going:
        high = between(rng, 0.06, 0.25)
        made.add(
            [t for t in ps if t >= stop], ((0.0, between(rng, 0.016, 0.026), min(high, 0.3 * heart.size)),)
        )
    return made.made(
        "standstill",
        told(heart, made, f"{bpm:.0f} bpm, {'P waves' if going else 'nothing'} from {stop:.0f} s"),
        beats,
    )


def pauses(rng: Rng) -> Made:
    """Long pauses now and then."""
    bpm = between(rng, 50, 100)
    heart, made = anatomy(rng), bench(rng)
    times, now = [], 0.5
    while now < SECONDS:
        times.append(now)
        now += (
            between(rng, 2.2, 6)
            if rng.random() < 0.1
            else 60 / bpm * (1 + 0.03 * float(rng.standard_normal()))
        )
    made.add(times, heart.beat(60 / bpm))
    return made.made("pauses", told(heart, made, f"{bpm:.0f} bpm"), times)


def pacing(rng: Rng) -> Made:
    """A pacemaker with and without capture."""
    mode = str(rng.choice(("capture", "capture", "no capture", "escape", "now and then", "stops capturing")))
    bpm = between(rng, 55, 90)
    heart, made = anatomy(rng), bench(rng)
    fired = made.regular(bpm)
    samples, mv = (
        int(rng.integers(1, 3 if made.fs >= 200 else 2)),
        between(rng, 0.8, 4) * float(rng.choice((-1, 1))),
    )
    shape = [(at + 0.07, wide, high) for at, wide, high in heart.ectopic]
    if mode == "capture":
        beats = fired
    elif mode == "no capture":
        beats = []
    elif mode == "escape":
        beats = made.regular(between(rng, 22, 42), 0.9)
    elif mode == "now and then":
        beats = fired[:: int(rng.integers(2, 4))]
    else:
        beats = [t for t in fired if t < 25]
    made.add(beats, shape)
    if rng.random() < 0.4:
        atrial = [t - 0.16 for t in fired if t > 0.2]
        made.spikes(atrial, samples, 0.4 * mv)
        made.add(atrial, ((0.05, 0.02, 0.1),))
    made.spikes(fired, samples, mv)
    return made.made(
        "pacing", told(heart, made, f"{bpm:.0f}, {mode}, {samples} x {mv:.1f} mV"), [t + 0.07 for t in beats]
    )


def noisy(rng: Rng) -> Made:
    """White noise."""
    made, heart, bpm, times = sinus(rng, 45, 130)
    level = between(rng, 0.02, 0.2) * heart.size
    made.x += rng.normal(0, level, len(made.t))
    return made.made("noisy", told(heart, made, f"{bpm:.0f} bpm, noise {level / heart.size:.2f}"), times)


def moved(rng: Rng) -> Made:
    """Bursts of motion."""
    made, heart, bpm, times = sinus(rng, 45, 130)
    for _ in range(int(rng.integers(3, 10))):
        start, long = between(rng, 2, 57), between(rng, 0.5, 3)
        inside = (made.t > start) & (made.t < start + long)
        hull = np.sin(np.pi * (made.t[inside] - start) / long) ** 2
        for _ in range(6):
            hz = between(rng, 0.6, 9)
            made.x[inside] += hull * rng.normal(0, 0.4 / hz**0.5) * np.sin(2 * np.pi * hz * made.t[inside])
    return made.made("motion", told(heart, made, f"{bpm:.0f} bpm"), times)


def hum(rng: Rng) -> Made:
    """Mains hum."""
    made, heart, bpm, times = sinus(rng, 45, 160)
    hz, mv, drift = float(rng.choice((50, 60))), between(rng, 0.1, 2.0), between(rng, 0, 0.5)
    made.hum(hz, mv, drift, float(rng.choice((0.0, between(rng, 5, 30)))))
    return made.made(
        "hum", told(heart, made, f"{bpm:.0f} bpm, {mv:.1f} mV at {hz:g} Hz, drift {drift:.1f}"), times
    )


def gain(rng: Rng) -> Made:
    """A wrong gain."""
    made, heart, bpm, times = sinus(rng, 40, 160)
    factor = float(np.exp(between(rng, np.log(0.1), np.log(10))))
    made.x *= factor
    return made.made("gain", told(heart, made, f"{bpm:.0f} bpm, x {factor:.2f}"), times)


def clipped(rng: Rng) -> Made:
    """A range of the ADC that is too small."""
    made, heart, bpm, times = sinus(rng, 40, 160)
    limit = between(rng, 0.35, 0.9)
    high, low = made.x.max(), made.x.min()
    middle = float(np.median(made.x))
    made.x = np.clip(made.x, middle + limit * (low - middle), middle + limit * (high - middle))
    return made.made("clipped", told(heart, made, f"{bpm:.0f} bpm at {limit:.2f}"), times)


def specks(rng: Rng) -> Made:
    """Single samples at the end of the range."""
    made, heart, bpm, times = sinus(rng, 45, 130)
    share = float(np.exp(between(rng, np.log(0.001), np.log(0.01))))
    at = rng.random(len(made.x)) < share
    rail = float(rng.choice((-1, 1))) * between(rng, 1.5, 6)
    made.x[at] = rail if rng.random() < 0.6 else rng.choice((-1, 1), int(at.sum())) * abs(rail)
    return made.made(
        "specks", told(heart, made, f"{bpm:.0f} bpm, {100 * share:.1f} % at {rail:.1f} mV"), times
    )


def steps(rng: Rng) -> Made:
    """Steps of the baseline that decay."""
    made, heart, bpm, times = sinus(rng, 45, 130)
    count = int(rng.integers(2, 40))
    for at in rng.uniform(1, 59, count).tolist():
        step, decay = between(rng, 0.3, 2) * float(rng.choice((-1, 1))), between(rng, 0.2, 3)
        later = made.t >= at
        made.x[later] += step * np.exp(-(made.t[later] - at) / decay)
    return made.made("steps", told(heart, made, f"{bpm:.0f} bpm, {count} steps"), times)


def stretches(rng: Rng) -> Made:
    """Stretches that are flat, railed or missing."""
    made, heart, bpm, times = sinus(rng, 45, 130)
    kept = times
    for _ in range(int(rng.integers(1, 5))):
        start, long = between(rng, 3, 50), between(rng, 0.4, 9)
        inside = (made.t >= start) & (made.t < start + long)
        form = rng.integers(0, 4)
        last = float(made.x[inside][0])
        made.x[inside] = (last, 5.0, np.nan, 0.0)[form] + (
            rng.uniform(-0.002, 0.002, int(inside.sum())) if form == 3 else 0.0
        )
        kept = [t for t in kept if not start <= t < start + long]
    return made.made("stretches", told(heart, made, f"{bpm:.0f} bpm"), kept)


KINDS: tuple[Callable[[Rng], Made], ...] = (
    any_rate,
    wide,
    tall_t,
    wide_tall_t,
    alternans,
    bigeminy,
    trigeminy,
    premature,
    fibrillation,
    flutter,
    tachycardia,
    paroxysm,
    block,
    standstill,
    pauses,
    pacing,
    noisy,
    moved,
    hum,
    gain,
    clipped,
    specks,
    steps,
    stretches,
)


def hearts(count: int, seed: int) -> Iterator[Made]:
    """Yield ``count`` hearts of each kind; the same ones for the same ``seed``."""
    for k, make in enumerate(KINDS):
        for n in range(count):
            yield make(np.random.default_rng((seed, k, n)))
