"""A sensor on a serial port, real or virtual, or behind ``socket://host:port``.

One thread takes whatever has arrived, stamps it and queues it, so that neither a slow pipeline nor
a slow sink costs bytes; it also opens the port again when it is back. All judgement is in `read`.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from wearecg.block import Notice
from wearecg.devices.base import Device
from wearecg.errors import SinkError, SourceError
from wearecg.floods import Floods
from wearecg.transports import ports
from wearecg.transports.base import Item, Source, trouble
from wearecg.transports.capture import Capture
from wearecg.transports.ports import PORT_ERRORS, Line, open_line
from wearecg.transports.reconnect import PORT_POLL, Link, Retry

QUEUE_BYTES = 64_000_000
"""What may wait for a slow pipeline: 25 minutes of 12 leads x 1000 Hz x 24 bit, and bearable on a small board."""
CHUNK_COST = 150
"""What a queued piece takes in memory beside its bytes: counted, because pieces can be one sample small."""
CLOSE_WAIT = 1.0
"""Seconds for the reader to end; it may be amid a network connection, and then ends by itself."""
TICK = 0.2
"""Seconds between `Device.poll` calls and looks at the state of the link."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The port is open."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The port was lost, or did not open."""

    why: str


Arrival: TypeAlias = tuple[float, bytes | Opened | Failed]


class SerialSource(Source):
    """``device`` on ``port``, kept alive across unplugging, silence and garbage.

    Parameters
    ----------
    port : str
        ``/dev/ttyUSB0``, ``COM3``, or a pyserial URL (``socket://host:port``, ``rfc2217://``, ``loop://``).
    device : Device
        Decodes; is told about every fresh link.
    baud : int, optional
        Default: the device's own.
    capture : Path, optional
        New file for the raw bytes, see `wearecg.transports.capture`.

    Raises
    ------
    SourceError
        From `open`, if the port is not there, not permitted, in use, or not a port. Once open, the
        same conditions are told as `LinkState` and waited out.
    """

    def __init__(
        self, port: str, device: Device, baud: int | None = None, capture: Path | None = None
    ) -> None:
        self.name = f"{device.name} on {port}"
        self.rate_note = device.rate_note
        self.counters = device.counters
        self.dropped_bytes = 0
        """Bytes thrown away because `read` was not called for too long."""
        self._port = port
        self._device = device
        self._baud = baud or device.baud
        self._capture = capture
        self._floods = Floods()
        self._reader: Reader | None = None
        self._close: weakref.finalize[[Reader, Device], SerialSource] | None = None

    def open(self) -> None:
        """Open the port and start reading; see the class for what it raises."""
        if self._reader is not None:
            raise SourceError(f"{self.name} is open already: close it first")
        self.take_over(Reader(self._port, self._baud, self._capture), [])

    def take_over(self, reader: Reader, arrivals: list[Arrival]) -> None:
        """Go on with a port that is open already, and with what arrived on it so far."""
        self._ahead = deque(arrivals)
        where = "network" if ports.is_url(self._port) else f"{self._baud} baud"
        self._link = Link(self._device.name, self._port, where)
        self._next_tick = 0.0
        # Also on garbage collection and at interpreter exit, so that the sensor is told to stop on every way out.
        self._close = weakref.finalize(self, _shut, reader, self._device)
        self._reader = reader

    def read(self, timeout: float) -> list[Item] | None:
        """Decoded blocks and news of the link, oldest first; None once closed."""
        deadline = time.monotonic() + timeout
        items: list[Item] = []
        while (reader := self._reader) is not None:
            if not self._ahead:
                arrivals, dropped = reader.take(max(min(deadline - time.monotonic(), TICK), 0.0))
                self._ahead.extend(arrivals)
                self._tell_dropped(dropped, items)
            # What there is no time for now is for the next turn, and what nobody has time for the reader drops.
            enough = time.monotonic() + TICK
            while self._ahead and time.monotonic() < enough:
                self._handle(*self._ahead.popleft(), items)
            self._tick(time.monotonic(), items)
            if self._device.outgoing:
                reader.write(bytes(self._device.outgoing))
                self._device.outgoing.clear()
            if items or time.monotonic() >= deadline:
                return items
        return None

    def close(self) -> None:
        """Tell the sensor to stop, free the port, end the thread; safe twice and after unplugging."""
        self._reader = None
        if self._close is not None:
            self._close()

    def _handle(self, at: float, what: bytes | Opened | Failed, items: list[Item]) -> None:
        device = self._device
        if isinstance(what, bytes):
            frames = device.counters.frames
            blocks = device.feed(what, at)
            n_frames = device.counters.frames - frames
            n_samples = sum(map(len, blocks)) or n_frames * device.holding
            change = self._link.heard(at, len(what), n_frames, n_samples)
            items.extend([change] if change else [])
            items.extend((block, at) for block in blocks)
            return
        if isinstance(what, Opened):
            change = self._link.opened(at)
            device.outgoing.clear()
            device.connected(at)
        else:
            change = self._link.failed(at, what.why)
        items.extend([change] if change else [])

    def _tick(self, now: float, items: list[Item]) -> None:
        if now >= self._next_tick:
            self._next_tick = now + TICK
            change = self._link.tick(now, self._diagnose)
            items.extend([change] if change else [])
            if self._link.handshake_due(now):
                self._device.connected(now)
            if self._link.state != "lost":
                self._device.poll(now)
        items.extend(self._floods.feed(map(Notice, self._device.notes), now))
        self._device.notes.clear()
        self.rate_note = self._device.rate_note

    def _diagnose(self) -> str:
        # An exclusive lock only keeps out those who ask for it: `cat` and others take half of the bytes.
        if others := ports.holders(self._port, others_only=True):
            return f"{', '.join(others)} reads the same port and takes part of the bytes: close it"
        return trouble(self._device)

    def _tell_dropped(self, dropped: int, items: list[Item]) -> None:
        if dropped:
            self.dropped_bytes += dropped
            text = f"this computer was too slow: the oldest {dropped} bytes from {self._port} were dropped"
            items.extend(self._floods.feed([Notice(text, "warning")], time.monotonic()))


class Reader:
    """The thread that owns the port. Holds no reference to the source, so that this can be collected."""

    def __init__(self, port: str, baud: int, capture: Path | None = None) -> None:
        """Open the port. Raises `SourceError` where it is not there, not permitted, in use, or not a port.

        With ``capture`` also what `Capture` raises.
        """
        self._port = port
        self._baud = baud
        # Held while writing, opening and closing: a closed port's number may be another file's by then.
        # Reentrant because garbage collection may run `write` and `stop` anywhere in this thread.
        self._lock = threading.RLock()
        try:
            self._line: Line | None = open_line(port, baud)
        except PORT_ERRORS as error:
            raise SourceError(ports.explain_open(port, error)) from error
        try:
            self._capture = Capture(capture) if capture else None
        except SinkError:
            self._close_line()
            raise
        self._inbox: deque[Arrival] = deque([(time.monotonic(), Opened())])
        self._inbox_cost = 0
        self._dropped = 0
        self._news = threading.Condition()
        self._note("baud", baud)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"wearecg {port}", daemon=True)
        self._thread.start()

    def take(self, timeout: float) -> tuple[list[Arrival], int]:
        """All that waits, after at most ``timeout`` s for the first; and the bytes dropped since the last call."""
        with self._news:
            if not self._inbox:
                self._news.wait(timeout)
            arrivals, dropped = list(self._inbox), self._dropped
            self._inbox.clear()
            self._inbox_cost = self._dropped = 0
        for at, what in arrivals:
            if isinstance(what, bytes):
                self._note("in", what, at)
        return arrivals, dropped

    def set_baud(self, baud: int) -> None:
        """Go on at another rate without closing the port, which would reset many boards."""
        with self._lock, suppress(*PORT_ERRORS):
            self._baud = baud
            self._note("baud", baud)
            if self._line is not None:
                self._line.set_baud(baud)

    def write(self, data: bytes) -> None:
        """Write ``data`` if the port takes it within `WRITE_WAIT`; errors are left to the reading side to find."""
        with self._lock, suppress(*PORT_ERRORS):
            if self._line is not None:
                self._note("out", data)
                self._line.write(data)

    def stop(self) -> None:
        """End the thread and free the port."""
        # A plain flag: an Event's lock could be held by this very thread when garbage collection brings us here.
        self._stopping = True
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_WAIT)
        if self._capture:
            self._capture.close()

    def _note(self, what: str, value: int | bytes, at: float | None = None) -> None:
        if self._capture:
            self._capture.note(time.monotonic() if at is None else at, what, value)

    def _run(self) -> None:
        retry = Retry()
        try:
            while not self._stopping:
                if self._line is None:
                    time.sleep(PORT_POLL)
                    if retry.due(time.monotonic(), ports.is_present(self._port)):
                        self._reopen(retry)
                    continue
                try:
                    data = self._line.read()
                except PORT_ERRORS as error:
                    self._fail(retry, ports.explain_loss(self._port, error))
                    continue
                if data:
                    self._put(time.monotonic(), data)
                    retry.proven()
        finally:
            self._close_line()

    def _reopen(self, retry: Retry) -> None:
        try:
            line = open_line(self._port, self._baud)
        except PORT_ERRORS as error:
            if ports.is_missing(error) and not ports.is_url(self._port):
                return  # gone again between the look and the attempt: already told
            self._fail(retry, ports.explain_open(self._port, error))
            return
        with self._lock:
            self._line = line
        self._put(time.monotonic(), Opened())

    def _fail(self, retry: Retry, why: str) -> None:
        self._close_line()
        now = time.monotonic()
        retry.failed(now)
        self._put(now, Failed(why))

    def _close_line(self) -> None:
        with self._lock:
            line, self._line = self._line, None
            if line is not None:
                with suppress(*PORT_ERRORS):
                    line.close()

    def _put(self, at: float, what: bytes | Opened | Failed) -> None:
        with self._news:
            self._inbox.append((at, what))
            if isinstance(what, bytes):
                self._inbox_cost += len(what) + CHUNK_COST
                if self._inbox_cost > QUEUE_BYTES:
                    self._drop_oldest()
            self._news.notify()

    def _drop_oldest(self) -> None:
        for index, (_, what) in enumerate(self._inbox):
            if isinstance(what, bytes):  # news of the link is never dropped
                del self._inbox[index]
                self._inbox_cost -= len(what) + CHUNK_COST
                self._dropped += len(what)
                return


def _shut(reader: Reader, device: Device) -> None:
    reader.write(device.stop())
    reader.stop()
