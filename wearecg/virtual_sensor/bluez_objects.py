"""A tree of D-Bus objects with properties, and the standard interfaces on it; what it means is for its subclass."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeAlias

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

PROPERTIES, OBJECTS = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"
Reply: TypeAlias = tuple[str, list[Any]]
"""Signature and values of an answer."""
_SIGNATURES = {
    "Address": "s", "AddressType": "s", "Name": "s", "Alias": "s", "Adapter": "o", "UUIDs": "as", "UUID": "s",
    "Roles": "as", "Powered": "b", "Discovering": "b", "Connected": "b", "ServicesResolved": "b", "Paired": "b",
    "Trusted": "b", "Bonded": "b", "RSSI": "n", "Device": "o", "Service": "o", "Primary": "b", "Includes": "ao",
    "Flags": "as", "Value": "ay", "Notifying": "b", "MTU": "q",
}  # fmt: skip


class BusError(Exception):
    """An error for the caller: a D-Bus error name and a text."""


class ObjectTree(ABC):
    """Objects below a name on the bus: they are looked up, they change, and programs are told."""

    methods: dict[tuple[str, str], Callable[[str, Message], Awaitable[Reply]]]
    """By interface and member; each takes the object's path and the call."""

    def __init__(self, bus_address: str, name: str) -> None:
        self._bus_address, self._name = bus_address, name
        self._bus: Any = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._objects: dict[str, dict[str, dict[str, Any]]] = {}

    async def _appear(self) -> None:
        """Connect to the bus and take the name."""
        bus: Any = await MessageBus(bus_address=self._bus_address).connect()
        bus.add_message_handler(self._on_message)
        await bus.call(_call("AddMatch", "s", ["type='signal',member='NameOwnerChanged'"]))
        self._bus = bus
        await bus.request_name(self._name)

    async def _vanish(self) -> None:
        """Be gone without a word."""
        bus, self._bus = self._bus, None
        for task in list(self._tasks):
            task.cancel()
        self._objects = {}
        if bus is not None:
            bus.disconnect()
            await bus.wait_for_disconnect()

    @abstractmethod
    def _client_gone(self, name: str) -> None:
        """A program has closed its connection to the bus."""

    def _on_message(self, message: Message) -> Message | bool | None:
        if message.message_type == MessageType.SIGNAL and message.member == "NameOwnerChanged":
            name, _, owner = message.body
            if not owner:
                self._client_gone(name)
            return None
        if (
            message.message_type != MessageType.METHOD_CALL
            or message.interface == "org.freedesktop.DBus.Peer"
        ):
            return None
        self._spawn(self._answer(message))
        return True

    async def _answer(self, message: Message) -> None:
        bus = self._bus
        try:
            signature, body = await self._dispatch(message)
            reply = Message.new_method_return(message, signature, body)
        except BusError as error:
            reply = Message.new_error(message, *error.args)
        if bus is not None and bus is self._bus:
            await bus.send(reply)

    async def _dispatch(self, message: Message) -> Reply:
        path, member = message.path or "", message.member or ""
        if message.interface == OBJECTS and member == "GetManagedObjects":
            packed = {
                p: {i: _pack(values) for i, values in interfaces.items()}
                for p, interfaces in self._objects.items()
            }
            return "a{oa{sa{sv}}}", [packed]
        interfaces = self._objects.get(path)
        if interfaces is None:
            raise BusError("org.freedesktop.DBus.Error.UnknownObject", f"no object {path}")
        if message.interface == PROPERTIES:
            return self._property(interfaces, path, message)
        method = self.methods.get((message.interface or "", member))
        if method is None:
            raise BusError("org.freedesktop.DBus.Error.UnknownMethod", f"no method {member}")
        return await method(path, message)

    def _property(self, interfaces: dict[str, dict[str, Any]], path: str, message: Message) -> Reply:
        values = interfaces.get(message.body[0], {})
        if message.member == "GetAll":
            return "a{sv}", [_pack(values)]
        if message.member == "Set":
            self._changed(path, message.body[0], {message.body[1]: message.body[2].value})
            return "", []
        return "v", [_pack(values)[message.body[1]]]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _changed(self, path: str, interface: str, values: dict[str, Any], gone: tuple[str, ...] = ()) -> None:
        known = self._objects[path][interface]
        known.update(values)
        for name in gone:
            known.pop(name, None)
        self._signal(
            path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, _pack(values), list(gone)]
        )

    def _add(self, path: str, interface: str, values: dict[str, Any]) -> None:
        self._objects[path] = {interface: values}
        self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, {interface: _pack(values)}])

    def _remove(self, path: str) -> None:
        interfaces = list(self._objects.pop(path))
        self._signal("/", OBJECTS, "InterfacesRemoved", "oas", [path, interfaces])

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        if self._bus is not None:
            self._bus.send(Message.new_signal(path, interface, member, signature, body))

    def _children(
        self, path: str, interface: str = "", uuid: str = ""
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for child, interfaces in list(self._objects.items()):
            if not child.startswith(path + "/"):
                continue
            for name, values in interfaces.items():
                if (not interface or name == interface) and (not uuid or values["UUID"] == uuid):
                    yield child, values


def _call(member: str, signature: str, body: list[Any]) -> Message:
    bus = "org.freedesktop.DBus"
    return Message(
        destination=bus,
        path="/org/freedesktop/DBus",
        interface=bus,
        member=member,
        signature=signature,
        body=body,
    )


def _pack(values: dict[str, Any]) -> dict[str, Variant]:
    return {name: Variant(_SIGNATURES[name], value) for name, value in values.items()}
