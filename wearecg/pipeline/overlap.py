"""A model's output for overlapping windows, joined into one stream by cross-fades.

A window starts every hop. Where a new window overlaps earlier ones, the old fades into the new along half a period
of a cosine, a fixed time (the context) before the end of the old one. So every sample but the first and last comes
from the inner part of a window, and the delay is constant. Only the first window after the start or a gap has to be
complete before anything of it is returned.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wearecg.block import Samples
from wearecg.pipeline.windows import Windower


class Overlap:
    """Samples in; the joined output of their windows out, as (number of the first, values [n, columns]).

    Parameters
    ----------
    length, hop, fade, context : int
        Samples.
    leads, columns : int
        Columns of the input and of the output.
    compute : callable
        From the number of its first sample and a window [length, leads] to values [length, columns]; None where
        there is no output.
    """

    def __init__(
        self,
        length: int,
        hop: int,
        fade: int,
        context: int,
        leads: int,
        columns: int,
        compute: Callable[[int, Samples], Samples | None],
    ) -> None:
        self.delay = hop + context + fade
        """Samples by which the output is late."""
        self._length, self._compute = length, compute
        self._windower = Windower(length, hop, leads)
        self._joined = _Joined(fade, context, columns)
        self._recent: Samples = np.empty((0, leads), np.float32)
        self._end = 0
        self._last_start = -1

    def feed(self, index: int, samples: Samples) -> list[tuple[int, Samples]]:
        """Take samples [n, leads], the first with number ``index``."""
        done: list[tuple[int, Samples]] = []
        for start, window in self._windower.feed(index, samples):
            done += self._add(start, window)
        self._remember(index, samples)
        return [*done, self._joined.take(self._end - self.delay)]

    def flush(self) -> list[tuple[int, Samples]]:
        """Compute the last window, which ends with the last sample, and return all that is held back."""
        start = self._end - self._length
        done = self._add(start, self._recent) if start > self._last_start and start >= 0 else []
        return [*done, self._joined.take(self._joined.end)]

    def _remember(self, index: int, samples: Samples) -> None:
        missing = min(index - self._end, self._length)
        gap = np.full((missing, samples.shape[1]), np.nan, np.float32)
        self._recent = np.concatenate([self._recent, gap, samples])[-self._length :]
        self._end = index + len(samples)

    def _add(self, start: int, window: Samples) -> list[tuple[int, Samples]]:
        self._last_start = start
        values = self._compute(start, window)
        if values is None:
            return []
        # What could have been returned before this window was complete must not change now.
        due = self._joined.end if start >= self._joined.end else start + self._length - self.delay
        done = [self._joined.take(due)]
        self._joined.add(start, values)
        return done


class _Joined:
    def __init__(self, fade: int, context: int, columns: int) -> None:
        self._fade, self._context = fade, context
        self._start = 0
        self._values: Samples = np.empty((0, columns), np.float32)

    @property
    def end(self) -> int:
        return self._start + len(self._values)

    def add(self, start: int, values: Samples) -> None:
        """Cross-fade to a window that starts at ``start``; what lies before the fade is final."""
        shared = self.end - start
        if shared <= 0:
            self._start, self._values = start, values
            return
        fade = min(self._fade, shared)
        place = np.arange(shared) - (shared - fade - min(self._context, (shared - fade) // 2)) + 0.5
        weight = 0.5 - 0.5 * np.cos(np.pi * np.clip(place / fade, 0, 1))
        taken = max(self._start - start, 0)
        first = max(start - self._start, 0)
        old, new = self._values[first:], values[taken:shared]
        # In this form values that are equal in both stay exactly as they are.
        blend = old + (new - old) * weight[taken:, None].astype(np.float32)
        self._values = np.concatenate([self._values[:first], blend, values[shared:]])

    def take(self, before: int) -> tuple[int, Samples]:
        """Remove and return what lies before sample ``before``, with the number of its first sample."""
        count, first = max(before - self._start, 0), self._start
        values, self._values = self._values[:count], self._values[count:]
        self._start += len(values)
        return first, values
