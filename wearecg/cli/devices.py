"""``wearecg devices``: what is known and what is plugged in."""

from __future__ import annotations

import argparse


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "devices",
        help="known sensors and what is plugged in",
        description="Known sensors and what is plugged in.",
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print two short lists."""
    from wearecg.devices import device, names
    from wearecg.transports.ports import list_ports

    print("Known devices (wearecg stream --port PORT --device NAME):")
    known = {name: device(name) for name in names()}
    for name, driver in known.items():
        print(f"  {name:10} {driver.title} ({driver.baud} baud)")
    ports = list_ports({ids: name for name, driver in known.items() for ids in driver.usb_ids})
    print("Plugged in:" if ports else "Plugged in: no serial port found")
    for port in ports:
        guess = f" - probably {port.device}" if port.device else ""
        print(f"  {port.path}  {port.description}{guess}" + (f"\n    {port.problem}" if port.problem else ""))
    return 0
