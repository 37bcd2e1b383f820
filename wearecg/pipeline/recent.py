"""The last samples of a stream, for observers that look back at them."""

from __future__ import annotations

import numpy as np

from wearecg.block import Samples

KEEP_S = 20.0


class Recent:
    """Keeps the samples of the last `KEEP_S` seconds, and those of the newest block.

    Parameters
    ----------
    fs : float
    leads : int
    """

    def __init__(self, fs: float, leads: int) -> None:
        self._keep = round(KEEP_S * fs)
        self._samples: Samples = np.empty((2 * self._keep, leads), np.float32)
        self._first = self._end = 0
        """Number of the first sample, and of the one that comes next."""

    def add(self, first: int, samples: Samples) -> None:
        """Take ``samples`` [n, leads], the first with number ``first``; some may be missing before them."""
        if first - self._end > self._keep:
            self._first = self._end = first
        elif first > self._end:
            self._put(np.full((first - self._end, samples.shape[1]), np.nan, np.float32))
        self._put(samples)

    def between(self, first: int, last: int) -> Samples:
        """Return the samples from number ``first`` to before ``last`` [n, leads], NaN where there are none."""
        low, high = max(first, self._first), min(last, self._end)
        known = self._samples[low - self._first : high - self._first]
        if (low, high) == (first, last):
            return known.copy()
        found: Samples = np.full((last - first, self._samples.shape[1]), np.nan, np.float32)
        if low < high:
            found[low - first : high - first] = known
        return found

    def _put(self, samples: Samples) -> None:
        used = self._end - self._first
        if used + len(samples) > len(self._samples):
            kept = self._samples[max(used - self._keep, 0) : used].copy()
            if len(kept) + len(samples) > len(self._samples):
                self._samples = np.empty((self._keep + len(samples), samples.shape[1]), np.float32)
            used = len(kept)
            self._samples[:used] = kept
            self._first = self._end - used
        self._samples[used : used + len(samples)] = samples
        self._end += len(samples)
