"""Slow observers, fed beside the loop, so that a model delays neither beats nor the recording."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass

from wearecg.block import Event, StreamId, Window
from wearecg.pipeline.observer import About, Observer
from wearecg.pipeline.said import checked
from wearecg.pipeline.watching import failure

MAX_WAITING = 4
"""Windows of one stream that may wait for one observer; beyond that the oldest is skipped and counted."""
SETTLE_S = 5.0
"""How long a stream that begins anew waits for what is said of it before."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    observer: Observer
    window: Window
    about: About


class Scoring:
    """Feeds slow observers at once: for sources that wait for us. Nothing is ever skipped.

    Attributes
    ----------
    scored, skipped : Counter of StreamId
        Windows of each stream.
    """

    def __init__(self) -> None:
        self.scored: Counter[StreamId] = Counter()
        self.skipped: Counter[StreamId] = Counter()
        self._said: deque[Event] = deque()
        self._failed: set[str] = set()

    def submit(self, observer: Observer, window: Window, about: About) -> None:
        """Take a window for an observer."""
        self._run(_Job(observer, window, about))

    def drain(self) -> list[Event]:
        """Return what was said since the last call."""
        return [self._said.popleft() for _ in range(len(self._said))]

    def settle(self) -> None:
        """Feed what waits."""

    def close(self) -> None:
        """Feed what waits, then end."""

    def _run(self, job: _Job) -> None:
        stream, source = job.about.info.stream, job.observer.source
        try:
            self._said.extend(checked(job.observer.feed(job.window, job.about)))
            self.scored[stream] += 1
        except Exception as error:  # whatever a model does, the stream goes on
            self.skipped[stream] += 1
            if source not in self._failed:
                self._failed.add(source)
                self._said.append(failure(source, error))


class ScoringThread(Scoring):
    """The same in a thread of its own, for live sources: when an observer is too slow its oldest window is skipped."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._closing = self._busy = False
        self._thread = threading.Thread(target=self._work, name="wearecg-scoring", daemon=True)
        self._thread.start()

    def submit(self, observer: Observer, window: Window, about: About) -> None:
        """Queue a window; skip the oldest of its stream that waits for this observer when there are too many."""
        job = _Job(observer, window, about)
        with self._wake:
            same = [
                waiting
                for waiting in self._waiting
                if waiting.observer is observer and waiting.about.info.stream == about.info.stream
            ]
            if len(same) == MAX_WAITING:
                self._waiting.remove(same[0])
                self.skipped[about.info.stream] += 1
            self._waiting.append(job)
            self._wake.notify()

    def settle(self) -> None:
        """Feed what waits, for `SETTLE_S` at most."""
        with self._wake:
            self._wake.wait_for(lambda: not (self._waiting or self._busy), SETTLE_S)

    def close(self) -> None:
        """Feed what waits, then end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                job = self._waiting.popleft()
                self._busy = True
            self._run(job)
            with self._wake:
                self._busy = False
                self._wake.notify_all()
