"""``wearecg devices``: known sensors and what is plugged in."""

from __future__ import annotations

import argparse


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "devices",
        help="known sensors and what is plugged in",
        description="Known sensors and what is plugged in.",
    )
    parser.add_argument("--scan", action="store_true", help="look for Bluetooth sensors, too (5 s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the lists."""
    from wearecg.devices import device, names, serial_drivers
    from wearecg.transports.ports import list_ports

    known, width = serial_drivers(), max(map(len, names()))
    print("Known devices (wearecg stream --port PORT --device NAME, or --device auto):")
    for name, driver in known.items():
        print(f"  {name:{width}} {driver.title} ({driver.baud} baud)")
    print("On Bluetooth (wearecg stream --ble NAME):")
    for name in names():
        if name not in known:
            print(f"  {name:{width}} {device(name).title}")
    ports = list_ports({ids: name for name, driver in known.items() for ids in driver.usb_ids})
    print("Plugged in:" if ports else "Plugged in: no serial port found")
    for port in ports:
        guess = f" - may be {port.device}; --device auto detects it" if port.device else ""
        print(f"  {port.path}  {port.description}{guess}" + (f"\n    {port.problem}" if port.problem else ""))
    if args.scan:
        _scan()
    return 0


def _scan() -> None:
    from wearecg.transports.ble_scan import list_sensors

    sensors = list_sensors()
    known = [sensor for sensor in sensors if sensor.device]
    print(
        "In range:"
        if known
        else "In range: no known sensor (a sensor that is connected elsewhere is not visible)"
    )
    for sensor in known:
        assert sensor.device
        print(f"  {sensor.address}  {sensor.name}  {sensor.rssi} dBm - {sensor.device.name}")
    if len(known) < len(sensors):
        print(f"  and {len(sensors) - len(known)} other Bluetooth devices")
