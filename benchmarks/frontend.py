"""CPU time of the streaming front end, against re-running an offline beat detector every second.

``python -m benchmarks.frontend [RECORD] [--out FOLDER]``. The front end (quality, beats, heart rate) is fed
blocks of 0.25 s of one lead at 250 Hz, as in ``wearecg stream`` without a display; a second one makes the
trace for a display too (0.5-40 Hz, mains notch). sleepecg is called for every second on the last 10 s, as its
users stream, and finds beats only. All run in turn, 10 s of signal each, in the same process, so that the
ratio holds on a noisy machine. RECORD is a WFDB record (its first lead is resampled); without one a synthetic
lead is made.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.peers import installed
from wearecg.block import SignalBlock
from wearecg.ecg.beats import BeatDetector
from wearecg.ecg.leads import TWELVE
from wearecg.pipeline.frontend import FrontEnd

FS = 250.0
CHUNK_S = 0.25
SECONDS = 300
SECTION_S = 10
WARM_UP_S = 20
WINDOW_S = 10


def synthetic(fs: float, seconds: int) -> NDArray[np.float32]:
    """Return one lead in mV: QRS and T at 70 per minute with a little variability, noise, wander and hum."""
    rng = np.random.default_rng(7)
    t = np.arange(round(seconds * fs)) / fs
    ecg = 0.2 * np.sin(2 * np.pi * 0.25 * t) + 0.01 * np.sin(2 * np.pi * 50 * t) + rng.normal(0, 0.01, len(t))
    beat = 0.5
    while beat < seconds:
        near = t - beat
        ecg += 1.2 * np.exp(-0.5 * (near / 0.011) ** 2) - 0.25 * np.exp(-0.5 * ((near - 0.03) / 0.012) ** 2)
        ecg += 0.12 * np.exp(-0.5 * ((near + 0.16) / 0.025) ** 2) + 0.3 * np.exp(
            -0.5 * ((near - 0.28) / 0.05) ** 2
        )
        beat += 60 / 70 + rng.normal(0, 0.03)
    return ecg.astype(np.float32)


def first_lead(record: Path) -> NDArray[np.float32]:
    """Return the first lead of a WFDB record at 250 Hz, mV."""
    import wfdb
    from scipy.signal import resample_poly

    found = wfdb.rdrecord(str(record))
    up, down = round(FS), round(found.fs)
    lead = resample_poly(np.nan_to_num(found.p_signal[: SECONDS * down, 0]), up, down)
    return np.asarray(lead, dtype=np.float32)


def blocks(samples: NDArray[np.float32], fs: float, leads: tuple[str, ...]) -> list[SignalBlock]:
    """Cut [n, leads] into blocks of 0.25 s."""
    edges = [round(k * CHUNK_S * fs) for k in range(int(len(samples) / fs / CHUNK_S) + 1)]
    return [SignalBlock(samples[a:b], fs, leads, a / fs) for a, b in itertools.pairwise(edges)]


def side_by_side(ecg: NDArray[np.float32]) -> dict[str, float]:
    """Return CPU microseconds per second of ECG: front end, and sleepecg if it is installed."""
    front = FrontEnd(FS, ("II",))
    shown = FrontEnd(FS, ("II",), trace=True)
    detector = BeatDetector(FS, ("II",))
    peer = installed()[0].get("sleepecg")
    ours = beats = displayed = theirs = 0
    cut = blocks(ecg[:, None], FS, ("II",))
    warm = round(WARM_UP_S / CHUNK_S)
    section = round(SECTION_S / CHUNK_S)
    for i in range(0, len(cut), section):
        part = cut[i : i + section]
        before = time.process_time_ns()
        for block in part:
            front.feed(block)
        between = time.process_time_ns()
        for block in part:
            detector.feed(block.samples)
        after = time.process_time_ns()
        for block in part:
            shown.feed(block)
        end = time.process_time_ns()
        if i < warm:
            continue
        ours += between - before
        beats += after - between
        displayed += end - after
        ends = [round(block.end * FS) for block in part[3::4]]
        windows = [ecg[end - round(WINDOW_S * FS) : end].astype(np.float64) for end in ends]
        before = time.process_time_ns()
        if peer:
            for window in windows:
                peer(window, FS)
        theirs += time.process_time_ns() - before
    seconds = (len(cut) - warm) * CHUNK_S
    result = {
        "front_end_us": ours / seconds / 1e3,
        "with_trace_us": displayed / seconds / 1e3,
        "beats_only_us": beats / seconds / 1e3,
    }
    if peer:
        result |= {
            "sleepecg_us": theirs / seconds / 1e3,
            "ratio": theirs / ours,
            "beats_only_ratio": theirs / beats,
        }
    return result


def twelve(ecg: NDArray[np.float32]) -> float:
    """Return CPU microseconds per second of twelve leads at 500 Hz."""
    rng = np.random.default_rng(3)
    gains = np.linspace(0.5, 1.5, 12, dtype=np.float32)
    samples = ecg[:, None] * gains + rng.normal(0, 0.01, (len(ecg), 12)).astype(np.float32)
    front = FrontEnd(500.0, TWELVE)
    cut = blocks(samples, 500.0, TWELVE)
    warm = round(WARM_UP_S / CHUNK_S)
    for block in cut[:warm]:
        front.feed(block)
    before = time.process_time_ns()
    for block in cut[warm:]:
        front.feed(block)
    return (time.process_time_ns() - before) / ((len(cut) - warm) * CHUNK_S) / 1e3


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frontend", description=__doc__)
    parser.add_argument("record", type=Path, nargs="?", help="a WFDB record, without suffix")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=machine.RESULTS)
    args = parser.parse_args(argv)
    ecg = first_lead(args.record) if args.record else synthetic(FS, SECONDS)
    runs = [side_by_side(ecg) for _ in range(args.repeats)]
    result: dict[str, object] = {key: float(np.median([run[key] for run in runs])) for key in runs[0]}
    result["twelve_leads_500_hz_us"] = float(
        np.median([twelve(synthetic(500.0, 60)) for _ in range(args.repeats)])
    )
    result["signal"] = args.record.name if args.record else "synthetic"
    print(machine.line())
    print(f"CPU per second of ECG, median of {args.repeats} runs of {SECONDS} s ({result['signal']})")
    print(f"  front end, one lead at 250 Hz, 0.25 s blocks      {result['front_end_us']:8.1f} us")
    print(f"  the same with the trace for a display             {result['with_trace_us']:8.1f} us")
    print(f"  its beat detector alone                           {result['beats_only_us']:8.1f} us")
    if "sleepecg_us" in result:
        print(f"  sleepecg on the last 10 s, once a second          {result['sleepecg_us']:8.1f} us")
        print(f"  sleepecg / front end                              {result['ratio']:8.2f}")
        print(f"  sleepecg / beat detector                          {result['beats_only_ratio']:8.2f}")
    else:
        print("  sleepecg: not installed")
    print(f"  front end, twelve leads at 500 Hz, 0.25 s blocks  {result['twelve_leads_500_hz_us']:8.1f} us")
    print(f"written to {machine.write('frontend', result, args.out)}")


if __name__ == "__main__":
    main()
