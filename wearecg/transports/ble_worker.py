"""The thread that owns a Bluetooth link: it scans, connects, subscribes, and begins again. It judges nothing.

Every attempt runs in an event loop of its own. bleak keeps what it knows of BlueZ for each loop and is not told when
the Bluetooth service dies: in an old loop a sensor would count as connected for ever.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from bleak import BleakClient, BleakScanner
from bleak.exc import BleakCharacteristicNotFoundError, BleakError

from wearecg.devices.ble_base import BleDevice, Write
from wearecg.transports import ble_bluez
from wearecg.transports.ble_errors import BLE_ERRORS, explain_connection, explain_radio
from wearecg.transports.ble_link import COMMAND_S, CONNECT_S, GOODBYE_S, SCAN_S
from wearecg.transports.ble_scan import Sensor, Target, absent, ble_drivers, sensor_of
from wearecg.transports.reconnect import Retry

# Without a handler Python prints bleak's warnings on the terminal, which the monitor draws on.
logging.getLogger("bleak").addHandler(logging.NullHandler())

SCAN_PIECE_S = 4.0
"""A scan is begun anew after so long: one that outlived the Bluetooth service finds nothing ever."""
OTHERS_S = 1.0
"""Seconds to look for a second sensor that fits a part of a name."""
DISCONNECT_S = 5.0
"""BlueZ takes about 2.5 s."""
POLL_S = 0.05
MOST_WAITING = 200_000
"""Notifications that may wait for a slow pipeline: minutes even of the fastest sensor."""

_CONNECTING = threading.Lock()
"""Held while connecting: adapters refuse two attempts at once."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The sensor is connected and subscribed to."""

    sensor: Sensor


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no link, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Notified:
    """A characteristic has said something."""

    characteristic: str
    data: bytes


Arrival: TypeAlias = tuple[float, Notified | Opened | Failed]


class Worker:
    """Runs the link to ``target`` in a thread. Holds no reference to the source, so that this can be collected.

    ``driver`` says what to subscribe to; None to find out from what the sensor advertises.
    """

    def __init__(self, target: Target, driver: type[BleDevice] | None) -> None:
        self._target = target
        self._driver = driver
        self._inbox: deque[Arrival] = deque()
        self._dropped = 0
        self._news = threading.Condition()
        # Reentrant because garbage collection may run `stop` anywhere in this thread.
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._attempt_task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._outbox: deque[Write] = deque()
        self._farewell: Sequence[Write] = ()
        self._give_up = self._stopping = False
        self._searching_since: float | None = None
        self._retry = Retry()
        self._thread = threading.Thread(target=self._run, name=f"wearecg {target.text}", daemon=True)
        self._thread.start()

    def take(self, timeout: float) -> tuple[list[Arrival], int]:
        """All that waits, after at most ``timeout`` s for the first; and the notifications dropped since last asked."""
        with self._news:
            if not self._inbox:
                self._news.wait(timeout)
            arrivals, dropped = list(self._inbox), self._dropped
            self._inbox.clear()
            self._dropped = 0
        return arrivals, dropped

    def send(self, writes: Sequence[Write]) -> None:
        """Write to the sensor as soon as it can be; what a lost link leaves unsent is dropped."""
        self._outbox.extend(writes)
        self._call(lambda: self._wake.set())

    def reconnect(self) -> None:
        """Give the present link up and make a new one."""
        self._give_up = True
        self._call(lambda: self._wake.set())

    def stop(self, farewell: Sequence[Write]) -> None:
        """Write ``farewell``, disconnect and end the thread."""
        with self._lock:
            self._farewell, self._stopping = farewell, True
            task = self._attempt_task
        if task is not None:
            self._call(task.cancel)
        if threading.current_thread() is not self._thread:
            self._thread.join(GOODBYE_S + DISCONNECT_S + 1.0)

    def _call(self, what: Any) -> None:
        with self._lock, suppress(RuntimeError):  # the loop has just been closed
            if self._loop is not None:
                self._loop.call_soon_threadsafe(what)

    def _run(self) -> None:
        while not self._stopping:
            try:
                asyncio.run(self._attempt())
            except asyncio.CancelledError:
                pass
            except Exception as error:  # whatever happens down there, the search goes on
                self._fail(f"{self._target.text}: {type(error).__name__}: {error}; trying again")
            finally:
                with self._lock:
                    self._loop = self._attempt_task = None
            while not self._stopping and not self._retry.due(time.monotonic(), present=True):
                time.sleep(POLL_S)

    async def _attempt(self) -> None:
        self._wake = asyncio.Event()
        with self._lock:
            if self._stopping:
                return
            self._loop, self._attempt_task = asyncio.get_running_loop(), asyncio.current_task()
        try:
            sensor = await self._find(await ble_bluez.release(self._target))
        except BLE_ERRORS as error:
            self._fail(explain_radio(error) or f"cannot scan for {self._target.text} ({error}); trying again")
            return
        if sensor is not None:
            await self._use(sensor)

    async def _find(self, taken: str) -> Sensor | None:
        """Scan for a while; the sensor that is meant, if it is there and the only one.

        ``taken`` is the name of one that fits but is in use.
        """
        drivers = ble_drivers()
        seen: dict[str, Sensor] = {}
        found = asyncio.Event()

        def heard(device: Any, advertisement: Any) -> None:
            sensor = seen[device.address] = sensor_of(device, advertisement, drivers)
            if self._target.matches(sensor):
                found.set()

        began = time.monotonic()
        if self._searching_since is None:
            self._searching_since = began
        async with BleakScanner(detection_callback=heard):
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(found.wait(), SCAN_PIECE_S)
                if not any(map(self._target.exactly, seen.values())):
                    await asyncio.sleep(OTHERS_S)
        fitting = [sensor for sensor in seen.values() if self._target.exactly(sensor)]
        fitting = fitting or [sensor for sensor in seen.values() if self._target.matches(sensor)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            which = ", ".join(f"{sensor.name} ({sensor.address})" for sensor in fitting)
            self._fail(
                f"{self._target.text!r} fits several sensors: {which}; give the whole name or the address"
            )
        elif taken:
            self._fail(
                f"{taken} is in use by another program on this computer: end that, or take the sensor from it with "
                "`bluetoothctl disconnect`"
            )
        elif time.monotonic() - self._searching_since >= SCAN_S:
            self._put(Failed(absent(self._target.text, list(seen.values()))))
        return None

    async def _use(self, sensor: Sensor) -> None:
        """Connect, subscribe and serve the link until it is lost; then let go of all of it."""
        driver = self._driver or sensor.device
        if driver is None:
            self._fail(f"{sensor.name} advertises nothing that wearecg knows: say what it is with --device")
            return
        lost = asyncio.Event()

        def gone(_: BleakClient) -> None:
            lost.set()
            self._wake.set()

        client = BleakClient(sensor.handle, disconnected_callback=gone, timeout=CONNECT_S)
        try:
            await _connect(client)
            await self._subscribe(client, driver)
            self._target.lock(sensor)
            self._searching_since = None
            self._outbox.clear()
            self._give_up = False
            self._put(Opened(sensor))
            await self._read(client, driver)
            while not lost.is_set() and not self._give_up:
                self._wake.clear()
                await self._write(client, self._outbox)
                await self._wake.wait()
            if not self._give_up:  # else the reason is told already
                self._fail(f"{sensor.name}: connection lost (out of range or switched off); looking for it")
        except BLE_ERRORS as error:
            why = explain_radio(error) or explain_connection(sensor.name, sensor.address, error)
            self._fail(why)
        finally:
            # Also after a loss: until the old client has let go of its D-Bus connection BlueZ
            # sends every notification of the next one twice (bleak issue 2002).
            await self._leave(client)

    async def _subscribe(self, client: BleakClient, driver: type[BleDevice]) -> None:
        for uuid in driver.needs:
            await asyncio.wait_for(client.start_notify(uuid, partial(self._notified, uuid)), COMMAND_S)
        for uuid in driver.wants:
            with suppress(BleakError, asyncio.TimeoutError):
                await asyncio.wait_for(client.start_notify(uuid, partial(self._notified, uuid)), COMMAND_S)

    async def _read(self, client: BleakClient, driver: type[BleDevice]) -> None:
        for uuid in driver.reads:
            with suppress(BleakError, asyncio.TimeoutError):
                value = await asyncio.wait_for(client.read_gatt_char(uuid), COMMAND_S)
                self._put(Notified(uuid, bytes(value)))

    async def _write(self, client: BleakClient, writes: deque[Write]) -> None:
        while writes:
            write = writes.popleft()
            characteristic = client.services.get_characteristic(write.characteristic)
            if characteristic is None:
                raise BleakCharacteristicNotFoundError(write.characteristic)
            can = characteristic.properties
            response = "write" in can and (write.response or "write-without-response" not in can)
            sent = client.write_gatt_char(characteristic, write.value, response=response)
            await asyncio.wait_for(sent, COMMAND_S)

    async def _leave(self, client: BleakClient) -> None:
        # A stack that is breaking down raises anything, and the reason for leaving is told already.
        if self._stopping and client.is_connected:
            with suppress(Exception):
                await asyncio.wait_for(self._write(client, deque(self._farewell)), GOODBYE_S)
        with suppress(Exception):
            await asyncio.wait_for(client.disconnect(), DISCONNECT_S)

    def _notified(self, uuid: str, _: Any, data: bytearray) -> None:
        self._retry.proven()
        self._put(Notified(uuid, bytes(data)))

    def _fail(self, why: str) -> None:
        self._retry.failed(time.monotonic())
        self._put(Failed(why))

    def _put(self, what: Notified | Opened | Failed) -> None:
        with self._news:
            self._inbox.append((time.monotonic(), what))
            if len(self._inbox) > MOST_WAITING:
                self._drop_oldest()
            self._news.notify()

    def _drop_oldest(self) -> None:
        for index, (_, what) in enumerate(self._inbox):
            if isinstance(what, Notified):  # news of the link is never dropped
                del self._inbox[index]
                self._dropped += 1
                return


async def _connect(client: BleakClient) -> None:
    while not _CONNECTING.acquire(blocking=False):
        await asyncio.sleep(POLL_S)
    try:
        await asyncio.wait_for(client.connect(), CONNECT_S)
    finally:
        _CONNECTING.release()
