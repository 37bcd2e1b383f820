"""Whether sensors can be reached: serial ports, who may open them, how fast they answer, and Bluetooth."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from wearecg.doctor.check import Check, read

LATENCY_MS = 1
BUS_WAIT = 3.0
"""Seconds for BlueZ to answer."""
_INSTALL = "`sudo wearecg service install` writes a udev rule that does it"


def check_ports(root: Path) -> Iterator[Check]:
    """Check that there is a serial port, that this user may open it, and the latency timers of FTDI adapters."""
    from wearecg.transports.ports import list_ports

    ports = list_ports()
    if not ports:
        yield _without_ports()
    for port in ports:
        about = f"{port.path} {port.description}".strip()
        if port.problem:
            yield Check("serial port", "problem", about, port.problem.partition(": ")[2] or port.problem)
        else:
            yield Check("serial port", "ok", f"{about}, may be opened")
    for timer in sorted((root / "sys/bus/usb-serial/devices").glob("*/latency_timer")):
        port_name, value = timer.parent.name, read(timer) or ""
        if value.isdigit() and int(value) > LATENCY_MS:
            yield Check(
                "FTDI latency",
                "warning",
                f"/dev/{port_name} holds bytes back for {value} ms, so that samples come in bursts",
                f"{_INSTALL}; now: `echo {LATENCY_MS} | sudo tee /{timer.relative_to(root)}`",
            )
        else:
            yield Check("FTDI latency", "ok", f"/dev/{port_name}: {value} ms")


def _without_ports() -> Check:
    found = "none is plugged in"
    if sys.platform == "linux" and os.geteuid() != 0:
        import grp

        with suppress(KeyError):
            if grp.getgrnam("dialout").gr_gid not in os.getgroups():
                remedy = "`sudo usermod -aG dialout $USER`, then log out and in again"
                return Check("serial ports", "warning", f"{found}; you are not in the group dialout", remedy)
    return Check("serial ports", "not applicable", found)


def check_bluetooth(root: Path) -> Check:
    """Check that there is an adapter, that it is not blocked, that BlueZ runs, and that it has switched it on."""
    if sys.platform != "linux":
        return Check(
            "Bluetooth", "not applicable", "not looked at on this system; `wearecg devices --scan` tries it"
        )
    adapters = sorted((root / "sys/class/bluetooth").glob("hci[0-9]*"))
    adapters = [adapter for adapter in adapters if ":" not in adapter.name]
    try:
        powered = asyncio.run(asyncio.wait_for(_powered(), BUS_WAIT))
    except (OSError, EOFError, TimeoutError, _NoAnswerError):
        powered = None
    if not adapters and not powered:
        return Check("Bluetooth", "not applicable", "no adapter; serial sensors need none")
    blocked = [
        adapter.name
        for adapter in adapters
        for kind in ("soft", "hard")
        for switch in adapter.glob(f"rfkill*/{kind}")
        if read(switch) == "1"
    ]
    names = ", ".join(adapter.name for adapter in adapters) or ", ".join(sorted(powered or {}))
    if blocked:
        return Check("Bluetooth", "problem", f"{blocked[0]} is blocked", "`sudo rfkill unblock bluetooth`")
    if powered is None:
        remedy = "`sudo apt install bluez`, `sudo systemctl enable --now bluetooth`"
        return Check("Bluetooth", "problem", f"{names}, but BlueZ does not run", remedy)
    if not any(powered.values()):
        return Check("Bluetooth", "problem", f"{names} is switched off", "`bluetoothctl power on`")
    return Check("Bluetooth", "ok", f"{names}, BlueZ runs, switched on")


class _NoAnswerError(Exception):
    """The bus is there, and BlueZ is not."""


async def _powered() -> dict[str, bool]:
    """Ask BlueZ for its adapters and whether they are on. Raises where there is no bus or no BlueZ on it."""
    from dbus_fast import BusType, Message, MessageType
    from dbus_fast.aio import MessageBus
    from dbus_fast.errors import AuthError, InvalidAddressError
    from dbus_fast.unpack import unpack_variants

    bus: Any = MessageBus(bus_type=BusType.SYSTEM)
    try:
        await bus.connect()
        reply = await bus.call(
            Message(
                destination="org.bluez",
                path="/",
                interface="org.freedesktop.DBus.ObjectManager",
                member="GetManagedObjects",
            )
        )
    except (AuthError, InvalidAddressError) as error:
        raise _NoAnswerError from error
    finally:
        bus.disconnect()
    if reply.message_type != MessageType.METHOD_RETURN:
        raise _NoAnswerError
    return {
        path.rpartition("/")[2]: bool(found["org.bluez.Adapter1"].get("Powered"))
        for path, found in unpack_variants(reply.body[0]).items()
        if "org.bluez.Adapter1" in found
    }
