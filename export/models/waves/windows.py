"""Training beats of waves: leads of LUDB, warped, through other sensors, with noise; and leads of known rhythm.

A lane is one lead of one recording with the beats that our detector finds in it. Noise is added to a whole lane and
its beats are cut and averaged as the device does it, so that the mean of the beats has less of it than each.
LUDB has few persons without P waves: recordings of atrial fibrillation and of sinus rhythm, in which nobody marked a
wave, teach what it means that there are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.datasets import cinc2017, ptbxl
from export.datasets.cinc2017 import CLASSES, Cinc2017
from export.datasets.cinc2017 import TRAIN_FOLDS as CINC_FOLDS
from export.datasets.ludb import Ludb
from export.datasets.ptbxl import PtbXl
from export.loop import TRAIN_FOLDS
from export.models.waves.net import BORDERS
from wearecg.block import Beat, SignalBlock
from wearecg.ecg import beat_shape as shape
from wearecg.ecg.leads import TWELVE, UNKNOWN
from wearecg.pipeline.engine import Engine

MOST_BEATS = 24
"""Beats of a lane that are looked at."""
MATCH_S = 0.08
"""A beat that is farther from every QRS complex is none."""
P_BEFORE, T_AFTER = (0.02, 0.46), (0.06, 0.64)
"""Where the peaks of P and T are, seconds before and after the R peak."""
FS = 500.0
RATES = (100.0, 125.0, 130.0, 200.0, 250.0, 250.0, 256.0, 300.0, 360.0, 500.0, 500.0)
"""Of the sensors that a lane is shown through, Hz."""
FALSE = 0.2
"""Share of the lanes that get a beat that is none."""
SEEN_IN = (0, 1, 1, 6, 10)
"""Leads in which a P wave is seen if there is one: I, II, V1, V5; II twice as often."""


@dataclass(frozen=True, eq=False)
class Lane:
    """One lead and its beats.

    Attributes
    ----------
    signal : float32 [n]
        mV at ``fs``.
    peaks : float64 [beats]
        Seconds, of R.
    borders : float32 [beats, 9]
        Seconds; NaN where there is no such wave, or it is not marked.
    waves : float32 [beats, 3]
        Whether the beat has P, QRS, T; NaN where nobody said.
    fs : float
    """

    signal: NDArray[np.float32]
    peaks: NDArray[np.float64]
    borders: NDArray[np.float32]
    waves: NDArray[np.float32]
    fs: float = FS


class Batch(NamedTuple):
    """Beats as the network sees them, ``[N, 1, 2 LENGTH]``, and what it should say, in seconds from R."""

    signal: Tensor
    borders: Tensor
    waves: Tensor


def detected(signal: NDArray[np.float32], lead: str, fs: float = FS) -> NDArray[np.float64]:
    """Return the R peaks, s, that the product finds in one lead."""
    engine = Engine(lead)
    block = SignalBlock(signal[:, None], fs, (lead,), 0.0)
    events = [*engine.feed(block, 0.0), *engine.finish()]
    return np.array([event.time for event in events if isinstance(event, Beat)])


def lanes(data: Ludb, rows: Sequence[int]) -> list[Lane]:
    """Return every lead of these recordings in which there are beats."""
    found = []
    for row in rows:
        for k, lead in enumerate(TWELVE):
            signal = data.signals[row, k].astype(np.float32) / 1000
            peaks = detected(signal, lead)[:MOST_BEATS]
            marks = {wave: spans[k] for wave, spans in data.waves[row].items()}
            if len(peaks) and len(marks["QRS"]):
                found.append(Lane(signal, peaks, *answers(peaks, marks)))
    return found


def weak(signals: Iterable[tuple[NDArray[np.float32], bool]], fs: float) -> list[Lane]:
    """Return leads of which is known only whether each beat has a P wave."""
    found = []
    for signal, has_p in signals:
        peaks = detected(signal, UNKNOWN, fs)[:MOST_BEATS]
        waves = np.full((len(peaks), 3), np.nan, np.float32)
        waves[:, 0] = has_p
        if len(peaks) > 2:
            found.append(Lane(signal, peaks, np.full((len(peaks), BORDERS), np.nan, np.float32), waves, fs))
    return found


def of_known_rhythm(ptb: PtbXl, cinc: Cinc2017, seed: int = 0) -> list[Lane]:
    """Return leads of PTB-XL (folds 1 to 8) and CinC 2017 (folds 1 to 7) without, and with, P waves."""
    rng = np.random.default_rng(seed)
    rhythm, form = (
        {code: ptb.labels[group][:, k] for k, code in enumerate(ptb.statements[group])}
        for group in ("rhythm", "form")
    )
    conduction = ptb.labels["subclass"][:, list(ptb.statements["subclass"]).index("_AVB")]
    ours = np.isin(ptb.fold, TRAIN_FOLDS)
    none = ours & (rhythm["AFIB"] | rhythm["AFLT"])
    odd = (
        none
        | rhythm["PACE"]
        | rhythm["SVTAC"]
        | rhythm["PSVT"]
        | form["PVC"]
        | form["PAC"]
        | rhythm["BIGU"]
        | rhythm["TRIGU"]
    )
    sinus = ours & (rhythm["SR"] | rhythm["SBRAD"] | rhythm["STACH"]) & ~odd
    chosen = [(row, False) for row in np.flatnonzero(none)]
    for which, most in (
        (sinus & ~conduction, 1000),
        (sinus & conduction, 400),
        (sinus & rhythm["STACH"], 300),
    ):
        rows = np.flatnonzero(which)
        chosen += [(row, True) for row in rng.permutation(rows)[:most]]

    def leads_of_ptb() -> Iterator[tuple[NDArray[np.float32], bool]]:
        for row, has_p in chosen:
            lead = rng.choice(SEEN_IN if has_p else len(TWELVE))
            yield np.nan_to_num(ptb.millivolts(np.array([row]))[0, lead]), has_p

    def leads_of_cinc() -> Iterator[tuple[NDArray[np.float32], bool]]:
        for row in cinc.rows(CINC_FOLDS):
            code = list(CLASSES)[cinc.label[row]]
            if code == "A" or (code == "N" and rng.random() < 0.2):
                signal = cinc.millivolts(int(row))[0]
                start = rng.integers(max(len(signal) - 1000, 0) + 1)
                yield signal[start : start + 1000], code == "N"

    return weak(leads_of_ptb(), ptbxl.FS) + weak(leads_of_cinc(), cinc2017.FS)


def answers(
    peaks: NDArray[np.float64], marks: dict[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the borders and the waves of each beat, from the spans that are marked in its lead."""
    borders = np.full((len(peaks), BORDERS), np.nan, np.float32)
    waves = np.full((len(peaks), 3), np.nan, np.float32)
    edges = np.concatenate([spans.ravel() for spans in marks.values()])
    first, last = np.nanmin(edges), np.nanmax(edges)
    for i, peak in enumerate(peaks):
        before = peaks[i - 1] if i else -np.inf
        after = peaks[i + 1] if i + 1 < len(peaks) else np.inf
        reach = (
            (max(peak - P_BEFORE[1], (before + peak) / 2), peak - P_BEFORE[0]),
            (peak - MATCH_S, peak + MATCH_S),
            (peak + T_AFTER[0], min(peak + T_AFTER[1], peak + 0.8 * (after - peak))),
        )
        for k, (spans, (low, high)) in enumerate(zip(marks.values(), reach, strict=True)):
            inside = spans[(spans[:, 1] >= low) & (spans[:, 1] <= high)]
            if len(inside):
                nearest = inside[np.abs(inside[:, 1] - peak).argmin()]
                borders[i, 3 * k : 3 * k + 3] = nearest
                waves[i, k] = 1.0
            elif low > first and high < last:
                waves[i, k] = 0.0
    return borders, waves


class Windows:
    """Batches of lanes.

    Parameters
    ----------
    lanes : sequence of Lane
    noise : float32 [channels, samples] or None
        Recorded noise at `FS`.
    """

    def __init__(self, lanes: Sequence[Lane], noise: NDArray[np.float32] | None) -> None:
        self._lanes, self._noise = lanes, noise

    def __len__(self) -> int:
        return len(self._lanes)

    def batch(self, numbers: NDArray[np.int64], rng: np.random.Generator) -> Batch:
        """Return the beats of these lanes, varied."""
        parts = [self._beats(self._lanes[number], rng) for number in numbers]
        signal, borders, waves = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Batch(torch.from_numpy(signal)[:, None], torch.from_numpy(borders), torch.from_numpy(waves))

    def plain(self, numbers: Sequence[int]) -> Batch:
        """Return the beats of these lanes as they are."""
        parts = []
        for number in numbers:
            lane = self._lanes[number]
            parts.append((cut(lane.signal, lane.fs, lane.peaks), *_relative(lane, lane.peaks, lane.borders)))
        signal, borders, waves = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Batch(torch.from_numpy(signal)[:, None], torch.from_numpy(borders), torch.from_numpy(waves))

    def _beats(
        self, lane: Lane, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        old, new = warp(lane, rng)
        fs = float(rng.choice(RATES))
        times = np.interp(np.arange(int(new[-1] * fs)) / fs, new, old)
        x = disturbed(at(lane, times), fs, self._noise, rng)
        peaks, borders, waves = np.interp(lane.peaks, old, new), np.interp(lane.borders, old, new), lane.waves
        jitter = 0.008 * rng.standard_normal() + 0.004 * rng.standard_normal(len(peaks))
        peaks = peaks + jitter * (rng.random() < 0.7)
        if np.isfinite(borders).any() and rng.random() < FALSE:
            peaks, borders, waves = with_false(peaks, borders, waves, rng)
        return (
            cut(x, fs, peaks, rng.uniform(0, shape.TURN_S)),
            (borders - peaks[:, None]).astype(np.float32),
            waves,
        )


def with_false(
    peaks: NDArray[np.float64],
    borders: NDArray[np.float64],
    waves: NDArray[np.float32],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Add a peak that is none, as a detector might have found it: a T wave, or anything far from a QRS complex."""
    beat = rng.integers(len(peaks))
    place = borders[beat, 7] if rng.random() < 0.5 else peaks[beat] + rng.uniform(0.2, 0.7)
    if not np.isfinite(place) or np.abs(peaks - place).min() < 0.15:
        return peaks, borders, waves
    row = int(np.searchsorted(peaks, place))
    none = np.array([np.nan, 0.0, np.nan], np.float32)
    return (
        np.insert(peaks, row, place),
        np.insert(borders, row, np.nan, axis=0),
        np.insert(waves, row, none, axis=0),
    )


def at(lane: Lane, times: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the lead's values at these seconds."""
    return np.interp(times * lane.fs, np.arange(len(lane.signal)), lane.signal).astype(np.float32)


def warp(lane: Lane, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return seconds of a lane, and when they are in a heart of other intervals: each wave and pause has its pace."""
    end = (len(lane.signal) - 1) / lane.fs
    pace = float(np.exp(rng.uniform(-0.12, 0.12)))
    spans = lane.borders.reshape(len(lane.borders), 3, 3)
    edges = sorted(
        (float(span[side]), wave, side)
        for beat in spans
        for wave, span in enumerate(beat)
        if np.isfinite(span).all()
        for side in (0, 2)
    )
    if not edges or rng.random() < 0.3:
        return np.array([0.0, end]), np.array([0.0, end]) / pace
    inside = np.exp(rng.normal(0, (0.12, 0.08, 0.12)))
    # From the end of P to QRS, from QRS to T, from T to what comes next.
    behind = np.exp([rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.3), rng.uniform(-1.5, 0.3)])
    old, new = [0.0], [0.0]
    factor = 1.0
    for time, wave, side in edges:
        if time <= old[-1]:
            continue
        new.append(new[-1] + (time - old[-1]) * factor / pace)
        old.append(time)
        factor = float(inside[wave] if side == 0 else behind[wave])
    new.append(new[-1] + (end - old[-1]) / pace)
    old.append(end)
    return np.array(old), np.array(new)


def _relative(
    lane: Lane, peaks: NDArray[np.float64], borders: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Borders in seconds from the R peak."""
    return (borders - peaks[:, None]).astype(np.float32), lane.waves


def cut(
    x: NDArray[np.float32], fs: float, peaks: NDArray[np.float64], phase: float = 0.0
) -> NDArray[np.float32]:
    """Return each beat of a lead and the mean of those like it, ``[beats, 2 LENGTH]``.

    A turn is over ``phase`` seconds after the lead begins.
    """
    margin, mean = int(fs), shape.MeanBeat()
    padded = np.pad(x, margin, mode="edge")
    beats = shape.cut(padded, fs, (peaks + margin / fs).tolist())
    turns = shape.turns((peaks - phase).tolist())
    return np.concatenate([shape.seen(beats[turn], mean)[0] for turn in turns])


def disturbed(
    x: NDArray[np.floating], fs: float, noise: NDArray[np.float32] | None, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return a lead at ``fs`` Hz as another sensor, worn by somebody who moves, might have measured it."""
    n = len(x)
    t = np.arange(n) / fs
    if rng.random() < 0.15:
        x = -x
    spectrum, f = np.fft.rfft(x - x.mean()), np.fft.rfftfreq(n, 1 / fs)
    if rng.random() < 0.4:  # a sensor that smooths
        top = rng.choice([30.0, 40.0, 50.0, 65.0, 90.0])
        spectrum *= 1 / (1 + (f / top) ** rng.choice([6, 16]))
    if rng.random() < 0.3:
        low = rng.choice([0.15, 0.3, 0.5])
        spectrum *= f**4 / (f**4 + low**4)
    x = np.fft.irfft(spectrum, n)
    power = float(np.square(x).mean())
    if noise is not None and rng.random() < 0.55:
        channel = noise[rng.integers(len(noise))]
        start = rng.uniform(0, len(channel) - t[-1] * FS - 2)
        added = np.interp(start + t * FS, np.arange(len(channel)), channel)
        x = x + added * np.sqrt(
            10 ** (-rng.uniform(0, 24) / 10) * power / max(float(np.square(added).mean()), 1e-9)
        )
    if rng.random() < 0.3:
        x = x + 0.24 * rng.random() * np.sqrt(power) * rng.standard_normal(n)
    if rng.random() < 0.2:
        x = x + 0.05 * rng.random() * np.sin(2 * np.pi * rng.choice([50.0, 60.0]) * t + rng.uniform(0, 6))
    if rng.random() < 0.4:
        x = x + 0.3 * rng.random() * np.sin(2 * np.pi * rng.uniform(0.1, 0.6) * t + rng.uniform(0, 6))
    return x.astype(np.float32)
