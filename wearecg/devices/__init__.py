"""The sensors that wearecg knows, by name; a driver is imported when it is asked for.

A driver is used as ``device(name)(**options)`` with only the options that the user gave: ``fs`` (Hz),
``leads`` (names) and ``lsb`` (units of one count). A sensor that states these itself refuses them
with `SourceError`.

Other packages add sensors through the entry point group ``wearecg.devices``: the name, and
``module:Class`` of a `Device`. Its simulated counterpart, if there is one, is ``SimulatedClass`` in
the same module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from wearecg.errors import MissingExtraError, SourceError

if TYPE_CHECKING:
    from wearecg.devices.base import Device, SimulatedDevice
    from wearecg.devices.ble_base import BleDevice, SimulatedBle

GROUP = "wearecg.devices"

_BUILT_IN = {
    "bridge": ("wearecg.devices.bridge", "Bridge"),
    "ascii": ("wearecg.devices.ascii", "Ascii"),
    "cyton": ("wearecg.devices.cyton", "Cyton"),
    "chords": ("wearecg.devices.chords", "Chords"),
    "bitalino": ("wearecg.devices.bitalino", "Bitalino"),
    "shimmer3": ("wearecg.devices.shimmer3", "Shimmer3"),
    "olimex": ("wearecg.devices.olimex", "Olimex"),
    "protocentral-ads1292r": ("wearecg.devices.protocentral_ads", "Ads1292r"),
    "protocentral-ads1293": ("wearecg.devices.protocentral_ads", "Ads1293"),
    "protocentral-max30003": ("wearecg.devices.protocentral_max", "Max30003"),
    "protocentral-max30001": ("wearecg.devices.protocentral_max", "Max30001"),
    "protocentral-max86150": ("wearecg.devices.protocentral_max", "Max86150"),
    "healthypi4": ("wearecg.devices.healthypi", "HealthyPi4"),
    "healthypi5": ("wearecg.devices.healthypi", "HealthyPi5"),
    "healthypi6": ("wearecg.devices.healthypi6", "HealthyPi6"),
    "polar-h10": ("wearecg.devices.polar_h10", "PolarH10"),
    "polar-verity": ("wearecg.devices.polar_verity", "PolarVerity"),
    "movesense": ("wearecg.devices.movesense", "Movesense"),
    "ganglion": ("wearecg.devices.ganglion", "Ganglion"),
    "npg": ("wearecg.devices.npg", "Npg"),
    "bridge-ble": ("wearecg.devices.bridge_ble", "BridgeBle"),
    "heart-rate": ("wearecg.devices.heart_rate", "HeartRateStrap"),
}


def names() -> tuple[str, ...]:
    """Every known device name, those of installed packages included."""
    return tuple(_known())


def device(name: str) -> type[Device] | type[BleDevice]:
    """Return the driver class of device ``name``. Raises `SourceError` for a name that is not known."""
    return cast("type[Device] | type[BleDevice]", _load(name, ""))


def serial_drivers() -> dict[str, type[Device]]:
    """The driver classes of all sensors on serial ports, by name."""
    from wearecg.devices.base import Device

    drivers = {name: device(name) for name in names()}
    return {name: driver for name, driver in drivers.items() if issubclass(driver, Device)}


def simulated(name: str) -> type[SimulatedDevice] | type[SimulatedBle]:
    """Return the class that plays device ``name``. Raises `SourceError` where there is none."""
    return cast("type[SimulatedDevice] | type[SimulatedBle]", _load(name, "Simulated"))


def _known() -> dict[str, tuple[str, str]]:
    from importlib.metadata import entry_points

    others = {entry.name: (entry.module, entry.attr) for entry in entry_points(group=GROUP)}
    return _BUILT_IN | {name: place for name, place in others.items() if name not in _BUILT_IN}


def _load(name: str, prefix: str) -> object:
    place = _BUILT_IN.get(name) or _known().get(name)
    if place is None:
        from difflib import get_close_matches

        close = get_close_matches(name.lower(), names(), 1, 0.5)
        hint = f"; did you mean {close[0]}?" if close else ";"
        raise SourceError(f"there is no device {name!r}{hint} Known devices: {', '.join(names())}")
    module, cls = place
    try:
        return getattr(import_module(module), prefix + cls)
    except MissingExtraError:  # an ImportError too, but it says what to install
        raise
    except (ImportError, AttributeError) as error:
        raise SourceError(f"device {name}: {module} has no {prefix + cls} ({error})") from error
