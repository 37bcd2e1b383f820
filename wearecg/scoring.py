"""Slow observers, fed beside the loop, so that a model delays neither beats nor the recording."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from wearecg.block import Event, StreamId, Window
from wearecg.pipeline.observer import About, Observer
from wearecg.pipeline.said import checked
from wearecg.pipeline.watching import failure

TOGETHER = 16
"""Windows that are scored at once where nobody waits."""
HELD = 64
"""Turns of the loop that wait for that at most: windows may stop coming while another stream goes on."""
MAX_WAITING = 4
"""Windows of one stream that may wait for one observer; beyond that the oldest is skipped and counted."""
SETTLE_S = 5.0
"""How long a stream that begins anew waits for what is said of it before."""

Turn: TypeAlias = tuple[list[Event], list[Event]]
"""What a turn of the loop found, and what slow observers say to that."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    observer: Observer
    window: Window
    about: About


class Scoring:
    """Feeds slow observers for sources that wait for us: several windows at once, and nothing is ever skipped.

    What a turn of the loop found is held back until the windows in it are scored, so that the order of events is the
    same as if they were scored at once.

    Attributes
    ----------
    scored, skipped : Counter of StreamId
        Windows of each stream.
    together : int
        Windows that are gathered before they are scored.
    """

    def __init__(self, together: int = TOGETHER) -> None:
        self.scored: Counter[StreamId] = Counter()
        self.skipped: Counter[StreamId] = Counter()
        self.together = together
        self._failed: set[str] = set()
        self._waiting: deque[_Job] = deque()
        self._turns: list[tuple[list[Event], int]] = []
        """What each turn found, and how many windows of those that wait are of it."""

    def submit(self, observer: Observer, window: Window, about: About) -> None:
        """Take a window for an observer."""
        self._waiting.append(_Job(observer, window, about))

    def turn(self, events: list[Event], last: bool = False) -> list[Turn]:
        """Take what a turn of the loop found; return the turns of which all windows are scored, in order.

        With ``last`` nothing is held back.
        """
        self._turns.append((events, len(self._waiting) - sum(windows for _, windows in self._turns)))
        few = len(self._waiting) < self.together and len(self._turns) < HELD
        if few and self._waiting and not last:
            return []
        said = self._score()
        turns, self._turns = self._turns, []
        return [(found, [event for _ in range(windows) for event in next(said)]) for found, windows in turns]

    def close(self) -> None:
        """End."""

    def _score(self) -> Iterator[list[Event]]:
        """Score what waits; return what is said to each."""
        jobs = list(self._waiting)
        self._waiting.clear()
        said: dict[int, list[Event]] = {}
        for observer in dict.fromkeys(job.observer for job in jobs):
            mine = [number for number, job in enumerate(jobs) if job.observer is observer]
            windows, abouts = [jobs[i].window for i in mine], [jobs[i].about for i in mine]
            try:
                found = iter(observer.feed_together(windows, abouts))
            except Exception:  # one by one shows which of them it is
                found = map(observer.feed, windows, abouts)
            for number in mine:
                said[number] = self._said(jobs[number], partial(next, found))
        return (said[number] for number in range(len(jobs)))

    def _said(self, job: _Job, step: Callable[[], Iterable[Event]]) -> list[Event]:
        stream, source = job.about.info.stream, job.observer.source
        try:
            said = checked(step())
            self.scored[stream] += 1
        except Exception as error:  # whatever a model does, the stream goes on
            self.skipped[stream] += 1
            if source in self._failed:
                return []
            self._failed.add(source)
            return [failure(source, error)]
        return list(said)


class ScoringThread(Scoring):
    """The same in a thread of its own, for live sources: when an observer is too slow its oldest window is skipped."""

    def __init__(self) -> None:
        super().__init__()
        self._done: deque[Event] = deque()
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

    def turn(self, events: list[Event], last: bool = False) -> list[Turn]:
        """Return what a turn of the loop found, and what has been said by now.

        With ``last`` what waits is fed first, for `SETTLE_S` at most.
        """
        if last:
            with self._wake:
                self._wake.wait_for(lambda: not (self._waiting or self._busy), SETTLE_S)
        return [(events, [self._done.popleft() for _ in range(len(self._done))])]

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
            self._done.extend(self._said(job, partial(job.observer.feed, job.window, job.about)))
            with self._wake:
                self._busy = False
                self._wake.notify_all()
