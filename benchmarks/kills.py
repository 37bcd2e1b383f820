"""kill -9 of a live EDF+ recording, again and again: what is left, and what edfio, pyedflib and mne say of it.

``python -m benchmarks.kills [--kills 30] [--seconds 3] [--out FOLDER]``. A process records twelve leads at 500 Hz in
real time, with a gap and a beat a second, and tells what it has handed over; it is killed at a moment drawn at random.
Then each reader opens the file: how many samples it finds, and whether they are those that were written. Lost is what
was measured and handed over, and is not in the file. The exit code is 1 if a reader refuses a file or more than a
second is lost. Writes kills.json.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from wearecg.formats import read_recording

FS, LEADS = 500, 12
GAP = (750, 1500)
WRITER = f"""
import sys, time
import numpy as np
from wearecg.block import ECG, Beat, Gap, SignalBlock, StreamInfo
from wearecg.ecg.leads import TWELVE
from wearecg.sinks import open_sink
from wearecg.sinks.threaded import ThreadedSink

sink = ThreadedSink(open_sink("edf:" + sys.argv[1]))
sink.write(StreamInfo(ECG, "test", {FS}, TWELVE, (0.001,) * 12, time.time()))
begin, low, high = time.monotonic(), *{GAP}
for number in range(100_000):
    start = number * 25 + (high - low if number * 25 >= low else 0)
    if start == high:
        sink.write(Gap(low / {FS}, (high - low) / {FS}, high - low, "link"))
    x = np.repeat(((start + np.arange(25)) % 30000)[:, None] * 0.001, 12, axis=1).astype(np.float32)
    sink.write(SignalBlock(x, {FS}, TWELVE, start / {FS}, high - low if start == high else 0))
    if number % 20 == 10:
        sink.write(Beat(start / {FS} - 0.3, "II"))
    print(start + 25, flush=True)
    time.sleep(max(0.0, begin + (number + 1) * 0.05 - time.monotonic()))
"""
"""Records a ramp of 1 uV a sample, and prints how many samples were handed over."""


def ours(path: Path) -> NDArray[np.float64]:
    """Return lead aVF in uV as wearecg reads it, NaN in the gap."""
    return read_recording(path).samples[:, 5].astype(np.float64) * 1000


def edfio(path: Path) -> NDArray[np.float64]:
    """Return lead aVF as edfio reads it."""
    import edfio

    values: NDArray[np.float64] = edfio.read_edf(path).signals[5].data
    return values


def pyedflib(path: Path) -> NDArray[np.float64]:
    """Return lead aVF as pyedflib reads it."""
    import pyedflib

    with pyedflib.EdfReader(str(path)) as reader:
        values: NDArray[np.float64] = reader.readSignal(5)
    return values


def mne(path: Path) -> NDArray[np.float64]:
    """Return lead aVF as mne reads it, V in uV."""
    import mne

    values: NDArray[np.float64] = mne.io.read_raw_edf(path, preload=True, verbose="error").get_data()[5]
    return values * 1e6


READERS: dict[str, Callable[[Path], NDArray[np.float64]]] = {
    "wearecg": ours,
    "edfio": edfio,
    "pyedflib": pyedflib,
    "mne": mne,
}


def measured(length: int) -> int:
    """Return how many samples of a recording of this length are none of the gap."""
    return length - max(0, min(length, GAP[1]) - GAP[0])


def kill_one(folder: Path, seconds: float) -> tuple[Path, int]:
    """Record for so long, kill the process; return the file and how many samples were handed over."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        while not list(folder.glob("*.edf")):
            time.sleep(0.01)
        time.sleep(seconds)
    finally:
        process.send_signal(signal.SIGKILL)
        said = process.communicate()[0].split()
    (path,) = folder.glob("*.edf")
    return path, int(said[-1])


def asked(path: Path) -> dict[str, str | int]:
    """Return of each reader how many samples it finds, or what it says instead."""
    found: dict[str, str | int] = {}
    for name, reader in READERS.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                values = reader(path)
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
            continue
        expected = np.arange(len(values)) % 30000.0
        held = np.ones(len(values), bool)
        held[GAP[0] : GAP[1]] = False
        same = np.allclose(values[held], expected[held], atol=1e-3)
        found[name] = len(values) if same else "other values than were written"
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Kill, ask and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=3.0, help="that a recording lasts at most")
    parser.add_argument("--out", type=Path, default=machine.RESULTS)
    args = parser.parse_args(argv)
    print(machine.line())
    rng = random.Random(1)
    lost: list[float] = []
    refused: dict[str, list[str]] = {name: [] for name in READERS}
    for _ in range(args.kills):
        with tempfile.TemporaryDirectory() as folder:
            path, handed = kill_one(Path(folder), rng.uniform(0.1, args.seconds))
            found = asked(path)
            size = os.path.getsize(path)
        for name, said in found.items():
            if isinstance(said, str):
                refused[name].append(said)
        there = found["wearecg"]
        lost.append((measured(handed) - measured(there)) / FS if isinstance(there, int) else float("inf"))
        print(f"{size:8} bytes, {lost[-1]:.2f} s lost: " + ", ".join(f"{k} {v}" for k, v in found.items()))
    for name, said_so in refused.items():
        print(
            f"{name:9} opens {args.kills - len(said_so)} of {args.kills}{': ' if said_so else ''}{set(said_so) or ''}"
        )
    print(f"lost: median {median(lost):.2f} s, at most {max(lost):.2f} s")
    result = {"kills": args.kills, "lost_s": lost, "refused": refused}
    print(f"written to {machine.write('kills', result, args.out)}")
    return int(max(lost) > 1.0 or any(refused.values()))


if __name__ == "__main__":
    raise SystemExit(main())
