"""`--device auto` against every simulated serial sensor: a process of its own behind a real pseudo-terminal."""

from __future__ import annotations

import json
import os
import pty
import random
import subprocess
import sys
import threading
import time
import tty
from contextlib import suppress

import numpy as np
import pytest

from wearecg.block import LinkState, Notice
from wearecg.devices import recognise, serial_drivers, simulated
from wearecg.errors import SourceError
from wearecg.sources import open_port
from wearecg.transports.capture import decode

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")

WEARECG = [sys.executable, "-m", "wearecg"]
ALIKE = {"protocentral-max30003", "protocentral-max30001"}
"""Their packets are of one length: they are told apart by people."""


@pytest.fixture
def sensor(tmp_path):
    """Start a simulated sensor as another process; its port."""
    running = []

    def start(name, *arguments):
        port, kind = tmp_path / "ttySENSOR", simulated(name)
        command = [
            *WEARECG,
            "simulate",
            "--device",
            name,
            "--link",
            str(port),
            "--fs",
            f"{kind.rate or 250:g}",
        ]
        running.append(
            subprocess.Popen(
                [*command, "--leads", ",".join(kind.plays), *arguments],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        deadline = time.monotonic() + 20
        while not port.exists():
            assert time.monotonic() < deadline, "the virtual sensor did not start"
            time.sleep(0.02)
        return str(port)

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


@pytest.fixture
def hurried(monkeypatch):
    """The same without the long waits."""
    monkeypatch.setattr(recognise, "BOOT", 0.6)
    monkeypatch.setattr(recognise, "TALK", 0.5)
    monkeypatch.setattr(recognise, "ANSWER", 0.3)


def collect(source, until, within=30.0):
    items, end = [], time.monotonic() + within
    while not until(items):
        assert time.monotonic() < end, f"not within {within} s: {news(items)}"
        items += source.read(0.1)
    return items


def news(items):
    return [item for item in items if not isinstance(item, tuple)]


def ecg(items):
    return [item[0] for item in items if isinstance(item, tuple) and item[0].stream == "ecg"]


def samples(n):
    return lambda items: sum(map(len, ecg(items))) >= n


@pytest.mark.parametrize("name", serial_drivers())
def test_every_sensor_is_recognised_and_nothing_it_sent_is_lost(name, sensor, tmp_path):
    port, capture = sensor(name), tmp_path / "capture.jsonl"
    source = open_port(port, "auto", capture=capture)
    if name in ALIKE:
        with source, pytest.raises(SourceError, match=f"looks like.*{name}.*name the one"):
            collect(source, samples(1))
        return
    with source:
        items = collect(source, samples(300))
    (told,) = [item.message for item in items if isinstance(item, Notice) and "looks like" in item.message]
    assert f"--device {name}" in told
    states = [item.state for item in items if isinstance(item, LinkState)]
    assert states == ["connecting", "connecting", "live"]
    kind, again = simulated(name), serial_drivers()[name]()
    if not kind(kind.plays, kind.rate or 250.0).running:
        return  # it sent nothing before its driver asked it to
    # The same decoder on all that came over the wire, from the first byte on.
    decoded = [block.samples for block in decode(capture, again) if block.stream == "ecg"]
    seen = np.concatenate([block.samples for block in ecg(items)])
    assert np.array_equal(np.concatenate(decoded)[: len(seen)], seen, equal_nan=True)


def test_garbage_is_told_once_and_listened_to_on(hurried, raw_port):
    master, port = raw_port
    stop, noise = threading.Event(), random.Random(1)

    def talk():
        while not stop.wait(0.02):
            os.write(master, noise.randbytes(60))

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        with open_port(port, "auto") as source:
            items = collect(source, lambda items: len(news(items)) >= 2)
            for _ in range(70):
                items += source.read(0.1)
    finally:
        stop.set()
        thread.join()
    assert [item.state for item in news(items)] == ["connecting", "garbled"]
    assert "no sensor's known here" in news(items)[1].message
    assert not ecg(items)


def test_no_turn_takes_long_whatever_pours_in(raw_port):
    """200 kB a second of noise: more than all decoders together can look at."""
    master, port = raw_port
    os.set_blocking(master, False)
    stop, noise = threading.Event(), random.Random(1).randbytes(200_000)

    def talk():
        while not stop.wait(0.02):
            with suppress(BlockingIOError):
                os.write(master, noise[:4000])

    thread = threading.Thread(target=talk)
    thread.start()
    items, longest, end = [], 0.0, time.monotonic() + 12
    try:
        with open_port(port, "auto") as source:
            while time.monotonic() < end and not any(item.state == "garbled" for item in items):
                began = time.monotonic()
                items += source.read(0.05)
                longest = max(longest, time.monotonic() - began)
    finally:
        stop.set()
        thread.join()
    assert [item.state for item in items] == ["connecting", "garbled"]
    assert longest < 1.5


@pytest.fixture
def raw_port():
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def test_silence_is_told_and_a_sensor_that_speaks_later_is_found(hurried, raw_port):
    master, port = raw_port
    with open_port(port, "auto", fs=250.0) as source:
        items = collect(source, lambda items: len(news(items)) >= 2)
        assert [item.state for item in news(items)] == ["connecting", "silent"]
        assert "answers no question" in news(items)[1].message
        end = time.monotonic() + 20
        while not ecg(items):
            assert time.monotonic() < end
            os.write(master, b"512\r\n" * 5)
            items += source.read(0.02)
    assert any("--device ascii" in item.message for item in news(items))


def test_unplugged_while_it_is_listened_to(hurried, sensor):
    port = sensor("ascii", "--fault", "unplug@0.3/1")
    with open_port(port, "auto", fs=250.0) as source:
        items = collect(source, samples(100))
    states = [item.state for item in items if isinstance(item, LinkState)]
    assert states == ["connecting", "lost", "connecting", "connecting", "live"]


def test_a_port_that_is_not_there_is_told_at_once():
    with (
        pytest.raises(SourceError, match="no serial port /dev/ttyNOWHERE"),
        open_port("/dev/ttyNOWHERE", "auto"),
    ):
        pass


def test_an_option_that_the_sensor_refuses_is_an_error(sensor):
    with (
        open_port(sensor("bridge"), "auto", fs=250.0) as source,
        pytest.raises(SourceError, match="leave out fs"),
    ):
        collect(source, samples(1))


def test_from_the_command_line(sensor, tmp_path):
    out = tmp_path / "events.jsonl"
    command = [*WEARECG, "stream", "--port", sensor("healthypi4"), "--device", "auto", "--model", "none"]
    ran = subprocess.run(
        [*command, "--to", f"jsonl:{out}", "--duration", "8"], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    events = [json.loads(line) for line in out.read_text().splitlines()]
    assert any("HealthyPi v3 or v4" in e.get("message", "") for e in events if e["type"] == "notice")
    streams = [e for e in events if e["type"] == "stream"]
    assert {e["stream"] for e in streams} == {"ecg", "resp", "ppg"}
    assert all(e["source"].startswith("healthypi4 on ") for e in streams)
