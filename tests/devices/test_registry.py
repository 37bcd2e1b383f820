from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from wearecg import devices
from wearecg.devices.base import Device, SimulatedDevice
from wearecg.devices.ble_base import BleDevice, SimulatedBle
from wearecg.errors import SourceError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", devices.names())
def test_every_name_has_a_driver_and_a_simulated_sensor(name):
    driver = devices.device(name)
    assert driver.name == name
    assert driver.title
    if issubclass(driver, BleDevice):
        assert driver.needs
        assert driver.advertised_names or driver.advertised_services
        assert issubclass(devices.simulated(name), SimulatedBle)
    else:
        assert issubclass(driver, Device)
        assert driver.baud > 0
        assert issubclass(devices.simulated(name), SimulatedDevice)


@pytest.mark.parametrize("name", devices.names())
def test_the_table_says_what_the_command_says(name):
    rows = [line.split(" | ") for line in (ROOT / "docs/devices.md").read_text("utf-8").splitlines()]
    (row,) = [row for row in rows if row[0] == f"| `{name}`"]
    driver = devices.device(name)
    assert row[1] == driver.title
    if issubclass(driver, Device):
        assert row[2] == ", ".join(map(str, (driver.baud, *driver.other_bauds)))
    short = (ROOT / "README.md").read_text("utf-8").partition("## Sensors")[2].partition("\n## ")[0]
    assert f"`{name}`" in short or (name.startswith("protocentral-") and name[13:].upper() in short)


def test_unknown_name_lists_the_known_and_the_nearest():
    with pytest.raises(SourceError, match=r"no device 'brige'.*did you mean bridge.*ascii"):
        devices.device("brige")
    with pytest.raises(SourceError, match="Known devices: bridge, ") as caught:
        devices.device("qqqq")
    assert "did you mean" not in str(caught.value)


def test_installed_packages_can_add_devices(monkeypatch):
    entries = [
        EntryPoint("mine", "wearecg.devices.ascii:Ascii", devices.GROUP),
        EntryPoint("bridge", "nowhere:Impostor", devices.GROUP),
        EntryPoint("broken", "not_installed_anywhere:Thing", devices.GROUP),
    ]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: entries)
    assert devices.names()[-2:] == ("mine", "broken")
    assert devices.names().count("bridge") == 1
    assert devices.device("mine") is devices.device("ascii")
    assert devices.simulated("mine") is devices.simulated("ascii")
    assert devices.device("bridge").__module__ == "wearecg.devices.bridge"
    with pytest.raises(SourceError, match=r"broken: not_installed_anywhere has no Thing"):
        devices.device("broken")


def test_drivers_are_imported_on_use():
    code = "import sys, wearecg.devices; print([m for m in sys.modules if m.startswith(('wearecg.devices.', 'cobs'))])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
