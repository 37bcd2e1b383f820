"""The Arduino library: whole in its archive, small enough for an Uno, and what the chips' sketches read is sent."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import firmware_bridge
from firmware_bridge.codec import FrameDecoder, encode_frame
from firmware_bridge.messages import Ack, Data, Hello, HelloRequest, Start, Status, StreamStatus
from wearecg.block import SignalBlock
from wearecg.devices import device
from wearecg.transports.serial import SerialSource

ARDUINO = Path(firmware_bridge.__file__).parent / "arduino"
CORE = Path("/usr/share/arduino/hardware/arduino/avr")


def make(*arguments):
    for tool in ("make", "cc", "c++"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} here")
    ran = subprocess.run(["make", "-C", str(ARDUINO), *arguments], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
    return ran.stdout


@pytest.fixture(scope="module")
def sketches(tmp_path_factory):
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals")
    build = tmp_path_factory.mktemp("sketches")
    make("host", f"BUILD={build}")
    return build


def test_the_archive_is_a_library_that_needs_nothing_else(tmp_path):
    subprocess.run(
        [sys.executable, str(ARDUINO / "make_library.py"), str(tmp_path)], check=True, capture_output=True
    )
    with zipfile.ZipFile(tmp_path / "WearECG.zip") as archive:
        archive.extractall(tmp_path)
    library = tmp_path / "WearECG"
    assert "name=WearECG" in (library / "library.properties").read_text()
    sources = {path.name: path for path in (library / "src").iterdir()}
    for path in sources.values():
        for name in re.findall(r'#include "(\S+)"', path.read_text()):
            assert name in sources, f"{path.name} includes {name}"
    # Arduino lists files by name without case on some systems.
    assert len({name.lower() for name in sources}) == len(sources)
    for sketch in ("AD8232", "ADS1292R", "MAX86150"):
        assert (library / "examples" / sketch / f"{sketch}.ino").exists()


@pytest.fixture(scope="module")
def uno(tmp_path_factory):
    """The AD8232 sketch as an Uno runs it, and what `avr-size` says of it."""
    if shutil.which("avr-g++") is None or not CORE.exists():
        pytest.skip("no avr-g++ or no Arduino core here (Debian: gcc-avr avr-libc arduino-core-avr)")
    build = tmp_path_factory.mktemp("uno")
    return build / "uno/AD8232.elf", make("uno", f"BUILD={build}")


def test_it_fits_an_uno(uno):
    text, data, bss = map(int, re.search(r"^ +(\d+)\s+(\d+)\s+(\d+)", uno[1], re.M).groups())
    assert text + data < 32256 / 2
    assert data + bss < 2048 / 2, "half the memory is for the stack and the user"


def test_an_uno_streams(uno, tmp_path):
    """The program itself, in a simulated ATmega328P: its interrupts, its ADC and its serial port."""
    simulator = tmp_path / "simulator"
    command = ["cc", "-O1", str(ARDUINO.parent / "host/uno.c"), "-o", str(simulator), "-lsimavr", "-lelf"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no simavr here (Debian: libsimavr-dev libelf-dev)")
    lines = [40 + 7 * i % 600 for i in range(1500)]
    lines[500:600] = ["!"] * 100
    (tmp_path / "readings").write_text("".join(f"{line}\n" for line in lines))
    asked = b"\0" + encode_frame(HelloRequest(seq=1)) + encode_frame(Start(seq=2))
    (tmp_path / "in").write_bytes(asked)
    files = [str(tmp_path / name) for name in ("readings", "in", "out")]
    subprocess.run([str(simulator), str(uno[0]), "5.5", *files], check=True, capture_output=True)
    decoder = FrameDecoder()
    said = decoder.feed((tmp_path / "out").read_bytes())
    assert decoder.bad_frames == 0
    assert [type(m) for m in said[:6]] == [Hello, Status, Hello, Ack, Status, Data]
    frames = [m for m in said if isinstance(m, Data)]
    assert [m.seq for m in frames] == list(range(len(frames)))
    told = [m for m in said if isinstance(m, Status)]
    assert [m.t_us for m in told[2:]] == pytest.approx([4_200_000], abs=50_000)
    assert told[-1].streams[0] == StreamStatus(stream=0)
    times = np.array([m.t_us for m in frames])
    counts = np.array([m.n for m in frames])
    assert np.abs(np.diff(times) - 4000 * counts[:-1]).max() <= 12  # micros() counts in fours
    got = np.concatenate([m.samples()[:, 0] for m in frames])
    first = round(times[0] / 4000) - 1  # conversions before START
    lines[500:600] = [lines[499]] * 100
    measured = np.array(lines[first : first + len(got)])
    assert np.abs(got + 338 - measured).max() <= 1  # simavr's pins are in whole millivolts
    assert sum(m.n for m in frames if m.lead_off & 1) == 100


class Reader:
    """The real serial source and driver, on a sketch that plays these readings."""

    def __init__(self, program, lines, tmp_path):
        readings = tmp_path / "readings.txt"
        readings.write_text("".join(f"{line}\n" for line in lines))
        command = [str(program), "--speed", "10", str(readings)]
        self.sketch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        port = self.sketch.stdout.readline().strip()
        self.device = device("bridge")()
        self.blocks: list[SignalBlock] = []
        with SerialSource(port, self.device) as source:
            end = time.monotonic() + 30
            while self.sketch.poll() is None and time.monotonic() < end:
                self.blocks += [item[0] for item in source.read(0.02) or [] if isinstance(item, tuple)]
        self.sketch.communicate(timeout=10)
        assert self.device.counters.bad_frames == 0

    def counts(self, stream):
        blocks = [block for block in self.blocks if block.stream == stream]
        return np.concatenate([block.samples[:, 0] / np.float64(block.lsb[0]) for block in blocks])


RNG = np.random.default_rng(3)


SETTLING = int(re.search(r"SETTLING = (\d+)", (ARDUINO / "examples/ADS1292R/ADS1292R.ino").read_text())[1])


def test_ads1292r(sketches, tmp_path):
    lines = RNG.integers(-(2**23), 2**23, 500).tolist()
    lines[200:250] = ["!"] * 50
    run = Reader(sketches / "ads1292r", lines, tmp_path)
    lines[200:250] = [lines[199]] * 50
    ecg, resp = run.counts("ecg"), run.counts("resp")
    assert len(ecg) >= 480
    for got, expected in ((ecg, lines), (resp, np.negative(lines))):
        # A host that is quick enough sees the chip settle: those conversions are no measurements.
        settled = np.isfinite(got)
        assert settled[SETTLING:].all()
        np.testing.assert_allclose(got[settled], np.array(expected[: len(got)])[settled], rtol=1e-5, atol=0.5)
    off = sum(len(b) for b in run.blocks if b.stream == "ecg" and b.lead_off == (True,))
    assert off == 50
    assert {b.lead_off for b in run.blocks if b.stream == "resp"} == {(None,)}


def test_max86150(sketches, tmp_path):
    lines = RNG.integers(-(2**17), 2**17, 500).tolist()
    run = Reader(sketches / "max86150", lines, tmp_path)
    ecg, ppg = run.counts("ecg"), run.counts("ppg")
    assert len(ecg) >= 480
    np.testing.assert_allclose(ecg, lines[: len(ecg)], rtol=1e-5, atol=0.5)
    np.testing.assert_allclose(ppg, (100_000 - np.array(lines[: len(ppg)])) & 0x7FFFF, rtol=1e-5, atol=0.5)
    assert {b.lead_off for b in run.blocks} == {(None,)}
