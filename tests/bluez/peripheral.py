"""The radio between the host's Bluetooth controller and a virtual sensor: Bumble's, as `VirtualBluez` is elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from bumble import data_types
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.hci import Address, HCI_ErrorCode, LeFeatureMask
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport import open_transport
from bumble.transport.common import AsyncPipeSink

from wearecg.devices.ble_base import Characteristic as Described
from wearecg.devices.ble_base import uuid16
from wearecg.virtual_sensor.bluez_sensor import VirtualBleSensor

POLL_S = 0.1


class Air:
    """Where ``sensor`` advertises, is connected to and notifies; `VirtualBleSensor.run` plays into it."""

    def __init__(self, sensor: VirtualBleSensor) -> None:
        self._sensor = sensor
        self._connection: Connection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._characteristics = {
            described.uuid: self._characteristic(described)
            for group in sensor.device.services.values()
            for described in group
        }

    @property
    def connected(self) -> bool:
        """Whether a host is."""
        return self._connection is not None

    async def start(self) -> None:
        """Plug the host's controller in and switch the sensor on."""
        link = LocalLink()
        adapter = await open_transport("vhci")
        ours = Controller("host", adapter.source, adapter.sink, link)
        its = Controller("sensor", link=link)
        for controller in (ours, its):
            # With these no connection ever completes (Bumble issue 841).
            controller.le_features &= ~(LeFeatureMask.LL_PRIVACY | LeFeatureMask.LE_EXTENDED_ADVERTISING)
        # Both ends have random addresses, since Bumble takes all LE data to come from one.
        model, address = self._sensor.device, Address(self._sensor.address)
        self._device = Device(model.advertised_name, address, host=Host(its, AsyncPipeSink(its)))
        for uuid, group in model.services.items():
            self._device.add_service(Service(_uuid(uuid), [self._characteristics[one.uuid] for one in group]))
        self._device.on("connection", self._up)
        await self._device.power_on()
        self._soon(self._advertise())

    def notify(self, address: str, characteristic: str, value: bytes) -> bool:
        """Tell the host, if it has subscribed."""
        it = self._characteristics[characteristic]
        indicates = it.has_properties(Characteristic.INDICATE)
        tell = self._device.indicate_subscribers if indicates else self._device.notify_subscribers
        self._soon(tell(it, value))
        return self.connected

    def drop(self, address: str) -> None:
        """Break the link as one breaks out of range: each end hears nothing from the other for too long."""
        if (connection := self._connection) is not None:
            self._down(connection)
            self._soon(connection.disconnect(HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR))

    def _up(self, connection: Connection) -> None:
        self._connection = connection
        connection.on("disconnection", lambda _: self._down(connection))
        self._sensor.linked(True)

    def _down(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection = None
            self._sensor.linked(False)

    async def _advertise(self) -> None:
        model = self._sensor.device
        data = AdvertisingData(
            [
                data_types.Flags(AdvertisingData.Flags.LE_GENERAL_DISCOVERABLE_MODE),
                data_types.CompleteLocalName(model.advertised_name),
                data_types.CompleteListOf16BitServiceUUIDs([_uuid(uuid) for uuid in model.advertised]),
            ]
        )
        while True:
            wanted = not self.connected and self._sensor.in_range
            if wanted and not self._device.is_advertising:
                await self._device.start_advertising(advertising_data=bytes(data))
            elif not wanted:
                await self._device.stop_advertising()
            await asyncio.sleep(POLL_S)

    def _characteristic(self, described: Described) -> Characteristic[bytes]:
        flags = [flag.replace("-", "_").upper() for flag in described.flags]
        value = CharacteristicValue(
            read=lambda _: described.value,
            write=lambda _, value: self._sensor.heard(described.uuid, bytes(value)),
        )
        can = Characteristic.Properties.from_string(",".join(flags))
        return Characteristic(_uuid(described.uuid), can, "READABLE,WRITEABLE", value)

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _uuid(text: str) -> UUID:
    """As short as it goes: an advertisement has room for 31 bytes."""
    number = int(text[:8], 16)
    return UUID(number) if text == uuid16(number) else UUID(text)
