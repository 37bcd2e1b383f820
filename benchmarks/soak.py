"""A day of a lossy sensor as fast as it can be computed: memory flat, no drift, every sample accounted for.

    python -m benchmarks.soak [--hours 24] [--kills 3] [--out FOLDER]

A synthetic person wears a 3-lead 250 Hz bridge sensor whose crystal is 40 ppm fast. Its frames are lost at random
(one in a thousand) or have bits flipped (as many), arrive late (up to 50 ms, now and then 2 s), the cable is out for
half a minute every two hours, the sensor restarts every five, its clock is set by an hour every seven, and the disk (a
tmpfs, where one can be mounted) is full for a minute every three. The bytes go through the real decoder, engine, model
and WFDB writer. Then, in real time, a `wearecg stream` that records is killed (``kill -9``) and started anew,
``--kills`` times. Prints a ledger; the exit code is 1 if it does not balance.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import numpy as np
import psutil

from benchmarks import machine
from wearecg.block import Beat, Event, Summary, Window
from wearecg.devices.base import Device, SimulatedDevice
from wearecg.devices.bridge import Bridge, SimulatedBridge
from wearecg.findings import Board
from wearecg.observers import open_observer
from wearecg.person import Person
from wearecg.pipeline.engine import Engine
from wearecg.sinks import open_sink

FS = 250
LEADS = ("II", "V1", "V5")
PPM = 40.0
UNPLUG_EVERY_S, UNPLUG_S = 7200, 30
RESET_EVERY_S = 18000
CLOCK_STEP_EVERY_S, CLOCK_STEP_S = 25200, 3600.0
DISK_FULL_EVERY_S, DISK_FULL_S = 10800, 60
DISK_BYTES = 512 << 20
FRAME_LOSS = FRAME_FLIP = 1e-3
FRAMES_A_SECOND = 25
KILL_AFTER_S = 6.0
TOLERANCE_S = 0.5
"""A restarted clock is joined by the host's, to the jitter of the link; and the last frames may be lost."""


def main() -> int:
    """Run the day, print the ledger, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--out", type=Path, help="folder for the JSON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, disk(Path(folder)) as small:
        ledger = soak(round(args.hours * 3600), Path(folder), fill=small)
    with tempfile.TemporaryDirectory() as folder:
        ledger |= killed(args.kills, Path(folder))
    for key, value in ledger.items():
        print(f"{key:32} {value}")
    print(f"written to {machine.write('soak', {'ledger': ledger}, args.out)}")
    return 0 if ledger["balanced"] and ledger["kills_balanced"] else 1


@contextmanager
def disk(folder: Path) -> Iterator[bool]:
    """Make ``folder`` a small file system of its own; False where that is not permitted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mounted = not subprocess.run(command, capture_output=True, check=False).returncode
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def soak(seconds: int, folder: Path, fill: bool = False) -> dict[str, object]:
    """Stream so many seconds; return the ledger. ``fill``: the disk that ``folder`` is on is filled now and then."""
    rng = np.random.default_rng(1)
    person = Person(seed=3, scenario="sinus", fs=FS)
    columns = [person.leads.index(lead) for lead in LEADS]
    sensor, bridge = SimulatedBridge(LEADS, FS), Bridge()
    runtime = Runtime(person, folder)
    bridge.connected(0.0)
    boot, rss, delivered, arrival, step, full = 0.0, [], 0, 0.0, 0.0, 0
    balloon = folder / "balloon"
    for second in range(seconds):
        samples = person.samples(FS)[:, columns]
        since_unplug = second % UNPLUG_EVERY_S if second >= UNPLUG_EVERY_S else UNPLUG_EVERY_S
        if second and second % RESET_EVERY_S == 0:
            sensor, boot = SimulatedBridge(LEADS, FS), float(second)
        if since_unplug == 0:
            runtime.engine.link_lost()
        if since_unplug == UNPLUG_S or boot == second > 0:
            bridge.connected(host_time(second))
        if since_unplug >= UNPLUG_S:
            handshake(sensor, bridge, host_time(second))
        if second and second % CLOCK_STEP_EVERY_S == 0:
            step += CLOCK_STEP_S
        if fill and second >= DISK_FULL_EVERY_S and second % DISK_FULL_EVERY_S == 0:
            balloon.write_bytes(b"")
            os.posix_fallocate(fd := os.open(balloon, os.O_WRONLY), 0, shutil.disk_usage(folder).free)
            os.close(fd)
        if balloon.exists():
            full += 1
            if full % DISK_FULL_S == 0:
                balloon.unlink()
        stall = 2.0 if rng.random() < 0.002 else 0.0
        for i, part in enumerate(np.split(samples, FRAMES_A_SECOND)):
            frames = sensor.encode(part, second - boot + step + i / FRAMES_A_SECOND, (False,) * len(LEADS))
            if since_unplug < UNPLUG_S or rng.random() < FRAME_LOSS:
                continue
            if rng.random() < FRAME_FLIP:
                frames = [flipped(frame, rng) for frame in frames]
            else:
                delivered += len(part)
            due = host_time(second + (i + 1) / FRAMES_A_SECOND)
            arrival = max(arrival, due + stall + rng.uniform(0, 0.05))
            for block in bridge.feed(b"".join(frames), arrival):
                runtime.take(runtime.engine.feed(block, arrival))
        runtime.sink.tick(second)
        if second % 3600 == 3599:
            rss.append(psutil.Process().memory_info().rss / 1e6)
            print(f"{second // 3600 + 1:3} h  {rss[-1]:.1f} MB", file=sys.stderr, flush=True)
    runtime.take(runtime.engine.finish())
    runtime.sink.close()
    return runtime.ledger(seconds, delivered, full, rss, folder)


def flipped(frame: bytes, rng: np.random.Generator) -> bytes:
    """Flip one bit of a frame, but none of the 0 that ends it."""
    at = int(rng.integers(len(frame) - 1))
    return frame[:at] + bytes([frame[at] ^ 1 << int(rng.integers(8))]) + frame[at + 1 :]


def killed(times: int, folder: Path) -> dict[str, object]:
    """Kill a process that records, and start it anew; what it recorded, and what lies between its records."""
    import wfdb

    port, record = folder / "tty", folder / "record"
    wearecg = [sys.executable, "-m", "wearecg"]
    sensor = subprocess.Popen(
        [*wearecg, "simulate", "--fs", str(FS), "--leads", "II", "--link", str(port)],
        stdout=subprocess.DEVNULL,
    )
    stream = [*wearecg, "stream", "--port", str(port), "--record", str(record), "--model", "none"]
    ends: list[float] = []
    try:
        while not port.exists():
            time.sleep(0.05)
        for n in range(times + 1):
            run = subprocess.Popen(stream, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while len(list(record.glob("*.dat"))) <= n:
                time.sleep(0.05)
            time.sleep(KILL_AFTER_S)
            run.send_signal(signal.SIGKILL if n < times else signal.SIGINT)
            ends.append(time.time())
            run.wait(20)
    finally:
        sensor.terminate()
        sensor.wait(20)
    headers = [
        wfdb.rdheader(str(h.with_suffix(""))) for h in sorted(record.glob("*Z*.hea")) if "_0" not in h.stem
    ]
    starts = [h.base_datetime.replace(tzinfo=UTC).timestamp() for h in headers]
    lengths = [len(wfdb.rdrecord(str(record / h.record_name)).p_signal) / FS for h in headers]
    unwritten = [round(end - a - n, 2) for a, n, end in zip(starts, lengths, ends, strict=True)]
    between = [round(b - a - n, 2) for a, n, b in zip(starts, lengths, starts[1:], strict=False)]
    return {
        "kills": times,
        "kills_recorded_s": [round(n, 2) for n in lengths],
        "kills_unwritten_s": unwritten[:-1],
        "kills_gap_between_records_s": between,
        "kills_balanced": len(headers) == times + 1
        and all(-0.1 < s < 1.0 for s in unwritten[:-1])
        and all(gap > 0 for gap in between),
    }


class Runtime:
    """Everything behind the decoder, and what came out of it."""

    def __init__(self, person: Person, folder: Path) -> None:
        self.engine = Engine("soak", [open_observer("encoder")])
        self.sink = open_sink(f"wfdb:{folder}")
        self._board = Board()
        self._true = person.beats()
        self._near: deque[float] = deque(maxlen=200)
        self._errors = array("d")
        self._windows = 0
        self._summary: Summary | None = None
        self._began = time.monotonic()

    def take(self, events: list[Event]) -> None:
        """Do with the events what a session does."""
        for event in events:
            for told in self._board.feed(event):
                if isinstance(told, self.sink.wants):
                    self.sink.write(told)
            if isinstance(event, Window):
                self._windows += 1
            elif isinstance(event, Beat):
                while not self._near or self._near[-1] < event.time + 2:
                    self._near.append(next(self._true).time)
                self._errors.append(min((event.time - t for t in self._near), key=abs))
            elif isinstance(event, Summary):
                self._summary = event

    def ledger(
        self, seconds: int, delivered: int, full: int, rss: list[float], folder: Path
    ) -> dict[str, object]:
        """Compare what was sent, what came out, and what lies on the disk."""
        import wfdb

        assert self._summary is not None
        (header,) = (p for p in folder.glob("*.hea") if p.stem.endswith("Z"))
        recorded = wfdb.rdrecord(str(header.with_suffix(""))).p_signal
        missing = int(np.isnan(recorded[:, 0]).sum())
        received, lost = self._summary.samples, sum(self._summary.lost.values())
        errors = np.array(self._errors)
        return {
            "hours": seconds / 3600,
            "times_real_time": round(seconds / (time.monotonic() - self._began)),
            "samples_sent": seconds * FS,
            "samples_delivered": delivered,
            "samples_received": received,
            "samples_in_gaps": lost,
            "lost_by_reason": dict(self._summary.lost),
            "samples_recorded": len(recorded) - missing,
            "samples_recorded_as_missing": missing,
            "seconds_with_a_full_disk": full,
            "samples_not_recorded_for_want_of_disk": missing - lost,
            "gaps": self._summary.gaps,
            "windows_scored": self._windows,
            "beats": self._summary.beats,
            "beat_error_p50_ms": round(float(np.median(np.abs(errors))) * 1e3, 2),
            "beat_error_p99_ms": round(float(np.percentile(np.abs(errors), 99)) * 1e3, 2),
            "drift_ms": round(float(np.median(errors[-1000:]) - np.median(errors[:1000])) * 1e3, 2),
            "clock_ppm": round(self._summary.clock.ppm or 0.0, 1) if self._summary.clock else None,
            "rss_mb_after_1h_and_end": [round(rss[0], 1), round(rss[-1], 1)] if rss else [],
            "balanced": received == delivered
            and (received == len(recorded) - missing if not full else 0 <= missing - lost <= (full + 60) * FS)
            and received + lost == len(recorded)
            and abs(seconds * FS - len(recorded)) <= TOLERANCE_S * FS,
        }


def host_time(signal_second: float) -> float:
    """When the host's clock shows a moment of the sensor's, whose crystal is `PPM` fast."""
    return 1000.0 + signal_second * (1 - PPM * 1e-6)


def handshake(sensor: SimulatedDevice, bridge: Device, now: float) -> None:
    """Carry commands and answers to and fro until both are silent."""
    bridge.poll(now)
    while bridge.outgoing:
        said = bytes(bridge.outgoing)
        bridge.outgoing.clear()
        for answer in sensor.receive(said):
            bridge.feed(answer, now)


if __name__ == "__main__":
    sys.exit(main())
