"""The shape of a beat and of those like it, as the network `waves` sees them: the same code live and in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

FS = 250.0
BEFORE, AFTER = 120, 168
"""Samples before the R peak, and from it on: 0.48 s and 0.67 s."""
LENGTH = BEFORE + AFTER
CORE = slice(BEFORE - 20, BEFORE + 20)
"""Where the QRS complex is."""
ALIKE = 0.9
"""Beats whose QRS complexes correlate by at least so much are of one shape."""
MOST = 8
"""A beat counts for at least an eighth of the mean: this long is the memory."""
FOREIGN = 3
"""After so many beats in a row unlike the mean, it begins anew."""
SMALLEST = 1e-4
"""A QRS complex of a smaller size, in the unit of the lead, is none."""

_OFFSETS = (np.arange(LENGTH) - BEFORE) / FS


def cut(samples: Array, fs: float, peaks: Sequence[float]) -> Array:
    """Return beats [beats, LENGTH] at `FS` whose R ``peaks`` are so many seconds after the first of ``samples`` [n].

    A straight line joins two samples: so is a beat at its own place, and not at that of the nearest sample. NaN where
    there are none.
    """
    places = np.add.outer(peaks, _OFFSETS) * fs
    least, most = places.item(0), places.item(-1)
    if least < 0 or most >= len(samples) - 1:
        before, after = max(1 - int(least), 0), max(int(most) + 2 - len(samples), 0)
        samples = np.pad(samples, (before, after), constant_values=np.nan)
        places += before
    low = places.astype(np.intp)
    first = samples[low]
    beats: Array = first + (samples[low + 1] - first) * (places - low).astype(np.float32)
    return beats


class MeanBeat:
    """The mean of the last beats of one shape, on one lead."""

    def __init__(self) -> None:
        self._mean = np.zeros(0, np.float32)
        self._count = self._foreign = 0

    def feed(self, beat: Array) -> tuple[Array, bool]:
        """Take the next ``beat`` [LENGTH], without offset; return the mean of the beats like it, itself included.

        And whether it is of the usual shape. A beat of another is its own mean; after `FOREIGN` of those in a row they
        are what is usual.
        """
        if self._count:
            core, usual = beat[CORE], self._mean[CORE]
            product = core.dot(usual)
            if product > 0 and product * product > ALIKE * ALIKE * core.dot(core) * usual.dot(usual):
                if self._count < MOST:
                    self._count += 1
                self._foreign = 0
                self._mean = self._mean + (beat - self._mean) * np.float32(1 / self._count)
                return self._mean, True
            self._foreign += 1
            if self._foreign < FOREIGN:
                return beat, False
        self._mean, self._count, self._foreign = beat, 1, 0
        return beat, True


def seen(beats: Array, means: Sequence[MeanBeat]) -> tuple[Array, list[bool]]:
    """Return what the network sees of ``beats`` [beats, LENGTH], and which of them are of the usual shape.

    Each, and the mean of those like it, which the ``means`` follow, side by side, without offset, in units of the size
    of the QRS complex: [beats, 2 LENGTH]. A beat with missing samples (NaN) is bridged by straight lines, and has no
    part in the mean.
    """
    offsets = beats.mean(axis=1, keepdims=True)
    whole = [offset == offset for offset in offsets.ravel().tolist()]
    if not all(whole):
        beats = np.stack(
            [beat if known else _bridged(beat) for beat, known in zip(beats, whole, strict=True)]
        )
        offsets = beats.mean(axis=1, keepdims=True)
    pairs = np.empty((len(beats), 2, LENGTH), np.float32)
    np.subtract(beats, offsets, out=pairs[:, 0])
    usual = []
    for pair, mean, known in zip(pairs, means, whole, strict=True):
        beat = pair[0]
        pair[1], like = mean.feed(beat.copy()) if known else (beat, False)
        usual.append(like)
    return scaled(pairs), usual


def scaled(pairs: Array) -> Array:
    """Return ``pairs`` [beats, 2, LENGTH], beats and means, in units of the QRS complex's size: [beats, 2 LENGTH]."""
    size = np.abs(pairs[:, 1, CORE]).max(axis=1)
    pairs /= np.maximum(size, np.float32(SMALLEST))[:, None, None]
    return pairs.reshape(len(pairs), -1)


def _bridged(beat: Array) -> Array:
    known = np.flatnonzero(np.isfinite(beat))
    if not len(known):
        return np.zeros_like(beat)
    return np.interp(np.arange(LENGTH), known, beat[known]).astype(np.float32)
