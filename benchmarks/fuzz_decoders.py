"""Coverage-guided fuzzing of every decoder, serial and Bluetooth: no exception, bounded memory, sound blocks.

    pip install 'wearecg[fuzz]'
    python -m benchmarks.fuzz_decoders [--device NAME ...] [--inputs 700000] [--out FOLDER]

Each device has a process of its own, in which atheris (libFuzzer) mutates what the simulated sensor said. A driver
lives for a thousand inputs, so that what one leaves behind meets the next; then its size is measured and a new one is
taken, with or without its handshake done. Prints a ledger; devices that are not named keep theirs in the file. A
finding ends the run of its device, and what the driver had heard is left beside the ledger.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks import machine

LIFE = 1000
"""Inputs that one driver hears."""
MOST_STATE = 200_000
"""Bytes of a pickled driver: less than what 20,000 lines take, which the ASCII driver may hold for want of a rate."""
LONGEST = {False: 128, True: 256}
"""Bytes of an input, serial and Bluetooth: some frames of most sensors, a notification."""
SPOKEN_S = 6.0
"""Longer than it takes to measure the rate of a sensor that may be off its own."""
MOST_SAID = 50


def main() -> int:
    """Fuzz the devices one after the other; 1 if anything was found."""
    from wearecg.devices import names

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", action="append", choices=names(), help="only this one; may be repeated")
    parser.add_argument("--inputs", type=int, default=700_000, metavar="N", help="for each device")
    parser.add_argument("--out", type=Path, default=machine.RESULTS, metavar="FOLDER")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        Fuzzer(args.device[0], args.inputs, args.out).run()
    file = args.out / "fuzz.json"
    ledger: dict[str, Any] = json.loads(file.read_text())["devices"] if file.exists() else {}
    for name in args.device or names():
        entry = fuzz(name, args.inputs, args.out)
        ledger[name] = entry
        print(f"{name:24}", *(f"{key} {value}" for key, value in entry.items()), flush=True)
        total = sum(entry["inputs"] for entry in ledger.values())
        machine.write("fuzz", {"inputs": total, "devices": ledger}, args.out)
    return any(entry["findings"] for entry in ledger.values())


def fuzz(name: str, inputs: int, out: Path) -> dict[str, Any]:
    """Fuzz one device in a process of its own; its ledger."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.fuzz_decoders", "--child", "--device", name]
        command += ["--inputs", str(inputs), "--out", folder]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        report, heard = Path(folder, "ledger.json"), Path(folder, "heard.pickle")
        if heard.exists():
            out.mkdir(parents=True, exist_ok=True)
            (out / f"fuzz_{name}.pickle").write_bytes(heard.read_bytes())
        if not report.exists():
            raise SystemExit(f"the process that fuzzed {name} died:\n{ended.stderr[-4000:]}")
        if "Traceback" in ended.stderr:
            print(ended.stderr[-4000:], file=sys.stderr)
        entry: dict[str, Any] = json.loads(report.read_text())
        return entry


class Target:
    """The driver ``name`` and what its simulated sensor says: the handshake and some seconds of a slow wave.

    Inputs are bytes: the first tells which characteristic the others come from, or where they are cut in two.
    """

    def __init__(self, name: str) -> None:
        from wearecg.devices import device, simulated
        from wearecg.devices.ble_base import BleDevice

        kind = device(name)
        self.driver = cast("Any", kind)
        self.bluetooth = issubclass(kind, BleDevice)
        self.places = (*self.driver.needs, *self.driver.wants, *self.driver.reads) if self.bluetooth else ()
        self.said: list[Any] = list(self._talk(simulated(name)))

    def fresh(self, begun: bool) -> Any:
        """A new driver on a new link, with its handshake done or not."""
        driver, now = self.driver(), 0.0
        driver.connected(now)
        for said in self.said if begun else ():
            driver.feed(*said, now) if self.bluetooth else driver.feed(said, now)
            now += 0.6
            driver.poll(now)
        driver.outgoing.clear()
        return driver

    def inputs(self) -> list[bytes]:
        """What was said, as inputs."""
        if self.bluetooth:
            return [bytes([self.places.index(place)]) + data for place, data in self.said]
        return [bytes([len(data) // 2 % 256]) + data for data in self.said]

    def feed(self, driver: Any, data: bytes, now: float) -> int:
        """Let ``driver`` hear an input; samples that came out. Raises AssertionError for a block that is not sound."""
        first, rest = data[0], data[1:]
        if self.bluetooth:
            found = driver.feed(self.places[first % len(self.places)], rest, now)
        else:
            found = driver.feed(rest[:first], now) + driver.feed(rest[first:], now)
        driver.poll(now)
        driver.outgoing.clear()
        driver.notes.clear()
        return sum(sound(item[0] if isinstance(item, tuple) else item) for item in found)

    def _talk(self, simulator: Any) -> Iterator[Any]:
        fs = simulator.rate or 250.0
        driver, sensor, now = self.driver(), simulator(("II",), fs), 0.0
        if self.bluetooth:
            sensor.linked(True)
        driver.connected(now)
        for _ in range(30):
            commands: list[Any] = list(driver.outgoing) if self.bluetooth else [bytes(driver.outgoing)]
            driver.outgoing.clear()
            for command in commands:
                write = (command.characteristic, command.value) if self.bluetooth else (command,)
                for said in sensor.write(*write) if self.bluetooth else sensor.receive(*write):
                    yield said
                    driver.feed(*said, now) if self.bluetooth else driver.feed(said, now)
            if sensor.running:
                break
            now += 0.6
            driver.poll(now)
        samples = np.sin(np.arange(round(SPOKEN_S * fs)) / fs).astype(np.float32)[:, None]
        yield from sensor.encode(samples, 0.0, (False,))[:MOST_SAID]


def sound(found: Any) -> int:
    """Samples of a block, whose shapes and numbers must fit each other; 0 for intervals."""
    if not hasattr(found, "samples"):
        assert all(seconds >= 0 for seconds in found.rr)
        return 0
    columns = len(found.leads)
    assert found.samples.dtype == np.float32
    assert found.samples.shape == (len(found), columns)
    assert len(found.lead_off) == len(found.lsb) == columns
    assert found.fs > 0
    assert found.lost >= 0
    assert not np.isinf(found.samples).any()
    return len(found)


class Fuzzer:
    """What runs in the process of one device. Its ledger is written at the end, or with the first finding."""

    def __init__(self, name: str, inputs: int, folder: Path) -> None:
        import atheris

        with atheris.instrument_imports(include=["wearecg.devices", "firmware_bridge"]):
            self._target = Target(name)
        self._atheris, self._inputs, self._folder = atheris, inputs, folder
        self._count = self._bytes = self._frames = self._bad_frames = self._samples = self._largest = 0
        self._began = time.monotonic()
        self._renew()

    def run(self) -> None:
        """Hand over to libFuzzer; does not return."""
        longest = LONGEST[self._target.bluetooth]
        corpus = self._folder / "corpus"
        corpus.mkdir()
        for number, data in enumerate(self._target.inputs()):
            (corpus / str(number)).write_bytes(data[:longest])
        options = [f"-max_len={longest}", "-rss_limit_mb=1024", "-timeout=600", "-seed=1", "-verbosity=0"]
        os.chdir(self._folder)
        self._atheris.Setup([sys.argv[0], *options, str(corpus)], self._hear)
        self._atheris.Fuzz()

    def _hear(self, data: bytes) -> None:
        try:
            self._heard.append(data)
            self._now += 0.01
            if data:
                self._bytes += len(data) - 1
                self._samples += self._target.feed(self._driver, data, self._now)
            if len(self._heard) == LIFE:
                self._measure()
                self._renew()
        except BaseException:
            (self._folder / "heard.pickle").write_bytes(pickle.dumps(self._heard))
            self._report(1)
            raise
        self._count += 1
        if self._count == self._inputs:
            self._report(0)
            os._exit(0)

    def _renew(self) -> None:
        self._heard: list[bytes] = []
        self._driver = self._target.fresh(begun=self._count // LIFE % 2 == 0)
        self._now = 0.6 * len(self._target.said)

    def _measure(self) -> None:
        size = len(pickle.dumps(self._driver))
        self._largest = max(self._largest, size)
        assert size < MOST_STATE, f"the driver has grown to {size} bytes"
        assert self._driver.diagnose()
        self._frames += self._driver.counters.frames
        self._bad_frames += self._driver.counters.bad_frames

    def _report(self, findings: int) -> None:
        seconds = time.monotonic() - self._began
        entry = {
            "inputs": self._count,
            "bytes": self._bytes,
            "frames": self._frames,
            "bad_frames": self._bad_frames,
            "samples": self._samples,
            "largest_driver_bytes": self._largest,
            "seconds": round(seconds, 1),
            "findings": findings,
        }
        (self._folder / "ledger.json").write_text(json.dumps(entry))


if __name__ == "__main__":
    raise SystemExit(main())
