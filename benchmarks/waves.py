"""Where P, QRS and T begin and end: on LUDB, clean and spoiled, beside other delineators.

``python -m benchmarks.waves DATA [--leads II|all] [--no-peers] [--out FOLDER]`` where DATA holds ``ludb/`` and
``nstdb/``. A border counts as found within 150 ms; what is found between the first and the last mark of a lead, and
is none of its marks, is false. F1 is over all six borders of all records (strict: what was found just outside the
marks counts as not found). QT is from a QRS onset to the first T end
within 0.65 s, the median of a record. Only the records that neither openecg 0.11.0 nor our network was trained on
are looked at; LUDB's cardiologists marked each lead by itself.

Spoiled: noise of NSTDB's second half (ours was trained with the first) at 6 dB of mean power; 50 Hz hum of 0.1 mV;
resampled to 130 Hz, as some straps sample.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.delineators import BORDERS, Delineator, Found, installed, wearecg_waves
from wearecg.ec57 import pair
from wearecg.pipeline.resample import resample

FS = 500.0
WINDOW_S = 0.15
QT_S = 0.65
FAR_MS = 30.0
SNR_DB = 6.0
HUM_MV = 0.1
SLOW_HZ = 130.0
MARKS = {"p": "P", "qrs": "QRS", "t": "T"}

Array = NDArray[np.float64]
Spoil = Callable[[Array, np.random.Generator], tuple[Array, float]]
"""From a lead to another, and its rate."""


class Lead:
    """One lead of a record: samples in mV and the borders that are marked in it."""

    def __init__(self, name: str, samples: Array, waves: Mapping[str, Array]) -> None:
        self.name, self.samples = name, samples
        self.marks: Found = {
            f"{ours}_{side}": spans[np.isfinite(spans[:, column]), column]
            for ours, theirs in MARKS.items()
            for side, column, spans in (("on", 0, waves[theirs]), ("off", 2, waves[theirs]))
        }
        edges = np.concatenate([spans.ravel() for spans in waves.values()])
        self.first, self.last = np.nanmin(edges), np.nanmax(edges)

    def between(self, times: Array) -> Array:
        """Return what lies between the first and the last mark."""
        inside: Array = times[(times >= self.first) & (times <= self.last)]
        return inside


class Tally:
    """What one delineator did in many leads."""

    def __init__(self) -> None:
        self.off: dict[str, list[float]] = {border: [] for border in BORDERS}
        self.missed = dict.fromkeys(BORDERS, 0)
        self.false = dict.fromkeys(BORDERS, 0)
        self.strict = 0, 0
        """Borders found and borders wrong, if one that was found outside the marks, though near one, counts as none."""
        self.drawn = 0
        """P waves in leads that have none."""
        self.qt: list[float] = []
        """Of each lead, found less marked, ms; NaN where none was found."""

    def add(self, lead: Lead, found: Found) -> None:
        """Count one lead."""
        for border in BORDERS:
            marked, times = np.sort(lead.marks[border]), np.sort(found[border])
            pairs = pair(marked.tolist(), times.tolist(), WINDOW_S)
            self.off[border] += [1000 * (times[j] - marked[i]) for i, j in pairs]
            self.missed[border] += len(marked) - len(pairs)
            rest = np.delete(times, [j for _, j in pairs])
            self.false[border] += len(lead.between(rest))
            inside = lead.between(times)
            hits = len(pair(marked.tolist(), inside.tolist(), WINDOW_S))
            self.strict = self.strict[0] + hits, self.strict[1] + len(marked) + len(inside) - 2 * hits
        if not len(lead.marks["p_on"]):
            self.drawn += len(lead.between(found["p_on"]))
        wanted = qt(lead.marks["qrs_on"], lead.marks["t_off"])
        if np.isfinite(wanted):
            self.qt.append(1000 * (qt(found["qrs_on"], found["t_off"]) - wanted))

    def f1(self) -> float:
        """Of the six borders."""
        hits = sum(map(len, self.off.values()))
        return 2 * hits / (2 * hits + sum(self.missed.values()) + sum(self.false.values()))

    def strict_f1(self) -> float:
        """Of the six borders, of what was found between the first and the last mark alone."""
        hits, wrong = self.strict
        return 2 * hits / (2 * hits + wrong)

    def rates(self, border: str) -> tuple[float, float]:
        """Sensitivity and positive predictive value, %."""
        hits = len(self.off[border])
        return (
            100 * hits / max(hits + self.missed[border], 1),
            100 * hits / max(hits + self.false[border], 1),
        )

    def result(self) -> dict[str, float]:
        """All numbers."""
        p, t, errors = self.rates("p_on"), self.rates("t_off"), np.array(self.qt)
        told = errors[np.isfinite(errors)]
        numbers = {
            "F1": self.f1(),
            "strict_F1": self.strict_f1(),
            "P_Se": p[0],
            "P_PPV": p[1],
            "P_drawn": float(self.drawn),
            "T_Se": t[0],
            "T_PPV": t[1],
        }
        for border, off in self.off.items():
            numbers[f"{border}_mean_ms"], numbers[f"{border}_sd_ms"] = float(np.mean(off)), float(np.std(off))
        return numbers | {
            "QT_MAE_ms": float(np.abs(told).mean()),
            "QT_bias_ms": float(told.mean()),
            "QT_far_percent": float(100 * (np.abs(told) > FAR_MS).mean()),
            "QT_leads": float(len(told)),
            "QT_leads_marked": float(len(errors)),
        }


def qt(onsets: Array, ends: Array) -> float:
    """Return the median seconds from a QRS onset to the first T end within `QT_S`; NaN without any."""
    ends = np.sort(ends)
    found = []
    for onset in onsets:
        later = ends[(ends > onset) & (ends <= onset + QT_S)]
        found += [later[0] - onset] if len(later) else []
    return float(np.median(found)) if found else float("nan")


def leads(data: Path, chosen: Sequence[str], cache: Path, records: Collection[str] = ()) -> list[Lead]:
    """Read these leads of some records; by default of those that were kept out of training."""
    from export.datasets import ludb
    from wearecg.ecg.leads import TWELVE

    read, records = ludb.load(data, cache, FS), records or ludb.KEPT
    rows = [row for row, name in enumerate(read.names) if name in records]
    return [
        Lead(
            f"{read.names[row]} {lead}",
            read.signals[row, k].astype(np.float64) / 1000,
            {wave: spans[k] for wave, spans in read.waves[row].items()},
        )
        for row in rows
        for k, lead in enumerate(TWELVE)
        if lead in chosen and len(read.waves[row]["QRS"][k])
    ]


def conditions(data: Path) -> dict[str, Spoil]:
    """Return the ways in which a lead is spoiled, by name."""
    import wfdb
    from scipy.signal import resample_poly

    noise = {}
    for kind in ("em", "ma"):
        both = np.asarray(wfdb.rdrecord(str(data / "nstdb" / kind)).p_signal)[:, 0]
        noise[kind] = resample_poly(both, 25, 18)[len(both) * 25 // 36 :]

    def noisy(kind: str) -> Spoil:
        def spoil(ecg: Array, rng: np.random.Generator) -> tuple[Array, float]:
            start = rng.integers(len(noise[kind]) - len(ecg))
            return at_snr(ecg, noise[kind][start : start + len(ecg)]), FS

        return spoil

    def hum(ecg: Array, rng: np.random.Generator) -> tuple[Array, float]:
        return ecg + HUM_MV * np.sin(2 * np.pi * 50 * np.arange(len(ecg)) / FS + rng.uniform(0, 6)), FS

    def slow(ecg: Array, _rng: np.random.Generator) -> tuple[Array, float]:
        return resample(ecg[:, None].astype(np.float32), FS, SLOW_HZ)[:, 0].astype(np.float64), SLOW_HZ

    return {
        "clean": lambda ecg, _rng: (ecg, FS),
        "motion, 6 dB": noisy("em"),
        "muscle, 6 dB": noisy("ma"),
        "hum": hum,
        "130 Hz": slow,
    }


def at_snr(ecg: Array, noise: Array) -> Array:
    """Return a lead with noise of so much less power at `SNR_DB`."""
    noisy: Array = ecg + (noise - noise.mean()) * np.sqrt(ecg.var() / 10 ** (SNR_DB / 10) / noise.var())
    return noisy


def measure(find: Delineator, on: Sequence[Lead], spoil: Spoil) -> Tally:
    """Run a delineator on every lead."""
    tally, rng = Tally(), np.random.default_rng(1)
    for lead in on:
        ecg, fs = spoil(lead.samples, rng)
        try:
            found = find(ecg, fs)
        except Exception:
            found = {border: np.array([]) for border in BORDERS}
        tally.add(lead, found)
    return tally


HEAD = (
    f"{'':24}{'F1':>7}{'strict':>8}{'P Se/PPV':>13}{'drawn':>6}{'QRS on':>13}{'off':>13}{'T Se/PPV':>13}{'T off':>13}"
    f"{'QT MAE':>8}{'bias':>7}{'> 30 ms':>9}"
)


def row(name: str, r: Mapping[str, float]) -> str:
    """Lay out one delineator's numbers."""

    def off(border: str) -> str:
        return f"{r[f'{border}_mean_ms']:+.1f} ± {r[f'{border}_sd_ms']:.1f}"

    p, t = f"{r['P_Se']:.1f}/{r['P_PPV']:.1f}", f"{r['T_Se']:.1f}/{r['T_PPV']:.1f}"
    return (
        f"{name:24}{r['F1']:7.4f}{r['strict_F1']:8.4f}{p:>13}{r['P_drawn']:6.0f}{off('qrs_on'):>13}{off('qrs_off'):>13}{t:>13}"
        f"{off('t_off'):>13}{r['QT_MAE_ms']:8.1f}{r['QT_bias_ms']:+7.1f}{r['QT_far_percent']:8.1f}%"
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waves", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with ludb/ and nstdb/")
    parser.add_argument("--leads", default="II", help="a lead, or 'all'; default %(default)s")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "wearecg" / "export")
    parser.add_argument("--out", type=Path, default=machine.RESULTS)
    args = parser.parse_args(argv)
    from wearecg.ecg.leads import TWELVE

    peers, absent = ({}, []) if args.no_peers else installed()
    compared: dict[str, Delineator] = {"wearecg waves": wearecg_waves, **peers}
    print(machine.line())
    for name in absent:
        print(f"{name}: not installed")
    on = leads(args.data, TWELVE if args.leads == "all" else args.leads.split(","), args.cache)
    results: dict[str, dict[str, dict[str, float]]] = {}
    for condition, spoil in conditions(args.data).items():
        print(f"\n{condition}: {len(on)} leads\n{HEAD}")
        for name, find in compared.items():
            results.setdefault(condition, {})[name] = numbers = measure(find, on, spoil).result()
            print(row(name, numbers), flush=True)
    path = machine.write("waves", {"leads": args.leads, "conditions": results}, args.out)
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
