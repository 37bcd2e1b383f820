"""Playing stored or made-up samples as if they were arriving now."""

from __future__ import annotations

import math
import time
from abc import abstractmethod

from wearecg.block import LinkState, Notice, SignalBlock
from wearecg.errors import SourceError
from wearecg.transports.base import Item, Source

BLOCK_SECONDS = 0.04
"""Length of a block at 1x, as a wearable would send it."""
LONGEST_S = 1.0
_BLOCKS_PER_READ = 16


class PacedSource(Source):
    """A source with a supply of blocks, handed over on an absolute schedule.

    ``speed`` is how many seconds of signal pass in one second, ``math.inf`` for as fast as they are read. A
    block's arrival is when its last sample was taken; at infinite speed it is what it would be at 1x. No block is
    longer than ``longest_s``.
    """

    remarks: tuple[str, ...] = ()
    """What the user should be told before it plays."""

    def __init__(self, fs: float, speed: float, longest_s: float = LONGEST_S) -> None:
        if not speed > 0:
            raise SourceError(
                f"a speed of {speed:g} is not possible; 1 is real time, inf is as fast as possible"
            )
        self.fs = fs
        self.speed = speed
        self.pace = "as fast as it is read" if math.isinf(speed) else f"at {speed:g}x"
        self.realtime = not math.isinf(speed)
        self.block_samples = max(1, round(fs * min(BLOCK_SECONDS * max(1.0, speed), longest_s)))
        self._began: float | None = None
        self._announced = False
        self._ended = False
        self._handed = 0

    @abstractmethod
    def _next(self, n: int) -> tuple[list[SignalBlock], int]:
        """Return the blocks among the next ``n`` samples of the schedule, and how many of these there were.

        Fewer than ``n`` only at the end, then 0.
        """

    def open(self) -> None:
        """Start the schedule: the first sample is taken now."""
        self._began = time.monotonic()

    def read(self, timeout: float) -> list[Item] | None:
        """Return what is due, waiting at most ``timeout`` seconds for it; None after the last block."""
        if self._began is None or self._ended:
            return None
        if not self._announced:
            self._announced = True
            remarks = [Notice(remark, "warning") for remark in self.remarks]
            return [LinkState("live", f"{self.name} is playing", self._began), *remarks]
        items: list[Item] = []
        deadline = time.monotonic() + timeout
        while len(items) < _BLOCKS_PER_READ:
            due = self._due(self._handed + self.block_samples)
            wait = 0.0 if math.isinf(self.speed) else due - time.monotonic()
            if wait > 0:
                if items or time.monotonic() + wait > deadline:
                    time.sleep(0.0 if items else max(0.0, deadline - time.monotonic()))
                    return items
                time.sleep(wait)
            blocks, taken = self._next(self.block_samples)
            self._handed += taken
            # In the signal's own time: at twice the speed its clock does not run twice as fast. Each block at its own
            # end: of several with a gap between them none has waited for the last.
            items += [(block, self._began + block.end) for block in blocks]
            if taken < self.block_samples:
                self._ended = True
                ended = self._began + self._handed / self.fs
                return [*items, LinkState("closed", f"{self.name} has ended", ended)]
        return items

    def _due(self, samples: int) -> float:
        """Host time at which so many samples have been taken."""
        assert self._began is not None
        return self._began + samples / self.fs / (1.0 if math.isinf(self.speed) else self.speed)

    def close(self) -> None:
        """Stop playing."""
        self._began = None
