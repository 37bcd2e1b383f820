"""Why Bluetooth does not work, in one line with the remedy, from what bleak and D-Bus raise."""

from __future__ import annotations

import asyncio
import sys

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

BLE_ERRORS: tuple[type[Exception], ...] = (BleakError, OSError, EOFError, asyncio.TimeoutError)
"""What bleak raises, depending on which of its layers finds out."""
try:
    from dbus_fast.errors import AuthError, DBusError, InvalidAddressError

    BLE_ERRORS += (DBusError, AuthError, InvalidAddressError)
except ImportError:  # not on macOS and Windows
    pass

_Reason = BleakBluetoothNotAvailableReason
_RADIO = {
    _Reason.NO_BLUETOOTH: "this computer has no Bluetooth adapter: plug one in, or enable it in the firmware",
    _Reason.NO_BLE_CENTRAL_ROLE: "the Bluetooth adapter cannot do Bluetooth Low Energy: plug in a newer one",
    _Reason.POWERED_OFF: "Bluetooth is switched off: `bluetoothctl power on` (and `rfkill unblock bluetooth`)",
    _Reason.DENIED_BY_USER: "Bluetooth is not permitted: allow it for this terminal in the system's privacy settings",
    _Reason.DENIED_BY_SYSTEM: "Bluetooth is not permitted: join the group with `sudo usermod -aG bluetooth $USER`, "
    "then log out and in again",
}
_NO_SERVICE = ("ServiceUnknown", "NameHasNoOwner", "NoReply", "Spawn")
_DENIED = ("AccessDenied",)
_PAIRING = (
    "NotPaired",
    "AuthenticationFailed",
    "AuthenticationRejected",
    "NotAuthorized",
    "AuthenticationCanceled",
)
_GATT_PAIRING = {0x05, 0x08, 0x0C, 0x0F}
"""Insufficient authentication, authorization, key size, encryption."""


def explain_radio(error: BaseException) -> str | None:
    """Why this computer has no Bluetooth at all just now; None where that is not the trouble."""
    if isinstance(error, BleakBluetoothNotAvailableError):
        return _RADIO.get(error.reason, f"Bluetooth is not available: {error.args[0]}")
    if isinstance(error, BleakDBusError):
        if any(word in error.dbus_error for word in _NO_SERVICE):
            return "the Bluetooth service does not run: `sudo systemctl start bluetooth` (package bluez)"
        if any(word in error.dbus_error for word in _DENIED):
            return _RADIO[_Reason.DENIED_BY_SYSTEM]
        if error.dbus_error.endswith(".NotReady"):
            return _RADIO[_Reason.POWERED_OFF]
        return None
    # Below bleak: the socket of the system bus.
    if isinstance(error, FileNotFoundError | ConnectionRefusedError) and sys.platform == "linux":
        return (
            "there is no D-Bus system bus here, which Bluetooth needs: install and start dbus and bluez "
            "(in a container: mount /run/dbus)"
        )
    if isinstance(error, PermissionError):
        return _RADIO[_Reason.DENIED_BY_SYSTEM]
    return None


def explain_connection(name: str, address: str, error: BaseException) -> str:
    """Why the sensor ``name`` did not connect, or broke off, though this computer's Bluetooth works."""
    if isinstance(error, BleakCharacteristicNotFoundError):
        return (
            f"{name} has no characteristic {error.char_specifier}: it is another kind of sensor (choose --device), "
            "or its firmware is too old"
        )
    if isinstance(error, BleakGATTProtocolError) and int(error.code) in _GATT_PAIRING:
        return _pairing(name, address)
    if isinstance(error, BleakDBusError):
        details = error.dbus_error_details or error.dbus_error
        if any(word in error.dbus_error for word in _PAIRING) or "Not paired" in details:
            return _pairing(name, address)
        if error.dbus_error.endswith(".InProgress"):
            return f"{name}: another program on this computer is connecting to it or uses it; trying again"
        return f"{name} did not connect ({details}): come closer; trying again"
    if isinstance(error, asyncio.TimeoutError | BleakDeviceNotFoundError):
        return f"{name} did not answer: come closer, end the app on a phone that is connected to it; trying again"
    return f"{name}: the connection broke off ({str(error) or type(error).__name__}); trying again"


def _pairing(name: str, address: str) -> str:
    return f"{name} wants to be paired first: `bluetoothctl pair {address}`, then start again"
