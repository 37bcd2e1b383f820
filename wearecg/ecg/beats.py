"""Streaming R-peak detection: a beat is reported within 0.3 s of its R peak, however the signal is cut.

The QRS energy (`wavelet.py`) of up to three leads is added, each in units of its own QRS and clipped, so
that an artefact on one lead counts no more than its beats do. Local maxima of the sum are compared with an
adaptive threshold that falls with the time since the last beat; so there is no search-back. Signal and noise
levels are learned as in Pan and Tompkins (IEEE Trans Biomed Eng 32:230, 1985), from beats and from the waves
between them.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from math import ceil, exp, inf
from operator import mul

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.block import Beat
from wearecg.ecg import levels, waves
from wearecg.ecg.spikes import LOWEST_SPIKE_MV
from wearecg.ecg.wavelet import LATER_S, UNITS_PER_MV, QrsWavelet
from wearecg.errors import SignalError

Array = NDArray[np.float64]

SLOWEST_HZ, FASTEST_HZ = 80.0, 4000.0
"""Samples per second in which beats are found."""
MAX_LEADS = 3
LEARN_S = 1.0
"""Signal that is watched before the first beat can be reported."""
REFRACTORY_S, SURE_S = 0.17, 0.2
"""No beat comes sooner after another; before the second limit only one that is nearly as tall."""
T_WAVE_S, T_WAVE_RATIO = 0.36, 0.65
"""A peak this soon after a beat must reach two thirds of that beat's amplitude, or it is its T wave."""
CONFIRM_S, CONFIRM_WEAK_S = 0.12, 0.2
"""How long a peak must stay the highest: the QRS itself when full-sized, from P to QRS when weak."""
WEAK = 0.9
EARLY, LATE = 0.38, 0.2
"""Threshold between noise (0) and signal level (1): until 0.7 of the usual RR, and long after."""
TALLEST_WAVE, TALLEST_CAP = 1.7, 0.7
"""The threshold is this multiple of the largest wave usually left between beats, up to the cap."""
STANDS_OUT = 1.5
"""A beat's wavelet amplitude is more than this multiple of the noise; the peaks of noise itself are as high as it."""
EARLIER = 0.9
"""Share of the usual interval before which a beat is early."""
SMALL = 0.12
"""Waves below this share of a QRS are not looked at."""
GAIN = 0.12
"""Weight of a new beat or wave in its level."""
PROVEN = 8
"""After so many beats the levels are known: in a standstill they no longer fall to where P waves would be beats."""
BEHIND_S = 0.5
"""After so much all that was seen has been decided."""
ASYSTOLE_S, FALL = 3.0, 0.7
"""Without beats for this long the signal levels fall by 30 % a second, unless they are known."""


class BeatDetector:
    """Finds R peaks on one to three leads of one stream: raw samples in mV, NaN where there are none.

    Parameters
    ----------
    fs : float
        Samples per second, 80 to 4000.
    leads : tuple of str
        At most `MAX_LEADS` names; beats are located on the first that carries a signal.
    start : float
        Seconds of the first sample.
    """

    # Declared: cheaper to look up, and CPython has a fast path for no more than 30 that are not.
    __slots__ = (  # noqa: SIM905 (else one name a line)
        "_asystole _beats _between _blind _candidates _confirm "
        "_confirm_weak _crowd _due _edge _edge_tick _found _height _hurdle _intervals _kept "
        "_last _last_height _last_time _learning _level _long_qt _low _most _noise _origin _previous "
        "_proven _quiet _rate _refractory _row _scale _seconds _signal _single _spike _step _sure _t_wave "
        "_tallest _tick _unlearned _usual _waiting _wavelet fs leads noisy waves start"
    ).split()

    def __init__(self, fs: float, leads: tuple[str, ...], start: float = 0.0) -> None:
        if not SLOWEST_HZ <= fs <= FASTEST_HZ:
            raise SignalError(
                f"beats are found in signals of {SLOWEST_HZ:g} to {FASTEST_HZ:g} Hz, not at fs = {fs:g} Hz"
            )
        if not 1 <= len(leads) <= MAX_LEADS:
            raise SignalError(
                f"beats are found on 1 to {MAX_LEADS} leads at a time, not on {len(leads)}: {leads}"
            )
        self.fs = fs
        self.leads = leads
        self.start = start
        self._wavelet = QrsWavelet(fs, len(leads))
        self._rate = rate = fs / self._wavelet.stride
        self._refractory, self._sure = int(REFRACTORY_S * rate), int(SURE_S * rate)
        self._t_wave, self._long_qt = round(T_WAVE_S * rate), round((waves.LONG_QT_S + LATER_S) * rate)
        self._confirm, self._confirm_weak = int(CONFIRM_S * rate), int(CONFIRM_WEAK_S * rate)
        self._asystole = ASYSTOLE_S * rate
        self._kept = 3.0 * rate  # the wavelet keeps a little more
        self._edge, self._seconds = ceil(fs), 1
        self._tick = 0
        self.noisy = False
        """Whether the signal is such that the shape of a wave says nothing; for who knows to set."""
        self.waves = waves.Waves()
        self._found: list[Beat] = []
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what was learned: the electrodes were off, or the input at its end."""
        leads = len(self.leads)
        self._single = leads == 1
        self._unlearned = round(LEARN_S * self._rate)
        self._learning: list[Array] = []
        self._intervals: deque[int] = deque(maxlen=8)
        self._usual = round(0.8 * self._rate)
        self._beats = self._proven = 0
        self._signal, self._noise = [0.0] * leads, [0.0] * leads  # of each lead, in units of the wavelet
        self._scale, self._most = [0.0] * leads, [inf] * leads
        self.waves.begin_anew()
        self._level = 1.0  # of a beat's height, which is in units of the QRS at the last full second
        self._quiet = self._tallest = 0.1
        self._low, self._spike = 0.0, LOWEST_SPIKE_MV
        self._height, self._row = 0.0, [0.0] * leads
        self._sight()

    def _sight(self) -> None:
        """Start seeing at the next sample; what was learned stays."""
        self._origin = self._wavelet.first + self._wavelet.half - self._tick * self._wavelet.stride
        self._aim()
        self._previous = 0.0
        self._between = self._last_height = 0.0
        self._crowd, self._step = 0.0, False
        self._candidates: list[tuple[float, int, float]] = []
        self.waves.forget()
        self._last = self._tick - self._usual
        self._last_time: float | None = None
        self._waiting = self._tick
        self._blind: list[int] = []
        self._rest()

    def _sample(self, tick: int) -> int:
        """Return the sample on which ``tick`` is centred."""
        return self._origin + tick * self._wavelet.stride

    def _aim(self) -> None:
        """Find the first tick that rests on samples of the next second."""
        wavelet = self._wavelet
        self._edge_tick = -((self._origin + wavelet.half - self._edge) // wavelet.stride)

    def _rest(self) -> None:
        """Wait for no peak."""
        self._hurdle, self._due = self._low, sys.maxsize

    def feed(self, x: ArrayLike) -> list[Beat]:
        """Take ``x`` [n, leads] and return the beats that it completes."""
        x = np.asarray(x, dtype=np.float32)
        most = self._wavelet.most
        if len(x) > most:
            return [beat for i in range(0, len(x), most) for beat in self.feed(x[i : i + most])]
        self._found = []
        moduli = self._wavelet.feed(x)
        ticks = len(moduli)
        if not ticks:
            return self._found
        highest = moduli.item(moduli.argmax())  # a NaN, if there is one; argmax is cheaper than max
        if highest - highest != 0.0:
            moduli, blind = self._wavelet.retake(ticks)
            ticks = len(moduli)
            if not ticks:
                return self._found
            self._blind += [self._tick + tick for tick in blind]
            highest = moduli.item(moduli.argmax())
        if self._tick + ticks <= self._edge_tick and not self._unlearned:
            self._scan(moduli, highest)
            return self._found
        while len(moduli):
            while self._tick >= self._edge_tick:
                self._end_second()
            ticks = min(self._edge_tick - self._tick, self._unlearned or len(moduli))
            if self._unlearned:
                self._learn(moduli[:ticks])
            else:
                self._scan(moduli[:ticks], highest)
            moduli = moduli[ticks:]
        return self._found

    def gap(self, samples: int) -> list[Beat]:
        """Skip ``samples`` that never came: beats before them come out, the first one after has no RR."""
        found = self.flush()
        start = self._wavelet.end + samples
        self._wavelet.restart(start)
        while self._edge <= start:
            self._seconds += 1
            self._edge = ceil(self._seconds * self.fs)
        self._sight()
        return found

    def flush(self) -> list[Beat]:
        """Return the beats that still wait for what follows: there is nothing to follow."""
        end = self._wavelet.end
        beats = self.feed(np.full((ceil(BEHIND_S * self.fs), len(self.leads)), np.nan))
        self._wavelet.rewind(end)
        return beats

    def amend(self, x: ArrayLike) -> None:
        """Take ``x`` [n, leads] for the last samples that were fed, as far as they are still looked at."""
        self._wavelet.amend(np.asarray(x, dtype=np.float32))

    def distrust(self) -> None:
        """Take levels for less certain: the last second could not be used."""
        self._proven = 0

    def use(self, leads: tuple[str, ...]) -> None:
        """Look at other leads from now on; one that is new is believed after its first beats."""
        if leads == self.leads:
            return
        old = {lead: k for k, lead in enumerate(self.leads)}
        columns = [old.get(lead, -1) for lead in leads]
        self._wavelet.choose(columns)
        self.leads = leads
        signal, noise, row = (
            [values[c] if c >= 0 else 0.0 for c in columns]
            for values in (self._signal, self._noise, self._row)
        )
        if self._unlearned or not any(signal):
            self.begin_anew()
            return
        self._single = len(leads) == 1
        self._signal, self._noise, self._row = signal, noise, row
        self._weigh()

    def stands_out(self, noise: Sequence[float]) -> bool:
        """Whether the beats are higher than what so much ``noise`` makes by itself (mV, of each lead).

        Noise is the median step over 10 ms, as `wearecg.ecg.quality` measures it.
        """
        least = STANDS_OUT * UNITS_PER_MV
        return self._unlearned > 0 or any(
            level > least * of for level, of in zip(self._signal, noise, strict=True)
        )

    def _scan(self, moduli: Array, highest: float) -> None:
        """Look for peaks among the next ticks, none of whose ``moduli`` is above ``highest``."""
        heights = moduli
        if not self._single:
            heights = self._heights(moduli)
            highest = heights.item(heights.argmax())
        if highest > self._low and (highest > self._hurdle or self._tick + len(moduli) > self._due):
            sample = self._sample(self._tick) - self._wavelet.half
            smooth = self._wavelet.despiked(sample, len(moduli), self._spike)
            if smooth is not None:
                moduli = np.minimum(moduli, smooth)
                heights = self._heights(moduli)
                highest = heights.item(heights.argmax())
        first = self._tick
        self._tick = end = first + len(moduli)
        settled = 0
        if highest <= self._hurdle and end > self._due:  # what waits stays the highest
            settled = self._due + 1 - first
            self._decide()
        if highest > self._hurdle:
            self._climb(heights.ravel().tolist(), settled, moduli, first)
            if end > self._due:
                self._decide()
        self._previous = heights.item(-1)

    def _heights(self, moduli: Array) -> Array:
        """Return what the leads say together; of a single lead in units of the wavelet."""
        if self._single:
            return moduli
        heights: Array = np.minimum(moduli * self._scale, self._most).sum(axis=1)
        return heights

    def _climb(self, heights: list[float], settled: int, moduli: Array, first: int) -> None:
        """Follow the heights behind those that are settled up to one that stays the highest for long enough."""
        before = [self._previous, *heights]
        full = WEAK * self._level / (self._scale[0] or 1.0 if self._single else 1.0)
        hurdle, due, top = self._hurdle, self._due, -1
        for tick, height in enumerate(heights[settled:], first + settled):
            if tick > due:
                if top >= 0:
                    self._wait(top, moduli[top - first].tolist())
                self._decide()
                full = WEAK * self._level / (self._scale[0] or 1.0 if self._single else 1.0)
                hurdle, due, top = self._hurdle, self._due, -1
            if height > hurdle and height > before[tick - first]:
                top, hurdle = tick, height
                due = tick + (self._confirm if height > full else self._confirm_weak)
        if top >= 0:
            self._hurdle, self._due = hurdle, due
            self._wait(top, moduli[top - first].tolist())

    def _wait(self, tick: int, row: list[float]) -> None:
        """Keep what the peak at ``tick`` will be judged by."""
        self._waiting, self._row = tick, row
        self._height = sum(map(min, map(mul, row, self._scale), self._most))

    def _decide(self) -> None:
        """Say what the highest peak of the last moments was: a beat, or a wave to learn the noise from."""
        tick, height, row = self._waiting, self._height, self._row
        self._rest()
        since = tick - self._last
        if since < self._sure and not (
            since >= self._refractory and WEAK * self._last_height < height < self._last_height / WEAK
        ):
            if height > self._last_height:  # the beat was a P wave: its QRS sets the level
                self._raise(height, row, 0.5)
            return
        level, quiet = self._level, self._quiet
        fall = exp(-max(0.0, since / self._usual - 0.7) / 0.2)
        threshold = quiet + (level - quiet) * (LATE + (EARLY - LATE) * fall)
        tallest = min(TALLEST_WAVE * self._tallest, TALLEST_CAP * level)
        t_wave = since < self._t_wave and height < T_WAVE_RATIO * self._last_height
        if height > threshold and height > tallest and not t_wave and max(row) > levels.FLOOR:
            soon = since <= self._long_qt
            if not (soon and self._is_t_wave(tick, height, row)):
                self._beat(tick, height, row, since)
            return
        if height > SMALL * self._level and since > waves.SOONEST_S * self._rate:
            self._candidates.append((since / self._rate, tick, height / self._level))
            tall = height > max(self._crowd, waves.CROWDED_IF_UNEVEN * self._level)
            if tall and since > waves.BLUNT_S * self._rate and waves.is_narrow(self._narrowness(tick)):
                self._crowd = height
        self._between = max(self._between, height)
        self._hush(height, row)

    def _is_t_wave(self, tick: int, height: float, row: list[float]) -> bool:
        sharpness = None
        if not self.noisy:
            sharpness = max(self._sharpness(tick, k) for k, level in enumerate(self._signal) if level)
        last = self._last_time
        apart = None if last is None else self._time(tick, self._lead(row)) - last
        narrow = [self._narrowness(self._last), self._narrowness(tick)]
        return self.waves.is_t_wave(sharpness, apart, height / self._level, narrow)

    def _narrowness(self, tick: int) -> float:
        """Return how narrow the wave at ``tick`` is on the lead that shows the last one, 0 if that is long ago."""
        if self._waiting - tick > self._kept:
            return 0.0
        return self._wavelet.narrowness(self._sample(tick), self._lead(self._row))

    def _followed(self, tick: int, until: float = waves.T_UNTIL_S) -> float:
        """Return how far the signal swings where the T wave of the wave at ``tick`` would be."""
        until = min(until, waves.T_UNTIL_S)
        return self._wavelet.followed(self._sample(tick), self._lead(self._row), waves.T_FROM_S, until)

    def _stood_alone(self, rr: float) -> bool:
        """Whether the last beat, ``rr`` seconds ago, may be a P wave: small, and no T wave after it."""
        low = min(self._signal) < waves.P_MV * UNITS_PER_MV
        if not (low or self.waves.last_is_small) or self._waiting - self._last > self._kept:
            return False
        if self._followed(self._last, rr - waves.NEXT_S) >= waves.NO_T:
            return False
        return 0.0 < self._narrowness(self._last) < waves.P_NARROW

    def _sharpness(self, tick: int, lead: int) -> float:
        """Return the curvature of the wave at ``tick`` as a share of the last beat's."""
        last, this = (self._wavelet.curvature(self._sample(t), lead) for t in (self._last, tick))
        return this / last if last else 0.0

    def _time(self, tick: int, lead: int) -> float:
        """Return the seconds of the R peak of the beat at ``tick``."""
        return self.start + self._wavelet.locate(self._sample(tick), lead, self._spike) / self.fs

    def _lead(self, row: list[float]) -> int:
        """Return the first lead that shows a beat."""
        if row[0] > 0.3 * self._signal[0]:
            return 0
        return next((k for k, value in enumerate(row) if value > 0.3 * self._signal[k]), 0)

    def _hush(self, height: float, row: list[float]) -> None:
        """Learn what is not a beat."""
        self._quiet += GAIN * (min(height, self._level) - self._quiet)
        for k, value in enumerate(row):
            self._noise[k] += GAIN * (min(value, self._signal[k]) - self._noise[k])

    def _beat(self, tick: int, height: float, row: list[float], since: int) -> None:
        k = self._lead(row)
        time = self._time(tick, k)
        rr = None if self._last_time is None else time - self._last_time
        step = rr is not None and since < min(EARLIER * self._usual, self._kept) and self._is_step(tick, k)
        if step or self._step:
            rr = None
        self._step = step
        if self._blind:
            if any(self._last < blind <= tick for blind in self._blind):
                rr = None
            self._blind = [blind for blind in self._blind if blind > tick]
        self._found.append(Beat(time, self.leads[k], rr))
        if rr is not None:
            self.waves.stood_alone(self._stood_alone(rr))
        if rr is not None and rr < 2.5:
            self._intervals.append(since)
            self._usual = sorted(self._intervals)[len(self._intervals) // 2]
        self._last, self._last_time, self._last_height = tick, time, height
        if not self._between:
            half = 0.5 * SMALL
            self._hush(half * self._level, [half * level for level in self._signal])
        self._tallest += GAIN * (self._between - self._tallest)
        halfway = 0.0
        if rr is not None and self._candidates:
            halfway = waves.halfway(rr, self._candidates, self._narrowness, self._followed)
        self.waves.beat(rr, height, self._crowd / height, halfway)
        self._between = self._crowd = 0.0
        self._candidates = []
        self._beats += 1
        self._proven += 1
        self._raise(height, row, max(GAIN, 1 / (self._beats + 1)))

    def _is_step(self, tick: int, lead: int) -> bool:
        """Whether an early beat may be a step of the baseline: it counts, the intervals around it do not."""
        last, this = (self._wavelet.step(self._sample(t), lead) for t in (self._last, tick))
        if this < waves.STEP or last > waves.NO_STEP:
            return False
        return self._narrowness(tick) > waves.SHARP

    def _raise(self, height: float, row: list[float], gain: float) -> None:
        self._level += gain * (min(height, 2 * self._level) - self._level)
        for k, value in enumerate(row):
            level = self._signal[k]
            self._signal[k] += gain * (min(max(value, 0.3 * level), 2 * level) - level) if level else value

    def _end_second(self) -> None:
        """Weigh the leads anew, and let the levels fall when nothing has been found for long."""
        self._seconds += 1
        self._edge = ceil(self._seconds * self.fs)
        self._aim()
        if self._unlearned:
            return
        blind = self._blind and self._tick - self._blind[-1] < self._rate
        if self._tick - self._last > self._asystole and self._proven < PROVEN and not blind:
            self.waves.rescale(FALL)
            self._signal = [max(FALL * level, levels.FLOOR) if level else 0.0 for level in self._signal]
        self._weigh()

    def _weigh(self) -> None:
        """Set each lead's scale and weight by how far its QRS stands out; heights are then in units of QRS."""
        self._spike = levels.spike_mv(self._signal)
        self._scale, self._most, self._quiet = levels.shares(self._signal, self._noise)
        self._low = SMALL * self._signal[0] if self._single else SMALL
        if self._due == sys.maxsize:
            self._hurdle = self._low
        self._tallest /= self._level
        self._between /= self._level
        self._crowd /= self._level
        self._last_height /= self._level
        self._height /= self._level
        self.waves.rescale(self._level)
        self._level = 1.0

    def _learn(self, moduli: Array) -> None:
        """Collect the first second in which there is something, and take the levels from it."""
        first = self._sample(self._tick) - self._wavelet.half
        smooth = self._wavelet.despiked(first, len(moduli), LOWEST_SPIKE_MV)
        moduli = moduli if smooth is None else smooth
        self._learning.append(moduli)
        self._tick += len(moduli)
        self._unlearned -= int((moduli > 0).any(axis=1).sum())
        if self._unlearned:
            return
        seen = np.concatenate(self._learning)
        self._learning = []
        self._signal, self._noise = levels.first(seen)
        self._weigh()
        heights = self._heights(seen).ravel()
        self._last = self._tick - len(seen) + int(heights.argmax())
        self._last_height = float(heights.max()) / (self._signal[0] if self._single else 1.0)
