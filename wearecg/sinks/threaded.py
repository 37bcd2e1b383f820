"""Runs a sink in a thread of its own, so that a slow output never holds up the signal."""

from __future__ import annotations

import threading
import time
from collections import deque

from wearecg.block import Event, Mark, Notice
from wearecg.errors import SinkError
from wearecg.sinks.base import Sink

TICK_S = 0.1
CAPACITY = 1024
"""Events that may wait for a sink."""
CLOSE_S = {True: 30.0, False: 2.0}
"""How long `ThreadedSink.close` waits for a lossless sink, and for any other."""
REPEAT_S = 10.0
"""A sink that stays too slow is told so at most this often."""


class OutputGoneError(SinkError):
    """The reader closed the pipe (``| head``): a normal end."""


class ThreadedSink:
    """A bounded queue and a thread around ``sink``.

    A lossless sink that lags behind makes `write` wait. For any other the oldest waiting events
    are dropped and counted, and the sink is told by a `Notice`.

    Parameters
    ----------
    sink : Sink
        Used by the new thread alone from here on.
    name : str
        For messages, usually the URI.
    lossless : bool, optional
        Overrides ``sink.lossless``: reading a file offline can always wait.
    """

    def __init__(
        self, sink: Sink, name: str = "", lossless: bool | None = None, capacity: int = CAPACITY
    ) -> None:
        self.sink = sink
        self.name = name or type(sink).__name__
        self.lossless = sink.lossless if lossless is None else lossless
        self.skipped = 0
        """Events that were dropped because the sink was too slow."""
        self.error: SinkError | None = None
        """Why the sink ended early; None while it runs and after a quiet end."""
        self._capacity = capacity
        self._queue: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._ended = False
        self._said: deque[Notice | Mark] = deque()
        self._thread = threading.Thread(target=self._run, name=f"sink {self.name}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether events still reach the output."""
        return not self._ended

    def write(self, event: Event) -> None:
        """Queue one event; never raises. After the end of the sink it does nothing."""
        if not isinstance(event, self.sink.wants):
            return
        with self._changed:
            while self.lossless and len(self._queue) >= self._capacity and not self._ended:
                self._changed.wait()
            if self._ended or self._closing:
                return
            if len(self._queue) >= self._capacity:
                self._queue.popleft()
                self.skipped += 1
            self._queue.append(event)
            self._changed.notify_all()

    def drain(self) -> list[Notice | Mark]:
        """Return what the sink itself has to say to the user (disk full), and what was marked there, once."""
        return [self._said.popleft() for _ in range(len(self._said))]

    def close(self, timeout: float | None = None) -> None:
        """Write what is queued and close the sink; safe to call twice.

        A sink that hangs for longer than ``timeout`` seconds is left behind, with `error` set.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        limit = CLOSE_S[self.lossless] if timeout is None else timeout
        self._thread.join(limit)
        if self._thread.is_alive() and self.error is None:
            self._ended = True
            self.error = SinkError(
                f"{self.name} did not take its last events within {limit:g} s; its end is missing"
            )

    def _run(self) -> None:
        try:
            try:
                self._work()
            finally:
                try:
                    self.sink.close()
                finally:
                    self._collect()
        except OutputGoneError:
            pass
        except SinkError as error:
            self.error = error
        except Exception as error:  # a fault in one output must not stop the signal or the other outputs
            self.error = SinkError(f"{self.name} failed: {type(error).__name__}: {error}")
            self.error.__cause__ = error
        finally:
            if self.error:
                self._said.append(Notice(str(self.error), "error"))
            with self._changed:
                self._ended = True
                self._queue.clear()
                self._changed.notify_all()

    def _work(self) -> None:
        ticked = told = time.monotonic() - REPEAT_S
        reported = 0
        while True:
            event = self._next(max(0.0, ticked + TICK_S - time.monotonic()))
            if event is not None:
                self.sink.write(event)
            elif self._closing:
                return
            now = time.monotonic()
            if self.skipped > reported and now - told >= REPEAT_S:
                told = now
                skipped, reported = self.skipped - reported, self.skipped
                self.sink.write(Notice(f"{self.name} is too slow: {skipped} events were skipped", "warning"))
            if now - ticked >= TICK_S:
                ticked = now
                self.sink.tick(now)
                self._collect()

    def _next(self, patience: float) -> Event | None:
        with self._changed:
            if not self._queue and not self._closing:
                self._changed.wait(patience)
            if not self._queue:
                return None
            self._changed.notify_all()
            return self._queue.popleft()

    def _collect(self) -> None:
        for said in (self.sink.notices, self.sink.marks):
            # Others may add to them meanwhile, in threads of their own.
            self._said.extend([said.pop(0) for _ in range(len(said))])
