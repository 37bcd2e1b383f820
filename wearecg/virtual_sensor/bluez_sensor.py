"""Virtual Bluetooth sensors: a playback, a device's notifications and a virtual BlueZ, on an exact schedule."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from wearecg.devices.ble_base import Notification, SimulatedBle
from wearecg.errors import SourceError
from wearecg.virtual_sensor.bluez import VirtualBluez
from wearecg.virtual_sensor.bluez_bus import PrivateBus
from wearecg.virtual_sensor.faults import Fault
from wearecg.virtual_sensor.playback import Playback, Truth
from wearecg.virtual_sensor.sensor import Report, check_pace, open_truth

FAULTS = ("drop", "stall", "unplug")
"""Those that a radio has: its packets are checked and repeated, so that no bits flip and no bytes turn up."""
ANSWER_S = 0.03
"""How long a sensor takes to answer a command."""
_POLL_S = 0.01
_LINGER_S = 0.3
"""A host is given so long to read the last notifications before the sensor is gone."""


class Radio(Protocol):
    """What a sensor plays into: a `VirtualBluez`, or whatever else carries its notifications to a host."""

    def notify(self, address: str, characteristic: str, value: bytes) -> bool:
        """A sensor notifies; whether anybody hears it."""

    def drop(self, address: str) -> None:
        """Break the link to a sensor."""


class VirtualBleSensor:
    """Plays a `Playback` as a Bluetooth device. It measures from when a host first asks for data, whatever comes.

    Parameters
    ----------
    playback : Playback
    device : SimulatedBle
    address : str
        Bluetooth address.
    faults : sequence of Fault
        ``drop`` loses notifications, ``stall`` says nothing with the link up, ``unplug`` is out of range.
    speed : float
        Seconds of signal in one second.
    ppm, jitter, truth, seed
        As for `wearecg.virtual_sensor.VirtualSensor`.

    Raises
    ------
    SourceError
        A fault or speed that is not possible.
    """

    def __init__(
        self,
        playback: Playback,
        device: SimulatedBle,
        address: str = "A0:9E:1A:00:00:01",
        faults: Sequence[Fault] = (),
        speed: float = 1.0,
        ppm: float = 0.0,
        jitter: float = 0.0,
        truth: Path | None = None,
        seed: int = 0,
    ) -> None:
        for fault in faults:
            if fault.kind not in FAULTS:
                raise SourceError(
                    f"a Bluetooth sensor cannot have the fault {fault.kind}; there are {', '.join(FAULTS)}"
                )
        check_pace(speed, ppm, jitter)
        self.playback, self.device, self.address = playback, device, address
        self.rate = playback.fs * speed * (1 + ppm * 1e-6)
        """Samples per second of the host's clock."""
        self.began: float | None = None
        """Host monotonic seconds at which the first sample was taken, less one sample."""
        self.away = False
        """Out of range, or connected to a phone."""
        self.refuses = ""
        self.aborts = 0
        """How many attempts to connect the stack will abort."""
        self.hung = False
        """Says nothing until it is connected to anew."""
        self.report = Report()
        self.commands: list[Notification] = []
        """All that the host wrote."""
        self.connections = 0
        self._faults = faults
        self._to_drop = {fault: int(fault.amount) for fault in faults if fault.kind == "drop"}
        self._jitter = jitter
        self._rng = np.random.default_rng((seed, 4))
        self._truth = playback.truth()
        self._coming: Truth | None = next(self._truth, None)
        self._truth_file: IO[str] | None = open_truth(truth)
        self._now = 0.0
        self._radio: Radio | None = None

    @property
    def in_range(self) -> bool:
        """Whether a host can reach it now."""
        return not self.away and not self._on("unplug")

    def linked(self, up: bool) -> None:
        """A host has connected, or is gone."""
        self.connections += up
        self.hung = False
        self.device.linked(up)

    def attempt(self) -> str:
        """The error that an attempt to connect ends with; empty where it succeeds."""
        if self.aborts:
            self.aborts -= 1
            return "le-connection-abort-by-local"
        return self.refuses

    def heard(self, characteristic: str, value: bytes) -> None:
        """The host wrote ``value``."""
        self.commands.append((characteristic, value))
        answers = self.device.write(characteristic, value)
        if answers and not self.hung:
            asyncio.get_running_loop().call_later(ANSWER_S, self._send, answers)

    async def run(self, radio: Radio) -> None:
        """Play until the playback ends."""
        self._radio = radio
        while not self.device.running:
            await asyncio.sleep(_POLL_S)
        self.began, position = time.monotonic(), 0
        while (block := self.playback.next()) is not None:
            samples, lead_off = block
            late = float(self._rng.uniform(0, self._jitter)) if self._jitter else 0.0
            due = self.began + (position + len(samples)) / self.rate + late
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            start, self._now = self._now, (position + len(samples)) / self.playback.fs
            self._meet_range()
            self._tell_truth(self._now)
            self._send(self.device.encode(samples, start, lead_off))
            position += len(samples)
            self.report.samples = position
        await asyncio.sleep(_LINGER_S)

    def close(self) -> None:
        """Close the truth file."""
        if self._truth_file:
            self._truth_file.close()

    def _on(self, kind: str) -> bool:
        return any(fault.kind == kind and fault.active(self._now) for fault in self._faults)

    def _meet_range(self) -> None:
        if not self.in_range and self._radio is not None:
            self._radio.drop(self.address)

    def _send(self, notifications: list[Notification]) -> None:
        if self._radio is None:
            return
        for characteristic, value in notifications:
            silent = self.hung or self._on("stall") or self._lost()
            if not silent and self._radio.notify(self.address, characteristic, value):
                self.report.frames += 1
                self.report.bytes += len(value)
            else:
                self.report.dropped_frames += 1

    def _lost(self) -> bool:
        for fault, left in self._to_drop.items():
            if left and fault.start <= self._now:
                self._to_drop[fault] = left - 1
                return True
        return False

    def _tell_truth(self, until: float) -> None:
        while self._coming is not None and self._coming.time < until:
            self.report.beats += 1
            self.device.beat(self._coming.time)
            if self._truth_file:
                line = {"time": round(self._coming.time, 6), "kind": self._coming.kind}
                self._truth_file.write(json.dumps(line) + "\n")
                self._truth_file.flush()
            self._coming = next(self._truth, None)


class VirtualBluetooth:
    """Sensors on a private bus with a virtual BlueZ. Use it as a context manager (in a thread), or call `run`.

    ``address`` goes into ``DBUS_SYSTEM_BUS_ADDRESS`` of the programs that are to find it.

    Raises
    ------
    SourceError
        This system has no ``dbus-daemon``.
    """

    def __init__(
        self, sensors: Sequence[VirtualBleSensor], powered: bool = True, adapter: bool = True
    ) -> None:
        self.sensors = list(sensors)
        self._bus = PrivateBus()
        self.address = self._bus.address
        self.environment = self._bus.environment
        self.bluez = VirtualBluez(self.address, self.sensors, powered, adapter)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Play until every playback has ended or `stop` is called; then the bus is gone."""
        try:
            asyncio.run(self._main())
        finally:
            self._ready.set()
            self._bus.close()
            for sensor in self.sensors:
                sensor.close()

    def stop(self) -> None:
        """End `run` from another thread or a signal handler."""
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._stop.set)

    def call(self, what: Any, *arguments: Any) -> Any:
        """Call ``what`` where the virtual BlueZ runs, and return its result; a coroutine function is awaited."""
        assert self._loop is not None

        async def work() -> Any:
            result = what(*arguments)
            return await result if asyncio.iscoroutine(result) else result

        future: Future[Any] = asyncio.run_coroutine_threadsafe(work(), self._loop)
        return future.result(10)

    def drop(self, sensor: VirtualBleSensor) -> None:
        """Break the link to ``sensor``."""
        self.call(self.bluez.drop, sensor.address)

    def take_away(self, sensor: VirtualBleSensor) -> None:
        """Carry ``sensor`` out of range; ``sensor.away = False`` brings it back."""
        sensor.away = True
        self.drop(sensor)

    def __enter__(self) -> VirtualBluetooth:
        self._thread = threading.Thread(target=self._run_in_thread, name="virtual-bluetooth", daemon=True)
        self._thread.start()
        self._ready.wait(10)
        if self._failure:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._thread:
            self._thread.join()
        if self._failure:
            raise self._failure

    def _run_in_thread(self) -> None:
        try:
            self.run()
        except BaseException as failure:
            self._failure = failure

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self.bluez.start()
        self._ready.set()
        everything = asyncio.gather(*(sensor.run(self.bluez) for sensor in self.sensors))
        ended = asyncio.create_task(self._stop.wait())
        try:
            waiting: set[asyncio.Future[Any]] = {everything, ended}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if everything.done():
                everything.result()
        finally:
            everything.cancel()
            ended.cancel()
            await asyncio.gather(everything, ended, return_exceptions=True)
            await self.bluez.die()
