"""What mains hum does to the models: AUROC on recordings with hum added, behind the notch that the stream has.

``python -m benchmarks.hum DATA [--count N] [--cache FOLDER] [--out FOLDER]`` where DATA holds ``ptbxl/`` and
``cinc2017/``. The encoder scores N recordings of PTB-XL's fold 9, rhythm1 N of CinC 2017's folds 9 and 10 that are long
enough: mean AUROC over the statements of which five or more have one. At 100 Hz (where 50 Hz lies at the end of the
band and 60 Hz folds to 40) and brought to 250 Hz, hum with harmonics is added to all leads, with three seconds of the
recording mirrored before it; the front end takes it in blocks of 0.25 s, and what it leaves (`FrontEnd.clean`) is
scored.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from wearecg.block import SignalBlock
from wearecg.ecg.leads import TWELVE
from wearecg.models import Model, load_model
from wearecg.pipeline.frontend import FrontEnd

RATES = (100.0, 250.0)
GIVEN = 100.0
"""Samples per second of the recordings."""
BEFORE_S, CHUNK_S = 3.0, 0.25
FEWEST = 5
LONG_ENOUGH_S = 30.0
HUMS: dict[str, tuple[float, float, float]] = {
    "none": (50.0, 0.0, 0.0),
    "50 Hz, 0.5 mV": (50.0, 0.5, 0.0),
    "50 Hz, 2 mV": (50.0, 2.0, 0.0),
    "60 Hz, 2 mV": (60.0, 2.0, 0.0),
    "50 Hz, 2 mV, drifting by 0.5 Hz": (50.0, 2.0, 0.5),
}
"""Frequency, height in mV, and how far it drifts to and fro in 20 s."""
WORST = "60 Hz, 2 mV"

Signal = NDArray[np.float32]
Labels = dict[str, dict[str, NDArray[np.bool_]]]


def hum(seconds: float, fs: float, hz: float, mv: float, drift: float) -> NDArray[np.float64]:
    """Return hum [n] with its second, third and fifth harmonic."""
    t = np.arange(round(seconds * fs)) / fs
    phase = 2 * np.pi * hz * t + drift * 20.0 * np.sin(2 * np.pi * t / 20.0)
    shares = ((1, 1.0), (2, 0.08), (3, 0.2), (5, 0.1))
    waves = np.sum(
        [mv * share * np.sin(n * phase + 0.7 * n) for n, share in shares if n == 1 or n * hz < 0.48 * fs],
        axis=0,
    )
    return np.asarray(waves)


def upsampled(x: Signal, fs: float) -> Signal:
    """Return a recording [n, leads] at 100 Hz, with missing samples 0, at ``fs``."""
    from scipy.signal import resample_poly

    x = np.nan_to_num(x)
    return (
        x if fs == GIVEN else np.asarray(resample_poly(x, round(fs), round(GIVEN), axis=0), dtype=np.float32)
    )


def cleaned(x: Signal, fs: float, leads: tuple[str, ...]) -> Signal:
    """Return what the front end leaves of a recording."""
    front, step = FrontEnd(fs, leads), round(CHUNK_S * fs)
    parts = []
    for first in range(0, len(x), step):
        front.feed(SignalBlock(x[first : first + step], fs, leads, first / fs))
        parts.append(front.clean)
    return np.concatenate(parts)


def spoilt(
    x: Signal, fs: float, leads: tuple[str, ...], kind: tuple[float, float, float], raw: bool
) -> Signal:
    """Return a recording with hum, or what the front end leaves of it."""
    before = round(BEFORE_S * fs)
    longer = np.concatenate((x[before:0:-1], x))
    longer = (longer + hum(len(longer) / fs, fs, *kind)[:, None]).astype(np.float32)
    return (longer if raw else cleaned(longer, fs, leads))[before:]


def encoder(data: Path, count: int, cache: Path) -> tuple[list[Signal], tuple[str, ...], Labels]:
    """Return recordings of PTB-XL, their leads, and for each group its statements with their labels [n]."""
    from export.datasets import ptbxl

    found = ptbxl.load(data, cache)
    rows = np.random.default_rng(1).permutation(found.rows([9]))[:count]
    labels = {}
    for group in ("superclass", "rhythm"):
        table = found.labels[group][rows].T
        codes = zip(found.statements[group], table, strict=True)
        labels[group] = {code: row for code, row in codes if min(row.sum(), (~row).sum()) >= FEWEST}
    return [x.T for x in found.millivolts(rows)], TWELVE, labels


def rhythm1(data: Path, count: int, cache: Path) -> tuple[list[Signal], tuple[str, ...], Labels]:
    """Return recordings of CinC 2017, their lead, and its classes with their labels [n]."""
    from export.datasets import cinc2017

    found = cinc2017.load(data, cache)
    rows = np.random.default_rng(1).permutation(found.rows(cinc2017.HELD_OUT_FOLDS))
    rows = rows[found.length[rows] >= LONG_ENOUGH_S * cinc2017.FS][:count]
    each = {code: found.label[rows] == k for k, code in enumerate(cinc2017.CLASSES)}
    labels = {code: row for code, row in each.items() if row.sum() >= FEWEST}
    leads = ("ECG",)
    return [found.millivolts(row).T for row in rows], leads, {"rhythm": labels}


def areas(
    model: Model, recordings: Sequence[Signal], fs: float, leads: tuple[str, ...], labels: Labels
) -> dict[str, float]:
    """Return the mean AUROC of each group."""
    from export.metrics import auroc

    said = [model(x, fs, leads).probabilities for x in recordings]
    found = {}
    for group, statements in labels.items():
        each = [
            float(np.squeeze(auroc(np.array([one[group][code] for one in said]), truth)))
            for code, truth in statements.items()
        ]
        found[group] = float(np.mean(each))
    return found


READ: dict[
    Literal["encoder", "rhythm1"], Callable[[Path, int, Path], tuple[list[Signal], tuple[str, ...], Labels]]
] = {
    "encoder": encoder,
    "rhythm1": rhythm1,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hum", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with ptbxl/ and cinc2017/")
    parser.add_argument("--count", type=int, default=500, help="recordings for each model")
    parser.add_argument("--cache", type=Path, help="keeps the recordings, once read")
    parser.add_argument("--out", type=Path, default=machine.RESULTS)
    args = parser.parse_args(argv)
    print(machine.line())
    results: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, read in READ.items():
            given, leads, labels = read(args.data, args.count, args.cache or Path(folder))
            model = load_model(name)
            for fs in RATES:
                recordings = [upsampled(x, fs) for x in given]
                print(f"\n{name}, {len(given)} recordings at {fs:g} Hz: mean AUROC, and its change")
                rows = {"raw": areas(model, recordings, fs, leads, labels)}
                for text, kind in HUMS.items():
                    for raw in (False, True) if text == WORST else (False,):
                        x = [spoilt(x, fs, leads, kind, raw) for x in recordings]
                        rows[text + ", raw" * raw] = areas(model, x, fs, leads, labels)
                for text, found in rows.items():
                    cells = (
                        f"{group} {area:.4f} ({area - rows['raw'][group]:+.4f})"
                        for group, area in found.items()
                    )
                    print(f"{text:34}" + "   ".join(cells), flush=True)
                results[f"{name} at {fs:g} Hz"] = rows
    print(f"\nwritten to {machine.write('hum', {'count': args.count, 'models': results}, args.out)}")


if __name__ == "__main__":
    main()
