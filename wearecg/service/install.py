"""Setting the service up on a system with systemd, taking it away, and how it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from wearecg.errors import ConfigError
from wearecg.service.files import CONFIG, GROUPS, NAME, STATE, File, files, quoted

Tell = Callable[[str], None]

_APPLY = (
    ("systemd-sysusers", "/etc/sysusers.d/wearecg.conf"),
    ("systemctl", "restart", "systemd-modules-load.service"),
    ("udevadm", "control", "--reload"),
    ("udevadm", "trigger", "--action=add", "--subsystem-match=tty", "--subsystem-match=usb-serial"),
    ("systemctl", "daemon-reload"),
    ("systemctl", "enable", NAME),
)
_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "StatusText",
    "NRestarts",
    "Result",
    "ActiveEnterTimestamp",
)


def plan() -> list[File]:
    """Return the files as they are to be on this computer.

    Raises
    ------
    ConfigError
        This wearecg is where a service must not look: in somebody's home, or in a folder that systemd cannot be told.
    """
    python = Path(sys.executable).absolute()
    if python.is_relative_to("/home") or python.is_relative_to("/root"):
        raise ConfigError(
            f"{python} is in a home folder, where a service cannot read: install it with "
            "`sudo python3 -m venv /opt/wearecg && sudo /opt/wearecg/bin/pip install wearecg`, "
            "then `sudo /opt/wearecg/bin/wearecg service install`"
        )
    return files(f"{quoted(str(python))} -m wearecg", _groups())


def install(tell: Tell, root: Path = Path("/"), *, dry: bool = False) -> bool:
    """Write the files below ``root`` and have systemd and udev take them up; ``tell`` each step.

    Returns whether all of it worked.

    Nothing is started: the configuration may have to be changed first. With ``dry`` the files are only told.

    Raises
    ------
    ConfigError
        Not root, no systemd, or a file that cannot be written.
    """
    planned = plan()
    if dry:
        for file in planned:
            tell(f"# ---- {file.path}{' (only if it is not there)' if file.kept else ''}\n{file.text}")
        return True
    _check(root)
    for file in planned:
        path = root / file.path.relative_to("/")
        if file.kept and path.exists():
            tell(f"kept     {path}")
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text)
            path.chmod(0o644)
        except OSError as error:
            raise ConfigError(
                f"cannot write {path}: {error.strerror}; is the file system read-only?"
            ) from error
        tell(f"wrote    {path}")
    done = _run(_APPLY, tell, root)
    tell(f"Next: choose the sensor in {CONFIG}, then `sudo systemctl restart {NAME}`.")
    return done


def uninstall(tell: Tell, root: Path = Path("/")) -> None:
    """Stop the service and delete its files, but neither the configuration nor recordings. Raises `ConfigError`."""
    _check(root)
    _run((("systemctl", "disable", "--now", NAME),), tell, root)
    for file in files("", ()):
        path = root / file.path.relative_to("/")
        if path.exists() and not file.kept:
            path.unlink()
            tell(f"deleted  {path}")
    _run((("systemctl", "daemon-reload"), ("udevadm", "control", "--reload")), tell, root)
    tell(f"Left as they are: {CONFIG}, the recordings in {STATE}, the user {NAME}.")


def state() -> dict[str, str]:
    """Return systemd's properties of the service; empty where systemd does not run or answer."""
    names = ",".join(_PROPERTIES)
    try:
        answer = subprocess.run(
            ["systemctl", "show", NAME, "--property", names],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    pairs = (line.partition("=") for line in answer.stdout.splitlines())
    return {name: value for name, _, value in pairs if value}


def _check(root: Path) -> None:
    if root != Path("/"):
        return
    if not shutil.which("systemctl"):
        raise ConfigError(
            "there is no systemd here: run `wearecg stream --config FILE` by what starts services here"
        )
    if os.geteuid() != 0:
        raise ConfigError("needs root: put sudo before it; --dry-run shows what would be written")
    try:
        version("wearecg")
    except PackageNotFoundError:
        raise ConfigError("wearecg runs from its source here: install it, `pip install .`, first") from None


def _run(commands: Iterable[tuple[str, ...]], tell: Tell, root: Path) -> bool:
    """Run commands, but only on the system itself; return whether each ended well."""
    well = True
    if root != Path("/"):
        return well
    for command in commands:
        line = " ".join(command)
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            trouble = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
        except (OSError, subprocess.SubprocessError) as error:
            ran, trouble = None, str(error)
        if ran is not None and ran.returncode == 0:
            tell(f"ran      {line}")
        else:
            well = False
            tell(f"failed   {line}: {trouble}; run it again by hand")
    return well


def _groups() -> list[str]:
    import grp

    there = {entry.gr_name for entry in grp.getgrall()}
    return [group for group in GROUPS if group in there]
