"""Which source a user means by what he typed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from wearecg.arguments import typed
from wearecg.ecg.leads import names_of
from wearecg.errors import SourceError
from wearecg.rates import as_rate
from wearecg.transports.base import Source


@typed
def open_source(
    spec: str,
    device: str | None = None,
    baud: int | None = None,
    fs: float | None = None,
    leads: str | Sequence[str] = (),
) -> Source:
    """Return the source that ``spec`` names, not yet open.

    Parameters
    ----------
    spec : str
        ``/dev/ttyUSB0``, ``COM3``, ``socket://host:port``: a serial port, see `open_port`.
        ``ble:NAME``, ``ble:ADDRESS``: a Bluetooth sensor, see `open_ble`.
        ``simulate:SCENARIO?seed=1&fs=500&speed=1``: the synthetic person.
        ``PATH?speed=1``: a recording, replayed live; ``speed=max`` as fast as it can be read.
    device : str, optional
        The sensor (see ``wearecg devices``); if not given, ``bridge`` on a port, detected on Bluetooth.
    baud : int, optional
        Of a serial port, if not the sensor's usual one.
    fs : float, optional
        Samples per second, where the sensor or the file does not state them.
    leads : str or sequence of str
        Names of the channels (``"II,V1"``), for a sensor that does not state them.

    Returns
    -------
    Source

    Raises
    ------
    SourceError
        There is nothing of that name, or it does not have one of the options.

    Examples
    --------
    >>> with open_source("simulate:sinus?speed=max") as source:
    ...     source.realtime
    False
    """
    names = names_of(leads)
    fs = None if fs is None else as_rate(fs)
    if not spec:
        raise SourceError("'' is no name of a port, a sensor or a recording")
    if is_port(spec):
        return open_port(spec, device, baud, fs, names)
    if spec.startswith(BLE):
        if baud:
            raise SourceError(f"{spec} is not a serial port: leave out the baud rate")
        return open_ble(spec.removeprefix(BLE), device, fs=fs, leads=names)
    if device or baud:
        raise SourceError(f"{spec} is not a sensor: leave out the device and the baud rate")
    path, _, query = spec.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if path == "simulate" or path.startswith("simulate:"):
        from wearecg.transports.simulate import SimulateSource

        if fs is not None:
            raise SourceError(f"{spec}: say the rate of a simulation as {path}?fs={fs:g}")
        scenario = path.partition(":")[2] or "demo"
        seed, rate, speed = _take(options, spec, seed=0.0, fs=500.0, speed=1.0)
        return SimulateSource(scenario, seed=int(seed), fs=rate, speed=speed)
    from wearecg.formats import open_recording
    from wearecg.transports.replay import replay

    (speed,) = _take(options, spec, speed=1.0)
    return replay(open_recording(path, fs), speed)


def open_port(
    port: str,
    device: str | None = None,
    baud: int | None = None,
    fs: float | None = None,
    leads: Sequence[str] = (),
    lsb: float | None = None,
    capture: Path | None = None,
) -> Source:
    """Return the (unopened) source for the sensor ``device`` (default ``bridge``) on a serial port.

    With the device ``auto`` the sensor is detected from what it sends, see `wearecg.transports.auto`.
    ``fs`` (Hz), ``leads`` and ``lsb`` (mV of one count) tell what a sensor does not state itself: its rate, what its
    columns are, and their scale. ``capture`` is a new file for the raw bytes.

    Raises
    ------
    SourceError
        No such device, or one that states its own rate was given another.
    """
    from wearecg.devices import device as device_class
    from wearecg.devices import serial_drivers
    from wearecg.devices.base import Device

    def make(driver: type[Device]) -> Device:
        told = {"fs": fs, "lsb": lsb, "leads": None if driver.names_leads else tuple(leads) or None}
        options: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
        return driver(**options)

    if device == AUTO:
        from wearecg.transports.auto import AutoSource

        return AutoSource(port, serial_drivers(), make, baud, capture)
    from wearecg.transports.serial import SerialSource

    driver = device_class(device or "bridge")
    if not issubclass(driver, Device):
        raise SourceError(f"{driver.name} is a Bluetooth sensor: --ble NAME in the place of --port {port}")
    return SerialSource(port, make(driver), baud, capture)


def open_ble(
    target: str,
    device: str | None = None,
    streams: Sequence[str] = (),
    fs: float | None = None,
    leads: Sequence[str] = (),
) -> Source:
    """Return the (unopened) source for the Bluetooth sensor ``target``: its name, a part of it, or its address.

    ``device`` is found from what the sensor advertises if not given. ``streams`` are those to ask it for. ``leads``
    tell a sensor that does not say so itself what its channels are.

    Raises
    ------
    SourceError
        No such device, one that has no such stream, or one that states its own rate was given another.
    """
    from wearecg.devices import device as device_class
    from wearecg.devices.ble_base import BleDevice
    from wearecg.transports.ble import BleSource

    def make(driver: type[BleDevice]) -> BleDevice:
        options: dict[str, Any] = {"streams": tuple(streams)} if streams else {}
        if fs is not None:
            if not driver.rates:
                raise SourceError(f"a {driver.title} states its own rate: leave out --fs {fs:g}")
            options["fs"] = fs
        if leads and not driver.names_leads:
            options["leads"] = tuple(leads)
        return driver(**options)

    driver = device_class(device) if device else None
    if driver is not None and not issubclass(driver, BleDevice):
        raise SourceError(f"{device} is a serial device: --port PORT in the place of --ble {target}")
    return BleSource(target, driver, make)


AUTO = "auto"
BLE = "ble:"


def is_port(spec: str) -> bool:
    """Whether ``spec`` names a serial port rather than a recording."""
    if "://" in spec or spec.startswith("/dev/") or re.fullmatch(r"COM\d+", spec, re.IGNORECASE):
        return True
    try:
        return stat.S_ISCHR(os.stat(spec).st_mode)
    except OSError:
        # A dangling link is a port that is unplugged just now.
        return os.path.islink(spec)


def _take(options: dict[str, str], spec: str, **defaults: float) -> list[float]:
    unknown = set(options) - set(defaults)
    if unknown:
        raise SourceError(f"{spec}: no option {unknown.pop()!r}; there are {', '.join(defaults)}")
    values = []
    for name, default in defaults.items():
        text = options.get(name)
        if text == "max" and name == "speed":
            values.append(float("inf"))
            continue
        try:
            value = default if text is None else float(text)
        except ValueError:
            value = float("nan")
        if not 0 <= value < float("inf"):
            raise SourceError(f"{spec}: {name}={text} is not a number that can be used")
        values.append(value)
    return values
