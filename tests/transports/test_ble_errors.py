from __future__ import annotations

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from wearecg.transports.ble_errors import explain_connection, explain_radio

Reason = BleakBluetoothNotAvailableReason


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (BleakBluetoothNotAvailableError("x", Reason.NO_BLUETOOTH), "plug one in"),
        (BleakBluetoothNotAvailableError("x", Reason.POWERED_OFF), "bluetoothctl power on"),
        (BleakBluetoothNotAvailableError("x", Reason.NO_BLE_CENTRAL_ROLE), "newer one"),
        (BleakBluetoothNotAvailableError("x", Reason.DENIED_BY_USER), "privacy settings"),
        (BleakBluetoothNotAvailableError("x", Reason.DENIED_BY_SYSTEM), "usermod -aG bluetooth"),
        (BleakBluetoothNotAvailableError("odd", Reason.UNKNOWN), "odd"),
        (
            BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", ["no owner"]),
            "systemctl start bluetooth",
        ),
        (BleakDBusError("org.freedesktop.DBus.Error.AccessDenied", ["rejected"]), "usermod -aG bluetooth"),
        (BleakDBusError("org.bluez.Error.NotReady", ["Resource Not Ready"]), "power on"),
        (FileNotFoundError(2, "no socket"), "no D-Bus system bus"),
        (ConnectionRefusedError(111, "refused"), "no D-Bus system bus"),
        (PermissionError(13, "denied"), "usermod"),
    ],
)
def test_what_is_wrong_with_this_computer(error, remedy):
    line = explain_radio(error)
    assert remedy in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (BleakCharacteristicNotFoundError("fb005c81"), "choose --device"),
        (BleakGATTProtocolError(0x05), "bluetoothctl pair A0:9E"),
        (BleakGATTProtocolError(0x0F), "bluetoothctl pair A0:9E"),
        (BleakDBusError("org.bluez.Error.NotPermitted", ["Not paired"]), "bluetoothctl pair A0:9E"),
        (BleakDBusError("org.bluez.Error.AuthenticationFailed", []), "bluetoothctl pair A0:9E"),
        (BleakDBusError("org.bluez.Error.InProgress", ["In Progress"]), "another program"),
        (BleakDBusError("org.bluez.Error.Failed", ["br-connection-canceled"]), "br-connection-canceled"),
        (BleakDeviceNotFoundError("A0:9E", "gone"), "an app on a phone|the app on a phone"),
        (TimeoutError(), "the app on a phone"),
        (BleakError("failed to discover services, device disconnected"), "broke off"),
        (EOFError(), "EOFError"),
    ],
)
def test_what_is_wrong_with_the_sensor(error, remedy):
    assert explain_radio(error) is None
    line = explain_connection("Strap", "A0:9E", error)
    assert any(words in line for words in remedy.split("|"))
    assert line.startswith("Strap")
    assert "\n" not in line
