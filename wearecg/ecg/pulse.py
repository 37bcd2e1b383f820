"""The pulse wave (PPG): its beats and its quality.

A beat is timed at the steepest point of its upslope, which depends less on the shape of the wave than foot or
peak do. Pulses must point upwards: more blood, larger value.

`judge` takes about ten seconds, and these measures, in this order:

==============  =========================================================================  =====  ========
reason          measure                                                                    poor   unusable
==============  =========================================================================  =====  ========
gap             ``missing_share`` of the samples                                           > 0    > 0.05
flat            standard deviation in the band / largest reading                                  < 1e-5
saturated       ``rail_share``: samples at the highest or at the lowest value              > 0.02 > 0.05
low perfusion   ``noise``: median step above 8 Hz / standard deviation in the band         > 0.03 > 0.1
motion          ``height_spread``: highest / median pulse                                  > 1.8  > 2.5
motion          ``wander``: range below 0.5 Hz / median pulse height                       > 1.2  > 2.0
not periodic    ``pause_s``: longest time without a pulse                                  > 1.7  > 2.5
not periodic    ``dissimilarity``: 1 - mean correlation of the pulses with their median    > 0.05 > 0.10
upside down     ``skewness`` of the slope                                                         < -0.5
==============  =========================================================================  =====  ========

An irregular rhythm does not lower the quality: no measure expects regular intervals. The limits were chosen on windows
with a simultaneous ECG that shows whether pulses and beats agree: see ``benchmarks/pulse_quality.py``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wearecg.block import LeadQuality
from wearecg.ecg.spectrum import Gain, filtered

LOWPASS_HZ = 8.0
SLOPE_SHARE, SLOPE_WITHIN_S = 0.5, 1.5
"""An upslope counts if it is at least this share of the steepest one within this time before or after, seconds."""
REFRACTORY_S = 0.28
FLAT = 1e-5
"""There is no pulse if the standard deviation in the band is below this share of the largest reading."""
MISSING_SHARE = 0.05
UPSIDE_DOWN = -0.5
MIN_PULSES = 4
"""Fewer pulses cannot be compared."""
BEFORE_S, AFTER_S = 0.2, 0.4
"""The part of a pulse that is compared, seconds before and after its steepest point."""
LIMITS = (
    ("saturated", "rail_share", 0.02, 0.05),
    ("low perfusion", "noise", 0.03, 0.1),
    ("motion", "height_spread", 1.8, 2.5),
    ("motion", "wander", 1.2, 2.0),
    ("not periodic", "pause_s", 1.7, 2.5),
    ("not periodic", "dissimilarity", 0.05, 0.10),
)
"""Reason, measure, and the values above which it is poor and unusable."""


def pulse_band(
    x: NDArray[np.floating], fs: float, cutoff: float = 0.5, pad_s: float = 3.0
) -> NDArray[np.float64]:
    """Filter a pulse wave to ``cutoff`` to 8 Hz along the last axis, with zero phase.

    The gain is ``1 / (1 + (cutoff / f)**4)``, that of `wearecg.models.preprocess.highpass`, times
    ``1 / (1 + (f / 8)**8)``.
    """
    return filtered(x, fs, pad_s, _band(cutoff))


@lru_cache(maxsize=4)
def _band(cutoff: float) -> Gain:
    return lambda f: f**4 / (f**4 + cutoff**4) / (1 + (f / LOWPASS_HZ) ** 8)


def find_pulses(x: NDArray[np.floating], fs: float) -> NDArray[np.float64]:
    """Find the pulses in a wave.

    Parameters
    ----------
    x : float [n]
        In the band of `pulse_band`, any unit, upright; NaN where missing.
    fs : float
        Hz.

    Returns
    -------
    float64 [pulses]
        Seconds from the first sample, of the steepest point of each upslope; between samples by a parabola.

    Examples
    --------
    >>> t = np.arange(1000) / 100
    >>> find_pulses(np.sin(2 * np.pi * 1.25 * t), 100)[:3].round(2)
    array([0.8, 1.6, 2.4])
    """
    slope = np.diff(x)
    slope = np.where(np.isfinite(slope), slope, 0.0)
    reach = round(SLOPE_WITHIN_S * fs)
    if len(slope) < 3:
        return np.empty(0)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(slope, reach), 2 * reach + 1)
    threshold = np.maximum(SLOPE_SHARE * around.max(axis=-1), np.finfo(np.float64).tiny)
    picker = PeakPicker(REFRACTORY_S * fs)
    # The slope between samples i and i + 1 belongs half-way between them.
    return (np.array(picker.feed(slope, threshold) + picker.flush(), np.float64) + 0.5) / fs


class PeakPicker:
    """Finds the peaks of a series that comes in pieces: the same ones however it is cut.

    Of two that are closer than ``refractory`` samples the higher one is kept, or the first of equals.
    """

    def __init__(self, refractory: float) -> None:
        self._refractory = refractory
        self.seek(0)

    def seek(self, index: int) -> None:
        """Start over: the sample that comes next has number ``index``."""
        self._at = index
        self._tail = np.empty((2, 0))
        self._kept: tuple[int, float, float] | None = None

    def feed(self, x: NDArray[np.floating], threshold: NDArray[np.floating] | float) -> list[float]:
        """Take samples [n]; return the places of the peaks, at least ``threshold`` high, that are certain by now."""
        y, floor = np.hstack([self._tail, [x, np.broadcast_to(threshold, x.shape)]])
        first = self._at - self._tail.shape[1]
        self._tail = np.stack([y, floor])[:, -2:]
        self._at += len(x)
        before, here, after = y[:-2], y[1:-1], y[2:]
        found: list[float] = []
        for i in np.flatnonzero((here >= floor[1:-1]) & (here > before) & (here >= after)):
            place = first + 1 + int(i)
            bend = before[i] - 2 * here[i] + after[i]
            peak = place, float(here[i]), float(place + 0.5 * (before[i] - after[i]) / bend)
            if self._kept and place - self._kept[0] < self._refractory:
                if peak[1] > self._kept[1]:
                    self._kept = peak
                continue
            found += self.flush()
            self._kept = peak
        # The next peak can be at the newest sample.
        if self._kept and self._at - 1 - self._kept[0] >= self._refractory:
            found += self.flush()
        return found

    def flush(self) -> list[float]:
        """Return the place of the last peak, if it was not returned yet."""
        kept, self._kept = self._kept, None
        return [kept[2]] if kept else []


def judge(window: NDArray[np.floating], fs: float) -> LeadQuality:
    """Judge about ten seconds of a raw pulse wave [n], any unit, NaN where missing; see the module's docstring.

    >>> judge(np.zeros(1000), 100).reason
    'flat'
    """
    missing = ~np.isfinite(window)
    measures = {"missing_share": float(missing.mean())}
    if measures["missing_share"] > MISSING_SHARE:
        return LeadQuality("PPG", "unusable", "gap", measures)
    at = np.arange(len(window))
    x = np.interp(at, at[~missing], window[~missing])
    band = pulse_band(x, fs)
    deviation = band.std()
    if deviation <= FLAT * np.abs(x).max():
        return LeadQuality("PPG", "unusable", "flat", measures)
    measures |= _measures(x, band, fs)
    worst = [
        (value > unusable, reason)
        for reason, name, poor, unusable in LIMITS
        if (value := measures.get(name, 0.0)) > poor
    ]
    if measures.get("skewness", 0.0) < UPSIDE_DOWN:
        worst.append((True, "upside down"))
    if missing.any():
        worst.append((False, "gap"))
    if not worst:
        return LeadQuality("PPG", "good", "", measures)
    unusable, reason = max(worst, key=lambda item: item[0])
    return LeadQuality("PPG", "unusable" if unusable else "poor", reason, measures)


def _measures(x: NDArray[np.float64], band: NDArray[np.float64], fs: float) -> dict[str, float]:
    deviation = band.std()
    near = 1e-6 * np.ptp(x)
    rail = max((x >= x.max() - near).mean(), (x <= x.min() + near).mean())
    slow = filtered(x, fs, 3.0, lambda f: 1 / (1 + (f / 0.5) ** 4))
    noise = np.median(np.abs(np.diff(x - slow - band))) / deviation
    pulses = find_pulses(band, fs)
    measures = {"rail_share": float(rail), "noise": float(noise)}
    measures["pause_s"] = float(np.diff([0.0, *pulses, len(x) / fs]).max())
    before, after = round(BEFORE_S * fs), round(AFTER_S * fs)
    whole = [i for i in (pulses * fs).astype(int) if before <= i <= len(x) - after]
    if len(whole) < MIN_PULSES:
        return measures | {"pause_s": len(x) / fs}
    each = np.stack([band[i - before : i + after] for i in whole])
    usual = np.median(each, axis=0)
    alike = np.mean([np.corrcoef(pulse, usual)[0, 1] for pulse in each])
    heights = np.ptp(each, axis=1)
    slope = np.diff(band)
    return measures | {
        "height_spread": float(heights.max() / np.median(heights)),
        "wander": float(np.ptp(slow) / np.median(heights)),
        "dissimilarity": float(1 - alike),
        "skewness": float(np.mean(slope**3) / np.std(slope) ** 3),
    }
