"""What twelve leads made from a few are worth: samples, R waves, ST level and error bars, lead by lead.

Only leads that were not measured are counted. Correlation and RMSE are those of a record of ten seconds,
and the mean over the records; R2 and the mean absolute error are of all samples; the slope is that of the
regression of the found R amplitude on the true one. R waves and J points come from the true leads and are
the same for every lead set and method. Intervals are bootstrapped over patients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.calibrate import halves
from export.datasets import ptbxl
from wearecg.ecg.beats import BeatDetector
from wearecg.ecg.leads import TWELVE
from wearecg.models.preprocess import Preprocessing, condition

Array = NDArray[np.float32]
Net = Callable[[Array, Array], tuple[Array, Array]]
"""Signal and mask to mean and log-variance of the eight independent leads."""

DRAWS = 1000
SEED = 9
NOMINAL = 0.9
WIDTH = 1.6449
"""Standard deviations to either side that hold 90 % of a normal distribution."""

BEFORE, AFTER = 10, 26
"""Samples of a beat that are looked at, before and after its R peak."""
R_WAVE = slice(BEFORE - 6, BEFORE + 7)
BASELINE = slice(BEFORE - 9, BEFORE - 6)
"""The PR segment, 70 to 90 ms before the R peak: the level that amplitudes are counted from."""
QRS_END = 0.15
"""The QRS ends where the leads together move at this share of their fastest."""
ST = 6
"""Samples after the J point."""
METRICS = ("r", "rmse", "r2", "slope", "mae", "st")


@dataclass(frozen=True, eq=False)
class Truth:
    """Whole recordings of one fold.

    Attributes
    ----------
    signal : float32 [N, 12, L]
        mV, conditioned.
    mask : float32 [N, 12]
    patient : int [N]
    beats : tuple of int arrays
        R peaks of each record, samples.
    j : int [N]
        The J point, samples after the R peak.
    """

    name: str
    signal: Array
    mask: Array
    patient: NDArray[np.int64]
    beats: tuple[NDArray[np.int64], ...]
    j: NDArray[np.int64]

    @classmethod
    def of(cls, data: ptbxl.PtbXl, fold: int) -> Truth:
        """Read one fold."""
        rows = data.rows([fold])
        signal, mask = condition(data.millivolts(rows), ptbxl.FS, Preprocessing())
        beats = tuple(r_peaks(x) for x in signal)
        j = np.array([j_point(x, at) for x, at in zip(signal, beats, strict=True)])
        return cls(f"PTB-XL 1.0.3 fold {fold}", signal, mask, data.patient[rows], beats, j)

    def shown(self, leads: Sequence[str]) -> tuple[Array, Array]:
        """Return signal and mask with these leads alone."""
        mask = self.mask * np.array([name in leads for name in TWELVE], np.float32)
        return self.signal * mask[..., None], mask


@dataclass(frozen=True, eq=False)
class Sums:
    """What the metrics of one lead are made of, record by record (0 where the lead has no truth)."""

    n: NDArray[np.float64]
    x: NDArray[np.float64]
    xx: NDArray[np.float64]
    squared: NDArray[np.float64]
    absolute: NDArray[np.float64]
    rmse: NDArray[np.float64]
    r: NDArray[np.float64]
    wave: NDArray[np.float64]
    """True and found R amplitude, ``[N, 2]``, NaN where no beat was found."""
    st: NDArray[np.float64]
    """Absolute error of the ST level, NaN where no beat was found."""


def r_peaks(signal: Array) -> NDArray[np.int64]:
    """Find the R peaks of a record ``[12, L]`` that have a whole beat around them."""
    leads = ("II", "V1", "V5")
    detector = BeatDetector(ptbxl.FS, leads)
    x = signal[[TWELVE.index(name) for name in leads]].T
    beats = [*detector.feed(x), *detector.flush()]
    at = np.array([round(beat.time * ptbxl.FS) for beat in beats], np.int64)
    whole: NDArray[np.int64] = at[(at >= BEFORE) & (at < signal.shape[-1] - AFTER)]
    return whole


def j_point(signal: Array, beats: NDArray[np.int64]) -> int:
    """Return where the QRS ends, samples after the R peak, in the median beat of all leads together."""
    if not len(beats):
        return 0
    median = np.median(cut(signal, beats), axis=0)
    speed = np.abs(np.gradient(median, axis=-1)).sum(axis=0)[BEFORE:-ST]
    fast = np.flatnonzero(speed > QRS_END * speed[:7].max())
    first_pause = np.flatnonzero(np.diff(fast) > 1)
    return int(fast[first_pause[0]] if len(first_pause) else fast[-1])


def cut(signal: Array, beats: NDArray[np.int64]) -> Array:
    """Cut the beats out of leads ``[leads, L]``: ``[beats, leads, BEFORE + AFTER]``."""
    at = beats[:, None] + np.arange(-BEFORE, AFTER)
    return signal[:, at].transpose(1, 0, 2)


def levels(signal: Array, beats: NDArray[np.int64], j: int) -> NDArray[np.float64]:
    """R amplitude and ST level at J + 60 ms of each lead, the medians over its beats: ``[2, leads]``."""
    if not len(beats):
        return np.full((2, len(signal)), np.nan)
    beat = cut(signal, beats)
    base = beat[..., BASELINE].mean(axis=-1)
    st = beat[..., min(BEFORE + j + ST, BEFORE + AFTER - 1)] - base
    return np.stack([np.median(v, axis=0) for v in (beat[..., R_WAVE].max(axis=-1) - base, st)])


def sums(truth: Truth, found: Array) -> dict[str, Sums]:
    """Gather what the metrics of every lead need, ``found`` being ``[N, 12, L]``."""
    there = truth.mask.T.astype(np.float64)
    x, y = truth.signal, found
    error = y - x
    a, b = (v - v.mean(axis=-1, keepdims=True) for v in (x, y))
    power = np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    r = np.divide((a * b).sum(-1), power, out=np.zeros_like(power), where=power > 0)
    points = zip(x, y, truth.beats, truth.j, strict=True)
    level = np.array([[levels(v, at, j) for v in (p, q)] for p, q, at, j in points])  # [N, 2, 2, 12]
    return {
        name: Sums(
            n=there[k] * x.shape[-1],
            x=there[k] * x[:, k].sum(-1, dtype=np.float64),
            xx=there[k] * np.square(x[:, k], dtype=np.float64).sum(-1),
            squared=there[k] * np.square(error[:, k], dtype=np.float64).sum(-1),
            absolute=there[k] * np.abs(error[:, k]).sum(-1, dtype=np.float64),
            rmse=there[k] * np.sqrt(np.square(error[:, k], dtype=np.float64).mean(-1)),
            r=there[k] * r[:, k],
            wave=np.where(there[k, :, None] > 0, level[:, :, 0, k], np.nan),
            st=np.where(there[k] > 0, np.abs(level[:, 1, 1, k] - level[:, 0, 1, k]), np.nan),
        )
        for k, name in enumerate(TWELVE)
    }


def metrics(parts: dict[str, Sums], draws: NDArray[np.floating]) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Every metric of every lead in each draw of patients ``[draws, N]``; mV, but uV for RMSE, MAE and ST."""
    out = {}
    for name, part in parts.items():
        n, x, xx, squared, absolute = (
            draws @ v for v in (part.n, part.x, part.xx, part.squared, part.absolute)
        )
        known = np.isfinite(part.wave).all(axis=1)
        w, (p, q) = draws[:, known], part.wave[known].T
        total = w.sum(axis=1)
        records = draws @ (part.n > 0)
        mean = w @ p / total
        slope = (w @ (p * q) / total - mean * (w @ q / total)) / (w @ (p * p) / total - mean**2)
        judged = np.isfinite(part.st)
        out[name] = {
            "r": draws @ part.r / records,
            "rmse": 1000 * (draws @ part.rmse) / records,
            "r2": 1 - squared / (xx - x**2 / n),
            "slope": slope,
            "mae": 1000 * absolute / n,
            "st": 1000 * (draws[:, judged] @ part.st[judged]) / draws[:, judged].sum(axis=1),
        }
    return out


def overall(
    parts: dict[str, Sums], each: dict[str, dict[str, NDArray[np.float64]]], draws: NDArray[np.floating]
) -> dict[str, NDArray[np.float64]]:
    """Means over the leads; R2 is pooled: one minus squared error over variance, all leads' samples together."""
    mean = {metric: np.mean([one[metric] for one in each.values()], axis=0) for metric in METRICS}
    squared = sum(draws @ part.squared for part in parts.values())
    spread = sum(draws @ part.xx - (draws @ part.x) ** 2 / (draws @ part.n) for part in parts.values())
    return mean | {"r2": 1 - squared / spread}


def fit_scale(truth: Truth, found: Sequence[tuple[Sequence[str], Array, Array]]) -> NDArray[np.float64]:
    """Fit what each lead's standard deviation is multiplied by, ``[12]``, on half of the patients.

    With it, 90 % of the samples of all given lead sets (measured leads, mean and variance of all twelve)
    lie in the nominal 90 % band. Leads that follow from measured ones, without a variance, are not counted;
    a lead that no set leaves uncertain keeps 1.
    """
    rows = halves(truth.patient)
    scale = np.ones(len(TWELVE))
    for k, name in enumerate(TWELVE):
        ratios = []
        for leads, mean, variance in found:
            here = (truth.mask[rows, k] > 0) & (variance[rows, k] > 0).any(axis=-1)
            if name not in leads and here.any():
                error = np.abs(mean[rows, k] - truth.signal[rows, k])[here]
                ratios.append(error / np.sqrt(variance[rows, k][here]))
        if ratios:
            scale[k] = np.quantile(np.concatenate(ratios), NOMINAL) / WIDTH
    return scale


def coverage(
    truth: Truth, leads: Sequence[str], mean: Array, variance: Array, scale: NDArray[np.float64]
) -> dict[str, float]:
    """Share of each uncertain lead's samples in the nominal 90 % band, on the patients the fit has not seen."""
    rows = ~halves(truth.patient)
    half = WIDTH * scale[:, None] * np.sqrt(variance[rows])
    inside = np.abs(mean[rows] - truth.signal[rows]) <= half
    return {
        name: float(inside[truth.mask[rows, k] > 0, k].mean())
        for k, name in enumerate(TWELVE)
        if name not in leads and variance[rows, k].any()
    }
