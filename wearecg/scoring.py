"""From windows to findings: the model's statements, since when they hold, and what was measured beside them."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from typing import Protocol

import numpy as np

from wearecg.block import Beat, Finding, Window

MAX_WAITING = 4
"""Windows that may wait for the model; beyond that the oldest is skipped and counted."""
MIN_RR = 4
"""RR intervals needed before their irregularity is a measurement."""


class WindowModel(Protocol):
    """What scoring needs of a model."""

    def score_window(self, window: Window) -> list[Finding]:
        """Statements above their threshold, or one ``NOT_SCORED`` with the reason."""


class Scorer:
    """Scores windows in order; knows since when each statement has held and adds the evidence."""

    def __init__(self, model: WindowModel) -> None:
        self._model = model
        self._since: dict[str, float] = {}
        self._last_end = float("-inf")

    def score(self, window: Window, beats: tuple[Beat, ...]) -> list[Finding]:
        """Findings of one window; ``beats`` are those found in it."""
        findings = self._model.score_window(window)
        evidence = _evidence(beats)
        before = self._since if window.start <= self._last_end else {}
        self._since = {f.code: before.get(f.code, f.start) for f in findings}
        self._last_end = window.end
        # What is not scored rests on no evidence.
        return [
            replace(
                f, since=self._since[f.code], evidence={**evidence, **f.evidence} if f.probability else {}
            )
            for f in findings
        ]


class ScoringThread:
    """A `Scorer` in a thread of its own, so that a slow model delays neither beats nor the recording."""

    def __init__(self, scorer: Scorer) -> None:
        self.scored = self.skipped = 0
        self.failed = ""
        """What stopped the model, to be told once; the thread takes windows on and skips them."""
        self._scorer = scorer
        self._waiting: deque[tuple[Window, tuple[Beat, ...]]] = deque()
        self._done: deque[Finding] = deque()
        self._wake = threading.Condition()
        self._closing = self._broken = False
        self._thread = threading.Thread(target=self._run, name="wearecg-scoring", daemon=True)
        self._thread.start()

    def submit(self, window: Window, beats: tuple[Beat, ...]) -> None:
        """Queue a window; skips the oldest waiting one when there are too many."""
        with self._wake:
            if len(self._waiting) == MAX_WAITING:
                self._waiting.popleft()
                self.skipped += 1
            self._waiting.append((window, beats))
            self._wake.notify()

    def drain(self) -> list[Finding]:
        """Findings made since the last call."""
        return [self._done.popleft() for _ in range(len(self._done))]

    def close(self) -> None:
        """Score what waits, then end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                window, beats = self._waiting.popleft()
            try:
                self._done.extend(self._scorer.score(window, beats))
                self.scored += 1
            except Exception as error:  # whatever a model does, the stream goes on
                self.skipped += 1
                if not self._broken:
                    self._broken = True
                    self.failed = f"the model failed: {type(error).__name__}: {error}"


class InlineScoring:
    """The same interface without a thread, for sources that wait for us: nothing is ever skipped."""

    def __init__(self, scorer: Scorer) -> None:
        self.scored = self.skipped = 0
        self.failed = ""
        self._scorer = scorer
        self._done: list[Finding] = []

    def submit(self, window: Window, beats: tuple[Beat, ...]) -> None:
        """Score a window now."""
        self._done += self._scorer.score(window, beats)
        self.scored += 1

    def drain(self) -> list[Finding]:
        """Findings made since the last call."""
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """Nothing waits."""


def _evidence(beats: tuple[Beat, ...]) -> dict[str, float]:
    rr = np.array([beat.rr for beat in beats if beat.rr is not None])
    if len(rr) < MIN_RR:
        return {}
    irregularity = float(np.sqrt(np.mean(np.diff(rr) ** 2)) / rr.mean())
    return {
        "rr_irregularity": round(irregularity, 3),
        "heart_rate_bpm": round(60 / float(np.median(rr)), 1),
    }
