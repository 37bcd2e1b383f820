"""QRS energy: the modulus of a Gabor wavelet, at 80 to 160 steps a second, for any cutting of the signal."""

from __future__ import annotations

from math import ceil, isnan, nan, pi

import numpy as np
from numpy.typing import NDArray

from wearecg.ecg import spikes
from wearecg.ecg.spikes import LOWEST_SPIKE_MV

Array = NDArray[np.float64]

CENTRE_HZ = 15.0
"""Where QRS complexes stand out most from P and T waves and from muscle noise."""
WIDTH_S = 0.018
UNITS_PER_MV = 2048.0 * 4096.0
"""Of the modulus: samples are rounded to 1/2048 mV, the wavelet to integers that sum to 4096."""
EARLIER_S, LATER_S = 0.04, 0.06
"""Where the R peak is looked for, around the middle of the energy."""
BRIDGE_S = 0.02
"""A run of NaN up to this long is bridged: the top of a QRS that went beyond the range of the ADC."""
BACK_S = 0.3
"""Tails of spikes are followed for so long: a slower one has no QRS energy by then."""

_LEVEL = np.array(1.5 * 4096.0, dtype=np.float32)
"""mV. Up here float32 has steps of 1/2048 mV: adding it rounds the samples, and no filter below sees a constant."""


class QrsWavelet:
    """A quadrature pair of finite, zero-phase filters on up to a few leads.

    Nothing rings after a gap, and mains and baseline lie outside its band. Because samples are rounded
    to 1/2048 mV and the wavelet to integers, every sum is exact in float64 and does not depend on how the signal
    was cut.
    """

    # Declared: cheaper to look up.
    __slots__ = (  # noqa: SIM905 (else one name a line)
        "_ahead _around _back _banks _base _before _box _bridge _buffer _deflections _earlier _fs _h _hi _kernel "
        "_later _lo _long _pair _plans _reach _reach_of_step _short _spiky half most stride"
    ).split()

    def __init__(self, fs: float, leads: int) -> None:
        self.stride = max(1, int(fs / 80))
        """Samples between two ticks."""
        self.half = round(2.5 * WIDTH_S * fs)
        """Samples that a tick rests on, to either side of its centre."""
        self._reach = 2 * self.half + 1
        self._fs = fs
        self._back, self._ahead = round(BACK_S * fs), spikes.longest(fs) + spikes.behind(fs)
        self._before = self._back + spikes.longest(fs) + round(spikes.EDGE_S * fs) + spikes.LONG + 1
        self._around, self._h = int(0.06 * fs), max(1, round(0.012 * fs))
        self._reach_of_step = int(0.1 * fs)
        self._box = np.ones(max(1, round(0.012 * fs)))
        self._short, self._long = round(0.024 * fs), round(0.072 * fs)
        self._bridge = max(1, int(BRIDGE_S * fs))
        self._pair = 2048.0 * _pair(fs, self.half)
        self._banks: dict[int, Array] = {}
        self._plans: dict[int, tuple[int, int, Array, Array, Array, Array]] = {}
        self._kernel = _gaussian(round(0.012 * fs), 0.004 * fs)
        self._earlier, self._later = int(EARLIER_S * fs), int(LATER_S * fs)
        self._deflections: dict[int, Array] = {}
        self.most = ceil(fs)
        """Samples that may be appended at once, and that are kept to look back on."""
        self._buffer = np.zeros((6 * self.most, leads))
        self._lo = self._hi = self._base = self._spiky = 0

    @property
    def end(self) -> int:
        """Number of the sample that comes next."""
        return self._base + self._hi

    @property
    def first(self) -> int:
        """First sample that the next tick rests on; it is centred ``half`` samples later."""
        return self._base + self._lo

    def feed(self, x: NDArray[np.floating]) -> Array:
        """Add ``x`` [n, leads] in mV; return the modulus at the ticks that this completes [ticks, leads].

        NaN anywhere in a lead may spoil its whole column: see `retake`.
        """
        hi = self._hi
        end = hi + len(x)
        if end > len(self._buffer):
            drop = max(self._lo - 7 * self.most // 2, 0)
            self._buffer[: hi - drop] = self._buffer[drop:hi].copy()
            self._lo -= drop
            self._base += drop
            hi -= drop
            end -= drop
        self._buffer[hi:end] = x + _LEVEL
        self._hi = end
        lo = self._lo
        ticks, width, bank, pair, even, odd = self._plans.get(end - lo) or self._plan(end - lo)
        self._lo = lo + ticks * self.stride
        bank.dot(self._buffer[lo : lo + width], pair)
        return np.hypot(even, odd)

    def amend(self, x: NDArray[np.floating]) -> None:
        """Take ``x`` [n, leads] in mV for the last samples that were fed."""
        x = x[-min(len(x), self._hi) :]
        self._buffer[self._hi - len(x) : self._hi] = x + _LEVEL

    def _plan(self, samples: int) -> tuple[int, int, Array, Array, Array, Array]:
        """Return how many ticks ``samples`` allow, how many samples these rest on, their bank and its output."""
        ticks = max((samples - self._ahead - self._reach) // self.stride + 1, 0)
        bank = self._bank(ticks)
        pair = np.empty((2 * ticks, self._buffer.shape[1]))
        plan = self._plans[samples] = ticks, bank.shape[1], bank, pair, pair[:ticks], pair[ticks:]
        return plan

    def _bank(self, ticks: int) -> Array:
        bank = self._banks.get(ticks)
        if bank is None:
            bank = self._banks[ticks] = _bank(self._pair, ticks, self.stride)
        return bank

    def despiked(self, sample: int, ticks: int, least: float) -> Array | None:
        """Return the moduli of ``ticks`` that rest on samples from ``sample`` on, had there been no spikes.

        None if there is no spike or edge of ``least`` mV or more.
        """
        first = sample - self._base
        stop = first + self._reach + (ticks - 1) * self.stride
        low = max(first - self._before, 0)
        rows = self._buffer[low : stop + self._ahead]
        step = rows[1:] - rows[:-1]
        highest = step.item(step.argmax())  # a NaN, if there is one
        if highest <= least and step.item(step.argmin()) >= -least:
            return None
        if highest != highest:
            rows = self._bridged(low, self._hi)[0][: len(rows)]
        found = spikes.find(rows, self._fs, least)
        if not found:
            return None
        self._spiky = self._base + stop
        return self._without(rows, found, first - low, ticks)

    def _without(self, rows: Array, found: list[spikes.Spike], first: int, ticks: int) -> Array:
        """Return the moduli of ``ticks`` that rest on ``rows`` from ``first`` on, without what was ``found``.

        A tail is taken off for `BACK_S` and no longer: nothing depends on how far back the rows go.
        """
        bank = self._bank(ticks)
        width, starts = bank.shape[1], self.stride * np.arange(ticks)
        y = rows.copy()
        for spike in found:
            spikes.lines(y, spike)
        y = y[first : first + width]
        unknown = ~np.isfinite(y)
        pair = bank.dot(np.where(unknown, _LEVEL, y))
        for spike in found:
            at = spike.behind - first
            if spike.tail and at < width:
                tail = bank[:, max(at, 0) :].dot(spike.decay(width - at)[max(-at, 0) :])
                tail[np.tile(starts > at + self._back, 2)] = 0.0
                pair[:, spike.lead] -= tail
        moduli: Array = np.hypot(pair[:ticks], pair[ticks:])
        moduli[(bank[:ticks] != 0.0).astype(float).dot(unknown) > 0] = 0.0
        return moduli

    def curvature(self, sample: int, lead: int) -> float:
        """Return the largest second difference near ``sample``, in mV."""
        rows = self._buffer[
            max(sample - self._base - self._around, 0) : sample - self._base + self._around, lead
        ]
        h = self._h
        if len(rows) <= 2 * h:
            return 0.0
        rows = self._smooth(rows, LOWEST_SPIKE_MV)
        bends = np.abs(rows[2 * h :] - 2 * rows[h:-h] + rows[: -2 * h])
        largest: float = bends.item(bends.argmax())  # a NaN, if there is one
        return largest if largest == largest else float(np.nanmax(bends, initial=0.0))

    def narrowness(self, sample: int, lead: int) -> float:
        """Return how narrow the wave near ``sample`` is, whatever its height.

        The largest second difference over 24 ms as a share of that over 72 ms: 0.9 for a bump with a sigma of 10 ms,
        0.5 for 20 ms, 0.3 for 28 ms, 0.2 for 40 ms; 0.11 at least.
        """
        centre, short, long = sample - self._base, self._short, self._long
        first = max(centre - self._around - long, 0)
        rows = self._buffer[first : min(centre + self._around + long, self._hi), lead]
        if len(rows) < 2 * long + len(self._box):
            return 0.0
        rows = self._smooth(rows, LOWEST_SPIKE_MV)
        rows = np.convolve(rows, self._box, "valid")
        bend = rows[2 * long :] - 2 * rows[long:-long] + rows[: -2 * long]
        whole = float(np.abs(bend, bend).max())
        rows = rows[long - short : short - long]
        bend = rows[2 * short :] - 2 * rows[short:-short] + rows[: -2 * short]
        return float(np.abs(bend, bend).max()) / whole if whole > 0 else 0.0  # 0 with a NaN too

    def _smooth(self, rows: Array, least: float) -> Array:
        """Return ``rows`` [n] of a lead without spikes and edges."""
        found = spikes.find(rows[:, None], self._fs, least)
        return spikes.without(rows[:, None], found)[:, 0] if found else rows

    def followed(self, sample: int, lead: int, start: float, stop: float) -> float:
        """Return how far the signal swings ``start`` to ``stop`` seconds after the wave at ``sample``.

        As a share of the range of that wave, off the line from the first to the last; NaN if too little is known.
        """
        centre, box = sample - self._base, 2 * self._short  # noise is no T wave
        first, last = centre + round(start * self._fs), centre + round(stop * self._fs)
        if centre < self._around or not first + 3 * box < last <= self._hi:
            return nan
        wave = box * float(np.ptp(self._buffer[centre - self._around : centre + self._around, lead]))
        rows = np.convolve(self._buffer[first:last, lead], np.ones(box), "valid")
        line = np.linspace(rows[0], rows[-1], len(rows))
        return float(np.ptp(rows - line)) / wave if wave > 0 else nan

    def step(self, sample: int, lead: int) -> float:
        """Return how far the signal stays away after ``sample``, as a share of its range within 0.1 s."""
        centre, reach = sample - self._base, self._reach_of_step
        rows = self._buffer[max(centre - reach, 0) : min(centre + reach + 1, self._hi), lead]
        few = max(1, len(rows) // 7)
        span = float(np.ptp(rows)) if len(rows) else 0.0
        return abs(float(rows[-few:].mean() - rows[:few].mean())) / span if span > 0 else 0.0

    def retake(self, ticks: int) -> tuple[Array, list[int]]:
        """Return the last ``ticks`` again with 0 where they touch NaN, and those that do on every lead.

        Short runs of NaN are bridged. Ticks that touch one that may still go on are left for the next feed.
        """
        lo = self._lo - ticks * self.stride
        rows, settled = self._bridged(lo, self._hi)
        ticks, width, *_ = self._plan(settled)
        self._lo = lo + ticks * self.stride
        moduli, touched = self._apply(rows[:width], ticks)
        return moduli, np.flatnonzero(touched.all(axis=1)).tolist()

    def _apply(self, rows: Array, ticks: int) -> tuple[Array, NDArray[np.bool_]]:
        """Return the moduli of the ticks that rest on ``rows``, and which of them touch NaN and are 0."""
        bank = self._bank(ticks)
        unknown = ~np.isfinite(rows)
        pair = bank.dot(np.where(unknown, _LEVEL, rows))
        moduli: Array = np.hypot(pair[:ticks], pair[ticks:])
        touched = (bank[:ticks] != 0.0).astype(float).dot(unknown) > 0
        moduli[touched] = 0.0
        return moduli, touched

    def _bridged(self, first: int, stop: int) -> tuple[Array, int]:
        """Return rows of the buffer with short runs of NaN interpolated, and how many of them are settled."""
        before = min(first, self._bridge + 1)
        rows = self._buffer[first - before : stop].copy()
        settled = len(rows)
        for column in rows.T:
            unknown = np.isnan(column)
            if not unknown.any():
                continue
            edges = np.diff(np.concatenate(([False], unknown, [False])).view(np.int8))
            for start, end in np.flatnonzero(edges).reshape(-1, 2).tolist():
                if end - start > self._bridge or start == 0:
                    continue
                if end == len(rows):
                    settled = min(settled, start)
                else:
                    line = np.linspace(column[start - 1], column[end], end - start + 2)
                    column[start:end] = np.rint(2048.0 * line[1:-1]) / 2048.0
        return rows[before:], max(settled - before, 0)

    def locate(self, sample: int, lead: int, least: float) -> int:
        """Return the sample of the largest deflection near ``sample``, of the signal below 33 Hz.

        Spikes of ``least`` mV or more are left out.
        """
        centre = sample - self._base
        margin = len(self._kernel) // 2
        first = max(centre - self._earlier, margin)
        stop = centre + self._later + margin + 1
        near = self._buffer[first - margin : stop, lead]
        if self._spiky > sample - self.half:
            near = self._smooth(near, least)
        largest = self._largest(near)
        if largest is None:
            rows, _ = self._bridged(first - margin, min(stop + self._bridge, self._hi))
            largest = self._largest(rows[: len(near), lead])
        return sample if largest is None else self._base + first + largest

    def _largest(self, near: Array) -> int | None:
        """Return the place of the largest deflection, None if a NaN is near."""
        matrix = self._deflections.get(len(near))
        if matrix is None:
            matrix = self._deflections[len(near)] = _deflection(self._kernel, len(near))
        deflection = matrix.dot(near)
        largest = int(np.abs(deflection, deflection).argmax())  # a NaN, if there is one
        return None if isnan(deflection.item(largest)) else largest

    def rewind(self, sample: int) -> None:
        """Forget what was appended from ``sample`` on."""
        self._hi = max(sample - self._base, 0)

    def restart(self, sample: int) -> None:
        """Start over at ``sample``."""
        self._lo = self._hi = 0
        self._base = sample

    def choose(self, columns: list[int]) -> None:
        """Go on with these columns; -1 stands for a new one, unknown so far."""
        buffer = np.full((len(self._buffer), len(columns)), np.nan)
        for k, column in enumerate(columns):
            if column >= 0:
                buffer[:, k] = self._buffer[:, column]
        self._buffer = buffer
        self._plans.clear()


def _pair(fs: float, half: int) -> Array:
    """Return the wavelet [2, 2 half + 1] in integers, without response to a constant."""
    t = np.arange(-half, half + 1) / fs
    bell = np.exp(-0.5 * (t / WIDTH_S) ** 2)
    bell *= 4096.0 / bell.sum()
    even = bell * np.cos(2 * pi * CENTRE_HZ * t)
    even = np.rint(even - bell * even.sum() / bell.sum())
    even[half] -= even.sum()
    return np.stack((even, np.rint(bell * np.sin(2 * pi * CENTRE_HZ * t))))


def _bank(pair: Array, ticks: int, stride: int) -> Array:
    """Return the matrix [2 ticks, samples] that applies the pair at ``ticks`` places."""
    length = pair.shape[1]
    bank = np.zeros((2 * ticks, length + (ticks - 1) * stride if ticks else 0))
    for tick in range(ticks):
        for part in range(2):
            bank[tick + part * ticks, tick * stride : tick * stride + length] = pair[part]
    return bank


def _gaussian(half: int, sigma: float) -> Array:
    """Return a smoothing kernel in integers."""
    bell = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    return np.asarray(np.rint(bell * (4096.0 / bell.sum())))


def _deflection(kernel: Array, samples: int) -> Array:
    """Return the matrix [samples - margins, samples] that smooths and takes off the mean of the two ends, doubled.

    Integers, as in the wavelet: of two equal deflections the first one counts, however the signal was cut.
    """
    places = samples - len(kernel) + 1
    smooth = np.stack([np.pad(kernel, (k, places - 1 - k)) for k in range(places)])
    return np.asarray(2 * smooth - smooth[0] - smooth[-1])
