"""The files of the service: what they hold and where they go."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from wearecg.errors import ConfigError

NAME = "wearecg"
CONFIG = Path("/etc/wearecg.toml")
STATE = Path("/var/lib/wearecg")
GROUPS = ("dialout", "bluetooth")
"""Groups of serial ports and of BlueZ; those that the system has are given to the service."""
VENDORS = {
    "0403": "FTDI",
    "10c4": "Silicon Labs CP210x",
    "1a86": "WCH CH340",
    "1b4f": "SparkFun",
    "16c0": "Teensy",
    "2341": "Arduino",
    "239a": "Adafruit",
    "2a03": "Arduino",
    "2e8a": "Raspberry Pi Pico",
    "303a": "Espressif",
}
"""USB vendors of the boards and serial adapters that sensors have."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of the service. ``kept`` if it exists already, and when the service is taken away: it is the user's."""

    path: Path
    text: str
    kept: bool = False


def files(command: str, groups: Collection[str]) -> list[File]:
    """Return all files; ``command`` (see `quoted`) starts ``wearecg``, ``groups`` are those of `GROUPS` there are."""
    return [
        File(CONFIG, _CONFIG, kept=True),
        File(Path("/etc/systemd/system/wearecg.service"), unit(command, groups)),
        File(Path("/etc/sysusers.d/wearecg.conf"), _SYSUSERS),
        File(Path("/etc/modules-load.d/wearecg.conf"), _MODULES),
        File(Path("/etc/udev/rules.d/70-wearecg.rules"), udev_rules()),
    ]


def unit(command: str, groups: Collection[str]) -> str:
    """Return the systemd unit that runs ``command stream --config /etc/wearecg.toml``."""
    supplementary = f"SupplementaryGroups={' '.join(groups)}\n" if groups else ""
    return _UNIT.format(command=command, config=CONFIG, groups=supplementary)


def quoted(program: str) -> str:
    """Return the path of a program as ``ExecStart`` takes it: in quotes where need be, ``%`` doubled.

    Raises
    ------
    ConfigError
        It has a character that systemd gives a meaning and has no way to write there in every version.
    """
    if not program.isprintable() or set(program) & set("\"'\\$"):
        raise ConfigError(
            f"{program!r} has a character that systemd does not take in a path: install it elsewhere"
        )
    path = program.replace("%", "%%")
    return f'"{path}"' if " " in path else path


def udev_rules() -> str:
    """Return the udev rules: a short latency for FTDI, and ``/dev/wearecg`` for a sensor's USB port."""
    return _RULES.replace("VENDORS", "|".join(VENDORS))


_UNIT = """\
# Written by `wearecg service install`, which overwrites it. Changes of yours: `systemctl edit wearecg`.
[Unit]
Description=wearecg: ECG from a wearable sensor, scored and recorded
Documentation=file://{config}
# A Raspberry Pi has no clock of its own: recordings should be named by the right time.
Wants=time-sync.target bluetooth.service
After=time-sync.target bluetooth.service systemd-modules-load.service
# A sensor may be away for days: never give up.
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command} stream --config {config}
# Fed when windows were scored; where there are none to score, when samples arrive and the outputs take them; and
# while the sensor is away and is looked for.
WatchdogSec=60
TimeoutStartSec=180
TimeoutStopSec=45
Restart=on-failure
RestartSec=10
# A wrong option, a wrong model, a package that is missing: to start anew does not help. Leads and rates change with
# the sensor that is plugged in.
RestartPreventExitStatus=2 4 7

User=wearecg
{groups}StateDirectory=wearecg
StateDirectoryMode=0750
WorkingDirectory=%S/wearecg
UMask=0027
Environment=PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 ORT_DISABLE_TELEMETRY=1
MemoryMax=512M
TasksMax=64
OOMScoreAdjust=-500

# Serial ports, and D-Bus for Bluetooth; nothing else of the machine, and no network. A sensor at socket://, or an
# output that sends, needs in `systemctl edit wearecg`:
#     [Service]
#     RestrictAddressFamilies=AF_INET AF_INET6
#     IPAddressAllow=192.168.1.20
DevicePolicy=closed
DeviceAllow=char-ttyUSB rw
DeviceAllow=char-ttyACM rw
DeviceAllow=char-ttyAMA rw
DeviceAllow=char-ttyS rw
DeviceAllow=char-rfcomm rw
RestrictAddressFamilies=AF_UNIX
IPAddressDeny=any
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateMounts=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""

_SYSUSERS = """\
u wearecg - "wearecg service" /var/lib/wearecg
"""

_MODULES = """\
# The service may open the kinds of device that the kernel knows when it starts; these would else come with the first
# sensor that is plugged in.
usbserial
cdc_acm
"""

_RULES = """\
# FTDI adapters hold bytes back for 16 ms unless they are told otherwise.
ACTION=="add", SUBSYSTEM=="usb-serial", DRIVER=="ftdi_sio", ATTR{latency_timer}="1"
# A name that stays, for boards and adapters as sensors have them; of several the last that was plugged in, so that
# then the names in /dev/serial/by-id/ are better. ModemManager must not talk to them.
SUBSYSTEM=="tty", ENV{ID_BUS}=="usb", ENV{ID_VENDOR_ID}=="VENDORS", SYMLINK+="wearecg", ENV{ID_MM_DEVICE_IGNORE}="1"
"""

_CONFIG = """\
# What `wearecg stream` does as a service: its options, without the dashes (`wearecg stream --help`).
# After a change: sudo systemctl restart wearecg

# The sensor: one of
port = "/dev/wearecg"
# ble = "Polar H10"
# device = "bridge"

# Where to record, from /var/lib/wearecg on; each recording so long; how much to leave free on the disk.
record = "recordings"
rotate = "1h"
keep-free = "1GB"
# Write every so many seconds, which spares the SD card. A kill or a power cut loses at most so much.
sync = 30

# to = ["jsonl:findings.jsonl"]
# model = "encoder"
"""
