"""Frames in a stream of bytes that marks them by a sync word, a length or a counter, but protects them badly or not.

A sync word is also a value that the signal may take, and a stop byte one that may stand there by accident. So a frame
is believed by its company: it comes right behind a frame that was believed, or is numbered like those behind it; and
either way whole frames must stand right behind it. The newest frames are therefore held until that is so.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

from wearecg.devices.base import Counters

Measure: TypeAlias = Callable[[bytearray, int], int | None]
"""Length of the frame that begins at an offset, 0 where none does, None where bytes that are to come must tell."""
Missing: TypeAlias = Callable[[bytes, bytes], int]
"""How many frames were lost between two that came one after the other."""


def unnumbered(before: bytes, after: bytes) -> int:  # noqa: ARG001
    """Nothing can be told: for frames without a counter."""
    return 0


class Framing:
    """Cuts a stream into frames. The same frames come out however the stream is cut.

    Parameters
    ----------
    counters : Counters
        Gets ``frames`` and ``bad_frames`` (stretches of bytes that are no frame).
    measure : callable
        ``measure(buffer, at)``: see `Measure`. It checks all that a frame shows by itself: sync word, length, stop
        byte, checksum. It must not answer None for longer than the longest frame.
    missing : callable
        ``missing(before, after)``: see `Missing`.
    confirm : int
        Frames that must stand behind one before it is believed; more where `measure` checks less than two bytes' worth.
    """

    def __init__(
        self, counters: Counters, measure: Measure, missing: Missing = unnumbered, confirm: int = 1
    ) -> None:
        self._counters, self._measure, self._missing, self._confirm = counters, measure, missing, confirm
        self.reset()

    def reset(self) -> None:
        """Start over on a fresh link: what is held is dropped, and what is lost meanwhile is not counted."""
        self._buffer = bytearray()
        self._last: bytes | None = None
        self._aligned = self._skipping = False
        self._doubted: list[bytes] = []
        self._doubted_left = 0

    def feed(self, data: bytes) -> list[tuple[bytes, int]]:
        """Return the frames that are believed by now, each with the number of frames lost before it."""
        self._buffer += data
        found: list[tuple[bytes, int]] = []
        at = 0
        while (run := self._run(at)) is not None:
            if len(run) > self._confirm and (self._aligned or self._consecutive(run)):
                found += map(self._believe, [*self._cleared(run[0]), run[0]])
                at += len(run[0])
                self._aligned, self._skipping = True, False
                continue
            if self._aligned:
                # Perhaps only what is behind it is damaged: the number of the next one that is believed will tell.
                self._doubted, self._doubted_left = run, sum(map(len, run))
            self._counters.bad_frames += not self._skipping
            self._aligned, self._skipping = False, True
            self._doubted_left -= 1
            at += 1
        del self._buffer[:at]
        return found

    def _run(self, at: int) -> list[bytes] | None:
        """Frames that stand side by side from ``at`` on, as many as are needed; None where more bytes must tell."""
        run: list[bytes] = []
        while len(run) <= self._confirm:
            length = self._measure(self._buffer, at)
            if length is None:
                return None
            if not length:
                break
            run.append(bytes(self._buffer[at : at + length]))
            at += length
        return run

    def _consecutive(self, run: list[bytes]) -> bool:
        return all(self._missing(a, b) == 0 for a, b in pairwise(run))

    def _cleared(self, frame: bytes) -> list[bytes]:
        """The doubted frames, if ``frame`` is the next one and stands clear of them."""
        doubted, self._doubted = self._doubted, []
        clear = self._doubted_left <= 0 and self._consecutive([*doubted, frame])
        return doubted if clear else []

    def _believe(self, frame: bytes) -> tuple[bytes, int]:
        lost = 0 if self._last is None else self._missing(self._last, frame)
        self._last = frame
        self._counters.frames += 1
        return frame, lost
