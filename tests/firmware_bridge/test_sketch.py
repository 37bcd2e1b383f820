"""The AD8232 sketch, compiled for the host, streams a real record to `wearecg stream` over a pseudo-terminal."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import firmware_bridge
from firmware_bridge.host.adc import MV_PER_READING, RATE, ZERO, readings
from wearecg.block import Beat
from wearecg.formats import BEAT_SYMBOLS, Recording, read_recording
from wearecg.session import Session
from wearecg.transports.replay import ReplaySource

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

ARDUINO = Path(firmware_bridge.__file__).parent / "arduino"
SECONDS, SPEED = 90, 6
WINDOW = 0.15
"""Seconds between a beat and its annotation (ANSI/AAMI EC57)."""


@pytest.fixture(scope="module")
def sketch(tmp_path_factory):
    for tool in ("make", "cc", "c++"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} here")
    program = tmp_path_factory.mktemp("sketch") / "ad8232"
    command = ["make", "-C", str(ARDUINO), f"BUILD={program.parent}", str(program)]
    subprocess.run(command, check=True, capture_output=True)
    return program


def stream(sketch, lines, tmp_path, speed=SPEED):
    """Play the readings to the command line; its events."""
    played, out = tmp_path / "readings.txt", tmp_path / "events.jsonl"
    played.write_text("".join(f"{line}\n" for line in lines))
    board = subprocess.Popen(
        [str(sketch), "--speed", str(speed), str(played)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    port = board.stdout.readline().strip()
    command = [
        sys.executable,
        "-m",
        "wearecg",
        "stream",
        "--port",
        port,
        "--baud",
        "115200",
        "--model",
        "none",
    ]
    host = subprocess.Popen(
        [*command, "--to", f"jsonl:{out}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    _, said = board.communicate(timeout=120)
    assert f"played {len(lines)} readings" in said
    host.send_signal(signal.SIGINT)
    printed, _ = host.communicate(timeout=30)
    assert host.returncode == 0, printed.decode()
    return [json.loads(line) for line in out.read_text().splitlines()]


def sensitivity_and_ppv(beats, truth):
    hits = np.abs(truth[:, None] - beats[None, :]) <= WINDOW
    return hits.any(axis=1).mean(), hits.any(axis=0).mean()


def test_beats_of_a_real_record_through_the_firmware(sketch, tmp_path):
    path = Path(os.environ.get("WEARECG_DATA", "")) / "mitdb" / "205"
    if "WEARECG_DATA" not in os.environ or not path.with_suffix(".hea").is_file():
        pytest.skip("set WEARECG_DATA to a folder with mitdb/205")
    record = read_recording(path)
    lines = readings(record, seconds=SECONDS)
    events = stream(sketch, lines.tolist(), tmp_path)
    live = np.array([event["time"] for event in events if event["type"] == "beat"])
    [summary] = [event for event in events if event["type"] == "summary"]
    assert (summary["samples"], summary["lost"]) == (len(lines), {})
    assert summary["counters"]["bad_frames"] == 0

    signal_mv = ((lines - ZERO) * MV_PER_READING).astype(np.float32)[:, None]
    same = Recording(signal_mv, float(RATE), ("I",), "readings", (MV_PER_READING,))
    replayed = Session(ReplaySource(same, speed=math.inf))
    python = np.array([event.time for event in replayed if isinstance(event, Beat)])
    assert len(live) == len(python)
    assert np.abs(live - python).max() <= 1.5 / RATE

    marks = record.annotations
    truth = np.array([t for t, s in zip(marks.times, marks.symbols, strict=True) if s in BEAT_SYMBOLS])
    sensitivity, ppv = sensitivity_and_ppv(live, truth[truth < SECONDS - WINDOW])
    print(f"205, {SECONDS} s: {len(live)} beats, Se {sensitivity:.4f}, PPV {ppv:.4f}")
    assert sensitivity >= 0.98
    assert ppv >= 0.98


def test_electrodes_off_and_saturation_are_told(sketch, tmp_path):
    lines = [str(ZERO + (i % 50)) for i in range(1750)]
    lines[500:750] = ["!"] * 250
    lines[1000:1025] = ["676"] * 25
    events = stream(sketch, lines, tmp_path)
    said = {event["start"]: event["leads"][0] for event in events if event["type"] == "quality"}
    assert said[2.0]["reason"] == "lead off"
    missing = {start: lead["measures"].get("missing_share", 0) for start, lead in said.items()}
    assert [missing[start] for start in (1.0, 3.0, 4.0, 5.0)] == [0, 0, 0.1, 0]
