"""Twelve leads as a stream: a model reconstructs overlapping windows of a few leads, which are joined.

Ten-second windows start every five seconds; in the middle of their overlap, one fades into the other over a
second (`wearecg.pipeline.overlap`). Every sample comes out 8 s late.

Measured leads pass unchanged and are never filled in: where a measured lead is missing it stays missing, even if
a model could guess it. Where too few leads are left, nothing comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Samples, SignalBlock, StreamId, Trace
from wearecg.ecg.leads import TWELVE
from wearecg.pipeline.overlap import Overlap
from wearecg.runs import runs

HOP_S = 5.0
FADE_S = 1.0
KIND = "twelve"
"""The kind of the stream of twelve leads."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What a model reconstructs of one window: float32 ``[n, 12]``, in its own band (high-passed).

    ``mean`` and standard deviation ``sd`` in mV, a measured lead unchanged with sd 0; ``reach``: half-width of the
    error band, averaged over some time around each sample; ``used``: bool [leads], of the leads given.
    """

    mean: Samples
    sd: Samples
    reach: Samples
    used: NDArray[np.bool_]


class ReconstructorLike(Protocol):
    """What the stage needs of a `wearecg.models.lead12.Reconstructor`."""

    @property
    def label(self) -> str:
        """What it is, for people."""

    fs: float
    length: int
    limit_mv: float
    """A lead is known where the band's half-width is at most this."""

    def check(self, leads: Sequence[str], fs: float) -> None:
        """Raise unless something can be reconstructed from these leads at this rate."""

    def estimate(self, window: Samples, leads: Sequence[str]) -> Estimate | None:
        """Reconstruct a window [length, leads] in mV, NaN where missing; None where too few leads are left."""


@dataclass(frozen=True, slots=True, eq=False)
class Twelve:
    """Consecutive samples of the twelve leads, in standard order.

    Attributes
    ----------
    mean : float32 [n, 12]
        mV. Measured leads are the very samples given (at ``fs``), NaN where missing. The others are in the
        model's band (from 0.5 Hz), NaN where nothing was measured.
    sd : float32 [n, 12]
        Standard deviation, mV; 0 for measured leads.
    known : bool [n, 12]
        Whether there is a value that can be relied on: the error band is narrow enough.
    filtered : float32 [n, 12]
        All leads in the model's band, to be looked at side by side; NaN where not known.
    measured : bool [12]
        Which leads were given.
    fs, start : float
        Hz; seconds of the first sample.

    Examples
    --------
    >>> import wearecg
    >>> from wearecg.ecg.leads import TWELVE
    >>> person = wearecg.Person(seed=1, scenario="sinus", fs=250)
    >>> measured = person.samples(2500)[:, [person.leads.index(lead) for lead in ("I", "II", "V2")]]
    >>> twelve = wearecg.load_model("lead12")(measured, 250, "I,II,V2")
    >>> [lead for lead, given in zip(TWELVE, twelve.measured, strict=True) if given]
    ['I', 'II', 'V2']
    >>> float(twelve.sd[:, 0].max()), bool(twelve.sd[:, 8].max() > 0)
    (0.0, True)
    """

    mean: Samples
    sd: Samples
    known: NDArray[np.bool_]
    filtered: Samples
    measured: NDArray[np.bool_]
    fs: float
    start: float

    def __len__(self) -> int:
        return len(self.mean)

    def block(self, lost: int, stream: StreamId) -> SignalBlock:
        """Return it as a block of ``stream``: NaN where not known."""
        known = np.where(self.known, self.mean, np.float32(np.nan))
        return SignalBlock(known, self.fs, TWELVE, self.start, lost, stream=stream, sd=self.sd)

    def trace(self, stream: StreamId) -> Trace:
        """Return it for the display."""
        return Trace(self.filtered, self.fs, TWELVE, self.start, stream)


class TwelveStage:
    """Resampled samples of a few leads in, twelve leads out.

    Parameters
    ----------
    model : ReconstructorLike
    leads : sequence of str
        The columns of the input; those that are not standard leads are ignored.
    usable : callable, optional
        For each column, whether it is usable between two times (s); by default it is. It is asked for each second;
        what is not usable counts as missing.
    """

    def __init__(
        self,
        model: ReconstructorLike,
        leads: Sequence[str],
        usable: Callable[[float, float], Sequence[bool]] | None = None,
    ) -> None:
        self._model, self._usable = model, usable
        self._leads = [lead for lead in TWELVE if lead in leads]
        self._columns = [leads.index(lead) for lead in self._leads]
        self._given = [TWELVE.index(lead) for lead in self._leads]
        hop, fade = round(HOP_S * model.fs), round(FADE_S * model.fs)
        middle = (model.length - hop - fade) // 2
        columns = 3 * len(TWELVE) + 1 + len(self._leads)
        self._overlap = Overlap(model.length, hop, fade, middle, len(self._leads), columns, self._values_of)

    @property
    def delay(self) -> float:
        """Seconds from input to output."""
        return self._overlap.delay / self._model.fs

    def feed(self, index: int, samples: Samples) -> list[Twelve]:
        """Take samples [n, leads] at the model's rate, the first with number ``index``."""
        return self._read(self._overlap.feed(index, samples[:, self._columns]))

    def flush(self) -> list[Twelve]:
        """Reconstruct the last ten seconds and return the rest."""
        return self._read(self._overlap.flush())

    def _values_of(self, start: int, window: Samples) -> Samples | None:
        shown = window.copy()
        if self._usable:
            fs = self._model.fs
            for second in range(int(start / fs), ceil((start + len(shown)) / fs)):
                usable = self._usable(second, second + 1)
                rows = slice(max(round(second * fs) - start, 0), round((second + 1) * fs) - start)
                shown[rows, [not usable[column] for column in self._columns]] = np.nan
        estimate = self._model.estimate(shown, self._leads)
        if estimate is None:
            return None
        there = np.isfinite(shown[:, estimate.used]).any(axis=1, keepdims=True)
        return np.hstack([estimate.mean, estimate.sd, estimate.reach, there, window]).astype(np.float32)

    def _read(self, parts: list[tuple[int, Samples]]) -> list[Twelve]:
        return [twelve for first, values in parts for twelve in self._split(first, values)]

    def _split(self, first: int, values: Samples) -> list[Twelve]:
        mean, sd, reach, rest = np.split(values, [12, 24, 36], axis=1)
        there, given = rest[:, :1] > 0, rest[:, 1:]
        filtered = np.where(there, mean, np.float32(np.nan))
        mean, known = filtered.copy(), there & (reach <= self._model.limit_mv)
        mean[:, self._given] = given
        sd[:, self._given] = 0
        known[:, self._given] = np.isfinite(given)
        filtered[~known] = np.nan
        measured = np.isin(np.arange(len(TWELVE)), self._given)
        any_lead: NDArray[np.bool_] = np.asarray(np.isfinite(mean).any(axis=1))
        return [
            Twelve(mean[run], sd[run], known[run], filtered[run], measured, self._model.fs, start)
            for seen, run in runs(any_lead)
            if seen
            for start in [(first + run.start) / self._model.fs]
        ]
