"""``org.bluez`` without a radio: as much of BlueZ as a Bluetooth program uses, with its habits and its faults.

Objects and errors follow BlueZ's D-Bus interface (``doc/org.bluez.*.rst`` of BlueZ 5.66). It keeps what was seen of
the real one: a connection outlives the program that made it (BlueZ issue 89), and so does a subscription the loss of
the link, until its program closes its D-Bus connection (then a second one gets everything twice: bleak issue 2002).
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from dbus_fast import Message

from wearecg.devices.ble_base import SimulatedBle
from wearecg.virtual_sensor.bluez_objects import BusError, ObjectTree, Reply

ADAPTER_PATH = "/org/bluez/hci0"
ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
SERVICE, CHARACTERISTIC = "org.bluez.GattService1", "org.bluez.GattCharacteristic1"
MTU = 232
"""A Polar H10's."""
CONNECT_S, RESOLVE_S, DISCONNECT_S, ADVERTISE_S = 0.05, 0.05, 0.02, 0.1
UNREACHABLE_S = 1.0
"""How long an attempt on a sensor that is out of range takes here; real ones take 20 s and more."""
NOT_PAIRED = "not paired"


class Peripheral(Protocol):
    """A sensor in the virtual air."""

    address: str
    device: SimulatedBle

    @property
    def in_range(self) -> bool:
        """Whether it can be reached."""

    refuses: str
    """``not paired``, or the error that attempts to connect end with; empty for none."""

    def attempt(self) -> str:
        """Return the error that this attempt to connect ends with; empty for none."""

    def heard(self, characteristic: str, value: bytes) -> None:
        """The host wrote ``value``."""

    def linked(self, up: bool) -> None:
        """A host has connected, or is gone."""


def device_path(address: str) -> str:
    """Return the object path of the device at ``address``."""
    return f"{ADAPTER_PATH}/dev_{address.replace(':', '_')}"


class VirtualBluez(ObjectTree):
    """The Bluetooth service on the bus at ``bus_address``; its methods run in the event loop that `start` ran in.

    Parameters
    ----------
    bus_address : str
    peripherals : list of Peripheral
        The sensors in the air.
    powered, adapter : bool
        Whether the adapter is switched on, and there at all.
    """

    def __init__(
        self, bus_address: str, peripherals: list[Any], powered: bool = True, adapter: bool = True
    ) -> None:
        super().__init__(bus_address, "org.bluez")
        self._peripherals: dict[str, Peripheral] = {device_path(p.address): p for p in peripherals}
        self._powered, self._adapter = powered, adapter
        self._subscribers: dict[tuple[str, str], set[str]] = {}
        self._scanning: set[str] = set()
        self.methods = {
            (ADAPTER, "StartDiscovery"): self._start_discovery,
            (ADAPTER, "StopDiscovery"): self._stop_discovery,
            (ADAPTER, "SetDiscoveryFilter"): self._nothing,
            (DEVICE, "Connect"): self._connect,
            (DEVICE, "Disconnect"): self._disconnect,
            (DEVICE, "Pair"): self._nothing,
            (CHARACTERISTIC, "ReadValue"): self._read_value,
            (CHARACTERISTIC, "WriteValue"): self._write_value,
            (CHARACTERISTIC, "StartNotify"): self._start_notify,
            (CHARACTERISTIC, "StopNotify"): self._stop_notify,
        }

    async def start(self) -> None:
        """Take the name ``org.bluez``."""
        if self._adapter:
            self._objects[ADAPTER_PATH] = {
                ADAPTER: {
                    "Address": "00:00:00:00:00:01", "AddressType": "public", "Name": "virtual", "Alias": "virtual",
                    "Roles": ["central"], "Powered": self._powered, "Discovering": False, "UUIDs": [],
                }
            }  # fmt: skip
        await self._appear()
        self._spawn(self._advertise())

    async def die(self) -> None:
        """End like a service that was killed: no signal, no farewell; the links of the sensors break."""
        for path in self._linked():
            self._peripherals[path].linked(False)
        self._subscribers.clear()
        self._scanning.clear()
        await self._vanish()

    def notify(self, address: str, characteristic: str, value: bytes) -> bool:
        """A sensor notifies; whether anybody is subscribed. BlueZ tells each subscriber once."""
        path = next(
            (p for p, _ in self._children(device_path(address), CHARACTERISTIC, characteristic)), None
        )
        if path is None or self._bus is None:
            return False
        subscribers = self._subscribers.get((path, characteristic), set())
        for _ in subscribers:
            self._changed(path, CHARACTERISTIC, {"Value": value})
        return bool(subscribers)

    def drop(self, address: str) -> None:
        """Break the link to a sensor."""
        path = device_path(address)
        if path not in self._linked():
            return
        self._changed(path, DEVICE, {"ServicesResolved": False})
        self._changed(path, DEVICE, {"Connected": False})
        for child in [p for p, _ in self._children(path)]:
            self._remove(child)
        self._peripherals[path].linked(False)

    def connected(self, address: str) -> bool:
        """Whether a sensor is connected."""
        return device_path(address) in self._linked()

    def subscribers(self, address: str, characteristic: str) -> int:
        """How many D-Bus connections are subscribed."""
        return sum(
            len(who)
            for (path, uuid), who in self._subscribers.items()
            if path.startswith(device_path(address) + "/") and uuid == characteristic
        )

    def _linked(self) -> list[str]:
        return [
            path for path in self._peripherals if self._objects.get(path, {}).get(DEVICE, {}).get("Connected")
        ]

    def _client_gone(self, name: str) -> None:
        # The subscriptions of a program end with its D-Bus connection; the link to the sensor does not.
        self._scanning.discard(name)
        for (path, _), who in self._subscribers.items():
            if name in who:
                who.discard(name)
                if path in self._objects and not who:
                    self._changed(path, CHARACTERISTIC, {"Notifying": False})

    # The adapter

    async def _advertise(self) -> None:
        strength = 0
        while True:
            await asyncio.sleep(ADVERTISE_S)
            strength = (strength + 1) % 7
            for path, peripheral in self._peripherals.items() if self._scanning else ():
                if peripheral.in_range and path not in self._linked():
                    self._advertised(path, peripheral, -60 - strength)

    def _advertised(self, path: str, peripheral: Peripheral, rssi: int) -> None:
        if path in self._objects:
            self._changed(path, DEVICE, {"RSSI": rssi})
            return
        name = peripheral.device.advertised_name
        self._add(
            path,
            DEVICE,
            {
                "Address": peripheral.address, "AddressType": "random", "Name": name, "Alias": name,
                "Adapter": ADAPTER_PATH, "UUIDs": list(peripheral.device.advertised), "RSSI": rssi,
                "Connected": False, "ServicesResolved": False, "Paired": False, "Bonded": False, "Trusted": False,
            },
        )  # fmt: skip

    async def _start_discovery(self, _: str, message: Message) -> Reply:
        if not self._powered:
            raise BusError("org.bluez.Error.NotReady", "Resource Not Ready")
        if message.sender in self._scanning:
            raise BusError("org.bluez.Error.InProgress", "Operation already in progress")
        self._scanning.add(message.sender or "")
        return "", []

    async def _stop_discovery(self, _: str, message: Message) -> Reply:
        if message.sender not in self._scanning:
            raise BusError("org.bluez.Error.Failed", "No discovery started")
        self._scanning.discard(message.sender)
        if not self._scanning:
            for path in self._peripherals:
                if path in self._objects:
                    self._changed(path, DEVICE, {}, ("RSSI",))
        return "", []

    async def _nothing(self, _: str, __: Message) -> Reply:
        return "", []

    # A device

    async def _connect(self, path: str, _: Message) -> Reply:
        peripheral = self._peripherals[path]
        await asyncio.sleep(CONNECT_S)
        if not peripheral.in_range:
            await asyncio.sleep(UNREACHABLE_S)
            raise BusError("org.bluez.Error.Failed", "br-connection-canceled")
        refusal = peripheral.attempt()
        if refusal and refusal != NOT_PAIRED:
            if refusal == "le-connection-abort-by-local":
                # It was connected for a moment; programs wait for the end of that.
                self._changed(path, DEVICE, {"Connected": True})
                asyncio.get_running_loop().call_later(CONNECT_S, self.drop, peripheral.address)
            raise BusError("org.bluez.Error.Failed", refusal)
        self._changed(path, DEVICE, {"Connected": True})
        peripheral.linked(True)
        await asyncio.sleep(RESOLVE_S)
        if path in self._linked():
            self._add_services(path, peripheral.device)
            self._changed(path, DEVICE, {"ServicesResolved": True})
        return "", []

    async def _disconnect(self, path: str, _: Message) -> Reply:
        await asyncio.sleep(DISCONNECT_S)
        self.drop(self._peripherals[path].address)
        return "", []

    def _add_services(self, path: str, device: SimulatedBle) -> None:
        handle = 0x0A
        for service, characteristics in device.services.items():
            service_path = f"{path}/service{handle:04x}"
            self._add(
                service_path, SERVICE, {"UUID": service, "Device": path, "Primary": True, "Includes": []}
            )
            for characteristic in characteristics:
                handle += 3
                values = {
                    "UUID": characteristic.uuid, "Service": service_path, "Flags": list(characteristic.flags),
                    "Value": characteristic.value, "Notifying": False, "MTU": MTU,
                }  # fmt: skip
                self._add(f"{service_path}/char{handle:04x}", CHARACTERISTIC, values)
            handle += 6

    # A characteristic

    async def _read_value(self, path: str, _: Message) -> Reply:
        values = self._allowed(path, "read")
        self._changed(path, CHARACTERISTIC, {"Value": values["Value"]})
        return "ay", [values["Value"]]

    async def _write_value(self, path: str, message: Message) -> Reply:
        values = self._allowed(path, "write", "write-without-response")
        self._peripherals[path[: path.index("/service")]].heard(values["UUID"], bytes(message.body[0]))
        return "", []

    async def _start_notify(self, path: str, message: Message) -> Reply:
        values = self._allowed(path, "notify", "indicate")
        who = self._subscribers.setdefault((path, values["UUID"]), set())
        if message.sender in who:
            raise BusError("org.bluez.Error.InProgress", "In Progress")
        who.add(message.sender or "")
        self._changed(path, CHARACTERISTIC, {"Notifying": True})
        return "", []

    async def _stop_notify(self, path: str, message: Message) -> Reply:
        who = self._subscribers.get((path, self._objects[path][CHARACTERISTIC]["UUID"]), set())
        if message.sender not in who:
            raise BusError("org.bluez.Error.Failed", "No notify session started")
        who.discard(message.sender)
        self._changed(path, CHARACTERISTIC, {"Notifying": bool(who)})
        return "", []

    def _allowed(self, path: str, *flags: str) -> dict[str, Any]:
        values = self._objects[path][CHARACTERISTIC]
        if not set(flags) & set(values["Flags"]):
            raise BusError("org.bluez.Error.NotSupported", "Operation is not supported")
        peripheral = self._peripherals[path[: path.index("/service")]]
        if peripheral.refuses == NOT_PAIRED:
            raise BusError("org.bluez.Error.NotPermitted", "Not paired")
        return values
