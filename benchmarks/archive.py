"""What `wearecg score` of a long recording costs: processor time, memory, and against an earlier build the findings.

    python -m benchmarks.archive [--against WHEEL] [--hours 1,6,24] [--out FOLDER]

A synthetic person's day, three leads at 250 Hz: in every hour fifty minutes of a rhythm, then ten of everything that
can be simulated, noise and loose electrodes too. Each run is a fresh process, the builds take turns; the earlier one
runs from its wheel, unpacked, with the packages of this environment. Both do the same work, the windows of the encoder
(``--model encoder``); in a further row this one does all that it does unasked, the waves of every beat and the episodes
of the rhythm too. CPU is user and system time of the whole process, so start-up is in it; RSS is the most that it held.
Findings and beats are compared on the shortest recording: the same codes from and to the same second, probabilities to
0.001, and the same beats.

Writes archive.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import wearecg
from benchmarks import machine

FS, LEADS = 250, ("I", "II", "V2")
RHYTHMS = ("sinus", "af", "pvc", "sinus")
QUIET_MIN, BUSY_MIN = 50, 10
COUNTS = 1000.0
"""Counts of a mV."""
PROBABILITY = 1e-3
ENCODER, UNASKED = "encoder", "unasked"
"""What is done: the work that both builds do, and what this one does without ``--model``."""
WATCHED = """
import atexit, json, runpy, time

def used():
    # Not ru_maxrss, which begins with what the process held that started this one.
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    with open({used!r}, "w") as file:
        json.dump([time.process_time(), int(status["VmHWM"].split()[0]) / 1e6 * 1024], file)

atexit.register(used)
runpy.run_module("wearecg", run_name="__main__")
"""
"""What a fresh process runs; it writes its processor time (s) and the most memory that it held (MB). Linux only."""


@dataclass(frozen=True)
class Run:
    """What one process took."""

    build: str
    what: str
    hours: float
    cpu_s: float
    rss_mb: float


def make_record(folder: Path, hours: float) -> Path:
    """Write the first ``hours`` of the day as a WFDB record; return its path without a suffix."""
    path = folder / f"day{round(hours * 3600)}s"
    left = samples = round(hours * 3600 * FS)
    sums = np.zeros(len(LEADS), np.int64)
    initial: list[int] = []
    hour = 0
    with path.with_suffix(".dat").open("wb") as file:
        while left:
            for scenario, minutes in ((RHYTHMS[hour % len(RHYTHMS)], QUIET_MIN), ("demo", BUSY_MIN)):
                person = wearecg.Person(hour, scenario, FS)
                columns = [person.leads.index(lead) for lead in LEADS]
                for _ in range(minutes):
                    n = min(left, 60 * FS)
                    counts = np.round(person.samples(n)[:, columns] * COUNTS)
                    counts = np.clip(np.nan_to_num(counts, nan=-32768), -32768, 32767).astype("<i2")
                    sums += counts.sum(axis=0, dtype=np.int64)
                    initial = initial or counts[0].tolist()
                    file.write(counts.tobytes())
                    left -= n
            hour += 1
    lines = [f"{path.name} {len(LEADS)} {FS} {samples}"]
    for lead, value, total in zip(LEADS, initial, sums.tolist(), strict=True):
        checksum = (total + 32768) % 65536 - 32768
        lines.append(f"{path.name}.dat 16 {COUNTS:g}/mV 16 0 {value} {checksum} 0 {lead}")
    path.with_suffix(".hea").write_text("\n".join(lines) + "\n")
    return path


def run(build: str, what: str, tree: Path, record: Path, hours: float, *more: str) -> Run:
    """Score a record in a fresh process of the build that lies in ``tree``."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    used = record.with_name("used.json")
    command = [sys.executable, "-c", WATCHED.format(used=str(used)), "score", str(record), *more]
    done = subprocess.run(
        command,
        env=environment,
        cwd=record.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"the {build} build failed:\n{done.stderr}")
    cpu, rss = json.loads(used.read_text())
    return Run(build, what, hours, cpu, rss)


def found(
    tree: Path, record: Path, build: str
) -> tuple[list[float], dict[tuple[str, str, float, float], float]]:
    """Return the beats that a build finds, and of each finding (code, reason, since, end) the highest probability."""
    file = record.with_name(f"{build}.jsonl")
    run(build, ENCODER, tree, record, 0.0, "--model", ENCODER, "--to", f"jsonl:{file}")
    beats: list[float] = []
    held: dict[tuple[str, str, float], tuple[float, float]] = {}
    for line in file.read_text().splitlines():
        event: dict[str, Any] = json.loads(line)
        if event["type"] == "beat":
            beats.append(event["time"])
        elif event["type"] == "finding" and event.get("change") != "ends":
            key = event["code"], event.get("why") or "", event["since"]
            _, best = held.get(key, (0.0, 0.0))
            held[key] = event["end"], max(best, event["probability"] or 0.0)
    return beats, {(*key, end): best for key, (end, best) in held.items()}


def compare(trees: dict[str, Path], record: Path) -> dict[str, object]:
    """Say whether two builds find the same in a record."""
    (beats, findings), (beats_now, findings_now) = (
        found(tree, record, build) for build, tree in trees.items()
    )
    both = findings.keys() & findings_now.keys()
    apart = max((abs(findings[key] - findings_now[key]) for key in both), default=0.0)
    return {
        "beats": [len(beats), len(beats_now)],
        "beats_equal": beats == beats_now,
        "findings": [len(findings), len(findings_now)],
        "findings_in_both": len(both),
        "largest_difference_of_a_probability": apart,
        "findings_equal": findings.keys() == findings_now.keys() and apart <= PROBABILITY,
    }


def table(runs: Sequence[Run]) -> str:
    """Lay the runs out for people, with the ratio of the builds where both ran."""
    lines = [f"{'hours':>6}  {'build':8}{'work':9}{'CPU s':>9}{'ms/s':>8}{'RSS MB':>9}{'times':>8}"]
    for one in runs:
        before = [
            r.cpu_s for r in runs if r.hours == one.hours and r.build == "earlier" and one.build == "this"
        ]
        times = f"{before[0] / one.cpu_s:8.2f}" if before else f"{'':8}"
        each = one.cpu_s / one.hours / 3.6
        lines.append(
            f"{one.hours:6g}  {one.build:8}{one.what:9}{one.cpu_s:9.2f}{each:8.3f}{one.rss_mb:9.1f}{times}"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print the table, write JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.archive",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--against", type=Path, metavar="WHEEL", help="an earlier build")
    parser.add_argument("--hours", default="1,6,24", help="lengths, in hours (default 1,6,24)")
    parser.add_argument("--out", type=Path, default=machine.RESULTS, help="folder for the JSON")
    args = parser.parse_args(argv)
    try:
        lengths = sorted(float(text) for text in args.hours.split(","))
    except ValueError:
        parser.error(f"--hours {args.hours}: give hours, e.g. 1,6,24")
    if lengths[0] * 3600 < 30:
        parser.error(f"--hours {args.hours}: at least half a minute, .01")
    if args.against and not zipfile.is_zipfile(args.against):
        parser.error(f"--against {args.against} is no wheel: build one with pip wheel --no-deps")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trees = {"this": Path(wearecg.__file__).parents[1]}
        if args.against:
            zipfile.ZipFile(args.against).extractall(folder / "earlier")
            trees = {"earlier": folder / "earlier", **trees}
        runs: list[Run] = []
        same = None
        print(machine.line(), end="\n\n", flush=True)
        for hours in lengths:
            record = make_record(folder, hours)
            runs += [
                run(build, ENCODER, tree, record, hours, "--model", ENCODER) for build, tree in trees.items()
            ]
            runs.append(run("this", UNASKED, trees["this"], record, hours))
            if args.against and same is None:
                same = compare(trees, record)
            record.with_suffix(".dat").unlink()
        print(table(runs))
    if same:
        print(
            f"\non {lengths[0]:g} h: "
            + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in same.items())
        )
    result = {"runs": [asdict(one) for one in runs], "same": same}
    print(f"\nwritten to {machine.write('archive', result, args.out)}")


if __name__ == "__main__":
    main()
