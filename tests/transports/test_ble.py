"""The real stack: `wearecg stream` as a process, unmodified bleak, a real D-Bus daemon, and a virtual BlueZ behind it.

Two minutes or more, because the time limits of a link are real seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import count, pairwise

import numpy as np
import pytest

from tests.test_end_to_end import sensor as played_port  # noqa: F401 (a fixture)
from wearecg.block import SignalBlock
from wearecg.devices import polar_pmd as pmd
from wearecg.devices import simulated
from wearecg.errors import SourceError
from wearecg.person import Person
from wearecg.virtual_sensor.faults import Fault
from wearecg.virtual_sensor.playback import Playback

if sys.platform != "linux":
    pytest.skip("BlueZ is Linux's", allow_module_level=True)
if shutil.which("dbus-daemon") is None and os.environ.get("CI") != "true":
    pytest.skip("no dbus-daemon here: install the package dbus", allow_module_level=True)

from wearecg.virtual_sensor.bluez_sensor import VirtualBleSensor, VirtualBluetooth

WEARECG = [sys.executable, "-m", "wearecg"]
PATIENCE_S = 120.0
"""For anything to happen; the machine may be busy."""
FS = 131.04


def strap(number=1, name="polar-h10", **options):
    kind = simulated(name)
    fs = FS if name == "polar-h10" else kind.rate or 250.0
    device = kind(kind.plays, fs)
    device.advertised_name = device.advertised_name[:-1] + str(number)
    person = Playback(Person(number, "sinus", fs), kind.plays)
    return VirtualBleSensor(person, device, f"A0:9E:1A:00:00:{number:02X}", **options)


@contextmanager
def air(*sensors, **options):
    with VirtualBluetooth(sensors, **options) as virtual:
        yield virtual


class Stream:
    """A running `wearecg stream`, and what it has written so far."""

    numbers = count()

    def __init__(self, virtual, target, folder, *arguments):
        self._path = folder / f"{next(Stream.numbers)}.jsonl"
        command = [
            *WEARECG,
            "stream",
            "--ble",
            target,
            "--model",
            "none",
            "--to",
            f"jsonl:{self._path}",
            "--to",
            "live:",
        ]
        self.process = subprocess.Popen(
            [*command, *arguments],
            env=virtual.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def records(self, kind):
        if not self._path.exists():
            return []
        lines = self._path.read_text().splitlines(keepends=True)
        whole = [json.loads(line) for line in lines if line.endswith("\n")]
        return [record for record in whole if record["type"] == kind]

    def wait(self, condition, what):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, f"ended before {what}: {self.process.stderr.read()}"
            assert time.monotonic() < deadline, f"no {what}; {self.records('link')}"
            time.sleep(0.05)

    def wait_live(self, times=1):
        self.wait(lambda: self.states.count("live") >= times, f"signal number {times}")

    @property
    def states(self):
        return [record["state"] for record in self.records("link")]

    @property
    def messages(self):
        return " | ".join(record["message"] for record in self.records("link"))

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, errors
        return self.records("summary")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def stream(tmp_path):
    running = []

    def start(*arguments):
        running.append(Stream(arguments[0], arguments[1], tmp_path, *arguments[2:]))
        return running[-1]

    yield start
    for one in running:
        one.kill()


def connected(virtual, sensor):
    return virtual.call(virtual.bluez.connected, sensor.address)


def was_told_to_stop(sensor):
    return sensor.commands[-1] == (pmd.CONTROL, bytes([pmd.STOP, pmd.ECG]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_strap_is_found_by_its_name_streamed_and_told_to_stop(number, stream):
    sensor = strap()
    with air(sensor) as virtual:
        running = stream(virtual, "polar h10")
        running.wait(lambda: len(running.records("beat")) >= 5, "beats")
        (summary,) = running.end(number)
        assert was_told_to_stop(sensor)
        assert not connected(virtual, sensor)
    (info,) = running.records("stream")
    assert info["leads"] == ["ECG"]
    assert info["fs"] == FS
    assert "measured" in info["rate_note"]
    assert running.states == ["connecting", "live"]
    assert summary["lost"] == {}
    assert (summary["counters"]["duplicates"], summary["counters"]["bad_frames"]) == (0, 0)
    true = {round(beat.time, 2) for beat in Person(1, "sinus", FS).beats_between(0, 60)}
    found = [beat["time"] for beat in running.records("beat")]
    assert all(min(abs(t - beat) for t in true) < 0.03 for beat in found)
    assert all(record["contact"] is True for record in running.records("intervals"))


def test_lost_out_of_range_and_aborted_it_comes_back_without_anything_twice(stream):
    sensor = strap()
    with air(sensor) as virtual:
        running = stream(virtual, "Polar H10 00000001")
        running.wait_live()
        virtual.drop(sensor)
        running.wait_live(2)
        virtual.take_away(sensor)
        time.sleep(2.0)
        sensor.away = False
        back = time.monotonic()
        running.wait_live(3)
        assert time.monotonic() - back < 8
        sensor.aborts = 2
        virtual.drop(sensor)
        running.wait_live(4)
        # The old clients have let go: one program, one subscription.
        assert virtual.call(virtual.bluez.subscribers, sensor.address, pmd.DATA) == 1
        running.wait(lambda: len(running.records("gap")) == 3, "three gaps")
        (summary,) = running.end()
    gaps = running.records("gap")
    assert [gap["reason"] for gap in gaps] == ["unplugged"] * 3
    assert gaps[1]["duration"] > 2
    assert summary["counters"]["duplicates"] == 0
    assert summary["samples"] + sum(summary["lost"].values()) == round(summary["duration"] * FS)
    assert "out of range or switched off" in running.messages


def test_a_service_that_dies_and_a_strap_that_hangs_are_noticed_by_the_missing_data(stream):
    sensor = strap()
    with air(sensor) as virtual:
        running = stream(virtual, "Polar H10")
        running.wait_live()
        virtual.call(virtual.bluez.die)
        running.wait(lambda: "does not run" in running.messages, "word of the dead service")
        virtual.call(virtual.bluez.start)
        running.wait_live(2)
        sensor.hung = True
        running.wait_live(3)
        assert "fell silent" in running.messages
        (summary,) = running.end()
        assert was_told_to_stop(sensor)
    assert summary["gaps"] == 2
    assert summary["counters"]["duplicates"] == 0


def test_two_sensors_at_once(stream):
    ecg, pulse = strap(1), strap(2, "heart-rate")
    with air(ecg, pulse) as virtual:
        first, second = stream(virtual, "Polar H10"), stream(virtual, "HR Strap")
        first.wait(lambda: len(first.records("beat")) >= 3, "beats of the first")
        second.wait(lambda: len(second.records("beat")) >= 3, "beats of the second")
        (rr,) = second.end()
        first.wait(lambda: len(first.records("beat")) >= 8, "beats of the first alone")
        (summary,) = first.end()
    assert summary["lost"] == {}
    assert (rr["stream"], rr["gaps"]) == ("rr", 0)
    true = [beat.time for beat in Person(2, "sinus", 250.0).beats_between(0, 60)]
    intervals = [b - a for a, b in pairwise(true)]
    for beat in second.records("beat"):
        assert min(abs(beat["rr"] - interval) for interval in intervals) < 0.002
        assert beat["lead"] == "RR"
        assert beat["wall"]
    assert second.records("stream")[0]["rate_note"] == "RR intervals only, no waveform"


def test_two_sensors_in_one_program(monkeypatch):
    from wearecg.transports.ble import BleSource

    sensors = strap(1), strap(2)
    with air(*sensors) as virtual:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", virtual.address)
        sources = [BleSource(sensor.device.advertised_name) for sensor in sensors]
        heard = [[], []]
        with sources[0], sources[1]:
            deadline = time.monotonic() + PATIENCE_S
            while not all(len(blocks) > 12 for blocks in heard) and time.monotonic() < deadline:
                for source, blocks in zip(sources, heard, strict=True):
                    items = [item[0] for item in source.read(0.05) or [] if isinstance(item, tuple)]
                    blocks += [item for item in items if isinstance(item, SignalBlock)]
        assert all(map(was_told_to_stop, sensors))
    for blocks in heard:
        assert len(blocks) > 12
        assert all(block.lost == 0 for block in blocks)
    assert not (heard[0][0].samples == heard[1][0].samples).all()


def test_a_strap_beside_a_port_on_one_time_axis(stream, played_port):  # noqa: F811
    heart = strap()
    port = played_port("--seed", "1", "--fs", "250", "--leads", "II", "--ppm", "80")
    with air(heart) as virtual:
        running = stream(virtual, "Polar H10", "--also", str(port))

        def beats(source):
            (name,) = (one["stream"] for one in running.records("stream") if source in one["source"])
            return [beat["time"] for beat in running.records("beat") if beat["stream"] == name]

        running.wait(lambda: len(running.records("stream")) == 2, "both sensors")
        running.wait(lambda: min(len(beats("Polar")), len(beats("bridge"))) > 30, "beats of both")
        summaries = running.end()
        assert was_told_to_stop(heart)
    assert [(one["gaps"], one["lost"]) for one in summaries] == [(0, {})] * 2
    assert len({one["counters"]["frames"] for one in summaries}) == 2
    notes = {one["source"].split()[0]: one["rate_note"] for one in running.records("stream")}
    assert notes == {"bridge": "given by the device", "Bluetooth": "measured on the sensor's own clock"}
    clocks = {one["stream"]: one["clock"] for one in summaries}
    # The strap's first sample was taken when its simulator began.
    placed = clocks["ecg"]
    first = placed["host"] - placed["time"] * FS / placed["rate"]
    assert abs(first - heart.began) < 0.02
    # Both measure one person, from the beat on at which each was asked.
    here, there = (np.array(beats(source)[:30]) for source in ("Polar", "bridge"))
    assert np.abs(here - there).max() <= sum(one["error"] for one in clocks.values()) + 1 / FS + 1 / 250


def test_killed_and_started_again_it_frees_the_link_that_was_left(stream):
    sensor = strap()
    with air(sensor) as virtual:
        first = stream(virtual, "Polar H10 00000001")
        first.wait_live()
        first.kill()
        time.sleep(0.3)
        assert connected(virtual, sensor), "BlueZ keeps the link of a program that was killed"
        again = stream(virtual, "Polar H10 00000001")
        again.wait_live()
        again.end()


def test_a_sensor_that_another_program_uses_is_left_to_it(stream):
    sensor = strap()
    with air(sensor) as virtual:
        first = stream(virtual, "Polar H10 00000001")
        first.wait_live()
        second = stream(virtual, "Polar H10 00000001")
        second.wait(lambda: second.records("link"), "a word about it")
        assert "in use by another program on this computer" in second.messages
        second.end()
        (summary,) = first.end()
    assert summary["lost"] == {}
    assert sensor.connections == 1


def test_what_cannot_be_connected_is_told_with_the_remedy(stream):
    unpaired, other = strap(1), strap(2)
    unpaired.refuses = "not paired"
    with air(unpaired, other) as virtual:
        running = stream(virtual, "Polar H10 00000001")
        running.wait(lambda: running.records("link"), "a word about pairing")
        assert "bluetoothctl pair A0:9E:1A:00:00:01" in running.messages
        running.end()
        absent = stream(virtual, "Polar H10 99999999")
        several = stream(virtual, "Polar H10")
        absent.wait(lambda: absent.records("link"), "a word about its absence")
        several.wait(lambda: several.records("link"), "a word about the choice")
        assert "is not in range" in absent.messages
        assert "Polar H10 00000002" in absent.messages
        assert "fits several sensors" in several.messages
        absent.end()
        several.end()


@pytest.mark.parametrize(
    ("options", "remedy"),
    [({"powered": False}, "bluetoothctl power on"), ({"adapter": False}, "plug one in")],
)
def test_no_bluetooth_ends_at_once_with_the_remedy(options, remedy):
    with air(strap(), **options) as virtual:
        ran = subprocess.run(
            [*WEARECG, "stream", "--ble", "x", "--model", "none"],
            env=virtual.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    assert ran.returncode == 3
    assert remedy in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_devices_scan_lists_what_is_in_range():
    with air(strap(1), strap(2, "movesense")) as virtual:
        ran = subprocess.run(
            [*WEARECG, "devices", "--scan"],
            env=virtual.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    assert "A0:9E:1A:00:00:01  Polar H10 00000001" in ran.stdout
    assert "- movesense" in ran.stdout


@pytest.mark.parametrize("name", ["movesense", "ganglion", "npg", "bridge-ble", "polar-verity"])
def test_every_other_sensor_streams_as_well(name, stream):
    sensor = strap(1, name)
    with air(sensor) as virtual:
        running = stream(virtual, sensor.device.advertised_name)
        running.wait(lambda: len(running.records("quality")) >= 3, "signal")
        (summary,) = [s for s in running.end() if s["stream"] != "rr"]
    assert summary["lost"] == {}
    assert summary["counters"]["bad_frames"] == 0
    assert not sensor.device.running, "it was told to stop"


@pytest.mark.parametrize(
    ("name", "streams"), [("polar-h10", {"ecg", "acc"}), ("polar-verity", {"ppg", "rr"})]
)
def test_a_sensor_is_asked_for_more_than_one_stream(name, streams, stream):
    sensor = strap(1, name)
    asked = {"rr": "ppi"}
    with air(sensor) as virtual:
        names = ",".join(asked.get(one, one) for one in streams)
        running = stream(virtual, sensor.device.advertised_name, "--streams", names)
        running.wait(lambda: {s["stream"] for s in running.records("stream")} == streams, "both streams")
        summaries = running.end()
    assert {summary["stream"] for summary in summaries} == streams
    stops = {value[1] for _, value in sensor.commands if value[0] == pmd.STOP}
    assert stops == {pmd.KINDS[asked.get(one, one)] for one in streams}


def test_simulate_and_stream_as_a_user_types_them(tmp_path):
    command = [*WEARECG, "simulate", "--device", "polar-h10", "--seed", "3", "--fault", "unplug@8/1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout.readline().startswith("Polar H10 00000001 on a virtual Bluetooth")
        address = simulator.stdout.readline().split("DBUS_SYSTEM_BUS_ADDRESS=")[1].split()[0]
        ran = subprocess.run(
            [*WEARECG, "stream", "ble:Polar H10 00000001", "--duration", "16", "--record", str(tmp_path)],
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        simulator.send_signal(signal.SIGINT)
        _, report = simulator.communicate(timeout=20)
    assert ran.returncode == 0, ran.stderr
    assert "unplugged" in ran.stderr
    assert list(tmp_path.glob("*.hea"))
    assert "played" in report
    assert simulator.returncode == 0


def test_an_exception_in_the_program_still_stops_the_sensor(monkeypatch):
    import wearecg

    sensor = strap()
    with air(sensor) as virtual:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", virtual.address)

        def listen():
            for event in wearecg.stream("ble:Polar H10", observe=()):
                if isinstance(event, wearecg.Beat):
                    raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            listen()
        deadline = time.monotonic() + 10
        while not was_told_to_stop(sensor) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert was_told_to_stop(sensor)


def test_the_virtual_bluez_has_the_trap_that_the_worker_avoids(monkeypatch):
    """An old client that is not disconnected: every notification of the new one comes twice (bleak issue 2002)."""
    sensor = strap(1, "heart-rate")

    async def hear(release):
        from bleak import BleakClient, BleakScanner

        uuid = sensor.device.services and next(iter(sensor.device.services.values()))[0].uuid
        found = await BleakScanner.find_device_by_name(sensor.device.advertised_name, timeout=20)
        clients, heard = [], []
        for _ in range(2):
            heard.clear()
            clients.append(BleakClient(found))
            await clients[-1].connect()
            await clients[-1].start_notify(uuid, lambda _, data: heard.append(bytes(data)))
            await asyncio.sleep(0.1)
            for byte in range(5):
                await asyncio.to_thread(
                    virtual.call, virtual.bluez.notify, sensor.address, uuid, bytes([0, byte])
                )
            await asyncio.sleep(0.5)
            await asyncio.to_thread(virtual.drop, sensor)
            await asyncio.sleep(0.2)
            if release:
                await clients[-1].disconnect()
        for client in clients:
            await client.disconnect()
        return [data for data in heard if data[0] == 0]

    sensor.device.encode = lambda *_: []
    with air(sensor) as virtual:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", virtual.address)
        released = asyncio.run(hear(release=True))
        kept = asyncio.run(hear(release=False))
    assert [data[1] for data in released] == list(range(5))
    assert len(kept) == 10


def test_options_that_do_not_go_together():
    from wearecg.sources import open_ble, open_port, open_source

    with pytest.raises(SourceError, match="states its own rate"):
        open_ble("x", "polar-h10", fs=250)
    with pytest.raises(SourceError, match="--port PORT in the place of --ble"):
        open_ble("x", "ascii")
    with pytest.raises(SourceError, match="--ble NAME in the place of --port"):
        open_port("/dev/ttyUSB0", "polar-h10")
    with pytest.raises(SourceError, match="leave out the baud rate"):
        open_source("ble:x", baud=9600)
    with pytest.raises(SourceError, match="has no stream 'ppg'; it has ecg, acc"):
        open_ble("x", "polar-h10", streams=["ppg"])
    with pytest.raises(SourceError, match="cannot have the fault flip"):
        strap(faults=Fault.parse("flip@1:0.1/1"))
