"""`wearecg stream` as a process, with the real bluetoothd and a virtual Polar H10, through all that can befall a link.

Each check prints a line. Run by ``guest_init.sh`` as root of a guest in which nothing else runs.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peripheral import Air

from wearecg.devices import polar_pmd as pmd
from wearecg.devices.polar_h10 import SimulatedPolarH10
from wearecg.person import Person
from wearecg.virtual_sensor.bluez_sensor import VirtualBleSensor
from wearecg.virtual_sensor.playback import Playback

EVENTS, MESSAGES = Path("/tmp/events.jsonl"), Path("/tmp/messages")
WEARECG = [sys.executable, "-m", "wearecg", "stream", "--ble", "Polar H10", "--model", "none"]
FS, ADDRESS = 131.04, "C0:9E:1A:00:00:01"
AWAY_S = 6.0
SOME_BEATS = 5
PATIENCE_S = 180.0
"""For anything to happen: an emulated computer is slow."""


def bluetoothd() -> subprocess.Popen[bytes]:
    """Start the Bluetooth service."""
    command = ["/usr/libexec/bluetooth/bluetoothd", "-n"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Run:
    """The running program, what it has written so far, and the verdicts on it."""

    def __init__(self) -> None:
        self.good = True
        with MESSAGES.open("w") as messages:
            self.process = subprocess.Popen(
                [*WEARECG, "--to", f"jsonl:{EVENTS}"], stdout=subprocess.DEVNULL, stderr=messages
            )

    def records(self, kind: str) -> list[dict[str, Any]]:
        """All records of one type."""
        lines = EVENTS.read_text().splitlines(keepends=True) if EVENTS.exists() else []
        whole = [json.loads(line) for line in lines if line.endswith("\n")]
        return [record for record in whole if record["type"] == kind]

    def check(self, good: bool, what: str) -> None:
        """Print the verdict."""
        self.good &= good
        print("ok    " if good else "FAILED", what, flush=True)

    async def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for it, and print how long that took; TimeoutError where the rest makes no sense without it."""
        began = time.monotonic()
        while not condition():
            if self.process.poll() is not None or time.monotonic() - began > PATIENCE_S:
                self.check(False, what)
                raise TimeoutError
            await asyncio.sleep(0.2)
        self.check(True, f"{what} ({time.monotonic() - began:.1f} s)")

    async def wait_signal(self, what: str) -> None:
        """Wait until the signal is there, and for some of it."""
        await self.wait(lambda: self.link("live"), what)
        enough = len(self.records("beat")) + SOME_BEATS
        await self.wait(lambda: len(self.records("beat")) >= enough, f"{SOME_BEATS} beats")

    def link(self, state: str, message: str = "") -> bool:
        """Whether the last word about the link is this."""
        last = self.records("link")[-1:]
        return any(record["state"] == state and message in record["message"] for record in last)


async def befall(run: Run, sensor: VirtualBleSensor, air: Air, service: subprocess.Popen[bytes]) -> None:
    """One thing after the other, and at last Ctrl-C."""
    await run.wait_signal("found by its name")

    air.drop(ADDRESS)
    await run.wait(lambda: run.link("lost"), "a drop is noticed")
    await run.wait_signal("back after the drop")

    sensor.away = True
    await run.wait(lambda: run.link("lost"), "out of range is noticed")
    await asyncio.sleep(AWAY_S)
    sensor.away = False
    await run.wait_signal(f"back after {AWAY_S:g} s more")

    service.kill()
    await run.wait(
        lambda: run.link("lost", "service does not run"), "bluetoothd's death (kill -9) is noticed and named"
    )
    await asyncio.sleep(AWAY_S)
    bluetoothd()
    await run.wait_signal("back after bluetoothd was started again")

    sensor.hung = True
    await run.wait(lambda: run.link("lost", "fell silent"), "a silent stall is noticed")
    await run.wait_signal("back after the stall")

    run.process.send_signal(signal.SIGINT)
    await asyncio.to_thread(run.process.wait, PATIENCE_S)
    run.check(run.process.returncode == 0, "Ctrl-C: exit status 0")
    run.check(sensor.commands[-1] == (pmd.CONTROL, bytes([pmd.STOP, pmd.ECG])), "the sensor was told to stop")
    run.check(not air.connected, "the link was let go")
    (summary,) = run.records("summary")
    gaps = [gap["duration"] for gap in run.records("gap")]
    counters = summary["counters"]
    true = [beat.time for beat in Person(1, "sinus", FS).beats_between(0, summary["duration"])]
    late = max(min(abs(beat["time"] - time) for time in true) for beat in run.records("beat"))
    run.check(counters["duplicates"] == 0, "no sample twice")
    run.check(counters["bad_frames"] == 0, "no bad frame")
    run.check(len(gaps) == summary["gaps"] == 4, f"four gaps: {', '.join(f'{gap:.1f}' for gap in gaps)} s")
    run.check(late < 0.03, f"all {summary['beats']} beats at their true times, within {late * 1000:.0f} ms")
    whole = summary["samples"] + sum(summary["lost"].values())
    run.check(whole == round(summary["duration"] * FS), "samples and gaps make up the whole time")


def powered() -> bool:
    """Whether bluetoothd has found the adapter and switched it on."""
    return b"Powered: yes" in subprocess.run(["bluetoothctl", "show"], stdout=subprocess.PIPE).stdout


async def main() -> bool:
    """Set up the two ends, and let it all happen."""
    strap = SimulatedPolarH10(SimulatedPolarH10.plays, FS)
    sensor = VirtualBleSensor(Playback(Person(1, "sinus", FS), strap.leads), strap, ADDRESS)
    air = Air(sensor)
    await air.start()
    service = bluetoothd()
    while not await asyncio.to_thread(powered):
        await asyncio.sleep(0.5)
    run = Run()
    playing = asyncio.create_task(sensor.run(air))
    try:
        await befall(run, sensor, air, service)
    except TimeoutError:
        run.process.kill()
    finally:
        playing.cancel()
    if not run.good:
        print(MESSAGES.read_text(), *run.records("link"), sep="\n")
    return run.good


if __name__ == "__main__":
    sys.exit(not asyncio.run(main()))
