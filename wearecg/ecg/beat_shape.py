"""The shape of a beat and of those like it, as the network `waves` sees them: the same code live and in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

FS = 250.0
BEFORE, AFTER = 120, 168
"""Samples before the R peak, and from it on: 0.48 s and 0.67 s."""
LENGTH = BEFORE + AFTER
CORE = slice(BEFORE - 20, BEFORE + 20)
"""Where the QRS complex is."""
TURN_S = 5.0
"""Beats are looked at together, in turns of so many seconds of the timeline."""
ALIKE = 0.9
"""Beats whose QRS complexes correlate by at least so much are of one shape."""
MOST = 4
"""What was before a turn counts as at most so many of its beats."""
SMALLEST = 1e-4
"""A QRS complex of a smaller size, in the unit of the lead, is none."""

_OFFSETS = (np.arange(LENGTH) - BEFORE) / FS


def turns(times: Sequence[float]) -> Iterator[slice]:
    """Yield those of the beats at ``times`` (s, in order) that are looked at together."""
    first = 0
    for _, turn in groupby(times, lambda time: time // TURN_S):
        last = first + sum(1 for _ in turn)
        yield slice(first, last)
        first = last


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
        self._mean = np.zeros(LENGTH, np.float32)
        self._count = 0

    def feed(self, beats: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Take the ``beats`` of a turn [beats, LENGTH], without offset; return the mean, and which of them are like it.

        Where none is like what was usual before, usual is what is most like the others.
        """
        cores = beats[:, CORE]
        sizes = np.sqrt(np.einsum("ij,ij->i", cores, cores))
        usual = self._mean[CORE]
        alike = cores @ usual > ALIKE * np.sqrt(usual @ usual) * sizes
        if len(beats) and not alike.any():
            likeness = cores @ cores.T / np.maximum(np.outer(sizes, sizes), np.float32(SMALLEST**2))
            alike = likeness[likeness.sum(axis=1).argmax()] > ALIKE
            self._count = 0
        found = beats if alike.all() else beats[alike]
        if count := self._count + len(found):
            total = found.sum(axis=0)
            total += np.float32(self._count) * self._mean
            total /= np.float32(count)
            self._mean = total
        self._count = min(count, MOST)
        return self._mean, alike


def seen(beats: Array, mean: MeanBeat) -> tuple[Array, NDArray[np.bool_]]:
    """Return what the network sees of the ``beats`` of a turn [beats, LENGTH], and which are of the usual shape.

    Each, and the mean of those like it, which ``mean`` follows, side by side, without offset, in units of the size of
    the QRS complex: [beats, 2 LENGTH]. A beat of another shape is its own mean; so is one with missing samples (NaN),
    which are bridged by straight lines.
    """
    pairs = np.empty((len(beats), 2, LENGTH), np.float32)
    offsets = beats.mean(axis=1, keepdims=True)
    whole = offsets[:, 0] == offsets[:, 0]
    if whole.all():
        np.subtract(beats, offsets, out=pairs[:, 0])
        usual_shape, usual = mean.feed(pairs[:, 0])
    else:
        bridged = np.stack([_bridged(beat) for beat in beats])
        np.subtract(bridged, bridged.mean(axis=1, keepdims=True), out=pairs[:, 0])
        usual_shape, known = mean.feed(pairs[whole, 0])
        usual = whole.copy()
        usual[whole] = known
    pairs[:, 1] = usual_shape if usual.all() else np.where(usual[:, None], usual_shape, pairs[:, 0])
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
