"""What the account costs: each row is measured in this run, beside the named peer.

    python -m benchmarks.account [--out FOLDER]

Peers: neurokit2 and openecg (`pip install neurokit2 openecg ai-edge-litert`). CPU time of one thread, the least of
several runs; the ratio is the peer's over ours.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import delineators, machine
from wearecg.block import ECG, Beat, SignalBlock
from wearecg.observers import Observer, open_observer
from wearecg.pipeline.engine import Engine
from wearecg.pipeline.observer import About

RUNS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """What is measured, ours and the peer's CPU time (s), and what more there is to say."""

    job: str
    ours: float
    peer: str
    theirs: float
    note: str = ""

    def __str__(self) -> str:
        ratio = f"{self.theirs / self.ours:8.1f}x" if self.theirs else " " * 9
        return f"{self.job:44} {1e3 * self.ours:9.3f} ms {ratio}  {self.peer}{self.note and '; ' + self.note}"


def main() -> None:
    """Measure every row, print them, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    print(machine.line())
    rows = []
    for measure in MEASURES:
        for row in measure():
            print(row, flush=True)
            rows.append(asdict(row))
    print(f"written to {machine.write('account', {'rows': rows}, args.out)}")


def cpu(run: Callable[[], object]) -> float:
    """Return the least CPU time of some runs, s."""
    spent = []
    for _ in range(RUNS):
        start = time.process_time()
        run()
        spent.append(time.process_time() - start)
    return min(spent)


def variability() -> Iterator[Row]:
    """Heart rate variability of a day and of five minutes, on intervals without artefacts."""
    import neurokit2

    from wearecg.ecg.hrv import hrv

    for name, beats in (("24 h", 105_000), ("5 min", 375)):
        ends = np.concatenate([[0], np.cumsum(np.round(1000 * intervals(beats)).astype(int))])
        rr = np.diff(ends) / 1000
        ours, spent = hrv(rr), cpu(partial(hrv, rr))
        for rate, how in ((100, "as it comes, at 100 Hz"), (4, "asked for 4 Hz, as ours")):
            peer = partial(_neurokit2, ends, rate)
            theirs = peer()
            apart = {
                field: abs(getattr(ours, field) / theirs[name] - 1)
                for field, name in ALIKE.items()
                if np.isfinite(theirs[name]) and theirs[name]
            }
            worst = max(apart, key=lambda field: apart[field])
            note = f"{len(apart)} indices, furthest apart {worst} by {apart[worst]:.1g} of its value"
            title = f"neurokit2 {neurokit2.__version__} time and frequency, {how}"
            yield Row(f"HRV of {name}", spent, title, cpu(peer), note)


def _neurokit2(ends: NDArray[np.int64], rate: int) -> dict[str, float]:
    import neurokit2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        time_domain = neurokit2.hrv_time(ends, 1000)
        power = neurokit2.hrv_frequency(ends, 1000, interpolation_rate=rate, normalize=False)
    return {**time_domain.iloc[0].to_dict(), **power.iloc[0].to_dict()}


def episodes() -> Iterator[Row]:
    """What a second of one lead costs, at 75 beats a minute, all of them with a class."""
    from wearecg.block import BeatClass, LeadQuality, Quality, StreamInfo
    from wearecg.observers.episodes import EpisodesObserver

    seconds = 3600
    beats = np.cumsum(intervals(int(seconds / 0.82))).tolist()
    info = StreamInfo(ECG, "made", 250.0, ("II",), (0.001,), epoch=0.0)
    about = About(info, lambda *_: (), lambda start, end: Quality(start, end, ()))
    events: list[tuple[float, object]] = [
        (float(second + 1), Quality(second, second + 1, (LeadQuality("II", "good"),)))
        for second in range(seconds)
    ]
    for before, beat in pairwise(beats):
        events.append((beat + 0.5, Beat(beat, "II", beat - before)))
        events.append((beat + 1.5, BeatClass(beat, "N", 0.99, "made@1")))
    items = [item for _, item in sorted(events, key=lambda event: event[0])]

    def run() -> None:
        observer = EpisodesObserver().begin(about)
        for item in items:
            observer.feed(item, about)

    yield Row(
        "episodes, a second of one lead", cpu(run) / seconds, "", 0.0, "60 us is the aim with beat classes"
    )


def classes() -> Iterator[Row]:
    """What a second of one lead at 250 Hz costs: the class of each beat, with the shapes of the wearer's others."""
    from wearecg import Person

    person, fs, seconds = Person(seed=1, scenario="pvc", fs=250), 250, 120
    lead = person.samples(fs * seconds)[:, [person.leads.index("II")]]
    observer = open_observer("beats")
    ours = cpu(partial(_engine, lead, fs, fs, [observer])) - cpu(partial(_engine, lead, fs, fs, []))
    yield Row("beat classes, a second of one lead", ours / seconds, "", 0.0, "60 us is the aim with episodes")


ALIKE = {
    "mean_nn": "HRV_MeanNN",
    "median_nn": "HRV_MedianNN",
    "min_nn": "HRV_MinNN",
    "max_nn": "HRV_MaxNN",
    "sdnn": "HRV_SDNN",
    "sdann": "HRV_SDANN5",
    "sdnn_index": "HRV_SDNNI5",
    "rmssd": "HRV_RMSSD",
    "sdsd": "HRV_SDSD",
    "pnn50": "HRV_pNN50",
    "pnn20": "HRV_pNN20",
    "triangular_index": "HRV_HTI",
    "vlf": "HRV_VLF",
    "lf": "HRV_LF",
    "hf": "HRV_HF",
    "lf_hf": "HRV_LFHF",
}
"""Indices that are defined alike, and their names in neurokit2."""


def intervals(beats: int) -> NDArray[np.float64]:
    """Return intervals (s) with breathing, slow waves and a drift."""
    rng = np.random.default_rng(0)
    n = np.arange(beats)
    drift = 0.15 * np.cumsum(rng.normal(0, 1, beats)) / np.sqrt(beats)
    waves = 0.04 * np.sin(n / 4) + 0.03 * np.sin(n / 12)
    return np.asarray(0.82 + waves + drift + rng.normal(0, 0.02, beats))


def delineation() -> Iterator[Row]:
    """P, QRS and T of one lead at 500 Hz, a minute of it at once, and as it comes, in blocks of 0.2 s.

    Ours is what the observer adds to the engine, and tells a beat one to six seconds after its R peak. Peers have the
    whole minute, or the last ten seconds every second.
    """
    from wearecg import Person

    person, fs, seconds = Person(seed=1, scenario="sinus", fs=500), 500, 60
    lead = person.samples(fs * seconds)[:, [person.leads.index("II")]]
    minute, ten = lead[:, 0].astype(np.float64), lead[: 10 * fs, 0].astype(np.float64)
    peers, _ = delineators.installed()
    observer = open_observer("waves")
    for how, step, peer_ecg, turns in (("at once", len(lead), minute, 1), ("live", fs // 5, ten, seconds)):
        ours = cpu(partial(_engine, lead, fs, step, [observer])) - cpu(partial(_engine, lead, fs, step, []))
        for name, find in peers.items():
            theirs = turns * cpu(partial(find, peer_ecg, fs))
            yield Row(f"waves of 60 s, {how}", ours, name, theirs)


def _engine(lead: NDArray[np.float32], fs: int, step: int, observers: Sequence[Observer]) -> None:
    engine = Engine("lead", observers)
    for at in range(0, len(lead), step):
        engine.feed(SignalBlock(lead[at : at + step].astype(np.float32), fs, ("II",), at / fs), at / fs)
    engine.finish()


MEASURES: tuple[Callable[[], Iterator[Row]], ...] = (variability, episodes, classes, delineation)
"""One function for each part of the account."""

if __name__ == "__main__":
    main()
