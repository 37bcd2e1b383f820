"""PR, QRS, QT and ST over a stretch of beats, each with its standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from statistics import fmean, median
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Measure, StreamId, Waves

Array = NDArray[np.float32]
Samples: TypeAlias = Callable[[float, float], Array]

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
MARGIN_S = 1.0
"""A beat reaches no farther beyond its stretch."""


class Measured(NamedTuple):
    """One beat of a stretch: its waves, and the interval before it (s)."""

    waves: Waves
    rr: float | None


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
    samples: Samples,
    leads: Mapping[str, int],
    source: str,
    stream: StreamId,
) -> Iterator[Measure]:
    """Yield what can be said of the ``beats`` from ``start`` to ``end``, which are of one shape, at ``fs`` Hz.

    QT is corrected as a whole: the median QT by the mean RR. Beat by beat, the QT of a beat after a long pause would
    be corrected too much, and one after a short RR too little, which is all that atrial fibrillation has. ST is given
    for ``leads``, with the columns of their ``samples``, which are asked for as `About.samples` is.
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
        mean = fmean(rr)
        usual = Value(mean, sqrt(fmean([(one - mean) ** 2 for one in rr]) / len(rr)))
        for name, power in (("qtc_fridericia", 1 / 3), ("qtc_bazett", 1 / 2)):
            yield measure(name, "ms", _corrected(found["qt"], usual, power), measured_on)
    around = start - MARGIN_S, end + MARGIN_S
    for name, levels in (_levels(beats, around[0], fs, samples(*around)) if leads else {}).items():
        for lead, column in leads.items():
            known = levels[np.isfinite(levels[:, column]), column].tolist()
            if len(known) >= LEAST_BEATS:
                yield measure(name, "mV", _value(known), (lead,))


def _spans(beats: Sequence[Measured]) -> dict[str, list[float]]:
    """Return the seconds of each interval, of the beats that have it."""
    spans: dict[str, list[float]] = {"pr": [], "qrs": [], "qt": []}
    for beat in beats:
        waves = beat.waves
        since = waves.qrs_on
        if since is None:
            continue
        if waves.p_on is not None:
            spans["pr"].append(since - waves.p_on)
        if waves.qrs_off is not None:
            spans["qrs"].append(waves.qrs_off - since)
        if waves.t_off is not None:
            spans["qt"].append(waves.t_off - since)
    return spans


def _value(values: Sequence[float]) -> Value:
    middle = median(values)
    spread = MAD_SD * median([abs(value - middle) for value in values])
    return Value(middle, MEDIAN_SD * spread / sqrt(len(values)))


def _corrected(qt: Value, rr: Value, power: float) -> Value:
    """Return ``qt`` over the mean RR (s) to this power."""
    scale = rr.value**-power
    return Value(qt.value * scale, scale * hypot(qt.error, qt.value * power * rr.error / rr.value))


def _levels(beats: Sequence[Measured], start: float, fs: float, samples: Array) -> dict[str, Array]:
    """Return ST [beats, leads], mV, of the beats whose QRS complex is known; the first sample is at ``start`` s."""
    edges = [
        (waves.qrs_on, waves.qrs_off)
        for waves, _ in beats
        if waves.qrs_on is not None and waves.qrs_off is not None
    ]
    if not edges:
        return {}
    borders = np.rint((np.array(edges) - start) * fs).astype(np.intp)
    first, last = (round(second * fs) for second in ISOELECTRIC_S)
    before = np.arange(first, last + 1)
    near = np.arange(-round(ST_HALF_S * fs), round(ST_HALF_S * fs) + 1)
    after = [round(second * fs) + near for second in ST_S.values()]
    zero = samples[borders[:, :1] + before].mean(axis=1)
    levels = samples[borders[:, 1:] + np.concatenate(after)].reshape(len(edges), len(ST_S), len(near), -1)
    return dict(zip(ST_S, (levels.mean(axis=2) - zero[:, None]).swapaxes(0, 1), strict=True))
