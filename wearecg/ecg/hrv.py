"""Heart rate variability, on the intervals from one normal beat to the next (NN), after the Task Force (1996).

An interval is left out where one of its two beats is not normal or not known, and where it is not the time from the
beat before (a gap, a beat that was left out). Without classes of beats, intervals that are impossible or far from their
neighbours are left out instead. What was left out is told as a share, and where that is most of it nothing is measured.

The spectrum is Welch's: the longest stretch without a break, resampled to 4 Hz by a quadratic spline through the ends
of its intervals, its mean taken off, in Hann windows of half its length that overlap by half, zero-padded to twice
their length; bins of fewer than two cycles in a window are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from math import nan
from typing import Any, cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from wearecg.arguments import typed
from wearecg.block import Beat, BeatClass, Measure, StreamId
from wearecg.errors import SignalError
from wearecg.stream_id import ECG

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

POSSIBLE_S = (0.2, 3.0)
NEAR, FAR = 11, 0.3
"""Without classes: an interval that is further from the median of the nearest ``NEAR`` than this share is left out."""
SUDDEN = 0.15
"""None is looked at that differs from both its neighbours by less."""
MOST_LEFT_OUT, MOST_ODD = 0.5, 0.2
"""Share left out by the classes, and without classes by the intervals alone, beyond which nothing is measured."""
FEWEST = 20
"""NN intervals, and pairs of them that follow each other, for anything to be measured."""
SAME_S = 0.02
"""By how much the time between two beats and the interval between them may differ."""
RATE_HZ = 4.0
BREAK_S = 5.0
"""The spline goes over what was left out if it is shorter."""
BANDS_HZ = {"vlf": (0.0033, 0.04), "lf": (0.04, 0.15), "hf": (0.15, 0.4)}
LEAST_S = {"vlf": 300.0, "lf": 120.0, "hf": 60.0}
"""Seconds from which the power in a band can be told (Task Force 1996)."""
BIN_MS = 1000 / 128
WINDOW_S = 300.0
TURBULENT = 5
"""Ventricular beats that heart rate turbulence needs."""
BEFORE, AFTER, SLOPE = 5, 15, 5
PREMATURE, PAUSE, STEADY = 0.8, 1.2, 0.2
STEP_MS, RANGE_MS = 200.0, (300.0, 2000.0)


def _unit(unit: str) -> dict[str, str]:
    return {"unit": unit}


@dataclass(frozen=True, slots=True)
class Variability:
    """Heart rate variability of a stretch; NaN is not known.

    Attributes
    ----------
    intervals : int
        NN intervals that it rests on.
    left_out : float
        Share of the intervals that were left out, %.
    mean_nn, median_nn, min_nn, max_nn : float
        ms.
    sdnn : float
        Standard deviation of the NN intervals, ms (LOINC 80404-7).
    sdann : float
        Standard deviation of the means of five minutes, ms.
    sdnn_index : float
        Mean of the standard deviations in five minutes, ms.
    rmssd : float
        Root mean square of the differences of successive NN intervals, ms. It is not SDNN.
    sdsd : float
        Standard deviation of those differences, ms.
    pnn50, pnn20 : float
        Differences of more than 50 and 20 ms for every hundred NN intervals, %.
    triangular_index : float
        NN intervals over the height of their histogram in bins of 1/128 s.
    sd1, sd2 : float
        Width and length of the Poincare plot, ms.
    vlf, lf, hf : float
        Power in 0.0033 to 0.04, 0.04 to 0.15 and 0.15 to 0.4 Hz, ms2.
    lf_hf : float
        ``lf / hf``.
    spectrum : float
        Seconds of the stretch that the power is measured on.
    turbulence_onset : float
        Heart rate turbulence after ventricular beats: change of the first two intervals, %. Negative in health.
    turbulence_slope : float
        Steepest rise over five of the first fifteen intervals of their mean, ms an interval. Above 2.5 in health.
    turbulent : int
        Ventricular beats that turbulence was measured on.

    Examples
    --------
    >>> import numpy as np
    >>> import wearecg
    >>> breathing = 0.9 + 0.05 * np.sin(2 * np.pi * np.arange(400) / 4)
    >>> found = wearecg.hrv(breathing)
    >>> round(found.mean_nn), round(found.sdnn), found.hf > found.lf
    (900, 35, True)
    """

    intervals: int = 0
    left_out: float = field(default=nan, metadata=_unit("%"))
    mean_nn: float = field(default=nan, metadata=_unit("ms"))
    median_nn: float = field(default=nan, metadata=_unit("ms"))
    min_nn: float = field(default=nan, metadata=_unit("ms"))
    max_nn: float = field(default=nan, metadata=_unit("ms"))
    sdnn: float = field(default=nan, metadata=_unit("ms"))
    sdann: float = field(default=nan, metadata=_unit("ms"))
    sdnn_index: float = field(default=nan, metadata=_unit("ms"))
    rmssd: float = field(default=nan, metadata=_unit("ms"))
    sdsd: float = field(default=nan, metadata=_unit("ms"))
    pnn50: float = field(default=nan, metadata=_unit("%"))
    pnn20: float = field(default=nan, metadata=_unit("%"))
    triangular_index: float = nan
    sd1: float = field(default=nan, metadata=_unit("ms"))
    sd2: float = field(default=nan, metadata=_unit("ms"))
    vlf: float = field(default=nan, metadata=_unit("ms2"))
    lf: float = field(default=nan, metadata=_unit("ms2"))
    hf: float = field(default=nan, metadata=_unit("ms2"))
    lf_hf: float = nan
    spectrum: float = field(default=nan, metadata=_unit("s"))
    turbulence_onset: float = field(default=nan, metadata=_unit("%"))
    turbulence_slope: float = field(default=nan, metadata=_unit("ms"))
    turbulent: int = 0

    def measures(self, source: str, start: float, end: float, stream: StreamId = ECG) -> tuple[Measure, ...]:
        """Return what is known as measures over ``start`` to ``end`` (s), named ``hrv_sdnn`` and so on."""
        known = [(one, float(getattr(self, one.name))) for one in fields(self)]
        return tuple(
            Measure(
                f"hrv_{one.name}", value, str(one.metadata.get("unit", "")), source, start, end, stream=stream
            )
            for one, value in known
            if value == value
        )


@typed
def hrv(
    beats: Iterable[Beat] | ArrayLike,
    classes: Iterable[BeatClass] | Sequence[str] = (),
    without: Iterable[tuple[float, float]] = (),
) -> Variability:
    """Measure heart rate variability.

    Parameters
    ----------
    beats : iterable of Beat, or array [n]
        The beats of a stretch in order, or its RR intervals in seconds, NaN where one is not known.
    classes : iterable of BeatClass, or sequence of str [n + 1]
        The class of each beat, by its time; for intervals the codes (``N S V F Q``) of the beats between them, the
        first and the last too. If there are none, every interval that fits its neighbours counts as normal.
    without : iterable of (float, float)
        Stretches (timeline seconds, or seconds from the first beat) that are left out. Atrial fibrillation belongs
        here: it has no normal-to-normal intervals, whatever its beats look like.

    Returns
    -------
    Variability

    Raises
    ------
    SignalError
        Intervals that are not a row of numbers, or not as many classes as beats.

    Examples
    --------
    >>> import wearecg
    >>> ecg = wearecg.Person(seed=1, scenario="sinus", fs=250)
    >>> report = wearecg.score(ecg.samples(250 * 180), 250, ecg.leads, observe=())
    >>> found = wearecg.hrv(report.beats)
    >>> found.left_out < 5, 0 < found.rmssd < found.mean_nn
    (True, True)
    """
    if not isinstance(beats, Iterable) or isinstance(beats, str | bytes):
        raise SignalError("intervals that are not numbers: give beats, or RR intervals in seconds")
    given = beats if isinstance(beats, np.ndarray) else list(cast(Iterable[Any], beats))
    named = list(classes)
    events = isinstance(given, list) and bool(given) and isinstance(given[0], Beat)
    rr, ends, codes = (_of_beats if events else _of_intervals)(given, named)
    if not len(rr):
        return Variability()
    normal = np.isfinite(rr)
    normal &= (codes[:-1] == "N") & (codes[1:] == "N") if named else _fits(rr)
    try:
        left_out_of = [(float(start), float(end)) for start, end in without]
    except (TypeError, ValueError) as error:
        raise SignalError("without: give stretches, as (start, end) in seconds") from error
    for start, end in left_out_of:
        normal &= (ends <= start) | (ends - np.nan_to_num(rr) >= end)
    left_out = 1 - np.count_nonzero(normal) / len(rr)
    if left_out > (MOST_LEFT_OUT if named else MOST_ODD):
        return Variability(int(np.count_nonzero(normal)), 100 * left_out)
    return _measured(rr, ends, codes, normal)


def _of_beats(beats: Any, classes: Sequence[object]) -> tuple[Array, Array, NDArray[np.str_]]:
    """Return intervals, the times of their ends, and the codes of the beats around them, from events."""
    times = np.array([beat.time for beat in beats])
    rr = np.array([nan if beat.rr is None else beat.rr for beat in beats[1:]])
    # The time between two beats is the interval, but for the error of the sensor's clock.
    rr[np.abs(np.diff(times) - rr) > SAME_S + 0.01 * rr] = nan
    told = {one.time: one.code for one in classes if isinstance(one, BeatClass)}
    return rr, times[1:], np.array([told.get(beat.time, "") for beat in beats], dtype="U8")


def _of_intervals(given: Any, codes: Sequence[object]) -> tuple[Array, Array, NDArray[np.str_]]:
    """The same, from intervals; where one is not known the time stands still."""
    try:
        rr = np.ma.filled(np.ma.asarray(given, np.float64), nan)
    except (TypeError, ValueError) as error:
        raise SignalError(f"intervals that are not numbers: {error}") from error
    if rr.ndim != 1:
        raise SignalError(f"intervals of shape {rr.shape}: give one row")
    if codes and len(codes) != len(rr) + 1:
        raise SignalError(f"{len(codes)} classes for {len(rr)} intervals: give one for each beat around them")
    rr = np.where(rr > 0, rr, nan)
    return rr, np.cumsum(np.nan_to_num(rr)), np.array([str(code) for code in codes], dtype="U8")


def _fits(rr: Array) -> Flags:
    """Whether each interval is possible and near its neighbours."""
    with np.errstate(invalid="ignore"):
        fits = (rr >= POSSIBLE_S[0]) & (rr <= POSSIBLE_S[1])
        step = np.abs(np.diff(rr, prepend=rr[:1], append=rr[-1:]))
        odd = fits & (np.maximum(step[:-1], step[1:]) > SUDDEN * rr)
    at = np.flatnonzero(odd)
    if len(rr) < NEAR or not len(at):
        return fits
    first = np.clip(at - NEAR // 2, 0, len(rr) - NEAR)
    usual = np.nanmedian(sliding_window_view(np.where(fits, rr, nan), NEAR)[first], axis=1)
    fits[at] = np.abs(rr[at] - usual) <= FAR * usual
    return fits


def _measured(rr: Array, ends: Array, codes: NDArray[np.str_], normal: Flags) -> Variability:
    nn, at = 1000 * rr[normal], ends[normal]
    follows = normal[1:] & normal[:-1]
    left_out = 100 * (1 - len(nn) / len(rr))
    if len(nn) < FEWEST or np.count_nonzero(follows) < FEWEST:
        return Variability(len(nn), left_out)
    first, second = 1000 * rr[:-1][follows], 1000 * rr[1:][follows]
    step = np.round(second - first, 6)  # 50 ms is not more than 50 ms
    sdann, sdnn_index = _by_window(nn, at)
    power, spectrum = _power(nn, at)
    onset, slope, turbulent = _turbulence(1000 * rr, codes) if len(codes) else (nan, nan, 0)
    return Variability(
        len(nn),
        left_out,
        mean_nn=float(nn.mean()),
        median_nn=float(np.median(nn)),
        min_nn=float(nn.min()),
        max_nn=float(nn.max()),
        sdnn=float(nn.std(ddof=1)),
        sdann=sdann,
        sdnn_index=sdnn_index,
        rmssd=float(np.sqrt(np.mean(step * step))),
        sdsd=float(step.std(ddof=1)),
        pnn50=100 * int(np.count_nonzero(np.abs(step) > 50)) / (len(step) + 1),
        pnn20=100 * int(np.count_nonzero(np.abs(step) > 20)) / (len(step) + 1),
        triangular_index=len(nn) / int(np.bincount((nn / BIN_MS).astype(int)).max()),
        sd1=float((step / np.sqrt(2)).std(ddof=1)),
        sd2=float(((first + second) / np.sqrt(2)).std(ddof=1)),
        vlf=power["vlf"],
        lf=power["lf"],
        hf=power["hf"],
        lf_hf=power["lf"] / power["hf"] if power["hf"] else nan,
        spectrum=spectrum,
        turbulence_onset=onset,
        turbulence_slope=slope,
        turbulent=turbulent,
    )


def _by_window(nn: Array, at: Array) -> tuple[float, float]:
    """Return SDANN and the SDNN index, from three windows on; the last counts if at least half of it is there."""
    since = at - at[0] + nn[0] / 1000
    windows = round(since[-1] / WINDOW_S)
    if windows < 3:
        return nan, nan
    which = (since / WINDOW_S).astype(int)
    edges = np.searchsorted(which, np.arange(windows + 1))
    parts = [nn[a:b] for a, b in pairwise(edges) if b - a > 1]
    if len(parts) < 3:
        return nan, nan
    means = np.array([part.mean() for part in parts])
    return float(means.std(ddof=1)), float(np.mean([part.std(ddof=1) for part in parts]))


def _power(nn: Array, at: Array) -> tuple[dict[str, float], float]:
    """Return the power in each band, ms2, and the seconds that it is measured on."""
    breaks = np.flatnonzero(np.diff(at) - nn[1:] / 1000 > BREAK_S) + 1
    edges = np.array([0, *breaks, len(at)])
    longest = int(np.argmax(np.diff(edges)))
    nn, at = nn[edges[longest] : edges[longest + 1]], at[edges[longest] : edges[longest + 1]]
    seconds = float(at[-1] - at[0])
    bands = dict.fromkeys(BANDS_HZ, nan)
    if seconds < min(LEAST_S.values()):
        return bands, nan
    even = _spline(at, nn)
    frequency, density = _welch(even - even.mean())
    least = 2 * RATE_HZ / (len(even) / 2)
    for name, (low, high) in BANDS_HZ.items():
        here = (frequency >= max(low, least)) & (frequency < high)
        if seconds >= LEAST_S[name]:
            bands[name] = float(np.trapezoid(density[here], frequency[here]))
    return bands, seconds


def _welch(x: Array) -> tuple[Array, Array]:
    """Return frequencies (Hz, up to the highest band) and power density (ms2/Hz) of ``x`` at `RATE_HZ`."""
    length = len(x) // 2
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    starts = range(0, len(x) - length + 1, length - length // 2)
    bins = int(2 * length * BANDS_HZ["hf"][1] / RATE_HZ) + 1
    spectra = _lowest_bins(np.array([x[start : start + length] * window for start in starts]), bins)
    density = np.mean(spectra.real**2 + spectra.imag**2, axis=0) * 2 / (RATE_HZ * np.sum(window**2))
    return np.arange(bins) * RATE_HZ / (2 * length), density


def _lowest_bins(x: Array, bins: int) -> NDArray[np.complex128]:
    """Return the lowest ``bins`` of the Fourier transform of each row of ``x``, zero-padded to twice its length.

    Bluestein's algorithm: as a convolution of a length that is quick to transform, which a day's own seldom is.
    """
    length = x.shape[1]
    n = np.arange(max(length, bins))
    # n^2 modulo the period, so that the phase of a late sample is as exact as that of an early one.
    chirp = np.exp(0.5j * np.pi * (n * n % (4 * length)) / length)
    size = min(2**a * 3**b for a in range(32) for b in (0, 1, 2) if 2**a * 3**b >= length + bins)
    kernel = np.zeros(size, complex)
    kernel[:bins] = chirp[:bins]
    kernel[size - length + 1 :] = chirp[length - 1 : 0 : -1]
    turned = np.fft.fft(x * chirp[:length].conj(), size)
    found: NDArray[np.complex128] = np.fft.ifft(turned * np.fft.fft(kernel))[:, :bins] * chirp[:bins].conj()
    return found


def _spline(x: Array, y: Array) -> Array:
    """Return the quadratic spline through ``y`` at ``x`` (s), with knots halfway, at `RATE_HZ` from ``x[0]`` on."""
    knots = np.concatenate([np.full(3, x[0]), (x[1:-2] + x[2:-1]) / 2, np.full(3, x[-1])])
    # The three pieces of a quadratic B-spline that are not 0 between knots a and b.
    before, a, b, behind = knots[1:-4], knots[2:-3], knots[3:-2], knots[4:-1]
    left, right = 1 / ((b - before) * (b - a)), 1 / ((behind - a) * (b - a))
    inner = x[1:-1]
    low, high = left * (b - inner) ** 2, right * (inner - a) ** 2
    c = _solved(low, 1 - low - high, high, y)
    # From there each piece is p + q u + r u^2, with u from its knot on.
    width = b - a
    p = c[:-2] * left * width**2 + c[1:-1] * (1 - left * width**2)
    first = 2 * left * width * (c[1:-1] - c[:-2])
    curve = left * (c[:-2] - c[1:-1]) + right * (c[2:] - c[1:-1])
    times = np.arange(x[0], x[-1] + 1 / RATE_HZ, 1 / RATE_HZ)
    inside = times[times <= x[-1]]
    counts = np.diff(np.searchsorted(inside, [x[0], *b[:-1], np.inf]))
    u = inside - np.repeat(a, counts)
    even = np.repeat(p, counts) + u * (np.repeat(first, counts) + u * np.repeat(curve, counts))
    return np.concatenate([even, np.full(len(times) - len(inside), y[-1])])


def _solved(low: Array, middle: Array, high: Array, y: Array) -> Array:
    """Solve the tridiagonal equations of a spline whose first and last value are given, by cyclic reduction."""
    lower = np.concatenate([[0.0], low / middle, [0.0]])
    upper = np.concatenate([[0.0], high / middle, [0.0]])
    value = np.concatenate([y[:1], y[1:-1] / middle, y[-1:]])
    apart = 1
    while apart < len(y) and max(lower.max(), upper.max(), -lower.min(), -upper.min()) > 1e-16:
        zeros = np.zeros(apart)
        # Each equation, less its neighbours ``apart`` away.
        back = [np.concatenate([zeros, one[:-apart]]) for one in (lower, upper, value)]
        on = [np.concatenate([one[apart:], zeros]) for one in (lower, upper, value)]
        scale = 1 / (1 - lower * back[1] - upper * on[0])
        value = scale * (value - lower * back[2] - upper * on[2])
        lower, upper = -scale * lower * back[0], -scale * upper * on[1]
        apart *= 2
    return value


def _turbulence(rr: Array, codes: NDArray[np.str_]) -> tuple[float, float, int]:
    """Return onset (%), slope (ms an interval) and how many ventricular beats they rest on (Schmidt 1999).

    The beat stands between normal ones, is premature and followed by a pause, and the intervals around them are steady.
    """
    onsets, after = [], []
    normal = codes == "N"
    for beat in np.flatnonzero(codes == "V"):
        # Interval i is the one from beat i to beat i + 1.
        first, last = beat - 1 - BEFORE, beat + 1 + AFTER
        if first < 0 or last >= len(codes) or np.count_nonzero(normal[first : last + 1]) < last - first:
            continue
        before, behind = rr[first : beat - 1], rr[beat + 1 : last]
        around, usual = np.concatenate([before, behind]), before.mean()
        steady = np.abs(np.diff(before)).max() < STEP_MS and np.abs(np.diff(behind)).max() < STEP_MS
        likely = RANGE_MS[0] < around.min() and around.max() < RANGE_MS[1]
        near = np.abs(around - usual).max() <= STEADY * usual
        early, late = rr[beat - 1] <= PREMATURE * usual, rr[beat] >= PAUSE * usual
        if steady and likely and near and early and late:
            two = before[-2:].sum()
            onsets.append(100 * (behind[:2].sum() - two) / two)
            after.append(behind)
    if len(onsets) < TURBULENT:
        return nan, nan, len(onsets)
    mean = np.mean(after, axis=0)
    line = np.arange(SLOPE) - (SLOPE - 1) / 2
    slope = float((sliding_window_view(mean, SLOPE) @ line).max() / (line @ line))
    return float(np.mean(onsets)), slope, len(onsets)
