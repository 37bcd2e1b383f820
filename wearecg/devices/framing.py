"""Frames in a stream of bytes that marks them by a sync word, a length or a counter, but protects them badly or not.

A sync word is also a value that the signal may take, and a stop byte one that may stand there by accident. So a frame
is believed by its company: it comes right behind a frame that was believed, or is numbered like those behind it; and
either way whole frames must stand right behind it. The newest frames are therefore held until that is so. What no
company can tell is damage that leaves the marks in place, and a loss of just the length of a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wearecg.devices.base import Counters

Measure: TypeAlias = Callable[[bytearray, int], int | None]
"""Length of the frame that begins at an offset, 0 where none does, None where bytes that are to come must tell."""
Missing: TypeAlias = Callable[[bytes, bytes], int]
"""How many frames were lost between two that came one after the other."""


def unnumbered(before: bytes, after: bytes) -> int:  # noqa: ARG001
    """Nothing can be told: for frames without a counter."""
    return 0


def runs(found: list[tuple[bytes, int]]) -> list[tuple[NDArray[np.uint8], int]]:
    """Frames of one length as the rows of arrays, a new one after each loss, with the frames lost before it."""
    edges = [at for at, (_, lost) in enumerate(found) if lost or not at]
    pieces = [found[first:last] for first, last in pairwise([*edges, len(found)])]
    return [
        (np.frombuffer(b"".join(frame for frame, _ in piece), np.uint8).reshape(len(piece), -1), piece[0][1])
        for piece in pieces
    ]


def int24(data: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Signed 24-bit numbers, high byte first: [n, 3 k] bytes to [n, k]."""
    high, middle, low = (data[:, at::3].astype(np.int32) for at in range(3))
    return (high << 24 | middle << 16 | low << 8) >> 8


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
    start : bytes
        What every frame begins with, to find the next one fast.
    """

    def __init__(
        self,
        counters: Counters,
        measure: Measure,
        missing: Missing = unnumbered,
        confirm: int = 1,
        start: bytes = b"",
    ) -> None:
        self._counters, self._measure, self._missing, self._confirm = counters, measure, missing, confirm
        self._start = start[:1]
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
        run: list[bytes] = []  # frames that stand side by side from ``at`` to ``end``
        at = end = 0
        while (end := self._extend(run, end)) >= 0:
            if len(run) > self._confirm and (self._aligned or self._consecutive(run)):
                frame = run.pop(0)
                found += map(self._believe, [*self._cleared(frame), frame])
                at += len(frame)
                self._aligned, self._skipping = True, False
                continue
            if self._aligned:
                # Perhaps only what is behind it is damaged: the number of the next one that is believed will tell.
                self._doubted, self._doubted_left = run, end - at
            self._counters.bad_frames += not self._skipping
            self._aligned, self._skipping = False, True
            start = self._buffer.find(self._start, at + 1)
            start = len(self._buffer) if start < 0 else start
            self._doubted_left -= start - at
            run, at = [], start
            end = at
        del self._buffer[:at]
        return found

    def _extend(self, run: list[bytes], end: int) -> int:
        """Let ``run`` grow to as many frames as are needed; where it ends, -1 if more bytes must tell."""
        while len(run) <= self._confirm:
            length = self._measure(self._buffer, end)
            if length is None:
                return -1
            if not length:
                break
            run.append(bytes(self._buffer[end : end + length]))
            end += length
        return end

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
