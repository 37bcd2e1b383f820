"""The most memory that reading a recording takes, of an hour and of a day: what is read in pieces takes no more.

``python -m benchmarks.reading_memory [--hours 24] [--formats edf,hea,...] [--out FOLDER]``. One lead at 125 Hz is
written in each format, and read piece by piece in a fresh process, once each; what the process held at most above what
it held after its imports. Writes reading_memory.json.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import machine
from wearecg.block import Samples

FS = 125
WATCHED = """
import sys
from wearecg.formats import formats, open_recording
def held():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) / 1024
known, began, count = formats(), held(), 0
stored = open_recording(sys.argv[1])
for first in range(0, stored.length, stored.piece):
    count += len(stored.read(first, min(first + stored.piece, stored.length)))
print(held() - began, count)
"""


def main() -> None:
    """Write and read each format, and print the table."""
    made: dict[str, Callable[[Path, float], Path]] = {
        **{ending: _writer(ending) for ending in ("edf", "bdf", "hea", "parquet", "csv")},
        "npz": _npz,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--formats", default=",".join(made))
    parser.add_argument("--out", type=Path, default=machine.RESULTS)
    args = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    for ending in args.formats.split(","):
        found[ending] = {}
        for hours in (1.0, args.hours):
            with tempfile.TemporaryDirectory() as folder:
                path = made[ending](Path(folder), hours)
                found[ending][f"{hours:g} h"] = round(_held(path, round(hours * 3600 * FS)), 1)
        print(
            ending,
            *(f"{hours}: {megabytes:.0f} MB" for hours, megabytes in found[ending].items()),
            flush=True,
        )
    machine.write("reading_memory", {"fs": FS, "leads": 1, "megabytes": found}, args.out)


def _held(path: Path, samples: int) -> float:
    command = [sys.executable, "-c", WATCHED, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    megabytes, count = told.split()
    if abs(int(count) - samples) > FS:
        raise SystemExit(f"{path.name}: {count} samples of {samples} were read")
    return float(megabytes)


def _signal(first: int, last: int) -> Samples:
    counts: Samples = np.rint(500 * np.sin(np.arange(first, last) / 20.0)).astype(np.float32)
    return counts[:, None] / np.float32(1000)


def _writer(ending: str) -> Callable[[Path, float], Path]:
    def write(folder: Path, hours: float) -> Path:
        from wearecg.formats import Recording, Stored
        from wearecg.writers import writer_of

        recording = Recording(np.empty((0, 1), np.float32), FS, ("II",), "day", lsb=(0.001,), epoch=1.8e9)
        stored = Stored(recording, round(hours * 3600 * FS), _signal, 600 * FS)
        writer, _, options = writer_of(f"day.{ending}")
        writer.write(stored, folder / f"day.{ending}", options)
        return folder / f"day.{ending}"

    return write


def _npz(folder: Path, hours: float) -> Path:
    path = folder / "day.npz"
    np.savez(path, samples=_signal(0, round(hours * 3600 * FS)), fs=FS, leads=["II"])
    return path


if __name__ == "__main__":
    main()
