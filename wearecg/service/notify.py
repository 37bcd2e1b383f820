"""Telling systemd how the service is: READY, STATUS and WATCHDOG over its datagram socket (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from wearecg.block import Event, LinkState, SignalBlock, Window
from wearecg.text import visible
from wearecg.transports import ports
from wearecg.transports.reconnect import PORT_POLL

EVERY_S = 1.0
"""Seconds between two messages at most: many for a watchdog of a minute, few for systemd."""


class Notifier:
    """The way to systemd; without one (not started by systemd) every call does nothing.

    The variables are taken out of ``environ``, so that no child process speaks for us.
    """

    def __init__(self, environ: dict[str, str] | os._Environ[str] = os.environ) -> None:
        address = environ.pop("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        if address and hasattr(socket, "AF_UNIX"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
            # A leading @ means the abstract name space, whose addresses begin with a zero byte.
            with suppress(OSError):
                self._socket.connect("\0" + address[1:] if address[0] == "@" else address)

    @property
    def active(self) -> bool:
        """Whether systemd started us and listens."""
        return self._socket is not None

    def send(self, **fields: str | int) -> None:
        """Send fields: ``send(READY=1, STATUS="receiving")``."""
        if self._socket is not None:
            text = "\n".join(f"{name}={visible(str(value))}" for name, value in fields.items())
            with suppress(OSError):  # systemd is restarting; the next message comes soon
                self._socket.send(text.encode())

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Watchdog:
    """Decides whether the stream is alive, and tells systemd.

    Being alive is shown by work that was done since the last time:

    * windows were scored; or
    * there was none to score (no model, no ECG, a gap), and samples arrived and were handed to outputs
      that all still take them; or
    * the source says that its sensor is away, and still looks for it: to start anew puts no electrodes on.

    A model that hangs or fails, a disk that blocks, an output that has ended, a link that calls itself live
    and brings nothing: nothing of that is fed, and systemd starts us anew.

    `see` every event, call `turn` at every turn of the loop.
    """

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._link = LinkState("live", "", 0.0)
        self._formed = self._formed_before = self._scored_before = 0
        self._samples = False
        self._ready = False
        self._told_at = float("-inf")

    def see(self, event: Event) -> None:
        """Take note of an event that goes to the outputs."""
        match event:
            case LinkState():
                self._link = event
            case SignalBlock():
                self._samples = True
            case Window():
                self._formed += 1

    def turn(self, scored: int, outputs_alive: bool, now: float) -> None:
        """Feed the watchdog if there is reason to; ``scored`` windows so far, ``now`` in monotonic seconds."""
        if not self._ready:
            self._ready = True
            self._notifier.send(READY=1)
        if now - self._told_at < EVERY_S:
            return
        nothing_to_score = self._formed == self._formed_before
        away = self._link.state != "live"
        worked = scored > self._scored_before or (nothing_to_score and self._samples)
        if away or (worked and outputs_alive):
            self._told_at = now
            self._formed_before, self._scored_before, self._samples = self._formed, scored, False
            status = f"{self._link.message or 'streaming'}; {scored} windows scored"
            self._notifier.send(WATCHDOG=1, STATUS=status)

    def end(self) -> None:
        """Tell that we end because we were asked to, or because the source did."""
        self._notifier.send(STOPPING=1)
        self._notifier.close()


def await_port(port: str, watchdog: Watchdog, stop: threading.Event) -> Iterator[LinkState]:
    """Wait until there is such a serial port, or ``stop``; tell it once.

    Somebody who types a wrong name wants to know at once. A service that starts with the computer waits for its sensor.
    """
    if ports.is_present(port):
        return
    yield LinkState("lost", f"{ports.no_such_port(port)}; waiting for it", time.monotonic())
    while not ports.is_present(port) and not stop.wait(PORT_POLL):
        watchdog.turn(0, True, time.monotonic())
