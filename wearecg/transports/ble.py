"""A sensor on Bluetooth Low Energy, real or virtual.

A worker thread keeps the link and queues whatever arrives with the time of its arrival; all decoding and all
judgement is in `read`, so that neither a slow pipeline nor a slow sink reaches into the Bluetooth stack.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from functools import partial

from wearecg.block import LinkState, Notice, RRIntervals
from wearecg.devices.base import Counters
from wearecg.devices.ble_base import BleDevice
from wearecg.errors import SourceError
from wearecg.floods import Floods
from wearecg.transports.base import Item, Source, trouble
from wearecg.transports.ble_link import BleLink
from wearecg.transports.ble_scan import Sensor, Target, in_own_loop
from wearecg.transports.ble_worker import Failed, Notified, Opened, Worker

TICK = 0.2
"""Seconds between `BleDevice.poll` calls and looks at the state of the link."""


class BleSource(Source):
    """The sensor ``target``, kept alive across loss of range, silence and the death of the Bluetooth service.

    Parameters
    ----------
    target : str
        The sensor's name, a part of it that fits one sensor only, or its address.
    driver : type of BleDevice, optional
        What it is; found from what it advertises if not given.
    make : callable, optional
        Makes the driver, where it takes options; its class called without arguments if not given.

    Raises
    ------
    SourceError
        From `open`, if Bluetooth cannot be used at all: no adapter, switched off, not permitted, no service. Once
        open, the same conditions are told as `LinkState` and waited out, as is a sensor that is not there.
    """

    def __init__(
        self,
        target: str,
        driver: type[BleDevice] | None = None,
        make: Callable[[type[BleDevice]], BleDevice] | None = None,
    ) -> None:
        self._target = Target(target)
        self._driver = driver
        self._make: Callable[[type[BleDevice]], BleDevice] = make or (lambda kind: kind())
        self._device = self._make(driver) if driver else None
        self.name = f"{driver.name} {target}" if driver else f"Bluetooth sensor {target}"
        self.rate_note = self._device.rate_note if self._device else ""
        self.counters = self._device.counters if self._device else Counters()
        self._floods = Floods()
        self._worker: Worker | None = None
        self._close: Callable[[], object] | None = None

    def open(self) -> None:
        """Start looking for the sensor; see the class for what it raises."""
        if self._worker is not None:
            raise SourceError(f"{self.name} is open already: close it first")
        _check_radio()
        self._link = BleLink(self._target.text)
        self._next_tick = 0.0
        self._worker = worker = Worker(self._target, self._driver)
        current = self._current = [self._device]
        # Also on garbage collection and at interpreter exit, so that the sensor is told to stop on every way out.
        self._close = weakref.finalize(self, _shut, worker, current)

    def read(self, timeout: float) -> list[Item] | None:
        """Decoded measurements and news of the link, oldest first; None once closed."""
        deadline = time.monotonic() + timeout
        items: list[Item] = []
        while (worker := self._worker) is not None:
            arrivals, dropped = worker.take(max(min(deadline - time.monotonic(), TICK), 0.0))
            if dropped:
                text = f"this computer was too slow: {dropped} notifications of {self.name} were dropped"
                items.extend(self._floods.feed([Notice(text, "warning")], time.monotonic()))
            for at, what in arrivals:
                self._handle(at, what, items)
            self._tick(worker, time.monotonic(), items)
            if items or time.monotonic() >= deadline:
                return items
        return None

    def close(self) -> None:
        """Tell the sensor to stop, disconnect, end the thread; safe twice and after a loss."""
        self._worker = None
        if self._close is not None:
            self._close()

    def _handle(self, at: float, what: Notified | Opened | Failed, items: list[Item]) -> None:
        change: LinkState | None
        if isinstance(what, Opened):
            device = self._take_device(what.sensor)
            change = self._link.opened(at, what.sensor.name, device.patience, device.quiet)
            device.connected(at)
        elif isinstance(what, Failed):
            change = self._link.failed(at, what.why)
        elif self._device is None:
            return
        else:
            measured = self._device.feed(what.characteristic, what.data, at)
            samples = any(not isinstance(m, RRIntervals) or m.alone for m, _ in measured)
            change = self._link.heard(at, samples)
            items.extend([change] if change else [])
            items.extend(measured)
            return
        items.extend([change] if change else [])

    def _take_device(self, sensor: Sensor) -> BleDevice:
        if self._device is None:
            assert sensor.device is not None  # the worker connects to no other
            self._device = self._current[0] = self._make(sensor.device)
            self.counters = self._device.counters
        return self._device

    def _tick(self, worker: Worker, now: float, items: list[Item]) -> None:
        device = self._device
        if device is None:
            return
        if now >= self._next_tick:
            self._next_tick = now + TICK
            change, action = self._link.tick(now, partial(trouble, device))
            items.extend([change] if change else [])
            if action == "ask again":
                device.connected(now)
            elif action == "reconnect":
                worker.reconnect()
            if self._link.state != "lost":
                device.poll(now)
        items.extend(self._floods.feed(map(Notice, device.notes), now))
        device.notes.clear()
        self.rate_note = device.rate_note
        if device.outgoing:
            worker.send(device.outgoing)
            device.outgoing = []


def _check_radio() -> None:
    """Raise SourceError where this computer's Bluetooth cannot be used."""
    from bleak import BleakScanner

    from wearecg.transports.ble_errors import BLE_ERRORS, explain_radio

    async def scan() -> None:
        async with BleakScanner():
            pass

    try:
        in_own_loop(scan())
    except BLE_ERRORS as error:
        raise SourceError(explain_radio(error) or f"Bluetooth cannot be used: {error}") from error


def _shut(worker: Worker, current: list[BleDevice | None]) -> None:
    device = current[0]
    worker.stop(device.stop() if device else ())
