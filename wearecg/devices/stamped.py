"""Packets that carry the sensor's time: where their samples lie, what is missing, and how fast it really samples."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

RATE_PACKETS = 8
"""Unbroken packets over which the rate is measured: 4.5 s of a Polar H10."""
CLOCK_SET_S = 5.0
"""A time stamp further back than this is a clock that was set; a nearer one is a packet that came twice."""
HOLE = 1.5
"""A step this many times as long as the usual one between packets is a hole."""
PLAUSIBLE = 4.0
"""A measured rate further from the stated one than by this factor is none: firmware states 135 Hz for 55, not more."""
LONGEST_LOSS_S = 60.0
"""A hole longer than this within one link is a clock that was set: no link lives that long without a packet."""


class Stamped:
    """Places the packets of one stream by the time stamp of their last sample.

    The rate that such a sensor states is its type's, not its own (a Polar H10 may be 2 % off), so it
    is measured on the first packets, by the sensor's own clock. It is kept from then on: one stream has one rate.

    Parameters
    ----------
    fs : float
        Stated rate, Hz.
    measure : bool
        False: the stated rate holds.
    packet : int
        Samples come in multiples of this, and so are lost: for time stamps that are coarser than half a sample.
    """

    def __init__(self, fs: float, measure: bool = True, packet: int = 1) -> None:
        self.fs = fs
        self._packet = packet
        self.known = not measure
        """Whether `fs` is the sensor's true rate."""
        self._last: float | None = None
        self._recent: deque[tuple[float, int]] = deque(maxlen=RATE_PACKETS)

    def restart(self) -> None:
        """A fresh link: what was missed meanwhile is not this link's loss."""
        self._last = None
        if not self.known:
            self._recent.clear()

    def place(self, last: float, n: int) -> int | None:
        """Take a packet of ``n`` > 0 samples whose last was taken at ``last`` seconds of the sensor's clock.

        Returns the samples missing before it, or None for a packet that was seen before.
        """
        lost, follows = 0, False
        if self._last is not None:
            step = last - self._last
            if -CLOCK_SET_S < step <= 0:
                return None
            if 0 < step < LONGEST_LOSS_S:
                lost = self._missing(step, n)
                follows = not lost
        self._last = last
        if not self.known:
            self._measure(last, n, follows)
        return lost

    def start(self, last: float, n: int) -> float:
        """Time of the first of ``n`` samples that end at ``last``."""
        return last - (n - 1) / self.fs

    def _missing(self, step: float, n: int) -> int:
        if self.known:
            return max(round((step * self.fs - n) / self._packet) * self._packet, 0)
        # The stated rate may be far off: only a hole beside packets of the same length can be told.
        steps = sorted(b[0] - a[0] for a, b in pairwise(self._recent))
        usual = steps[len(steps) // 2] if steps else PLAUSIBLE * n / self.fs
        return max(round((step / usual - 1) * n), 0) if step > HOLE * usual else 0

    def _measure(self, last: float, n: int, follows: bool) -> None:
        if not follows:
            self._recent.clear()
        elif len(self._recent) > 1 and self._recent[-1][0] - self._recent[-2][0] > HOLE * (
            last - self._recent[-1][0]
        ):
            # What passed for the usual step was a hole: the next one shows it.
            newest = self._recent[-1]
            self._recent.clear()
            self._recent.append(newest)
        self._recent.append((last, n))
        if len(self._recent) == RATE_PACKETS:
            samples = sum(count for _, count in self._recent) - self._recent[0][1]
            measured = samples / (last - self._recent[0][0])
            if not self.fs / PLAUSIBLE < measured < self.fs * PLAUSIBLE:
                self._recent.clear()
                return
            # To 1 ppm: the rest would be noise, and files hold the rate as text.
            self.fs = round(measured, 4)
            self.known = True
