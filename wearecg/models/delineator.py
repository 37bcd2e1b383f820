"""Where the waves of a beat begin, peak and end: the network ``waves``, on one lead."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.arguments import typed
from wearecg.block import ECG, StreamId, Waves
from wearecg.ecg import beat_shape as shape
from wearecg.errors import ModelError, SignalError
from wearecg.models.card import Card
from wearecg.models.inputs import as_samples, check_rate
from wearecg.models.runner import Runner
from wearecg.rates import as_rate

Array = NDArray[np.float32]
Borders: TypeAlias = list[float | None]
"""Begin, peak and end of P, QRS and T, in seconds from the R peak; None for what is not there or cannot be seen."""

WAVES = ("P", "QRS", "T")
P_LOGIT, QRS_LOGIT, T_LOGIT = 18, 19, 20
SAID = "waves"
"""The output: begin, peak and end of P, QRS and T (s from the R peak), the logs of their errors, and whether there are
P, QRS and T (logits)."""
UNSEEN_S = 0.05
"""A border whose expected error is larger cannot be seen."""
STEADY, FEW, DOUBT, MOST_DOUBT, LAST_RR = 0.06, 4, 5.0, 3.0, 48
"""Intervals that differ by less than this share are steady. P waves are doubted (logits) by how many of the last
intervals are not, beside a few that are thought to be: fibrillation has waves that look like P waves, but seldom much.
Chosen with `benchmarks.p_waves`."""
NEAR = 12
"""Samples around a border, to either side, of which none may be missing."""


class Delineator:
    """Finds the waves of beats on one lead: ``model(samples, fs, peaks)``.

    Parameters
    ----------
    card : Card
    runner : Runner
        The file that is run, checked against the card. `wearecg.load_model` makes both.

    Raises
    ------
    ModelError
        The card is not that of a model that finds waves.

    Examples
    --------
    >>> import wearecg
    >>> person = wearecg.Person(seed=1, scenario="sinus", fs=250)
    >>> lead = person.samples(5000)[:, [person.leads.index("II")]]
    >>> peaks = [beat.time for beat in wearecg.score(lead, 250, "II").beats]
    >>> waves = wearecg.load_model("waves")(lead, 250, peaks, lead="II")
    >>> len(waves) == len(peaks), all(one.p_on < one.qrs_on < one.t_off for one in waves[1:-1])
    (True, True)
    """

    def __init__(self, card: Card, runner: Runner) -> None:
        if (card.input.fs, card.input.length) != (shape.FS, 2 * shape.LENGTH) or {*card.outputs.places} != {
            SAID
        }:
            raise ModelError(f"{card.source} does not find the waves of beats")
        self.card = card
        self._runner = runner
        self._points = [log(p / (1 - p)) for p in (card.outputs.points[wave] for wave in WAVES)]
        self._unseen = log(UNSEEN_S)

    @typed
    def __call__(
        self, samples: ArrayLike, fs: float, peaks: Sequence[float], lead: str = "ECG"
    ) -> tuple[Waves, ...]:
        """Find the waves of all beats of a recording, together.

        Parameters
        ----------
        samples : [n] or [n, 1]
            One lead in any unit; NaN where a sample is missing.
        fs : float
            Samples per second, at least the card's ``min_fs``.
        peaks : sequence of float
            R peaks, seconds from the first sample, as `Beat.time`.
        lead : str
            Its name.

        Returns
        -------
        tuple of Waves
            One for each peak at which there is a QRS complex.

        Raises
        ------
        SignalError
            Rate or shape cannot be used, or a peak is not in the recording.
        """
        fs = as_rate(fs)
        check_rate(fs, self.card.input, self.card.source)
        x = as_samples(samples)
        if x.ndim == 0 or x.shape[1:] not in ((), (1,)):
            raise SignalError(f"samples have shape {x.shape}: give one lead, [n] or [n, 1]")
        times, seconds = sorted(float(peak) for peak in peaks), x.size / fs
        if not times:
            return ()
        if not 0 <= times[0] <= times[-1] <= seconds:
            raise SignalError(f"R peaks from {times[0]:g} to {times[-1]:g} s in {seconds:g} s of signal")
        mean, rr, waves = shape.MeanBeat(), [b - a for a, b in pairwise(times)], []
        for turn in shape.turns(times):
            beats = shape.cut(x.ravel(), fs, times[turn])
            pairs, usual = shape.seen(beats, mean)
            before = rr[max(turn.stop - 1 - LAST_RR, 0) : turn.stop - 1]
            found = self.find(pairs, usual, beats, doubt(before))
            waves += [
                as_waves(time, borders, lead, self.card.source)
                for time, borders in zip(times[turn], found, strict=True)
                if borders
            ]
        return tuple(waves)

    def find(self, pairs: Array, usual: NDArray[np.bool_], beats: Array, doubt: float) -> list[Borders]:
        """Return the borders of the beats of a turn; nothing for one that has no QRS complex.

        Parameters
        ----------
        pairs, usual : float32 [beats, 2 LENGTH], bool [beats]
            What `wearecg.ecg.beat_shape.seen` makes of ``beats``.
        beats : float32 [beats, LENGTH]
            NaN where samples are missing.
        doubt : float
            How much more evidence of a P wave is needed (`doubt`).
        """
        said = self._runner.run(pairs[:, None], np.ones((len(pairs), 1), np.float32))[SAID]
        rows = zip(said.tolist(), self._p_waves(said[:, P_LOGIT], usual, doubt).tolist(), strict=True)
        found = [self._borders(one, p) for one, p in rows]
        if np.isnan(beats).any():
            return [_without(borders, np.isnan(beat)) for borders, beat in zip(found, beats, strict=True)]
        return found

    def _p_waves(self, odds: Array, usual: NDArray[np.bool_], doubt: float) -> NDArray[np.bool_]:
        """Return which beats have a P wave, by the odds (logits) of each.

        One of the usual shape needs but even odds, if those of the better half of its like are beyond doubt:
        fibrillation has beats with something like a P wave, but seldom many.
        """
        needed = self._points[0] + doubt
        alone = odds > max(needed, 0.0)
        if not usual.any():
            return alone
        alike = np.sort(odds[usual])
        return np.where(usual, (odds > 0) & (alike[len(alike) // 2 :].mean() > needed), alone)

    def _borders(self, said: list[float], p: bool) -> Borders:
        _, qrs, t = self._points
        on, off = said[3], said[5]
        if said[QRS_LOGIT] < qrs or on >= off:
            return []
        limit = self._unseen
        found: Borders = [
            border if error < limit else None for border, error in zip(said[:9], said[9:18], strict=True)
        ]
        if not p or not said[0] < said[1] < said[2] or said[1] > on:
            found[0] = found[1] = found[2] = None
        if said[T_LOGIT] < t or not said[6] < said[7] < said[8] or said[7] < off:
            found[6] = found[7] = found[8] = None
        return found


def doubt(rr: Sequence[float]) -> float:
    """Return how much more evidence a P wave needs (logits) behind these RR intervals (s), at most `LAST_RR`."""
    uneven = sum(abs(b - a) > STEADY * b for a, b in pairwise(rr))
    return min(DOUBT * uneven / (len(rr) - 1 + FEW), MOST_DOUBT) if len(rr) > 2 else 0.0


def as_waves(time: float, borders: Borders, lead: str, source: str, stream: StreamId = ECG) -> Waves:
    """Return the event for the beat at ``time`` s."""
    p_on, p_peak, p_off, qrs_on, _, qrs_off, t_on, t_peak, t_off = [
        None if border is None else time + border for border in borders
    ]
    return Waves(
        time,
        lead,
        source,
        stream,
        p_on=p_on,
        p_peak=p_peak,
        p_off=p_off,
        qrs_on=qrs_on,
        qrs_off=qrs_off,
        t_on=t_on,
        t_peak=t_peak,
        t_off=t_off,
    )


def _without(borders: Borders, missing: NDArray[np.bool_]) -> Borders:
    """Return borders but for those near which samples are missing; nothing if the QRS complex has some."""
    if missing[shape.CORE].any():
        return []
    return [None if border is None or _near(missing, border) else border for border in borders]


def _near(missing: NDArray[np.bool_], border: float) -> bool:
    at = shape.BEFORE + round(border * shape.FS)
    return bool(missing[max(at - NEAR, 0) : at + NEAR].any())
