"""The systemd service: its files, and what it tells systemd."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from wearecg.block import Finding, Gap, LinkState, Notice, SignalBlock, Window
from wearecg.cli import main
from wearecg.errors import ConfigError
from wearecg.service import files, install
from wearecg.service.notify import Notifier, Watchdog
from wearecg.sinks import open_sink
from wearecg.sinks.upkeep import recordings
from wearecg.sinks.wfdb import Wfdb

EXPOSURE = 1.5
linux = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")


@pytest.fixture
def systemd(tmp_path: Path):
    """What systemd hears: each datagram as a dict."""

    class Ear:
        address = str(tmp_path / "notify")

        def __init__(self) -> None:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind(self.address)

        def hear(self, seconds: float = 0.0) -> list[dict[str, str]]:
            self.socket.settimeout(seconds or 0.001)
            heard = []
            try:
                while True:
                    text = self.socket.recv(4096).decode()
                    heard.append(dict(line.split("=", 1) for line in text.splitlines()))
            except TimeoutError:
                return heard

    ear = Ear()
    yield ear
    ear.socket.close()


@pytest.fixture
def pulse(systemd):
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address})
    yield Watchdog(notifier)
    notifier.close()


# -- the unit -----------------------------------------------------------------------------------------------------


def systemd_analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    if not shutil.which("systemd-analyze") and not os.environ.get("CI"):
        pytest.skip("systemd-analyze is not installed (Debian's package systemd)")
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    path = tmp_path / "wearecg.service"
    # systemd-analyze looks whether the program is there.
    path.write_text(files.unit("/bin/true", ["dialout"]))
    return path


@linux
def test_exposure_is_low(unit: Path) -> None:
    ran = systemd_analyze("security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", unit)
    (exposure,) = re.findall(r"Overall exposure level for wearecg.service: ([0-9.]+)", ran.stdout)
    assert float(exposure) <= EXPOSURE
    assert ran.returncode == 0


@linux
def test_systemd_understands_the_unit(unit: Path) -> None:
    ran = systemd_analyze("verify", unit)
    assert "wearecg.service:" not in ran.stderr
    assert ran.returncode == 0


def test_groups_that_a_system_lacks_are_left_out() -> None:
    assert "SupplementaryGroups" not in files.unit("/bin/true", [])
    assert "\nSupplementaryGroups=dialout bluetooth\n" in files.unit("/bin/true", ["dialout", "bluetooth"])


def test_errors_that_a_restart_does_not_heal_end_it() -> None:
    from wearecg.cli import EXIT_CODES

    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string(files.unit("/bin/true", []))
    never = {int(code) for code in parser["Service"]["RestartPreventExitStatus"].split()}
    # The sensor, with its leads and its rate, and the disk come back; a wrong option or model, a missing package stays.
    assert never == (set(EXIT_CODES.values()) | {2}) - {3, 5, 6}
    assert parser["Service"]["Restart"] == "on-failure"
    assert parser["Service"]["StateDirectory"] == files.STATE.name


# -- install ------------------------------------------------------------------------------------------------------


def test_install_writes_what_it_says_and_uninstall_takes_it_away(tmp_path: Path) -> None:
    told: list[str] = []
    install.install(told.append, tmp_path)
    written = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert written == sorted(Path(line.split()[1]) for line in told if line.startswith("wrote"))
    assert len(written) == 5
    config = tmp_path / "etc/wearecg.toml"
    config.write_text("# mine")
    install.install(told.append, tmp_path)
    assert config.read_text() == "# mine"
    told.clear()
    install.uninstall(told.append, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [config]
    assert len([line for line in told if line.startswith("deleted")]) == 4


def test_dry_run_shows_all_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = [file.path.exists() for file in install.plan()]
    assert main(["service", "install", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    for file in install.plan():
        assert str(file.path) in shown
        assert file.text in shown
    assert [file.path.exists() for file in install.plan()] == before


def test_it_is_not_installed_from_a_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/home/pi/venv/bin/python")
    with pytest.raises(ConfigError, match="/opt/wearecg"):
        install.plan()


@pytest.mark.parametrize("folder", ["/opt/a b%i", "/opt/100%", "/opt/%%n %h", "/opt/wearecg"])
@linux
def test_any_folder_is_told_to_systemd_as_it_is(
    folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = Path(f"{tmp_path}{folder}/python")
    python.parent.mkdir(parents=True)
    python.symlink_to("/bin/true")
    monkeypatch.chdir(python.parent.parent)
    monkeypatch.setattr(sys, "executable", f"./{python.parent.name}/python")
    (text,) = (file.text for file in install.plan() if file.path.suffix == ".service")
    (line,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
    assert "%" not in line.replace("%%", "")
    name, *rest = shlex.split(line.removeprefix("ExecStart=").replace("%%", "%"))
    assert (Path(name), rest[:3]) == (python, ["-m", "wearecg", "stream"])
    unit = tmp_path / "wearecg.service"
    unit.write_text(text)
    ran = systemd_analyze("verify", unit)
    assert "wearecg.service:" not in ran.stderr
    assert ran.returncode == 0


@pytest.mark.parametrize("name", ['a"b', "a'b", "a\\b", "a$b", "a\nb", "a\x1bb"])
def test_a_folder_that_systemd_cannot_be_told_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(sys, "executable", f"/opt/{name}/bin/python")
    with pytest.raises(
        ConfigError, match="has a character that systemd does not take in a path: install it elsewhere"
    ):
        install.plan()


@linux
def test_installing_needs_root() -> None:
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("runs as root, and setpriv is not here")
        prefix = ["setpriv", "--reuid=65534", "--clear-groups"]
    else:
        prefix = []
    code = "from wearecg.service.install import _check; from pathlib import Path; _check(Path('/'))"
    ran = subprocess.run([*prefix, sys.executable, "-c", code], capture_output=True, text=True)
    assert re.search("needs root: put sudo before it|there is no systemd here", ran.stderr)


def test_udev_rules_name_the_port_and_shorten_the_latency() -> None:
    rules = [line for line in files.udev_rules().splitlines() if not line.startswith("#")]
    clause = r'[A-Z]+(\{\w+\})?(==|\+=|=)"[^"]*"'
    assert all(re.fullmatch(rf"{clause}(, {clause})*", rule) for rule in rules)
    assert 'DRIVER=="ftdi_sio", ATTR{latency_timer}="1"' in rules[0]
    assert '"0403|10c4|1a86' in rules[1]
    assert 'SYMLINK+="wearecg"' in rules[1]


# -- the watchdog -------------------------------------------------------------------------------------------------


def block(start: float = 0.0) -> SignalBlock:
    return SignalBlock(np.zeros((25, 1), np.float32), 250.0, ("II",), start)


def window() -> Window:
    return Window(np.zeros((2500, 1), np.float32), 250.0, ("II",), 0.0, (True,), None)


def fed(systemd) -> int:
    return sum("WATCHDOG" in message for message in systemd.hear())


@linux
def test_ready_is_told_once_and_first(pulse: Watchdog, systemd) -> None:
    for second in range(3):
        pulse.see(block())
        pulse.turn(0, True, second)
    heard = systemd.hear()
    assert heard[0] == {"READY": "1"}
    assert sum("READY" in message for message in heard) == 1


@linux
def test_a_window_that_was_formed_must_be_scored(pulse: Watchdog, systemd) -> None:
    pulse.see(block())
    pulse.see(window())
    pulse.turn(1, True, 0.0)
    assert fed(systemd) == 1
    pulse.see(window())
    for second in range(2, 100):
        pulse.see(block(second))
        pulse.turn(1, True, second)
    assert fed(systemd) == 0
    pulse.turn(2, True, 100.0)
    assert fed(systemd) == 1


@linux
def test_without_windows_samples_are_enough_but_needed(pulse: Watchdog, systemd) -> None:
    pulse.see(LinkState("live", "receiving", 0.0))
    pulse.see(block())
    pulse.turn(0, True, 0.0)
    assert systemd.hear()[-1] == {"WATCHDOG": "1", "STATUS": "receiving; 0 windows scored"}
    pulse.turn(0, True, 2.0)
    assert fed(systemd) == 0
    pulse.see(block())
    pulse.turn(0, True, 3.0)
    assert fed(systemd) == 1


@linux
def test_an_output_that_has_ended_is_not_alive(pulse: Watchdog, systemd) -> None:
    pulse.see(block())
    pulse.turn(5, False, 0.0)
    assert fed(systemd) == 0


@linux
@pytest.mark.parametrize("state", ["lost", "silent", "connecting", "garbled"])
def test_a_sensor_that_is_away_is_no_reason_to_start_anew(pulse: Watchdog, systemd, state) -> None:
    pulse.see(LinkState(state, "waiting for it to come back", 0.0))
    for second in range(3):
        pulse.turn(0, True, second)
    heard = systemd.hear()
    assert sum("WATCHDOG" in message for message in heard) == 3
    assert heard[-1]["STATUS"].startswith("waiting for it to come back")


def test_without_systemd_nothing_happens() -> None:
    pulse = Watchdog(Notifier({}))
    pulse.turn(0, True, 0.0)
    pulse.end()


@linux
def test_systemd_that_has_gone_is_no_trouble(systemd) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address})
    systemd.socket.close()
    notifier.send(READY=1)
    notifier.close()
    nobody = Notifier({"NOTIFY_SOCKET": "/nowhere/notify"})
    nobody.send(READY=1)
    nobody.close()


@linux
def test_an_abstract_socket_is_found() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"\0wearecg-{os.getpid()}")
        ear.settimeout(2)
        notifier = Notifier({"NOTIFY_SOCKET": f"@wearecg-{os.getpid()}"})
        notifier.send(STATUS="two\nlines")
        assert ear.recv(100) == rb"STATUS=two\nlines"
        notifier.close()


HUNG = """
import sys, threading, wearecg.models.model as model
from wearecg.cli import main
if sys.argv[1] == "hang":
    model.Model.score_windows = lambda self, windows: threading.Event().wait()
sys.exit(main(["stream", "simulate:sinus?speed=8", "--to", "jsonl:/dev/null", "--record", sys.argv[2]]))
"""


@linux
@pytest.mark.parametrize("mode", ["score", "hang"])
def test_the_real_command_feeds_the_watchdog_unless_the_model_hangs(
    systemd, tmp_path: Path, mode: str
) -> None:
    environment = {**os.environ, "NOTIFY_SOCKET": systemd.address}
    process = subprocess.Popen([sys.executable, "-c", HUNG, mode, tmp_path / "r"], env=environment)
    try:
        heard, deadline = [], time.monotonic() + 60
        while not heard and time.monotonic() < deadline:
            heard = systemd.hear(0.2)
        assert heard[0] == {"READY": "1"}
        # At eight times the pace a window is due each second or so.
        last, scored, deadline = time.monotonic(), 0, time.monotonic() + 30
        while time.monotonic() < min(deadline, last + 5) and scored < 3:
            for message in systemd.hear(0.3):
                if "WATCHDOG" in message:
                    last, scored = time.monotonic(), int(message["STATUS"].split("; ")[1].split()[0])
        if mode == "score":
            assert scored >= 3
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert systemd.hear(0.2)[-1] == {"STOPPING": "1"}
        else:
            assert time.monotonic() < deadline
            assert scored == 0
    finally:
        process.kill()
        process.wait()


@linux
def test_the_service_waits_for_a_port_that_is_not_there_yet(systemd, tmp_path: Path) -> None:
    environment = {**os.environ, "NOTIFY_SOCKET": systemd.address}
    command = [sys.executable, "-m", "wearecg", "stream", "--port", tmp_path / "sensor", "--model", "none"]
    process = subprocess.Popen(
        [*command, "--to", "journal:"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    master, slave = os.openpty()
    try:
        heard, deadline = [], time.monotonic() + 60
        while "WATCHDOG" not in (heard[-1] if heard else ()) and time.monotonic() < deadline:
            heard += systemd.hear(0.2)
        assert heard[0] == {"READY": "1"}
        assert "waiting for it; 0 windows scored" in heard[-1]["STATUS"]
        (tmp_path / "sensor").symlink_to(os.ttyname(slave))
        while (
            "waiting for the first samples" not in heard[-1].get("STATUS", "") and time.monotonic() < deadline
        ):
            heard += systemd.hear(0.2)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[0].splitlines()
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)
    assert process.returncode == 0
    assert said[0].startswith("<4>link lost: no serial port")
    assert said[1].startswith("<6>link connecting: ")


@linux
def test_killed_and_started_anew_it_records_on_and_all_of_it_can_be_read(tmp_path: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    config = tmp_path / "wearecg.toml"
    config.write_text(
        'source = "simulate:sinus?speed=8"\nrecord = "r"\nrotate = "5s"\nsync = 0.5\nmodel = "none"\n'
        'to = ["jsonl:events.jsonl"]\n'
    )
    command = [sys.executable, "-m", "wearecg", "stream", "--config", config]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    recorded: list[str] = []
    for _ in range(3):
        before = len(recorded)
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(recorded) < before + 2 and time.monotonic() < deadline:
            time.sleep(0.1)
            recorded = (
                [r.name for r in recordings(tmp_path / "r", Wfdb())] if (tmp_path / "r").is_dir() else []
            )
        process.kill()
        process.wait()
    open_sink(f"wfdb:{tmp_path}/r").close()
    whole = [
        wfdb.rdrecord(str(tmp_path / "r" / name))
        for name in recorded
        if (tmp_path / "r" / f"{name}.hea").exists()
    ]
    assert len(whole) >= 4
    assert not any(np.isnan(record.p_signal).any() for record in whole)
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert sum('"type":"schema"' in line for line in lines) == 3


# -- the journal --------------------------------------------------------------------------------------------------


def test_the_journal_gets_one_line_for_each_piece_of_news(capsys: pytest.CaptureFixture[str]) -> None:
    sink = open_sink("journal:")
    sink.tick(0.0)
    sink.write(LinkState("lost", "sensor unplugged;\n\x1b waiting", 0.0))
    sink.write(LinkState("live", "receiving", 0.0))
    sink.write(Notice("disk full", "error"))
    for at in (0, 5):
        change = "holds" if at else "begins"
        sink.write(Finding("AFIB", "AF", at, at + 10, 0.93, "m@1", since=0.0, seen=at + 10, change=change))
        sink.write(block(at))
        sink.write(Gap(at, 0.2, 50, "link"))
    sink.write(Gap(9.0, 61.0, 15250, "unplugged"))
    sink.tick(601.0)
    sink.close()
    assert capsys.readouterr().out.splitlines() == [
        "<4>link lost: sensor unplugged;\\n\\x1b waiting",
        "<6>link live: receiving",
        "<3>disk full",
        "<5>AFIB begins, p 0.93 (m@1)",
        "<4>gap of 61.0 s (ecg): unplugged",
        "<4>2 short gaps, 0.4 s together, since last told",
    ]


@linux
def test_under_systemd_the_journal_is_the_display_and_errors_have_a_priority(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "wearecg", "stream", "simulate:sinus?speed=max", "--model", "none"]
    with open(log, "wb") as out:
        status = os.fstat(out.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        ran = subprocess.run([*command, "--duration", "5"], stdout=out, stderr=out, env=environment)
        wrong = subprocess.run([*command, "--leads", "V77"], stdout=out, stderr=out, env=environment)
    assert (ran.returncode, wrong.returncode) == (0, 6)
    lines = log.read_text().splitlines()
    assert lines[0].startswith("<6>")
    assert "\x1b" not in log.read_text()
    assert "bpm" not in log.read_text()
    assert lines[-1].startswith("<3>wearecg: ")
