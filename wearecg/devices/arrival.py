"""Sensors that have neither a clock nor a counter: their rate, measured on the arrival of their samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock, StreamId
from wearecg.ecg.leads import is_ecg

ESTIMATE_OVER = 5.0
"""Seconds of samples from which the rate is estimated."""
MAX_HELD = 5000
"""Samples held back at most: more than any of these boards sends in that time."""
AGREES = 0.01
"""Arrivals that differ from a stated rate by no more than this share of it do not contradict it."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A sampling rate and how far off it may be, Hz."""

    fs: float
    error: float


def estimate_rate(arrivals: NDArray[np.float64], lines: NDArray[np.float64]) -> Rate | None:
    """Estimate the rate of lines that arrive in bursts.

    Parameters
    ----------
    arrivals : float64 [m]
        Host seconds at which lines arrived, ascending.
    lines : float64 [m]
        How many lines had arrived by then, these included.

    Returns
    -------
    Rate or None
        Least-squares slope of lines over time, fitted again without late arrivals (points further below
        the line than three times the median deviation). ``error`` is two standard errors, and not
        less than one burst over the whole span. None where the arrivals do not span any time.
    """
    keep = np.ones(len(arrivals), bool)
    slope = error = 0.0
    for _ in range(3):
        t, n = arrivals[keep], lines[keep]
        spread = float(((t - t.mean()) ** 2).sum()) if len(t) > 2 else 0.0
        if spread <= 0:
            return None
        slope = float(((t - t.mean()) * (n - n.mean())).sum() / spread)
        off = lines - n.mean() - slope * (arrivals - t.mean())
        error = 2 * float(np.sqrt((off[keep] ** 2).sum() / (len(t) - 2) / spread))
        keep = off > -3 * max(1.0, float(np.median(np.abs(off))))
    burst = float(np.median(np.diff(lines)))
    return Rate(slope, max(error, burst / float(arrivals[-1] - arrivals[0])))


class Unclocked:
    """Makes blocks of the samples of one stream, at the rate that a document states or that arrivals show.

    Boards of one kind come with firmware of several rates, and a rate that is 2 % off makes a gap a minute. So the
    samples of the first `ESTIMATE_OVER` seconds are held back, and handed out in full when the rate is settled: the
    stated one where the arrivals agree with it, else the one that they show.

    Parameters
    ----------
    stream : str
    leads : sequence of str
    lsb : float
        Units of one count; 0 where unknown: a count then stands for a microvolt in an ECG, and for 1 elsewhere.
    stated : float
        Hz, from the document.
    given : float, optional
        Hz, from the user: holds, and nothing is held back.
    """

    def __init__(
        self, stream: str, leads: Sequence[str], lsb: float, stated: float, given: float | None = None
    ) -> None:
        self.fs = stated if given is None else given
        self.note = ""
        """How the rate is known, once it was measured."""
        self.holding = given is None
        self._stream, self._leads, self._lsb = stream, tuple(leads), (lsb,) * len(leads)
        self._scale = np.array([lsb or (0.001 if is_ecg(lead) else 1.0) for lead in leads])
        self._held: list[SignalBlock] = []
        self._seen: list[tuple[float, int]] = []

    def restart(self) -> int:
        """Start over on a fresh link; what was held back is given up. Returns how many samples that were."""
        count = sum(map(len, self._held))
        self._held.clear()
        self._seen.clear()
        return count

    def take(
        self, counts: NDArray[np.float64], arrival: float, lead_off: tuple[bool | None, ...] = ()
    ) -> list[SignalBlock]:
        """Return the blocks for ``counts`` [n, leads] and for those that were held back, if that is over."""
        values = (counts * self._scale).astype(np.float32)
        block = SignalBlock(
            values, self.fs, self._leads, lead_off=lead_off, lsb=self._lsb, stream=StreamId(self._stream)
        )
        if not self.holding:
            return [block]
        count = sum(map(len, self._held))
        # Judged by whole arrivals, those before this one: the verdict is the same however the bytes are cut.
        over = count and arrival > self._seen[-1][0] and arrival - self._seen[0][0] >= ESTIMATE_OVER
        if over or count >= MAX_HELD:
            return self._release(block)
        if self._held and self._held[-1].lead_off == block.lead_off:
            before = self._held.pop()
            block = replace(before, samples=np.concatenate([before.samples, block.samples]))
            count -= len(before)
        self._held.append(block)
        count += len(block)
        if self._seen and self._seen[-1][0] == arrival:
            self._seen.pop()
        self._seen.append((arrival, count))
        return []

    def _release(self, block: SignalBlock) -> list[SignalBlock]:
        rate = estimate_rate(*np.array(self._seen, np.float64).T)
        self.note = "stated by its document, and arrivals agree"
        if rate and abs(rate.fs - self.fs) > max(AGREES * self.fs, 2 * rate.error):
            self.note = f"estimated from arrival times: {rate.fs:.1f} Hz ± {rate.error:.1f}, not {self.fs:g}"
            self.fs = rate.fs
        released = [replace(held, fs=self.fs) for held in [*self._held, block]]
        self.holding = False
        self._held.clear()
        self._seen.clear()
        return released
