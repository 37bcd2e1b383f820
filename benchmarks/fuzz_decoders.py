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
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine

LIFE = 1000
"""Inputs that one driver hears."""
MOST_STATE = 200_000
"""Bytes of a pickled driver: less than what 20,000 lines take, which the ASCII driver may hold for want of a rate."""
LONGEST = {False: 128, True: 256}
"""Bytes of an input, serial and Bluetooth: some frames of most sensors, a notification."""


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


class Fuzzer:
    """What runs in the process of one device. Its ledger is written at the end, or with the first finding."""

    def __init__(self, name: str, inputs: int, folder: Path) -> None:
        import atheris

        with atheris.instrument_imports(include=["wearecg.devices", "firmware_bridge"]):
            from wearecg.devices import device, simulated
            from wearecg.devices.ble_base import BleDevice

            self._kind, simulator = device(name), simulated(name)
        self._atheris, self._inputs, self._folder = atheris, inputs, folder
        self._bluetooth = issubclass(self._kind, BleDevice)
        self._sensor = simulator
        kind: Any = self._kind
        self._places = (*kind.needs, *kind.wants, *kind.reads) if self._bluetooth else ()
        self._said: list[Any] = []
        self._heard: list[bytes] = []
        self._count = self._bytes = self._frames = self._bad_frames = self._samples = self._largest = 0
        self._began = time.monotonic()
        self._talk()
        self._renew()

    def run(self) -> None:
        """Hand over to libFuzzer; does not return."""
        longest = LONGEST[self._bluetooth]
        corpus = self._folder / "corpus"
        corpus.mkdir()
        for number, said in enumerate(self._said):
            first, data = (
                (self._places.index(said[0]), said[1]) if self._bluetooth else (len(said) // 2, said)
            )
            (corpus / str(number)).write_bytes((bytes([first % 256]) + data)[:longest])
        options = [f"-max_len={longest}", "-rss_limit_mb=1024", "-timeout=10", "-seed=1", "-verbosity=0"]
        os.chdir(self._folder)
        self._atheris.Setup([sys.argv[0], *options, str(corpus)], self._hear)
        self._atheris.Fuzz()

    def _hear(self, data: bytes) -> None:
        try:
            self._feed(data)
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

    def _feed(self, data: bytes) -> None:
        self._heard.append(data)
        if not data:
            return
        self._bytes += len(data) - 1
        self._now += 0.01
        driver: Any = self._driver
        first, rest = data[0], data[1:]
        if self._bluetooth:
            found = driver.feed(self._places[first % len(self._places)], rest, self._now)
        else:
            found = driver.feed(rest[:first], self._now) + driver.feed(rest[first:], self._now)
        driver.poll(self._now)
        driver.outgoing.clear()
        driver.notes.clear()
        for item in found:
            self._check(item[0] if isinstance(item, tuple) else item)

    def _check(self, block: Any) -> None:
        if not hasattr(block, "samples"):
            assert all(seconds >= 0 for seconds in block.rr)
            return
        columns = len(block.leads)
        assert block.samples.dtype == np.float32
        assert block.samples.shape == (len(block), columns)
        assert len(block.lead_off) == len(block.lsb) == columns
        assert block.fs > 0
        assert block.lost >= 0
        assert not np.isinf(block.samples).any()
        self._samples += len(block)

    def _measure(self) -> None:
        size = len(pickle.dumps(self._driver))
        self._largest = max(self._largest, size)
        assert size < MOST_STATE, f"the driver has grown to {size} bytes"
        driver: Any = self._driver
        assert driver.diagnose()
        self._frames += driver.counters.frames
        self._bad_frames += driver.counters.bad_frames

    def _renew(self) -> None:
        """Take a new driver; every other one has its handshake done."""
        self._heard = []
        self._driver, self._now = self._kind(), 0.0
        driver: Any = self._driver
        driver.connected(0.0)
        if self._count // LIFE % 2 == 0:
            for said in self._said:
                driver.feed(*said, self._now) if self._bluetooth else driver.feed(said, self._now)
                self._now += 0.6
                driver.poll(self._now)
        driver.outgoing.clear()

    def _talk(self) -> None:
        """Let the simulated sensor talk to a driver, and keep what it said: the handshake and a second of frames."""
        driver: Any = self._kind()
        fs = self._sensor.rate or 250.0
        sensor: Any = self._sensor(("II",), fs)
        now = 0.0
        if self._bluetooth:
            sensor.linked(True)
        driver.connected(now)
        for _ in range(30):
            commands: list[Any] = list(driver.outgoing) if self._bluetooth else [bytes(driver.outgoing)]
            driver.outgoing.clear()
            for command in commands:
                write = (command.characteristic, command.value) if self._bluetooth else (command,)
                for said in sensor.write(*write) if self._bluetooth else sensor.receive(*write):
                    self._said.append(said)
                    driver.feed(*said, now) if self._bluetooth else driver.feed(said, now)
            if sensor.running:
                break
            now += 0.6
            driver.poll(now)
        samples = np.sin(np.arange(round(fs), dtype=np.float32))[:, None]
        for said in sensor.encode(samples, 0.0, (False,)):
            self._said.append(said)

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
