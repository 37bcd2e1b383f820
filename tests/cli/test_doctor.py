"""What `wearecg doctor` finds, on trees of files as the kernel shows them, and on a BlueZ that is played."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from wearecg.cli import main
from wearecg.doctor import Check
from wearecg.doctor import board as board_module
from wearecg.doctor.board import check_board
from wearecg.doctor.sensors import check_bluetooth, check_ports
from wearecg.doctor.storage import check_storage

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc and /sys")
pytestmark = linux


@pytest.fixture
def tree(tmp_path: Path):
    """Write files below a root that stands for ``/``."""

    def write(**texts: str) -> Path:
        for path, text in texts.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path

    return write


def named(checks: Iterable[Check], name: str) -> Check:
    (found,) = (check for check in checks if check.name == name)
    return found


THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
PI = {"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0"}


@pytest.mark.parametrize(
    ("word", "verdict", "found", "remedy"),
    [
        ("0", "ok", "neither under-voltage", ""),
        ("50005", "problem", "under-voltage now, throttled now", "power supply"),
        ("10000", "warning", "under-voltage since the start", "power supply"),
        ("80008", "warning", "near its temperature limit now", "heat sink"),
    ],
)
def test_power_and_heat_of_a_raspberry_pi(tree, word: str, verdict: str, found: str, remedy: str) -> None:
    check = named(check_board(tree(**PI, **{THROTTLED: word + "\n"})), "power and heat")
    assert check.verdict == verdict
    assert found in check.found
    assert remedy in check.remedy


def test_a_firmware_that_answers_nonsense(tree) -> None:
    check = named(check_board(tree(**PI, **{THROTTLED: "what?"})), "power and heat")
    assert check.verdict == "not applicable"


def test_vcgencmd_is_asked_where_the_kernel_does_not_tell(tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(**PI, **{"bin/vcgencmd": "#!/bin/sh\necho throttled=0x1\n"})
    (root / "bin/vcgencmd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{root}/bin:/bin:/usr/bin")
    assert named(check_board(root), "power and heat").found == "under-voltage now"


def test_the_board_governor_and_clock(tree) -> None:
    governor = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    root = tree(**PI, **{governor: "powersave\n", "run/systemd/timesync/synchronized": ""})
    checks = list(check_board(root))
    assert named(checks, "board").found == "Raspberry Pi 4 Model B Rev 1.4"
    assert named(checks, "CPU governor").verdict == "warning"
    assert named(checks, "clock").verdict == "ok"
    tree(**{governor: "ondemand\n"})
    assert named(check_board(root), "CPU governor").verdict == "ok"


def test_a_computer_that_tells_nothing(tmp_path: Path) -> None:
    checks = list(check_board(tmp_path))
    assert {check.verdict for check in checks} == {"not applicable"}
    assert named(checks, "clock").found == "systemd does not tell here"


@pytest.mark.parametrize(("answer", "verdict"), [("yes", "ok"), ("no", "warning"), ("", "not applicable")])
def test_the_clock_as_timedatectl_knows_it(
    monkeypatch: pytest.MonkeyPatch, answer: str, verdict: str
) -> None:
    if Path("/run/systemd/timesync/synchronized").exists():
        pytest.skip("this computer's clock is synchronised by systemd")
    monkeypatch.setattr(board_module, "ask", lambda command: answer)
    assert named(check_board(Path("/")), "clock").verdict == verdict


def test_the_latency_timer_of_an_ftdi_adapter(tree) -> None:
    root = tree(
        **{
            "sys/bus/usb-serial/devices/ttyUSB0/latency_timer": "16\n",
            "sys/bus/usb-serial/devices/ttyUSB1/latency_timer": "1\n",
        }
    )
    slow, fast = (check for check in check_ports(root) if check.name == "FTDI latency")
    assert (slow.verdict, fast.verdict) == ("warning", "ok")
    assert "/dev/ttyUSB0 holds bytes back for 16 ms" in slow.found
    assert "/sys/bus/usb-serial/devices/ttyUSB0/latency_timer" in slow.remedy


def test_disks(tree, tmp_path: Path) -> None:
    root = tree(**{"proc/mounts": "proc /proc proc rw 0 0\n/dev/mmcblk0p2 / ext4 ro,noatime 0 0\n"})
    assert named(check_storage(tmp_path, root), "system disk").verdict == "problem"
    tree(**{"proc/mounts": "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n"})
    assert named(check_storage(tmp_path, root), "system disk").verdict == "ok"
    tree(**PI, **{"proc/mounts": "overlay / overlay rw 0 0\n"})
    assert "raspi-config" in named(check_storage(tmp_path, root), "system disk").remedy
    assert "free for" in named(check_storage(tmp_path / "not/yet", root), "free space").found


def test_a_disk_that_is_read_only_and_one_that_is_nearly_full(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        assert named(check_storage(small, tmp_path), "free space").verdict == "problem"
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        assert named(check_storage(small, tmp_path), "recordings").verdict == "problem"
    finally:
        subprocess.run(["umount", str(small)], check=True)


# -- Bluetooth ----------------------------------------------------------------------------------------------------

ADAPTER = {"sys/class/bluetooth/hci0/rfkill0/soft": "0\n", "sys/class/bluetooth/hci0/rfkill0/hard": "0\n"}


def test_no_adapter_and_no_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    check = check_bluetooth(tmp_path)
    assert (check.verdict, check.found) == ("not applicable", "no adapter; serial sensors need none")


def test_an_adapter_that_is_blocked(tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    root = tree(**{**ADAPTER, "sys/class/bluetooth/hci0/rfkill0/soft": "1\n"})
    check = check_bluetooth(root)
    assert (check.verdict, check.found) == ("problem", "hci0 is blocked")


def test_an_adapter_without_bluez(tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    check = check_bluetooth(tree(**ADAPTER))
    assert (check.verdict, check.found) == ("problem", "hci0, but BlueZ does not run")


BLUEZ = """
import asyncio, sys
from dbus_fast import BusType
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_property
from dbus_fast.constants import PropertyAccess

class Adapter(ServiceInterface):
    def __init__(self): super().__init__("org.bluez.Adapter1")
    @dbus_property(access=PropertyAccess.READ)
    def Powered(self) -> "b": return sys.argv[1] == "on"

async def main():
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bus.export("/org/bluez/hci0", Adapter())
    await bus.request_name("org.bluez")
    print("ready", flush=True)
    await bus.wait_for_disconnect()
asyncio.run(main())
"""


@pytest.mark.parametrize(("power", "verdict"), [("on", "ok"), ("off", "problem"), (None, "problem")])
def test_bluez_over_a_real_bus(
    tree, monkeypatch: pytest.MonkeyPatch, power: str | None, verdict: str
) -> None:
    from wearecg.errors import SourceError
    from wearecg.virtual_sensor.bluez_bus import PrivateBus

    try:
        bus = PrivateBus()
    except SourceError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
    command = [sys.executable, "-c", BLUEZ, power or "off"]
    bluez = None
    try:
        if power:
            bluez = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=bus.environment)
            assert bluez.stdout
            assert bluez.stdout.readline() == "ready\n"
        check = check_bluetooth(tree(**ADAPTER))
        assert check.verdict == verdict
        told = {"on": "hci0, BlueZ runs, switched on", "off": "hci0 is switched off"}
        assert check.found == told.get(power, "hci0, but BlueZ does not run")
    finally:
        if bluez:
            bluez.kill()
            bluez.communicate()
        bus.close()
    asyncio.set_event_loop(None)


# -- the command --------------------------------------------------------------------------------------------------


def test_the_command_prints_every_check_and_ends_with_1_if_there_is_a_problem(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = main(["doctor", "--directory", str(tmp_path)])
    text = capsys.readouterr().out
    assert main(["doctor", "--json", "--directory", str(tmp_path)]) == code
    checks = json.loads(capsys.readouterr().out)
    assert code == any(check["verdict"] == "problem" for check in checks)
    names = {check["name"] for check in checks}
    assert {"Python", "packages", "model encoder", "Bluetooth", "clock", "free space", "service"} <= names
    for check in checks:
        assert set(check) == {"name", "verdict", "found", "remedy"}
        assert check["verdict"] in ("ok", "warning", "problem", "not applicable")
        assert check["remedy"] or check["verdict"] in ("ok", "not applicable")
        assert f"{check['verdict']:16}{check['name']}: " in text


def test_a_model_that_was_changed_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import shutil

    import wearecg.models
    import wearecg.models.card as card
    from wearecg.doctor.install import check_install

    zoo = tmp_path / "zoo"
    shutil.copytree(Path(wearecg.models.__file__).parent / "zoo", zoo)
    file = next(zoo.glob("encoder*.onnx"))
    file.write_bytes(file.read_bytes()[:-1])
    monkeypatch.setattr(card, "ZOO", zoo)
    check = named(check_install(), "model encoder")
    assert check.verdict == "problem"
    assert file.name in check.found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write everywhere")
def test_service_status_without_systemd(capsys: pytest.CaptureFixture[str]) -> None:
    if Path("/run/systemd/system").exists():
        pytest.skip("systemd runs here")
    assert main(["service", "status"]) == 1
    assert "systemd does not run here" in capsys.readouterr().out
