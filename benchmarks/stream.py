"""What a whole ``wearecg stream`` costs: CPU, memory, start-up, delay; beside what one would run instead.

    python -m benchmarks.stream [--seconds 60] [--out FOLDER]

A virtual 12-lead 500 Hz bridge sensor plays over a pseudo-terminal in real time; `wearecg stream` reads it,
records it and scores a window every second. The peers cannot stream: each gets one 250 Hz lead and is run
anew every second on the last 10 s, in a process of its own, which is how they are used on live data.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks import machine

WARM_UP_S = 12.0
PEERS = {
    "sleepecg": "import sleepecg; call = lambda x: sleepecg.detect_heartbeats(x, 250)",
    "neurokit2 clean+peaks": "import neurokit2 as nk\n"
    "call = lambda x: nk.ecg_peaks(nk.ecg_clean(x, 250), sampling_rate=250)",
    "neurokit2 ecg_process": "import neurokit2 as nk; call = lambda x: nk.ecg_process(x, 250)",
    "wfdb xqrs": "from wfdb import processing\n"
    "call = lambda x: processing.xqrs_detect(x, 250, verbose=False)",
}
PEER_CODE = """
import sys, time, resource, warnings
warnings.simplefilter("ignore")
began = time.process_time()
{setup}
import numpy as np
x = np.load(sys.argv[1])
start_up = time.process_time() - began
call(x[:2500])
began, n = time.process_time(), 0
while n < 20:
    call(x[n * 250 : n * 250 + 2500])
    n += 1
cost = (time.process_time() - began) / n
print(cost * 1e3, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, start_up)
"""


def main() -> None:
    """Run everything, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="measured seconds of each run")
    parser.add_argument("--out", type=Path, help="folder for the JSON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = {
            "wearecg stream, 12 x 500 Hz, record + jsonl": stream(Path(folder), args.seconds, live=False),
            "wearecg stream, 12 x 500 Hz, record + live view": stream(Path(folder), args.seconds, live=True),
        }
        rows |= {
            f"{name}, 1 x 250 Hz, 10 s each second": peer(setup, Path(folder))
            for name, setup in PEERS.items()
        }
    print(f"{'':52}{'CPU ms/s':>9}{'RSS MB':>8}{'start s':>9}  delay of a beat, median / p99")
    for name, row in rows.items():
        if "missing" in row:
            print(f"{name:52}{row['missing']}")
            continue
        delay = (
            f"{row['beat_delay_s'][0]:.2f} / {row['beat_delay_s'][1]:.2f} s" if "beat_delay_s" in row else ""
        )
        print(f"{name:52}{row['cpu_ms_per_s']:9.1f}{row['rss_mb']:8.0f}{row['start_up_s']:9.2f}  {delay}")
    print(f"\nwritten to {machine.write('stream', {'rows': rows}, args.out)}")


def stream(folder: Path, seconds: float, live: bool) -> dict[str, Any]:
    """Measure one `wearecg stream` process on a virtual sensor."""
    port = folder / f"tty-{live}"
    command = [sys.executable, "-m", "wearecg"]
    sensor = subprocess.Popen(
        [*command, "simulate", "--scenario", "sinus", "--link", str(port)], stdout=subprocess.DEVNULL
    )
    try:
        while not port.exists():
            time.sleep(0.05)
        out = ["--to", "live:"] if live else ["--to", "jsonl:-"]
        reading, writing = pty.openpty() if live else os.pipe()
        environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
        began = time.time()
        process = subprocess.Popen(
            [*command, "stream", "--port", str(port), "--record", str(folder / "record"), *out],
            stdout=writing,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        os.close(writing)
        lines: list[tuple[float, bytes]] = []
        threading.Thread(target=_drain, args=(reading, lines), daemon=True).start()
        watched = psutil.Process(process.pid)
        time.sleep(WARM_UP_S)
        before, at = watched.cpu_times(), time.monotonic()
        rss = 0
        while time.monotonic() - at < seconds:
            time.sleep(1.0)
            rss = max(rss, watched.memory_info().rss)
        after, passed = watched.cpu_times(), time.monotonic() - at
        process.terminate()
        process.wait()
    finally:
        sensor.terminate()
        sensor.wait()
    cpu = after.user + after.system - before.user - before.system
    row: dict[str, Any] = {"cpu_ms_per_s": cpu / passed * 1e3, "rss_mb": rss / 1e6}
    if live:
        return row | {"start_up_s": lines[0][0] - began}
    return row | _delays(lines, began)


def _drain(descriptor: int, lines: list[tuple[float, bytes]]) -> None:
    rest = b""
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError:
            return
        if not data:
            return
        now = time.time()
        *whole, rest = (rest + data).split(b"\n")
        lines.extend((now, line) for line in whole)


def _delays(lines: list[tuple[float, bytes]], began: float) -> dict[str, Any]:
    records = [(at, json.loads(line)) for at, line in lines]
    info_at, info = next((at, r) for at, r in records if r["type"] == "stream")
    epoch = datetime.fromisoformat(info["start"]).timestamp()
    beats = sorted(at - epoch - r["time"] for at, r in records if r["type"] == "beat")
    found = sorted(at - epoch - r["end"] for at, r in records if r["type"] == "finding")
    return {
        "start_up_s": info_at - began,
        "beat_delay_s": [statistics.median(beats), beats[int(len(beats) * 0.99)]],
        "finding_delay_s": [statistics.median(found), found[int(len(found) * 0.99)]],
    }


def peer(setup: str, folder: Path) -> dict[str, Any]:
    """Measure one library that is run anew every second."""
    from wearecg import Person

    signal = folder / "lead.npy"
    if not signal.exists():
        import numpy as np

        person = Person(seed=1, scenario="sinus", fs=250)
        np.save(signal, person.samples(250 * 40)[:, list(person.leads).index("II")].astype(float))
    ran = subprocess.run(
        [sys.executable, "-c", PEER_CODE.format(setup=setup), str(signal)], capture_output=True, text=True
    )
    if ran.returncode:
        return {"missing": ran.stderr.strip().splitlines()[-1]}
    cost, rss, start_up = map(float, ran.stdout.split()[-3:])
    return {"cpu_ms_per_s": cost, "rss_mb": rss, "start_up_s": start_up}


if __name__ == "__main__":
    main()
