"""A sensor on a serial port of which is found out what it is."""

from __future__ import annotations

import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from wearecg.block import LinkState, Notice
from wearecg.devices.base import Counters, Device
from wearecg.devices.recognise import Recogniser
from wearecg.errors import SourceError
from wearecg.transports import ports
from wearecg.transports.base import Item, Source
from wearecg.transports.serial import TICK, Arrival, Opened, Reader, SerialSource

NO_RATE = 115200
"""Stands for the rate of a network, where one is as good as another."""


class AutoSource(Source):
    """Recognises the sensor on ``port``, says which and why in a `Notice`, and goes on as its `SerialSource`.

    What arrived meanwhile is decoded then, with the times at which it arrived. Where nothing is recognised that is
    told and tried again, because a sensor may be switched on later.

    Parameters
    ----------
    port : str
    drivers : mapping
        The sensors that it may be, by name.
    make : callable
        Makes the driver that was found.
    baud : int, optional
        The only rate to try.
    capture : Path, optional
        New file for the raw bytes.

    Raises
    ------
    SourceError
        From `open`, as `SerialSource`; from `read`, where the bytes fit several sensors alike.
    """

    def __init__(
        self,
        port: str,
        drivers: Mapping[str, type[Device]],
        make: Callable[[type[Device]], Device],
        baud: int | None = None,
        capture: Path | None = None,
    ) -> None:
        self.name = f"sensor on {port}"
        self.rate_note = ""
        self.counters = Counters()
        self._port, self._drivers, self._make = port, drivers, make
        self._capture = capture
        usb, expected = _identity(port, drivers)
        self._recogniser = Recogniser(
            drivers, usb, expected, baud or (NO_RATE if ports.is_url(port) else None)
        )
        self._reader: Reader | None = None
        self._close: weakref.finalize[[], AutoSource] | None = None
        self._found: SerialSource | None = None
        self._held: list[Arrival] = []
        self._ahead: deque[Arrival] = deque()
        """What arrived and was not looked at yet."""
        self._baud = 0
        self._next_tick = 0.0
        self._told = ""

    def open(self) -> None:
        """Open the port and listen."""
        if self._reader is not None or self._found is not None:
            raise SourceError(f"{self.name} is open already: close it first")
        self._baud = self._recogniser.baud
        self._reader = Reader(self._port, self._baud, self._capture)
        self._close = weakref.finalize(self, self._reader.stop)

    def read(self, timeout: float) -> list[Item] | None:
        """News of the search; once it has ended, what the sensor's own source reads."""
        deadline = time.monotonic() + timeout
        items: list[Item] = []
        while self._reader is not None:
            if not self._ahead:
                self._ahead.extend(self._reader.take(max(min(deadline - time.monotonic(), TICK), 0.0))[0])
            enough = time.monotonic() + TICK
            while self._ahead and time.monotonic() < enough:
                self._take(self._ahead.popleft(), items)
            self._tick(self._reader, time.monotonic(), items)
            if items or time.monotonic() >= deadline:
                return items
        if self._found is None:
            return None
        found = self._found.read(max(deadline - time.monotonic(), 0.0))
        self.rate_note = self._found.rate_note
        return found

    def close(self) -> None:
        """Free the port; a sensor that was found is told to stop."""
        found, self._found, self._reader = self._found, None, None
        if found is not None:
            found.close()
        elif self._close is not None:
            self._close()

    def _take(self, arrival: Arrival, items: list[Item]) -> None:
        at, what = arrival
        if isinstance(what, bytes):
            self._held.append(arrival)
            self._recogniser.heard(what, at)
        elif isinstance(what, Opened):
            self._held = [arrival]
            self._told = ""
            self._recogniser.connected(at)
            items.append(LinkState("connecting", f"listening on {self._port} for a sensor that is known", at))
        else:
            self._held = []
            self._tell("lost", what.why, at, items)

    def _tick(self, reader: Reader, now: float, items: list[Item]) -> None:
        if now < self._next_tick or not self._held:
            return
        self._next_tick = now + TICK
        recogniser = self._recogniser
        verdict = recogniser.poll(now)
        if verdict is None:
            self._follow(reader)
        elif not verdict.names:
            self._tell("garbled" if verdict.heard else "silent", f"{self._port} {verdict.text}", now, items)
            recogniser.connected(now)
            del self._held[1:]
            self._follow(reader)
        elif len(verdict.names) > 1:
            raise SourceError(f"{self._port} {verdict.text}; name the one that it is")
        else:
            items.append(Notice(f"{self._port} {verdict.text}"))
            self._hand_over(reader, verdict.names[0])

    def _follow(self, reader: Reader) -> None:
        """Do what the recogniser wants next."""
        if self._baud != self._recogniser.baud:
            self._baud = self._recogniser.baud
            reader.set_baud(self._baud)
            # At the wrong rate there were no bytes, only noise.
            del self._held[1:]
            self._ahead = deque(arrival for arrival in self._ahead if not isinstance(arrival[1], bytes))
        reader.write(bytes(self._recogniser.outgoing))
        self._recogniser.outgoing.clear()

    def _hand_over(self, reader: Reader, name: str) -> None:
        device = self._make(self._drivers[name])
        found = SerialSource(self._port, device, self._baud)
        # As if it had been known from the beginning of what was heard.
        found.take_over(reader, [(self._recogniser.since, Opened()), *self._held[1:], *self._ahead])
        self._found, self._reader, self._held = found, None, []
        self._ahead.clear()
        self.name, self.counters = found.name, found.counters
        assert self._close is not None
        self._close.detach()

    def _tell(
        self, state: Literal["silent", "garbled", "lost"], why: str, now: float, items: list[Item]
    ) -> None:
        # The same condition is not told again each time round, whatever its counts.
        if self._told != state:
            self._told = state
            items.append(LinkState(state, why, now))


def _identity(port: str, drivers: Mapping[str, type[Device]]) -> tuple[str, str]:
    """The port's USB identity, and the sensor that usually has it; empty where not known."""
    known = {ids: name for name, driver in drivers.items() for ids in driver.usb_ids}
    for info in ports.list_ports(known):
        if os.path.realpath(info.path) == os.path.realpath(port) and info.vid is not None:
            return f"{info.vid:04x}:{info.pid:04x}", info.device or ""
    return "", ""
