"""``wearecg simulate``: a virtual sensor, on a pseudo-terminal or a virtual Bluetooth."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wearecg.cli.arguments import positive
from wearecg.virtual_sensor.faults import HELP

if TYPE_CHECKING:
    from wearecg.devices.ble_base import SimulatedBle
    from wearecg.virtual_sensor import Fault, Playback, Report


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the verb."""
    parser = subparsers.add_parser(
        "simulate",
        help="play a synthetic person, or a recording, as a sensor on a virtual port or virtual Bluetooth",
        description="Play a synthetic person, or a recording, as a sensor: on a pseudo-terminal, or a Bluetooth "
        "sensor on a D-Bus of its own. It starts when a program opens it and asks for data; Ctrl-C ends it.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", default="bridge", help="the sensor to simulate (default bridge)")
    parser.add_argument("--from", dest="recording", metavar="RECORD", help="play this recording (WFDB, CSV)")
    parser.add_argument(
        "--scenario",
        default="sinus",
        metavar="NAME",
        help="what the person has: sinus af pac pvc bigeminy vt pause, st st-inferior st-depression, "
        "noise lead-off motion, joined by + (af+noise), or demo for a tour (default sinus)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which person (default 0)")
    parser.add_argument(
        "--leads",
        type=lambda text: text.split(","),
        metavar="II,V1",
        help="leads to send (default: all of a recording; of a person "
        "the twelve for bridge, II for other sensors)",
    )
    parser.add_argument(
        "--fs", type=positive, metavar="HZ", help="samples per second (a person: default 500)"
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        metavar="X",
        help="seconds of signal played per second; at another speed than 1 no heart rate is given, as other samples "
        "come than the sensor states",
    )
    parser.add_argument("--link", type=Path, metavar="PATH", help="symlink to the port, kept over replugs")
    parser.add_argument("--fault", action="append", default=[], metavar="SPEC", help="a fault, see below")
    parser.add_argument("--ppm", type=float, default=0.0, metavar="X", help="error of the sensor's clock")
    parser.add_argument("--jitter", type=float, default=0.0, metavar="S", help="send up to S seconds late")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="write the true beats as JSON Lines")
    parser.add_argument("--duration", type=positive, metavar="S", help="seconds of signal to play")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play until the recording or the duration ends, or Ctrl-C."""
    from wearecg.devices import device as driver_of
    from wearecg.devices import simulated
    from wearecg.devices.ble_base import SimulatedBle
    from wearecg.virtual_sensor import Fault, VirtualSensor

    faults = [fault for text in args.fault for fault in Fault.parse(text)]
    device, driver = simulated(args.device), driver_of(args.device)
    if issubclass(device, SimulatedBle):
        return _run_bluetooth(args, device, faults)
    if args.recording is None:
        args.fs = args.fs or device.rate
        args.leads = args.leads or device.plays
    playback = _playback(args)
    scale = {"lsb": playback.lsb} if device.states_scale else {}
    sensor = VirtualSensor(
        playback,
        lambda: device(playback.leads, playback.fs, **scale),
        link=args.link,
        speed=args.speed,
        faults=faults,
        ppm=args.ppm,
        jitter=args.jitter,
        truth=args.truth,
        seed=args.seed,
    )
    signal.signal(signal.SIGINT, lambda *_: sensor.stop())
    signal.signal(signal.SIGTERM, lambda *_: sensor.stop())
    leads = " ".join(playback.leads)
    print(f"{args.device} sensor on {sensor.path}: {playback.name}, {leads} at {playback.fs:g} Hz")
    # Of a sensor that does not state its rate and its leads, the driver must be told them.
    told = f" --fs {playback.fs:g}" if device.rate is None else ""
    told = "" if driver.names_leads else f"{told} --leads {','.join(playback.leads)}"
    print(
        f"in another terminal: wearecg stream --port {sensor.path} --device {args.device}{told}", flush=True
    )
    sensor.run()
    print(describe(sensor.report, playback), file=sys.stderr)
    return 0


def _run_bluetooth(args: argparse.Namespace, kind: type[SimulatedBle], faults: list[Fault]) -> int:
    from wearecg.devices import device as driver_of
    from wearecg.errors import SourceError
    from wearecg.virtual_sensor.bluez_bus import dbus_daemon

    dbus_daemon()  # raises before the import of modules for Linux only
    from wearecg.virtual_sensor.bluez_sensor import VirtualBleSensor, VirtualBluetooth

    if args.link is not None:
        raise SourceError(f"{args.device} is a Bluetooth sensor and has no port: leave out --link")
    if args.recording is None:
        args.fs = args.fs or kind.rate or 250.0
        args.leads = args.leads or kind.plays
    playback = _playback(args)
    device = kind(playback.leads, playback.fs, playback.lsb)
    sensor = VirtualBleSensor(
        playback,
        device,
        faults=faults,
        speed=args.speed,
        ppm=args.ppm,
        jitter=args.jitter,
        truth=args.truth,
        seed=args.seed,
    )
    air = VirtualBluetooth([sensor])
    signal.signal(signal.SIGINT, lambda *_: air.stop())
    signal.signal(signal.SIGTERM, lambda *_: air.stop())
    leads = " ".join(playback.leads)
    print(f"{device.advertised_name} on a virtual Bluetooth: {playback.name}, {leads} at {playback.fs:g} Hz")
    # Of a sensor whose rate the user chooses, ask for the one that is played.
    told = f" --fs {playback.fs:g}" if getattr(driver_of(args.device), "rates", ()) else ""
    target = f"--ble '{device.advertised_name}'{told}"
    print(f"in another terminal: DBUS_SYSTEM_BUS_ADDRESS={air.address} wearecg stream {target}", flush=True)
    air.run()
    print(describe(sensor.report, playback), file=sys.stderr)
    return 0


def describe(report: Report, playback: Playback) -> str:
    """Return a report in one line."""
    return (
        f"played {report.samples / playback.fs:.1f} s ({report.samples} samples, {report.beats} true beats); "
        f"sent {report.frames} frames ({report.bytes} bytes), lost {report.dropped_frames}"
    )


def _playback(args: argparse.Namespace) -> Playback:
    from wearecg.virtual_sensor import Playback

    if args.recording is not None:
        from wearecg.formats import read_recording

        return Playback(read_recording(args.recording, args.fs), args.leads, args.duration)
    from wearecg.person import Person

    person = Person(args.seed, args.scenario, 500.0 if args.fs is None else args.fs)
    return Playback(person, args.leads, args.duration)
