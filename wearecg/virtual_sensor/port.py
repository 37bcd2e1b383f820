"""A serial port that is not there: the sensor's end of a pseudo-terminal."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

from wearecg.errors import SourceError


class PseudoPort:
    """A pseudo-terminal with, if wanted, a symlink that always leads to it.

    Raises
    ------
    SourceError
        The system has no pseudo-terminals (Windows), or ``link`` cannot be made.
    """

    def __init__(self, link: Path | None = None) -> None:
        if sys.platform == "win32":
            raise SourceError(
                "Windows has no pseudo-terminals; run the virtual sensor on Linux, macOS or in WSL, "
                "or replay the recording: wearecg stream FILE"
            )
        import tty

        if link is not None and link.exists() and not link.is_symlink():
            raise SourceError(f"{link} is there already and is not a link; choose another --link")
        self._master, slave = os.openpty()
        # A terminal that is not raw swallows and echoes bytes. The mode outlives the closed end.
        tty.setraw(slave)
        self.device = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self._link = link
        if link is not None:
            self._make_link(link)

    @property
    def path(self) -> str:
        """What a host opens."""
        return str(self._link) if self._link else self.device

    def opened(self) -> bool:
        """Whether a host has the port open."""
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        return not any(event & select.POLLHUP for _, event in poll.poll(0))

    def write(self, data: bytes) -> bool:
        """Send ``data``; False where the host is too slow and the rest of it is lost, as on a UART."""
        try:
            return os.write(self._master, data) == len(data)
        except (BlockingIOError, OSError):
            return False

    def read(self, timeout: float) -> bytes:
        """Return what the host has written, waiting at most ``timeout`` seconds for it."""
        try:
            ready, _, _ = select.select([self._master], [], [], max(0.0, timeout))
            return os.read(self._master, 65536) if ready else b""
        except OSError:  # EIO: nobody has it open.
            return b""

    def close(self) -> None:
        """Pull the plug: the host's end reports an error from now on, the link is gone."""
        if self._master < 0:
            return
        os.close(self._master)
        self._master = -1
        if self._link is not None and self._link.is_symlink() and os.readlink(self._link) == self.device:
            self._link.unlink()

    def _make_link(self, link: Path) -> None:
        fresh = link.with_name(f".{link.name}.{os.getpid()}")
        try:
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self.device)
            fresh.replace(link)
        except OSError as error:
            os.close(self._master)
            raise SourceError(f"the link {link} cannot be made: {error.strerror}") from error
