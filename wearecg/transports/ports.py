"""Serial ports: which there are, why one does not open, and an open one that is read in large pieces."""

from __future__ import annotations

import errno
import getpass
import os
import select
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from wearecg.text import visible

if TYPE_CHECKING:
    import serial

READ_WAIT = 0.1
"""Seconds that `Line.read` waits for bytes, and so for which its thread cannot be ended."""
READ_BYTES = 65536
WRITE_WAIT = 0.1
"""Seconds a write may hold the pipeline up; what the port does not take by then is lost, and asked again."""
CONNECT_WAIT = 5.0
"""Seconds for the other side of ``socket://`` to answer."""

PORT_ERRORS: tuple[type[Exception], ...] = (OSError, ValueError)
"""What opening and using a port raises, depending on the call that finds out; SerialException is an OSError."""
with suppress(ImportError):  # not on Windows
    import termios

    PORT_ERRORS += (termios.error,)

_GONE = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOTDIR)
_DENIED = (errno.EACCES, errno.EPERM)
_BUSY = (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK)


@dataclass(frozen=True, slots=True)
class PortInfo:
    """One serial port.

    ``device`` names the sensor that such a USB board usually is, None where that is not known;
    ``problem`` says why this user cannot open it and what to do, empty where nothing is in the way.
    """

    path: str
    description: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    device: str | None = None
    problem: str = ""


def list_ports(usb_ids: Mapping[tuple[int, int], str] | None = None) -> list[PortInfo]:
    """The serial ports of this computer, by path. ``usb_ids``: (vendor, product) to device name."""
    from serial.tools import list_ports as serial_ports

    known = usb_ids or {}
    found = []
    for port in serial_ports.comports():
        name = known.get((port.vid, port.pid)) if port.vid is not None and port.pid is not None else None
        # On Windows every port is openable as far as permissions go.
        denied = sys.platform != "win32" and not os.access(port.device, os.R_OK | os.W_OK)
        found.append(
            PortInfo(
                path=port.device,
                description=visible(port.description) if port.description != "n/a" else "",
                vid=port.vid,
                pid=port.pid,
                serial_number=port.serial_number and visible(port.serial_number),
                device=name,
                problem=no_permission(port.device) if denied else "",
            )
        )
    return sorted(found, key=lambda info: info.path)


def is_url(port: str) -> bool:
    """Whether ``port`` is a pyserial URL (``socket://host:port``) and not a port of this computer."""
    return "://" in port


def is_present(port: str) -> bool:
    """Whether an attempt to open ``port`` makes sense: its path exists, or it has none (URLs, ``COM3``)."""
    return not port.startswith("/") or os.path.exists(port)


def is_missing(error: BaseException) -> bool:
    """Whether ``error``, from opening a port, means that there is no such port."""
    return getattr(error, "errno", None) in _GONE or "FileNotFoundError" in str(error)


def explain_open(port: str, error: BaseException) -> str:
    """Why ``port`` did not open and what to do, in one line, from the error that pyserial raised."""
    code = getattr(error, "errno", None)
    if is_url(port):
        return f"cannot open {port} ({error}): check the address and that the other side is listening"
    if is_missing(error):
        return no_such_port(port)
    if code in _DENIED:
        return no_permission(port)
    # pyserial on Windows keeps no errno; access denied there means that another program has the port.
    if code in _BUSY or "PermissionError" in str(error):
        return busy(port)
    return f"cannot open {port}: {error}; if it is not a serial port, `wearecg devices` lists those there are"


def explain_loss(port: str, error: BaseException) -> str:
    """The line for a port that worked until ``error``."""
    if is_url(port):
        return f"connection to {port} broke ({error}); trying to connect again"
    return f"sensor unplugged from {port}; waiting for it to come back"


def no_such_port(port: str) -> str:
    """The line for a port that does not exist, with those that do."""
    there = ", ".join(info.path for info in list_ports()) or "none"
    return f"no serial port {port} (there are: {there}): plug the sensor in, or see `wearecg devices`"


def no_permission(port: str) -> str:
    """The line for a port that this user may not open, with the command that helps."""
    if not sys.platform.startswith("linux"):
        return f"no permission to open {port}: give your user read and write access to it"
    group, user = _group_of(port), _user()
    if _is_member(user, group):
        return (
            f"no permission to open {port}: {user} is in the group {group}, "
            "but this session is older than that: log out and in again"
        )
    return (
        f"no permission to open {port}: join its group with `sudo usermod -aG {group} {user}`, "
        "then log out and in again"
    )


def busy(port: str) -> str:
    """The line for a port that another program holds, named where it can be seen."""
    by = ", ".join(holders(port)) or "another program"
    return f"{port} is in use by {by}: close that first (a serial monitor, or a second wearecg?)"


def holders(port: str, others_only: bool = False) -> list[str]:
    """The processes that have ``port`` open, as ``name (pid 123)``; only what /proc lets this user see."""
    target = os.path.realpath(port)
    found = []
    with suppress(OSError):
        for process in Path("/proc").iterdir():
            if not process.name.isdigit() or (others_only and process.name == str(os.getpid())):
                continue
            with suppress(OSError):
                if target in _open_files(process):
                    name = visible((process / "comm").read_text(errors="replace").strip())
                    found.append(f"{name} (pid {process.name})")
    return found


def _open_files(process: Path) -> set[str]:
    """Paths that a /proc entry has open. Files close while we look; those of other users raise OSError."""
    paths = set()
    for fd in (process / "fd").iterdir():
        with suppress(FileNotFoundError):
            paths.add(os.readlink(fd))
    return paths


def _group_of(port: str) -> str:
    import grp

    with suppress(OSError, KeyError):
        name = grp.getgrgid(os.stat(port).st_gid).gr_name
        # Membership in these is not what one hands out for a serial port.
        if name not in ("root", "tty", "nogroup"):
            return name
    return "dialout"


def _user() -> str:
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return "$USER"


def _is_member(user: str, group: str) -> bool:
    import grp

    with suppress(KeyError):
        return user in grp.getgrnam(group).gr_mem
    return False


def open_line(port: str, baud: int) -> Line:
    """Open ``port`` for reading and writing, and for us alone; raises one of `PORT_ERRORS`."""
    return _TcpLine(port) if port.startswith("socket://") else _SerialLine(port, baud)


class Line(Protocol):
    """An open port. Its methods raise one of `PORT_ERRORS` when the port is gone."""

    def read(self) -> bytes:
        """Whatever waits, after at most `READ_WAIT` seconds."""

    def write(self, data: bytes) -> None:
        """Write within `WRITE_WAIT` seconds or raise."""

    def set_baud(self, baud: int) -> None:
        """Go on at another rate; a network has none."""

    def close(self) -> None:
        """Free the port."""


class _SerialLine:
    def __init__(self, port: str, baud: int) -> None:
        import serial

        # DTR and RTS stay asserted, as pyserial has them: boards with native USB (Leonardo, Pico, SAMD) send
        # nothing without DTR, and an ESP32 is held in reset by RTS alone. That an Uno restarts
        # when its port is opened costs two seconds and one more handshake.
        self._serial = serial.serial_for_url(
            port, baud, timeout=READ_WAIT, write_timeout=WRITE_WAIT, exclusive=True
        )
        self._port = port
        with suppress(*PORT_ERRORS, AttributeError, NotImplementedError):
            self._serial.set_low_latency_mode(True)
        self._fd = _fileno(self._serial)

    def read(self) -> bytes:
        if self._fd is None:
            first: bytes = self._serial.read(1)
            return first + self._serial.read(self._serial.in_waiting) if first else b""
        # Half of the CPU time of pyserial's read: one piece and one system call for all that waits.
        if not select.select([self._fd], [], [], READ_WAIT)[0]:
            self._check_path(self._fd)
            return b""
        with suppress(BlockingIOError):
            if data := os.read(self._fd, READ_BYTES):
                return data
        # Nothing after all: the port hung up, which this call raises, or another reader was quicker.
        _ = self._serial.in_waiting
        time.sleep(0.01)
        return b""

    def write(self, data: bytes) -> None:
        self._serial.write(data)

    def set_baud(self, baud: int) -> None:
        self._serial.baudrate = baud

    def close(self) -> None:
        self._serial.close()

    def _check_path(self, fd: int) -> None:
        # A link (udev's, or a simulator's) may lead to a new port while the old one hangs around, mute.
        with suppress(FileNotFoundError):
            if os.stat(self._port).st_rdev != os.fstat(fd).st_rdev:
                raise OSError("the path leads to another port now")


class _TcpLine:
    """``socket://host:port`` without pyserial, which reads it byte by byte and leaks it after a hang-up."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        if not address.hostname or not address.port:
            raise ValueError("the form is socket://host:port")
        self._socket = socket.create_connection((address.hostname, address.port), CONNECT_WAIT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(WRITE_WAIT)

    def read(self) -> bytes:
        if not select.select([self._socket], [], [], READ_WAIT)[0]:
            return b""
        if data := self._socket.recv(READ_BYTES):
            return data
        raise OSError("closed by the other side")

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def set_baud(self, baud: int) -> None:
        pass

    def close(self) -> None:
        self._socket.close()


def _fileno(port: serial.Serial) -> int | None:
    """Descriptor to wait on, None where there is none (Windows, ``loop://``, ``rfc2217://``)."""
    if os.name != "posix":
        return None
    with suppress(OSError, AttributeError):
        return port.fileno()
    return None
