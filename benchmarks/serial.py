"""Twelve leads at 1000 Hz and 24 bit over a pseudo-terminal, with every core loaded: losses and delay.

    python -m benchmarks.serial [--minutes 10] [--out FOLDER]

A sensor in a process of its own sends bridge frames of 20 samples (39 kB/s); each carries the time at which it was
written. Here the reader thread stamps what it finds, and the frames are decoded and go through the engine as in
``wearecg stream`` without a model. A busy loop runs on every core meanwhile.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from benchmarks import machine
from firmware_bridge.messages import Packing
from wearecg.block import LinkState, Notice, SignalBlock
from wearecg.devices.base import Counters
from wearecg.devices.bridge import Bridge, SimulatedBridge
from wearecg.ecg.leads import TWELVE
from wearecg.person import Person
from wearecg.pipeline.engine import Engine
from wearecg.transports.serial import SerialSource
from wearecg.virtual_sensor.port import PseudoPort

FS, FRAME = 1000, 20
LSB = 1e-4
TICK_S, TICKS = 1e-5, 1 << 22
"""The first lead's first sample of a frame is the time of writing: 42 s in steps of 10 us, over and over."""
PERSON_S = 10
WARM_UP_S = 5.0
"""Not measured: what is loaded on first use, beside full cores."""
BURN = "while True: pass"


def play(link: Path) -> None:
    """Be the sensor, until the host has gone."""
    port, sensor = PseudoPort(link), SimulatedBridge(TWELVE, FS, LSB, Packing.INT24)
    person = Person(seed=1, scenario="sinus", fs=FS)
    columns = [person.leads.index(lead) for lead in TWELVE]
    ecg = person.samples(PERSON_S * FS)[:, columns].astype(np.float64)
    began = written = refused = 0
    while not port.opened():
        time.sleep(0.01)
    start = time.monotonic()
    while port.opened():
        for answer in sensor.receive(port.read(max(0.0, start + began / FS - time.monotonic()))):
            port.write(answer)
        if time.monotonic() < start + began / FS:
            continue
        frame = ecg[np.arange(began, began + FRAME) % len(ecg)].copy()
        frame[0, 0] = round(time.monotonic() / TICK_S) % TICKS * LSB
        for data in sensor.encode(frame, began / FS, (False,) * len(TWELVE)):  # type: ignore[arg-type]
            refused += not port.write(data)
            written += 1
        began += FRAME
    print(written, refused)


def measure(link: Path, seconds: float) -> dict[str, object]:
    """Stream for so many seconds."""
    bridge = Bridge()
    source, engine, counters = SerialSource(str(link), bridge), Engine("serial"), bridge.counters
    late: list[float] = []
    news: list[str] = []
    samples = 0
    with source:
        reader = next(t for t in threading.enumerate() if t.name == f"wearecg {link}").native_id
        began = time.monotonic() + WARM_UP_S
        before: tuple[Counters, float, float] | None = None
        while time.monotonic() < began + seconds:
            if before is None and time.monotonic() >= began:
                before = replace(counters), _cpu(reader), time.process_time()
            for item in source.read(0.05) or []:
                if isinstance(item, LinkState | Notice):
                    news.append(item.message.replace(str(link), "the port"))
                    continue
                block, arrival = item
                assert isinstance(block, SignalBlock)
                engine.feed(block, arrival)
                if before:
                    stamps = np.rint(block.samples[::FRAME, 0].astype(np.float64) / LSB)
                    late += (((arrival / TICK_S - stamps) % TICKS) * TICK_S).tolist()
                    samples += len(block)
            time.sleep(0.03)
        assert before is not None
        reading, whole = _cpu(reader) - before[1], time.process_time() - before[2]
    milliseconds = np.array(late) * 1e3
    p50, p99, most = np.percentile(milliseconds, (50, 99, 100)).round(2).tolist()
    return {
        "minutes": round(seconds / 60, 2),
        "bytes_a_second": round((counters.bytes - before[0].bytes) / seconds),
        "frames": len(late),
        "samples": samples,
        "lost_samples": counters.link_lost_samples - before[0].link_lost_samples,
        "bad_frames": counters.bad_frames - before[0].bad_frames,
        "lost_samples_while_starting": before[0].link_lost_samples,
        "delivery_ms": {"p50": p50, "p99": p99, "max": most},
        "reader_core_share": round(reading / seconds, 4),
        "process_core_share": round(whole / seconds, 4),
        "news": news,
    }


def _cpu(thread: int | None) -> float:
    """CPU seconds of one thread of this process."""
    return next(t.user_time + t.system_time for t in psutil.Process().threads() if t.id == thread)


def main() -> int:
    """Run it, print the result, write JSON; 1 if anything was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--out", type=Path, help="folder for the JSON")
    parser.add_argument("--play", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.play:
        play(args.play)
        return 0
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "tty")
        command = [sys.executable, "-m", "benchmarks.serial", "--play", str(link)]
        sensor = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        burners = [
            subprocess.Popen([sys.executable, "-c", BURN], text=True) for _ in range(os.cpu_count() or 1)
        ]
        try:
            while not link.exists():
                time.sleep(0.05)
            result = measure(link, 60 * args.minutes)
            written, refused = map(int, sensor.communicate(timeout=20)[0].split())
        finally:
            for process in [sensor, *burners]:
                process.kill()
                process.wait()
    # What was written last may not have been read.
    result |= {"frames_written": written, "refused_by_the_port": refused, "load_before": round(before, 1)}
    print(machine.line())
    for key, value in result.items():
        print(f"{key:22} {value}")
    print(f"\nwritten to {machine.write('serial', result, args.out)}")
    return 1 if result["lost_samples"] or result["bad_frames"] else 0


if __name__ == "__main__":
    sys.exit(main())
