"""Explanations for ports that do not open, from errors that really happened."""

import os
import pty
import socket
import subprocess
import sys
import tty
from contextlib import contextmanager

import pytest

from wearecg.transports import ports

posix = pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")


@pytest.fixture
def terminal():
    """A raw pty: (master descriptor, slave path)."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    os.close(slave)
    yield master, path
    os.close(master)


@contextmanager
def another_process(code, *args, **kwargs):
    """Run ``code`` in a second Python until the block ends; it must print a line when it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **kwargs,
    )
    try:
        assert process.stdout.readline()
        yield process
    finally:
        process.communicate()  # closes its stdin, on which it waits


HOLD = """
import serial, sys
port = serial.Serial(sys.argv[1], exclusive=True)
print("ready", flush=True)
sys.stdin.read()
"""


def open_error(port):
    with pytest.raises(ports.PORT_ERRORS) as caught:
        ports.open_line(port, 115200).close()
    return caught.value


def test_list_ports_is_well_formed():
    found = ports.list_ports({(0x2341, 0x0043): "bridge"})
    assert found == sorted(found, key=lambda info: info.path)
    assert all(info.path and isinstance(info.description, str) for info in found)


def test_list_ports_names_the_device_behind_usb_ids(monkeypatch, terminal):
    """No USB here, so the system's list is given; everything after it is real."""
    from serial.tools import list_ports, list_ports_common

    def entry(path, description, vid=None, pid=None):
        info = list_ports_common.ListPortInfo(path, skip_link_detection=True)
        info.description, info.vid, info.pid = description, vid, pid
        return info

    _, path = terminal
    there = [
        entry("/dev/no-such-port-2", "Other", 0x1111, 0x2222),
        entry("/dev/no-such-port-1", "n/a"),
        entry(path, "Arduino", 0x2341, 0x0043),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: there)
    found = {info.path: info for info in ports.list_ports({(0x2341, 0x0043): "bridge"})}
    assert list(found) == sorted(found)
    assert found[path].device == "bridge"
    assert found[path].problem == ""
    assert found["/dev/no-such-port-1"].device is None
    assert found["/dev/no-such-port-1"].description == ""
    assert found["/dev/no-such-port-2"].device is None
    assert "no permission" in found["/dev/no-such-port-2"].problem


@posix
def test_missing_port_lists_those_there_are():
    error = open_error("/dev/no-such-port")
    assert ports.is_missing(error)
    text = ports.explain_open("/dev/no-such-port", error)
    assert text.startswith("no serial port /dev/no-such-port (there are: ")
    assert "wearecg devices" in text


@posix
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_no_serial_port_says_so(tmp_path, kind):
    path = tmp_path / "port"
    path.mkdir() if kind == "folder" else path.write_text("x")
    error = open_error(str(path))
    assert not ports.is_missing(error)
    text = ports.explain_open(str(path), error)
    assert text.startswith(f"cannot open {path}: ")
    assert "wearecg devices" in text
    assert "\n" not in text


@linux
def test_busy_port_names_who_has_it(terminal):
    _, path = terminal
    with another_process(HOLD, path) as process:
        text = ports.explain_open(path, open_error(path))
        assert ports.holders(path) == ports.holders(path, others_only=True)
    assert f"{path} is in use by " in text
    assert f"(pid {process.pid})" in text
    assert "close" in text
    ports.open_line(path, 115200).close()  # free again


@linux
def test_holders_sees_through_links_and_can_leave_us_out(terminal, tmp_path):
    _, path = terminal
    link = tmp_path / "port"
    link.symlink_to(path)
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        (name,) = ports.holders(str(link))
        assert f"(pid {os.getpid()})" in name
        assert ports.holders(str(link), others_only=True) == []
    finally:
        os.close(fd)
    assert ports.holders(str(link)) == []


DENIED = """
import os, sys
from wearecg.devices.base import Device
from wearecg.transports import ports
import getpass, grp, serial, serial.tools.list_ports
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    ports.open_line(sys.argv[1], 115200)
except ports.PORT_ERRORS as error:
    print(ports.explain_open(sys.argv[1], error))
"""


@linux
def test_no_permission_gives_the_command_that_helps(terminal):
    _, path = terminal
    os.chmod(path, 0o000 if os.geteuid() else 0o600)
    run = subprocess.run(
        [sys.executable, "-c", DENIED, path],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LOGNAME": "alice"},
    )
    assert run.stdout.strip() == (
        f"no permission to open {path}: join its group with `sudo usermod -aG dialout alice`, "
        "then log out and in again"
    )


@linux
def test_no_permission_names_the_group_of_the_port(tmp_path):
    """Distributions differ: dialout on Debian, uucp on Arch."""
    import grp

    if os.geteuid():
        pytest.skip("only root may give a file away")
    path = tmp_path / "port"
    path.touch()
    group = next(g for g in grp.getgrall() if g.gr_name not in ("root", "tty", "nogroup"))
    os.chown(path, -1, group.gr_gid)
    assert f"usermod -aG {group.gr_name} " in ports.no_permission(str(path))


@linux
def test_member_of_the_group_needs_a_new_session(monkeypatch, tmp_path):
    import grp

    entry = grp.struct_group(("dialout", "x", 20, ["alice"]))
    monkeypatch.setattr(grp, "getgrnam", lambda name: entry)
    monkeypatch.setenv("LOGNAME", "alice")
    text = ports.no_permission(str(tmp_path / "none"))
    assert "usermod" not in text
    assert "log out and in again" in text


def test_windows_errors_come_as_text():
    """pyserial on Windows wraps the error's repr and keeps no errno."""
    import serial

    gone = serial.SerialException("could not open port 'COM3': FileNotFoundError(2, 'not found', None, 2)")
    taken = serial.SerialException(
        "could not open port 'COM3': PermissionError(13, 'Access is denied.', None, 5)"
    )
    assert ports.explain_open("COM3", gone).startswith("no serial port COM3")
    assert ports.explain_open("COM3", taken).startswith("COM3 is in use by ")


def test_unreachable_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"socket://127.0.0.1:{free.getsockname()[1]}"
    text = ports.explain_open(url, open_error(url))
    assert text.startswith(f"cannot open {url} (")
    assert "listening" in text


@pytest.mark.parametrize("url", ["socket://", "socket://host", "socket://host:port", "carrier-pigeon://x"])
def test_malformed_addresses(url):
    assert ports.explain_open(url, open_error(url)).startswith(f"cannot open {url} (")


def test_presence(tmp_path):
    assert ports.is_present("COM3")
    assert ports.is_present("socket://host:1")
    assert not ports.is_present(str(tmp_path / "port"))
    (tmp_path / "port").symlink_to(tmp_path / "target")
    assert not ports.is_present(str(tmp_path / "port"))
    (tmp_path / "target").touch()
    assert ports.is_present(str(tmp_path / "port"))


@posix
def test_line_reads_all_that_waits_and_raises_on_hang_up():
    master, slave = pty.openpty()
    tty.setraw(slave)
    line = ports.open_line(os.ttyname(slave), 115200)
    os.close(slave)
    try:
        every_byte = bytes(range(256))
        os.write(master, every_byte)
        assert line.read() == every_byte
        line.write(every_byte)
        assert os.read(master, 1000) == every_byte
        assert line.read() == b""
        os.close(master)
        with pytest.raises(ports.PORT_ERRORS):
            line.read()
        with pytest.raises(ports.PORT_ERRORS):
            line.write(b"x")
    finally:
        line.close()


def test_line_without_descriptor():
    line = ports.open_line("loop://", 115200)
    assert line.read() == b""
    line.write(b"abc")
    assert line.read() == b"abc"
    line.close()


def test_import_is_light():
    code = (
        "import sys, wearecg.transports.serial, wearecg.transports.ports;"
        "sys.exit(', '.join({'serial', 'scipy', 'asyncio'} & set(sys.modules)) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
