"""What reading a day of EDF+ costs, three leads at 250 Hz, beside edfio, which reads it whole.

``python -m benchmarks.formats [--hours 24] [--runs 3] [--out FOLDER]``. Ours opens the file and reads all samples in
mV, piece by piece, and every annotation; edfio reads the file, all samples and all annotations. Each run is a fresh
process, by turns; CPU is that of the reading alone, memory the most that the process held above what it began with.
The values of both are compared. Writes formats.json.
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
import json, sys, time
import numpy as np

def held():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) * 1024 / 1e6

path = sys.argv[1]
total = 0.0
if sys.argv[2] == "wearecg":
    from wearecg.formats import open_recording
    began, cpu = held(), time.process_time()
    stored = open_recording(path)
    for first in range(0, stored.length, stored.piece):
        samples = stored.read(first, min(first + stored.piece, stored.length))
        total += float(samples[:, 0].astype(np.float64).sum())
    notes = len(stored.recording.annotations.times) if stored.recording.annotations else 0
else:
    import edfio
    began, cpu = held(), time.process_time()
    edf = edfio.read_edf(path)
    data = [signal.data for signal in edf.signals]
    total, notes = float(data[0].sum()), len(edf.annotations)
print(json.dumps([time.process_time() - cpu, held() - began, total, notes]))
"""
"""What a fresh process runs: CPU (s), memory (MB), the sum of the first lead, the number of annotations. Linux only."""


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


def run(path: Path, reader: str) -> list[float]:
    """Return what one process says."""
    command = [sys.executable, "-c", WATCHED, str(path), reader]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(value) for value in json.loads(done.stdout)]


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.formats", description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=machine.RESULTS)
    args = parser.parse_args(argv)
    print(machine.line())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.edf"
        write_day(path, args.hours)
        taken: dict[str, list[list[float]]] = {"wearecg": [], "edfio": []}
        for _ in range(args.runs):
            for reader, runs in taken.items():
                runs.append(run(path, reader))
    rows = {}
    for reader, runs in taken.items():
        cpu, memory = median(one[0] for one in runs), median(one[1] for one in runs)
        rows[reader] = {"cpu_s": cpu, "memory_mb": memory, "sum": runs[0][2], "notes": runs[0][3]}
        print(f"{reader:8} {cpu:6.2f} s of CPU, {memory:7.1f} MB, {runs[0][3]:.0f} annotations")
    ours, theirs = rows["wearecg"], rows["edfio"]
    print(
        f"CPU {ours['cpu_s'] / theirs['cpu_s']:.2f}, memory {ours['memory_mb'] / theirs['memory_mb']:.3f} of edfio's"
    )
    print(
        f"the same first lead to {abs(ours['sum'] - theirs['sum']):.2g} mV in all, the same number of annotations"
    )
    print(f"written to {machine.write('formats', {'hours': args.hours, 'readers': rows}, args.out)}")


if __name__ == "__main__":
    main()
