"""A private D-Bus daemon, in the place of the system's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from wearecg.errors import SourceError

# The type `session`: a daemon of the type `system` would not pass messages that its policy does not name.
_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/></policy></busconfig>
"""


def dbus_daemon() -> str:
    """Path of the program. Raises `SourceError` where there is none, or no Linux."""
    daemon = shutil.which("dbus-daemon")
    if sys.platform != "linux" or daemon is None:
        raise SourceError(
            "the virtual Bluetooth needs Linux and dbus-daemon: install the package dbus, or use a serial "
            "sensor: wearecg simulate --device bridge"
        )
    return daemon


class PrivateBus:
    """A ``dbus-daemon`` of our own, for as long as the context lasts. ``address`` is where it listens.

    Raises
    ------
    SourceError
        There is no ``dbus-daemon`` here, or it does not start.
    """

    def __init__(self) -> None:
        daemon = dbus_daemon()
        self._folder = tempfile.TemporaryDirectory(prefix="wearecg-bus-")
        configuration = Path(self._folder.name, "bus.conf")
        configuration.write_text(_CONFIGURATION.format(folder=self._folder.name))
        self._process = subprocess.Popen(
            [daemon, f"--config-file={configuration}", "--nofork", "--nopidfile", "--print-address=1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # Ctrl-C is for the sensor: the bus must outlive its last words.
            process_group=0,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        if not self.address:
            self.close()
            raise SourceError(f"{daemon} did not start: try it by hand with --session --print-address")

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a program that is to find this bus in the place of the system's."""
        return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def close(self) -> None:
        """End the daemon."""
        self._process.terminate()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._folder.cleanup()

    def __enter__(self) -> PrivateBus:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
