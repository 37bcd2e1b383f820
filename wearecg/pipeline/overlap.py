"""The outputs of a model for overlapping windows, joined without seams into one stream.

A window starts every hop. Where a new one overlaps those before, the old fades into the new along half a period of
a cosine, a fixed time (the context) before the old one's end: so every sample but the first and last comes from the
inner part of a window, and all are late by the same constant time. Only the first window after the start or a gap
is waited for to its end.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wearecg.block import Samples
from wearecg.pipeline.windows import Windower


class Overlap:
    """Samples in; the joined values of their windows out, as (number of the first, values [n, columns]).

    Parameters
    ----------
    length, hop, fade, context : int
        Samples.
    leads, columns : int
        Columns of the input, and of the output.
    values_of : callable
        Takes the number of its first sample and a window [length, leads]; returns values [length, columns], or None
        where there are none.
    """

    def __init__(
        self,
        length: int,
        hop: int,
        fade: int,
        context: int,
        leads: int,
        columns: int,
        values_of: Callable[[int, Samples], Samples | None],
    ) -> None:
        self.delay = hop + context + fade
        """Samples from input to output."""
        self._length, self._values_of = length, values_of
        self._windower = Windower(length, hop, leads)
        self._joined = _Joined(fade, context, columns)
        self._recent: Samples = np.empty((0, leads), np.float32)
        self._end = 0
        self._last_start = -1

    def feed(self, index: int, samples: Samples) -> list[tuple[int, Samples]]:
        """Take samples [n, leads], the first with number ``index``."""
        done: list[tuple[int, Samples]] = []
        for start, window in self._windower.feed(index, samples):
            done += self._add_window(start, window)
        self._remember(index, samples)
        return [*done, self._joined.take(self._end - self.delay)]

    def flush(self) -> list[tuple[int, Samples]]:
        """Take the last samples as a window, and return the rest."""
        start = self._end - self._length
        done = self._add_window(start, self._recent) if start > self._last_start and start >= 0 else []
        return [*done, self._joined.take(self._joined.end)]

    def _remember(self, index: int, samples: Samples) -> None:
        missing = min(index - self._end, self._length)
        gap = np.full((missing, samples.shape[1]), np.nan, np.float32)
        self._recent = np.concatenate([self._recent, gap, samples])[-self._length :]
        self._end = index + len(samples)

    def _add_window(self, start: int, window: Samples) -> list[tuple[int, Samples]]:
        self._last_start = start
        values = self._values_of(start, window)
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
        """Join a window that starts at ``start`` to those before it."""
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
        # In this form, values that are equal in both stay the same to the last bit.
        blend = old + (new - old) * weight[taken:, None].astype(np.float32)
        self._values = np.concatenate([self._values[:first], blend, values[shared:]])

    def take(self, before: int) -> tuple[int, Samples]:
        """Return, once, what lies before sample ``before``, with the number of its first sample."""
        count, first = max(before - self._start, 0), self._start
        values, self._values = self._values[:count], self._values[count:]
        self._start += len(values)
        return first, values
