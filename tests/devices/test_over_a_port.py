"""Every serial sensor as its user meets it: `wearecg simulate` on a pseudo-terminal, `wearecg stream` reading it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import serial

from wearecg.devices import device, names, simulated
from wearecg.devices.base import Device

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

WEARECG = [sys.executable, "-m", "wearecg"]
SERIAL = [name for name in names() if issubclass(device(name), Device)]
BEATS = 5


@pytest.fixture
def sensor(tmp_path):
    """Start the virtual sensor of this name: its port, what it says is to be typed, and its true beats."""
    running = []

    def start(name):
        port, truth = tmp_path / "ttySENSOR", tmp_path / "truth.jsonl"
        command = [*WEARECG, "simulate", "--device", name, "--link", str(port), "--truth", str(truth)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        running.append(process)
        process.stdout.readline()
        hint = process.stdout.readline().partition("wearecg ")[2].split()
        return port, hint, truth

    yield start
    for process in running:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def beats_until_interrupted(hint):
    """Run the command that the simulator named until it has seen some beats, then press Ctrl-C."""
    command = [*WEARECG, *hint, "--model", "none", "--to", "jsonl:-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        beats, deadline = [], time.monotonic() + 60
        for line in process.stdout:
            event = json.loads(line)
            beats += [event] if event["type"] == "beat" else []
            assert time.monotonic() < deadline, "no beats"
            if len(beats) >= BEATS:
                process.send_signal(signal.SIGINT)
                break
        rest, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    told = [event for event in map(json.loads, rest.splitlines()) if event["type"] == "summary"]
    (summary,) = [event for event in told if event["stream"] == "ecg"]
    return beats, summary


@pytest.mark.parametrize("name", SERIAL)
def test_its_beats_arrive_and_ctrl_c_stops_it(name, sensor):
    port, hint, truth = sensor(name)
    assert hint[:5] == ["stream", "--port", str(port), "--device", name]
    beats, summary = beats_until_interrupted(hint)
    assert summary["lost"] == {}
    true = np.diff([json.loads(line)["time"] for line in truth.read_text().splitlines()])
    seen = np.diff([beat["time"] for beat in beats])
    starts = range(len(true) - len(seen) + 1)
    assert min(np.abs(true[at : at + len(seen)] - seen).max() for at in starts) < 0.015
    with serial.Serial(str(port), timeout=0.5) as line:
        line.read(1 << 16)  # what was under way when the sensor was told to stop
        heard = line.read(100)
    always = simulated(name)(("II",), simulated(name).rate or 250.0).running
    assert (heard != b"") == always
