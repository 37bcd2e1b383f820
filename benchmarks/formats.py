"""What a day of EDF+ costs, three leads at 250 Hz: reading, converting, and recording it live.

``python -m benchmarks.formats [--hours 24] [--runs 3] [--targets edf,hea] [--minutes 20] [--out FOLDER]``. edfio reads
the file whole, all samples and all annotations; ours opens it and reads all samples in mV, piece by piece, and every
annotation, and converts it to each target. CPU is that of the reading or converting alone, memory the most that the
process held above what it began with; of the targets also for a twenty-fourth of the file. Then minutes of a sensor's
blocks and beats go through the recorder of EDF+ and of WFDB, ticked as it is live. Each run is a fresh process, by
turns. The values of both readers are compared. Writes formats.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import machine

LEADS, FS, NOTE_BYTES = ("I", "II", "V1"), 250, 60
LIMIT_MV = 3.2767
WATCHED = """
import json, sys, tempfile, time
from pathlib import Path
import numpy as np

def held():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) * 1024 / 1e6

path, task = sys.argv[1:3]
total = notes = 0.0
if task == "wearecg":
    from wearecg.formats import open_recording
    began, cpu = held(), time.process_time()
    stored = open_recording(path)
    for first in range(0, stored.length, stored.piece):
        samples = stored.read(first, min(first + stored.piece, stored.length))
        total += float(samples[:, 0].astype(np.float64).sum())
    notes = len(stored.recording.annotations.times) if stored.recording.annotations else 0
elif task == "edfio":
    import edfio
    began, cpu = held(), time.process_time()
    edf = edfio.read_edf(path)
    data = [signal.data for signal in edf.signals]
    total, notes = float(data[0].sum()), len(edf.annotations)
elif task in ("edf:", "wfdb:"):
    from wearecg.block import ECG, Beat, SignalBlock, StreamInfo
    from wearecg.sinks import open_sink
    leads, blocks = ("I", "II", "V1"), int(float(sys.argv[3]) * 600)
    x = np.random.default_rng(1).normal(0, 0.5, (25, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        sink = open_sink(task + folder)
        sink.write(StreamInfo(ECG, "a sensor", 250.0, leads, (0.001,) * 3, 1.8e9))
        began, cpu = held(), time.process_time()
        for number in range(blocks):
            sink.write(SignalBlock(x, 250.0, leads, number / 10, lsb=(0.001,) * 3))
            if number % 8 == 4:
                sink.write(Beat(number / 10 - 0.3, "II"))
            sink.tick(number / 10)
        sink.close()
else:
    import wearecg
    from wearecg.writers import writers
    wearecg.convert, writers()  # what is loaded is not what it costs
    if task == "parquet":
        import pyarrow.parquet
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
        began, cpu = held(), time.process_time()
        wearecg.convert(path, f"{folder}/day.{task}")
        notes = float(sum(file.stat().st_size for file in Path(folder).iterdir()))
print(json.dumps([time.process_time() - cpu, held() - began, total, notes]))
"""
"""What a fresh process runs: CPU (s), memory (MB), the sum of the first lead, and annotations or bytes. Linux only."""


def write_day(path: Path, hours: float) -> None:
    """Write an EDF+C file of noise, a note a minute."""
    records, signals = round(hours * 3600), len(LEADS) + 1
    fields = [
        ([*LEADS, "EDF Annotations"], 16), ([""] * signals, 80), (["mV"] * len(LEADS) + [""], 8),
        ([f"{-LIMIT_MV:g}"] * signals, 8), ([f"{LIMIT_MV:g}"] * signals, 8), (["-32767"] * signals, 8),
        (["32767"] * signals, 8), ([""] * signals, 80), ([str(FS)] * len(LEADS) + [str(NOTE_BYTES // 2)], 8),
        ([""] * signals, 32),
    ]  # fmt: skip
    head = f"{'0':8}{'X X X X':80}{'Startdate 01-DEC-2026 X X X':80}01.12.2610.30.00{256 * (signals + 1):<8}"
    head += f"{'EDF+C':44}{records:<8}{'1':8}{signals:<4}"
    head += "".join(f"{text:{width}}" for texts, width in fields for text in texts)
    counts = np.random.default_rng(1).integers(-2000, 2000, (records, len(LEADS) * FS)).astype("<i2")
    notes = [f"+{k}\x14\x14\0" + (f"+{k}\x14minute\x14\0" if k % 60 == 0 else "") for k in range(records)]
    with path.open("wb") as file:
        file.write(head.encode("ascii"))
        for record, note in zip(counts, notes, strict=True):
            file.write(record.tobytes() + note.encode().ljust(NOTE_BYTES, b"\0"))


def run(path: Path, task: str, *more: str) -> list[float]:
    """Return what one process says."""
    command = [sys.executable, "-c", WATCHED, str(path), task, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(value) for value in json.loads(done.stdout)]


def medians(runs: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return CPU and memory of several runs."""
    return {"cpu_s": median(one[0] for one in runs), "memory_mb": median(one[1] for one in runs)}


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.formats", description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--targets", default="edf,hea", help="endings to convert to")
    parser.add_argument("--minutes", type=float, default=20.0, help="of a live recording")
    parser.add_argument("--out", type=Path, default=machine.RESULTS)
    args = parser.parse_args(argv)
    print(machine.line())
    targets = args.targets.split(",")
    with tempfile.TemporaryDirectory() as folder:
        path, part = Path(folder) / "day.edf", Path(folder) / "part.edf"
        write_day(path, args.hours)
        write_day(part, args.hours / 24)
        taken: dict[str, list[list[float]]] = {task: [] for task in ("wearecg", "edfio", *targets)}
        live: dict[str, list[list[float]]] = {"wfdb:": [], "edf:": []}
        for _ in range(args.runs):
            for task, runs in taken.items():
                runs.append(run(path, task))
            for task, runs in live.items():
                runs.append(run(path, task, str(args.minutes)))
        parts = {task: run(part, task)[1] for task in targets}
    ours, theirs = medians(taken["wearecg"]), medians(taken["edfio"])
    for task in taken:
        row = medians(taken[task])
        what = f"convert to {task}" if task in targets else f"{task} reads"
        less = f" ({parts[task]:.1f} MB for a twenty-fourth)" if task in targets else ""
        print(
            f"{what:20} {row['cpu_s']:6.2f} s of CPU ({row['cpu_s'] / theirs['cpu_s']:.2f} of edfio's), "
            f"{row['memory_mb']:7.1f} MB ({row['memory_mb'] / theirs['memory_mb']:.3f}){less}"
        )
    sums, notes = ([taken[task][0][k] for task in ("wearecg", "edfio")] for k in (2, 3))
    print(
        f"the same first lead to {abs(sums[0] - sums[1]):.2g} mV in all, {notes[0]:.0f} and {notes[1]:.0f} annotations"
    )
    recorders = {task: medians(runs)["cpu_s"] for task, runs in live.items()}
    print(
        f"live, {args.minutes:g} min: WFDB {recorders['wfdb:']:.2f} s of CPU, EDF+ {recorders['edf:']:.2f} s, "
        f"{recorders['edf:'] / recorders['wfdb:']:.2f} of it"
    )
    result = {
        "hours": args.hours,
        "readers": {
            "wearecg": {**ours, "sum": sums[0], "notes": notes[0]},
            "edfio": {**theirs, "sum": sums[1], "notes": notes[1]},
        },
        "convert": {
            task: {**medians(taken[task]), "memory_mb_of_a_twenty_fourth": parts[task]} for task in targets
        },
        "live_minutes": args.minutes,
        "live_cpu_s": recorders,
    }
    print(f"written to {machine.write('formats', result, args.out)}")


if __name__ == "__main__":
    main()
