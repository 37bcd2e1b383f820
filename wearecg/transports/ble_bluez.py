"""What BlueZ knows and bleak does not tell: who is connected already. Linux only; elsewhere nothing is found."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Any

from wearecg.text import visible
from wearecg.transports.ble_scan import Sensor, Target

_BLUEZ = "org.bluez"
_DEVICE = "org.bluez.Device1"
_CHARACTERISTIC = "org.bluez.GattCharacteristic1"
SETTLE_S = 2.0
"""Another program that has just connected needs so long, at most, to subscribe."""


async def release(target: Target) -> str:
    """Disconnect a ``target`` that a program has left connected when it was killed; return its user if it has one.

    BlueZ keeps such a link (its issue 89), and a sensor that is connected does not advertise, so it
    could never be found again. A link whose notifications go to somebody is left alone; then the name of the sensor
    is returned, else an empty string.
    """
    if sys.platform != "linux":
        return ""
    from dbus_fast import BusType, Message
    from dbus_fast.aio import MessageBus

    bus: Any = MessageBus(bus_type=BusType.SYSTEM)
    try:
        await bus.connect()
        for attempt in range(2):
            held = await _connected(bus, target)
            if not held:
                return ""
            path, name, used = held
            if used:
                return name
            if not attempt:
                await asyncio.sleep(SETTLE_S)
        await bus.call(Message(destination=_BLUEZ, path=path, interface=_DEVICE, member="Disconnect"))
        return ""
    finally:
        bus.disconnect()
        with suppress(Exception):  # replays what ended the connection
            await bus.wait_for_disconnect()


async def _connected(bus: Any, target: Target) -> tuple[str, str, bool] | None:
    """Path, name and whether somebody listens, of the first connected sensor that ``target`` means."""
    from dbus_fast import Message, MessageType
    from dbus_fast.unpack import unpack_variants

    reply = await bus.call(
        Message(
            destination=_BLUEZ,
            path="/",
            interface="org.freedesktop.DBus.ObjectManager",
            member="GetManagedObjects",
        )
    )
    if reply.message_type != MessageType.METHOD_RETURN:
        return None  # the scan that follows finds the same trouble and tells it
    objects = unpack_variants(reply.body[0])
    for path, interfaces in objects.items():
        properties = interfaces.get(_DEVICE)
        if not properties or not properties.get("Connected"):
            continue
        name = visible(properties.get("Name") or properties.get("Alias") or "")
        if target.matches(Sensor(name, properties["Address"], (), 0, None)):
            used = any(
                below.startswith(path + "/") and found.get(_CHARACTERISTIC, {}).get("Notifying")
                for below, found in objects.items()
            )
            return path, name, used
    return None
