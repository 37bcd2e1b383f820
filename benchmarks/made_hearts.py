"""Made-up hearts whose true rate is known, for `benchmarks.hearts`: one lead in mV each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wearecg.person import Person

Signal = NDArray[np.float64]
Wave = tuple[float, float, float]
"""Centre and width (sigma) in seconds, height in mV."""
Shape = Sequence[Wave]

SECONDS = 60.0
P: Wave = (-0.16, 0.020, 0.12)
QRS: Shape = ((-0.022, 0.008, -0.08), (0.0, 0.010, 1.0), (0.025, 0.010, -0.22))
T: Wave = (0.28, 0.045, 0.28)
WIDE: Shape = ((-0.030, 0.020, 0.35), (0.0, 0.026, 1.0), (0.045, 0.024, 0.35), (0.24, 0.055, -0.4))
LOW_WIDE: Shape = ((-0.02, 0.026, 0.18), (0.025, 0.028, 0.22), (0.26, 0.06, -0.12))


@dataclass(frozen=True)
class Made:
    """A heart: its kind and name, one lead [n] in mV at ``fs`` Hz, and the seconds of its true beats."""

    kind: str
    name: str
    fs: float
    lead: Signal
    beats: tuple[float, ...]


@dataclass
class Bench:
    """Makes the lead of one heart, wave by wave; random parts are the same in every run."""

    fs: float = 250.0
    seconds: float = SECONDS
    noise: float = 0.008
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(11))

    def __post_init__(self) -> None:
        self.t = np.arange(round(self.seconds * self.fs)) / self.fs
        self.x = self.rng.normal(0, self.noise, len(self.t)) + 0.06 * np.sin(2 * np.pi * 0.23 * self.t)

    def regular(self, bpm: float, start: float = 0.4, end: float | None = None) -> list[float]:
        """Return beats at a rate that varies by one per cent."""
        times, now, end = [], start, self.seconds if end is None else end
        while now < end:
            times.append(now)
            now += 60 / bpm * (1 + 0.01 * float(self.rng.standard_normal()))
        return times

    def add(self, times: Sequence[float], shape: Shape, size: float = 1.0) -> None:
        """Add the waves of a beat at each of ``times``."""
        for time in times:
            for centre, width, height in shape:
                a, b = np.searchsorted(
                    self.t, (time + centre - 5 * width, time + centre + 5 * width)
                ).tolist()
                self.x[a:b] += size * height * np.exp(-0.5 * ((self.t[a:b] - time - centre) / width) ** 2)

    def spikes(self, times: Sequence[float], samples: int, mv: float) -> None:
        """Add pacing spikes of so many samples."""
        for time in times:
            first = round(time * self.fs)
            self.x[first : first + samples] += mv

    def hum(self, hz: float, mv: float, drift: float = 0.0, since: float = 0.0) -> None:
        """Add mains hum with harmonics below half the sampling rate; it drifts to and fro by ``drift`` Hz."""
        swing = drift * 20.0 / (2 * np.pi) * np.sin(2 * np.pi * self.t / 20.0)
        for order, share in ((1, 1.0), (2, 0.08), (3, 0.2), (5, 0.1)):
            if order == 1 or order * (hz + drift) < 0.5 * self.fs:
                wave = np.sin(2 * np.pi * order * (hz * self.t + swing) + 0.7 * order)
                self.x += np.where(self.t >= since, share * mv * wave, 0.0)

    def made(self, kind: str, name: str, beats: Sequence[float]) -> Made:
        """Return what has been made."""
        return Made(kind, name, self.fs, self.x, tuple(beats))


def beat(bpm: float, qrs: Shape = QRS, t: Wave = T, p: Wave = P) -> list[Wave]:
    """Return a sinus beat whose P and T waves keep their place at the rate ``bpm``."""
    stretch = min(1.15, (60 / bpm / 0.85) ** 0.5)
    early = min(1.0, stretch)
    return [
        (p[0] * early, p[1] * early, p[2]),
        *qrs,
        (t[0] * stretch, t[1] * stretch, t[2]),
    ]


def sinus(
    kind: str, name: str, bpm: float, fs: float = 250.0, size: float = 1.0, t: Wave = T, noise: float = 0.008
) -> tuple[Bench, Made]:
    """Return the bench of a sinus rhythm, to spoil, and what it would be unspoilt."""
    bench = Bench(fs, noise=noise)
    times = bench.regular(bpm)
    bench.add(times, beat(bpm, t=t), size)
    return bench, bench.made(kind, name, times)


def rates() -> Iterator[Made]:
    """Rates, sampling rates and sizes of a plain sinus rhythm."""
    for bpm in (20, 30, 40, 50, 75, 100, 125, 150, 180, 200, 220, 250, 300):
        yield sinus("rate", f"{bpm} bpm", bpm)[1]
    for fs in (100, 125, 128, 130, 200, 256, 360, 500, 1000):
        yield sinus("fs", f"75 bpm at {fs} Hz", 75, fs)[1]
    for size in (0.1, 0.2, 0.5, 3.0, -1.0):
        yield sinus("size", f"R {size:g} mV", 75, size=size, noise=0.004)[1]
    for size in (5.0, 10.0):
        yield sinus("gain", f"gain wrong by {size:g}", 75, size=size)[1]
    yield sinus("rate", "300 bpm at 500 Hz", 300, 500)[1]


def t_waves() -> Iterator[Made]:
    """T waves taller or steeper than the R wave."""
    for bpm in (40, 60, 75, 100):
        yield sinus("tall T", f"T twice R, {bpm} bpm", bpm, t=(0.28, 0.045, 2.0))[1]
    yield sinus("tall T", "T 2.5 times R, 75 bpm", 75, t=(0.28, 0.045, 2.5))[1]
    yield sinus("tall T", "T steep, 60 bpm", 60, t=(0.28, 0.026, 1.2))[1]
    yield sinus("tall T", "T inverted twice R, 60 bpm", 60, t=(0.28, 0.045, -2.0))[1]
    yield sinus("tall T", "T twice R, 75 bpm, 200 Hz", 75, 200, t=(0.28, 0.04, 2.0))[1]
    yield sinus("tall T", "T twice R, 60 bpm, 500 Hz", 60, 500, t=(0.28, 0.04, 2.0))[1]
    yield sinus("tall T", "low R 0.4 mV, T 0.9 mV, 70 bpm", 70, size=0.4, t=(0.28, 0.04, 2.25))[1]


def two_shapes() -> Iterator[Made]:
    """Alternans and premature beats."""
    for low in (0.15, 0.3, 0.6):
        bench = Bench()
        times = bench.regular(75)
        bench.add(times[::2], beat(75))
        bench.add(times[1::2], beat(75), low)
        yield bench.made("alternans", f"R 1 / {low:g} mV, 75 bpm", times)
    for name, shape, size in (("wide low", LOW_WIDE, 1.0), ("wide", WIDE, 1.2), ("as tall", WIDE, 0.9)):
        for bpm in (60, 75):
            bench = Bench()
            pairs = bench.regular(bpm / 2)
            early = [time + 0.6 * 60 / bpm for time in pairs]
            bench.add(pairs, beat(bpm))
            bench.add(early, shape, size)
            yield bench.made("bigeminy", f"{name} PVCs, {bpm} bpm", sorted(pairs + early))
    bench = Bench()
    triples = bench.regular(25)
    second, early = [t + 0.8 for t in triples], [t + 0.8 + 0.5 for t in triples]
    bench.add(triples + second, beat(75))
    bench.add(early, WIDE, 1.2)
    yield bench.made("bigeminy", "trigeminy, 75 bpm", sorted(triples + second + early))
    bench = Bench()
    times = np.cumsum(bench.rng.lognormal(-0.3, 0.22, 70)).tolist()
    bench.add(times, beat(80, p=(-0.16, 0.02, 0.0)))
    yield bench.made("AF", "atrial fibrillation, 80 bpm", times)
    bench = Bench()
    times = bench.regular(75)
    bench.add(times, beat(75, qrs=WIDE[:3], t=(0.32, 0.055, -0.4)))
    yield bench.made("wide", "bundle branch block, 75 bpm", times)


def stopping() -> Iterator[Made]:
    """Hearts that stop, and pacemakers."""
    bench = Bench()
    ps = bench.regular(75)
    before = [time for time in ps if time < 20]
    bench.add(before, beat(75))
    bench.add([time for time in ps if time >= 20], (P,))
    yield bench.made("standstill", "ventricular standstill from 20 s", before)
    bench = Bench()
    bench.add(before, beat(75))
    yield bench.made("standstill", "asystole from 20 s", before)
    bench = Bench()
    ps, escape = bench.regular(75), bench.regular(33)
    bench.add(ps, (P,))
    bench.add(escape, (*QRS, (0.33, 0.05, 0.3)))
    yield bench.made("block", "complete AV block, escape 33", escape)
    bench = Bench()
    ps = bench.regular(80)
    bench.add(ps, (P,))
    bench.add(ps[::2], (*QRS, (0.32, 0.05, 0.3)), 1.0)
    yield bench.made("block", "2:1 AV block, 40 bpm", ps[::2])
    for fs, samples, mv in (
        (250.0, 1, 2.0),
        (250.0, 2, 2.0),
        (500.0, 1, 3.0),
        (500.0, 2, -2.0),
        (1000.0, 2, 3.0),
    ):
        for mode in ("no capture", "escape 30", "ventricular", "dual"):
            if fs != 250 and mode not in ("no capture", "ventricular"):
                continue
            yield paced(fs, samples, mv, mode)


def paced(fs: float, samples: int, mv: float, mode: str) -> Made:
    """Return a heart with a pacemaker that fires at 70 a minute."""
    bench = Bench(fs)
    fired = bench.regular(70)
    beats: list[float] = []
    if mode == "escape 30":
        beats = bench.regular(30, 0.9)
        bench.add(beats, WIDE)
    if mode in ("ventricular", "dual"):
        beats = [time + 0.07 for time in fired]
        bench.add(beats, WIDE)
    if mode == "dual":
        before = [time - 0.16 for time in fired if time > 0.2]
        bench.spikes(before, samples, 0.5 * mv)
        bench.add(before, ((0.05, 0.02, 0.1),))
    bench.spikes(fired, samples, mv)
    return bench.made("pacing", f"{mode}, {samples} x {mv:g} mV at {fs:g} Hz", beats)


def fast() -> Iterator[Made]:
    """Ventricular tachycardia, flutter and fibrillation on one lead."""
    for bpm in (130, 165, 190, 215, 240):
        bench = Bench()
        times = bench.regular(bpm)
        bench.add(times, WIDE[:3] if bpm > 180 else WIDE, 1.1)
        yield bench.made("VT", f"wide, {bpm} bpm", times)
    for bpm in (165, 190):
        bench = Bench()
        before, times = bench.regular(75, end=20), bench.regular(bpm, start=20.3, end=45)
        after = bench.regular(75, start=46)
        bench.add(before + after, beat(75))
        bench.add(times, WIDE, 1.2)
        yield bench.made("VT", f"sinus 75, then wide {bpm} for 25 s", before + times + after)
    for seed in (1, 2):
        yield person("VT", f"simulated person {seed}, vt, lead II", seed, "vt", "II")
    bench = Bench()
    cycle = np.cumsum(
        1 + 0.35 * np.sin(2 * np.pi * 0.31 * bench.t) + 0.3 * bench.rng.normal(0, 1, len(bench.t))
    )
    bench.x += (0.4 + 0.2 * np.sin(2 * np.pi * 0.4 * bench.t)) * np.sin(2 * np.pi * 4.8 * cycle / bench.fs)
    yield bench.made("VF", "ventricular fibrillation", ())
    bench = Bench()
    times = bench.regular(150)
    bench.add(times, QRS)
    bench.add(np.arange(0.05, bench.seconds, 0.2).tolist(), ((0.0, 0.04, -0.2),))
    yield bench.made("flutter", "atrial flutter 2:1, 150 bpm", times)


def spoilt() -> Iterator[Made]:
    """Hum, noise and faults of the recorder around a heart of 72 a minute."""
    for fs in (100, 125, 130, 250, 360, 500, 1000):
        for hz in (50, 60):
            bench, made = sinus("hum", f"{hz} Hz 2 mV at {fs} Hz", 72, fs)
            bench.hum(hz, 2.0)
            yield made
    for hz, mv, drift, since in (
        (50, 0.5, 0.0, 0.0),
        (60, 0.5, 0.5, 0.0),
        (50, 2.0, 0.5, 0.0),
        (60, 2.0, 0.0, 20.0),
    ):
        bench, made = sinus("hum", f"{hz} Hz {mv:g} mV, drift {drift:g} Hz, from {since:g} s", 72)
        bench.hum(hz, mv, drift, since)
        yield made
    for level in (0.03, 0.08, 0.2):
        bench, made = sinus("noise", f"muscle {level:g} mV", 72, noise=level)
        yield made
    bench, made = sinus("noise", "wander 1.5 mV", 72)
    bench.x += 1.5 * np.sin(2 * np.pi * 0.3 * bench.t)
    yield made
    for name, rail in (("end stop 5 mV", 5.0), ("end stop -5 mV", -5.0), ("zero samples under 2.2 mV", -2.2)):
        bench, made = sinus("recorder", f"1 % of samples: {name}", 72)
        bench.x[bench.rng.random(len(bench.x)) < 0.01] = rail
        yield made
    for name, low, high in (
        ("flat", 0.0, 0.0),
        ("railed", 5.0, 5.0),
        ("flat with a bit of noise", -0.003, 0.003),
    ):
        bench, made = sinus("recorder", f"{name} from 20 to 40 s", 62)
        off = (bench.t >= 20.4) & (bench.t < 39.7)
        bench.x[off] = bench.rng.uniform(low, high, int(off.sum()))
        yield Made(
            made.kind, made.name, made.fs, made.lead, tuple(b for b in made.beats if not 20.4 <= b < 39.7)
        )
    bench, made = sinus("recorder", "no samples from 20 to 30 s", 62)
    bench.x[(bench.t >= 20.4) & (bench.t < 30.3)] = np.nan
    yield Made(made.kind, made.name, made.fs, made.lead, tuple(b for b in made.beats if not 20.4 <= b < 30.3))


def no_heart() -> Iterator[Made]:
    """Signals that are no ECG."""
    for noise in (0.0, 0.01, 0.05):
        bench = Bench(noise=noise)
        bench.x += 0.5 * np.sign(np.sin(2 * np.pi * 1.0 * bench.t))
        yield bench.made("no heart", f"square wave 1 Hz, noise {noise:g} mV", ())
        bench = Bench(noise=noise)
        bench.x += bench.t % 1.0
        yield bench.made("no heart", f"sawtooth 1 Hz, noise {noise:g} mV", ())
    bench = Bench(noise=0.01)
    bench.x += np.abs(2 * (bench.t * 1.2 % 1.0) - 1)
    yield bench.made("no heart", "triangle 1.2 Hz", ())
    for hz in (1.0, 3.0, 5.0, 10.0):
        bench = Bench()
        bench.x += np.sin(2 * np.pi * hz * bench.t)
        yield bench.made("no heart", f"sine {hz:g} Hz", ())
    for noise in (0.004, 0.05, 0.5):
        yield Bench(noise=noise).made("no heart", f"white noise {noise:g} mV", ())
    bench = Bench()
    bench.hum(50, 0.5)
    yield bench.made("no heart", "hum alone", ())


def person(kind: str, name: str, seed: int, scenario: str, lead: str, fs: float = 250.0) -> Made:
    """Return one lead of a synthetic person."""
    played = Person(seed, scenario, fs)
    column = played.leads.index(lead)
    samples = played.samples(round(SECONDS * fs))[:, column].astype(np.float64)
    beats = tuple(b.time for b in played.beats_between(0, SECONDS))
    return Made(kind, name, fs, samples, beats)


def people() -> Iterator[Made]:
    """Synthetic persons, each on a lead of its own."""
    for seed, (scenario, lead) in enumerate(
        (
            ("sinus", "I"),
            ("sinus", "V2"),
            ("pvc", "II"),
            ("bigeminy", "V1"),
            ("af", "V5"),
            ("pac", "aVF"),
            ("pause", "II"),
            ("st", "V3"),
            ("sinus+noise", "II"),
            ("sinus+motion", "V5"),
        )
    ):
        yield person("person", f"{scenario}, {lead}", seed, scenario, lead)


KINDS: tuple[Callable[[], Iterator[Made]], ...] = (
    rates,
    t_waves,
    two_shapes,
    stopping,
    fast,
    spoilt,
    no_heart,
    people,
)
