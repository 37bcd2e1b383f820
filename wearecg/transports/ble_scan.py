"""Sensors in range: which there are, what they are, and which of them a user means."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from wearecg.devices.ble_base import BleDevice
from wearecg.errors import SourceError
from wearecg.text import visible

T = TypeVar("T")

_ADDRESS = re.compile(
    r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}|[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}", re.IGNORECASE
)
"""A Bluetooth address, or the UUID that macOS has in its place."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor in range. ``device`` is the driver that fits, None where none does; ``handle`` is bleak's."""

    name: str
    address: str
    services: tuple[str, ...]
    rssi: int
    device: type[BleDevice] | None
    handle: Any = None


class Target:
    """What a user typed to say which sensor: an address, a name, or part of a name.

    Once a sensor has been connected (`lock`) it is that one only: another of the same kind must not take its place.
    """

    def __init__(self, text: str) -> None:
        if not text.strip():
            raise SourceError(
                "no sensor is named: ble:NAME or ble:ADDRESS; `wearecg devices --scan` lists those in range"
            )
        self.text = text.strip()
        self._address = self.text.lower() if _ADDRESS.fullmatch(self.text) else ""

    def lock(self, sensor: Sensor) -> None:
        """Take no other from now on."""
        self._address = sensor.address.lower()

    def exactly(self, sensor: Sensor) -> bool:
        """Whether the user can mean no other."""
        if self._address:
            return sensor.address.lower() == self._address
        return sensor.name.lower() == self.text.lower()

    def matches(self, sensor: Sensor) -> bool:
        """Whether the user may mean this one."""
        return self.exactly(sensor) or (not self._address and self.text.lower() in sensor.name.lower())


def ble_drivers() -> list[type[BleDevice]]:
    """Every Bluetooth driver, the most particular first."""
    from wearecg.devices import device, names

    drivers: list[type[BleDevice]] = []
    for name in names():
        with suppress(SourceError):  # a package that is not installed right must not hide the others
            if issubclass(driver := device(name), BleDevice):
                drivers.append(driver)
    # By name a sensor is known exactly; a service many kinds may have.
    return sorted(drivers, key=lambda driver: not driver.advertised_names)


def sensor_of(device: Any, advertisement: Any, drivers: Iterable[type[BleDevice]]) -> Sensor:
    """Return what an advertisement tells; ``device`` and ``advertisement`` are bleak's."""
    name = visible(advertisement.local_name or device.name or "")
    services = tuple(uuid.lower() for uuid in advertisement.service_uuids)
    fitting = next((driver for driver in drivers if driver.fits(name, services)), None)
    return Sensor(name or device.address, device.address, services, advertisement.rssi, fitting, device)


def list_sensors(seconds: float = 5.0) -> list[Sensor]:
    """Scan and return the sensors in range, strongest first. Raises SourceError where there is no Bluetooth."""
    from wearecg.transports.ble_errors import BLE_ERRORS, explain_radio

    async def scan() -> dict[str, Sensor]:
        from bleak import BleakScanner

        drivers = ble_drivers()
        found = await BleakScanner.discover(timeout=seconds, return_adv=True)
        return {address: sensor_of(*pair, drivers) for address, pair in found.items()}

    try:
        sensors = in_own_loop(scan())
    except BLE_ERRORS as error:
        raise SourceError(explain_radio(error) or f"cannot scan: {error}") from error
    return sorted(sensors.values(), key=lambda sensor: -sensor.rssi)


def in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` in a thread of its own: the caller may be in an event loop already (Jupyter)."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def absent(text: str, others: Sequence[Sensor]) -> str:
    """The line for a sensor that does not advertise, with those that do."""
    known = (
        ", ".join(sorted({sensor.name for sensor in others if sensor.device})) or "no sensor that is known"
    )
    return (
        f"{text} is not in range: wear it (moist electrodes) or switch it on, come closer, and end the app on a "
        f"phone or the program elsewhere that is connected to it: then it does not show up. In range: {known}"
    )
