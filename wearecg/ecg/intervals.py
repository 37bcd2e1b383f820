"""PR, QRS, QT and ST over a stretch of beats, each with its standard error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Measure, StreamId, Waves

Array = NDArray[np.float32]

LEAST_BEATS = 4
"""Fewer beats give no interval."""
SYSTEMATIC_MS = {"pr": 13.0, "qrs": 13.0, "qt": 20.0}
"""Standard deviation of the median of a record from that of cardiologists, however many beats there are: of leads of
LUDB that were left out of a training."""
MAD_SD, MEDIAN_SD = 1.4826, 1.2533
"""From a median absolute deviation to a standard deviation; by how much a median is less certain than a mean."""
ST_S = {"st60": 0.06, "st80": 0.08}
ST_HALF_S = 0.004
"""ST is the mean of so many seconds to either side."""
ISOELECTRIC_S = (-0.02, -0.004)
"""The PR segment, seconds from the QRS onset: the level that ST is measured from."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One beat of a stretch.

    Attributes
    ----------
    waves : Waves
    rr : float or None
    samples : float32 [n, leads]
        mV around its R peak, NaN where there are none.
    start : float
        Seconds of the first of them.
    """

    waves: Waves
    rr: float | None
    samples: Array
    start: float


@dataclass(frozen=True, slots=True)
class Value:
    """A median and its standard error."""

    value: float
    error: float


def measures(
    beats: Sequence[Measured],
    start: float,
    end: float,
    fs: float,
    leads: Mapping[str, int],
    source: str,
    stream: StreamId,
) -> Iterator[Measure]:
    """Yield what can be said of the ``beats`` from ``start`` to ``end``, which are of one shape, at ``fs`` Hz.

    QT is corrected as a whole: the median QT by the mean RR. Beat by beat, the QT of a beat after a long pause would
    be corrected too much, and one after a short RR too little, which is all that atrial fibrillation has. ST is given
    for ``leads``, with the columns of their samples.
    """

    def measure(name: str, unit: str, value: Value, of: tuple[str, ...]) -> Measure:
        return Measure(name, value.value, unit, source, start, end, value.error, of, stream)

    if len(beats) < LEAST_BEATS:
        return
    measured_on = tuple(dict.fromkeys(beat.waves.lead for beat in beats))
    found: dict[str, Value] = {}
    for name, spans in _spans(beats).items():
        if len(spans) >= max(LEAST_BEATS, len(beats) / 2):
            value = _value([1000 * span for span in spans])
            found[name] = Value(value.value, hypot(value.error, SYSTEMATIC_MS[name]))
            yield measure(name, "ms", found[name], measured_on)
    rr = [beat.rr for beat in beats if beat.rr is not None]
    if "qt" in found and len(rr) >= LEAST_BEATS:
        for name, power in (("qtc_fridericia", 1 / 3), ("qtc_bazett", 1 / 2)):
            yield measure(name, "ms", _corrected(found["qt"], rr, power), measured_on)
    for name, after in ST_S.items():
        for lead, value in _levels(beats, after, fs, leads):
            yield measure(name, "mV", value, (lead,))


def _spans(beats: Sequence[Measured]) -> dict[str, list[float]]:
    """Return the seconds of each interval, of the beats that have it."""
    waves = [beat.waves for beat in beats]
    pairs = {"pr": ("p_on", "qrs_on"), "qrs": ("qrs_on", "qrs_off"), "qt": ("qrs_on", "t_off")}
    return {
        name: [
            getattr(one, to) - getattr(one, since)
            for one in waves
            if getattr(one, since) is not None and getattr(one, to) is not None
        ]
        for name, (since, to) in pairs.items()
    }


def _value(values: Sequence[float]) -> Value:
    middle = median(values)
    spread = MAD_SD * median(abs(value - middle) for value in values)
    return Value(middle, MEDIAN_SD * spread / sqrt(len(values)))


def _corrected(qt: Value, rr: Sequence[float], power: float) -> Value:
    """Return ``qt`` over the mean RR (s) to this power."""
    mean = fmean(rr)
    scale = mean**-power
    uncertain = sqrt(fmean((one - mean) ** 2 for one in rr) / len(rr)) / mean
    return Value(qt.value * scale, scale * hypot(qt.error, qt.value * power * uncertain))


def _levels(
    beats: Sequence[Measured], after: float, fs: float, leads: Mapping[str, int]
) -> Iterator[tuple[str, Value]]:
    """Yield each lead and its level (mV) ``after`` seconds behind the J point."""
    levels = []
    for beat in beats:
        onset, end = beat.waves.qrs_on, beat.waves.qrs_off
        if onset is None or end is None:
            continue
        zero = _mean(beat, fs, (onset + ISOELECTRIC_S[0], onset + ISOELECTRIC_S[1]))
        levels.append(_mean(beat, fs, (end + after - ST_HALF_S, end + after + ST_HALF_S)) - zero)
    for lead, column in leads.items():
        known = [float(level[column]) for level in levels if np.isfinite(level[column])]
        if len(known) >= LEAST_BEATS:
            yield lead, _value(known)


def _mean(beat: Measured, fs: float, span: tuple[float, float]) -> Array:
    """Return the mean of the samples of every lead over a span in timeline seconds."""
    first, last = (round((second - beat.start) * fs) for second in span)
    part = beat.samples[max(first, 0) : last + 1]
    mean: Array = np.add.reduce(part) / np.float32(max(len(part), 1))
    return mean if len(part) else np.full(beat.samples.shape[1], np.nan, np.float32)
