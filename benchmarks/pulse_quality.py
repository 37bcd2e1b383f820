"""``python -m benchmarks.pulse_quality DATA``: whether the verdict on a pulse tells if pulses and beats agree.

For each ten-second window of BIDMC and of every third record of the cuff-less set: F1 of `find_pulses` against the R
peaks of the ECG beside it, at 50 ms, after the record's best lag. Subjects and blocks on which the limits of `judge`
were chosen, and the others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.datasets import bidmc
from wearecg.ecg.beats import BeatDetector
from wearecg.ecg.pulse import find_pulses, judge, pulse_band
from wearecg.formats.wfdb_record import stored
from wearecg.pipeline.resample import resample

FS, WINDOW, EDGE_S, TOLERANCE_S = 100.0, 1000, 0.3, 0.05
AGREE, DISAGREE = 0.9, 0.8
Array = NDArray[np.float64]


def main() -> None:
    """Print one line for each set and part."""
    rows: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for source, chosen_on, ppg, ecg, fs in _records(Path(sys.argv[1])):
        rows.setdefault((source, "chosen on" if chosen_on else "others"), []).extend(_windows(ppg, ecg, fs))
    print(
        "set       part       windows  agree: good, usable   disagree: not good, unusable   mean F1 of good"
    )
    for (source, part), found in sorted(rows.items()):
        verdict, f1 = np.array([v for v, _ in found]), np.array([f for _, f in found])
        clean, bad = verdict[f1 >= AGREE], verdict[f1 < DISAGREE]
        print(
            f"{source:9} {part:10} {len(f1):7}  {np.mean(clean == 'good'):11.3f}, {np.mean(clean != 'unusable'):.3f}"
            f"   {len(bad):6}: {np.mean(bad != 'good'):.3f}, {np.mean(bad == 'unusable'):.3f}"
            f"{f1[verdict == 'good'].mean():24.4f}"
        )


def _records(root: Path) -> Iterator[tuple[str, bool, NDArray[np.float32], NDArray[np.float32], float]]:
    for record in bidmc.load(root):
        yield "bidmc", not record.held_out, record.ppg, record.ecg, bidmc.FS
    paths = sorted((root / "cuffless").glob("*.hea"), key=lambda p: [int(part) for part in p.stem.split("_")])
    for number, path in list(enumerate(paths))[::3]:
        recording = stored(path, None).whole()
        pulse = recording.leads.index("PPG")
        x = recording.samples
        yield "cuffless", number // 50 % 5 < 3, x[:, pulse], x[:, 1 - pulse], recording.fs


def _windows(ppg: NDArray[np.float32], ecg: NDArray[np.float32], fs: float) -> list[tuple[str, float]]:
    detector = BeatDetector(fs, ("II",))
    beats = np.array([beat.time for beat in detector.feed(ecg[:, None]) + detector.flush()])
    x = resample(ppg[:, None], fs, FS)[:, 0]
    windows = [x[at : at + WINDOW] for at in range(0, len(x) - WINDOW + 1, WINDOW)]
    found = [
        find_pulses(pulse_band(np.nan_to_num(w), FS), FS) + i * WINDOW / FS for i, w in enumerate(windows)
    ]
    lags = np.arange(0.2, 0.9, 0.01)
    together = np.concatenate(found)
    lag = lags[np.argmax([_f1(beats + lag, together) for lag in lags])]
    rows: list[tuple[str, float]] = []
    for i, (window, pulses) in enumerate(zip(windows, found, strict=True)):
        low, high = i * WINDOW / FS + EDGE_S, (i + 1) * WINDOW / FS - EDGE_S
        inside = [times[(times > low) & (times < high)] for times in (beats + lag, pulses)]
        rows.append((judge(window, FS).verdict, _f1(*inside)))
    return rows


def _f1(truth: Array, found: Array) -> float:
    i = j = both = 0
    while i < len(truth) and j < len(found):
        apart = found[j] - truth[i]
        both += abs(apart) <= TOLERANCE_S
        i, j = i + (apart >= -TOLERANCE_S), j + (apart <= TOLERANCE_S)
    return 2 * both / max(len(truth) + len(found), 1)


if __name__ == "__main__":
    main()
