"""Twelve leads as a stream: a model reconstructs windows of a few leads, and the windows are joined.

The stream is called ``twelve``, a model that makes it a reconstructor, and the one that ships ``lead12``.

Ten-second windows start every five seconds; in the middle of the overlap of two, one fades into the other over a
second (`wearecg.pipeline.overlap`). The stream has a constant delay of 8 s.

Measured samples pass unchanged and are never filled in: where a measured lead is missing it stays missing, even if
a model could guess it. Where too few leads are left, there is no output.
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

HOP_S = 5.0
FADE_S = 1.0
KIND = "twelve"
"""The kind of the stream of twelve leads."""


@dataclass(frozen=True, slots=True, eq=False)
class ReconstructedWindow:
    """One reconstructed window.

    Attributes
    ----------
    mean, sd : float32 [n, 12]
        mV, in the model's own band (high-passed); measured leads as they are, with a standard deviation of 0.
    half_band : float32 [n, 12]
        Half-width of the error band in mV, averaged around each sample.
    used : bool [leads]
        Which of the given leads the model used.
    """

    mean: Samples
    sd: Samples
    half_band: Samples
    used: NDArray[np.bool_]


class WindowReconstructor(Protocol):
    """What the stage needs of a reconstructor."""

    @property
    def label(self) -> str:
        """Model and profile, for people."""

    fs: float
    length: int
    limit_mv: float
    """A lead is known where the half-width of its error band is at most this."""

    def check(self, leads: Sequence[str], fs: float) -> None:
        """Raise unless something can be reconstructed from these leads at this rate."""

    def reconstruct(self, window: Samples, leads: Sequence[str]) -> ReconstructedWindow | None:
        """Reconstruct a window [length, leads] in mV, NaN where missing; None where too few leads are left."""


@dataclass(frozen=True, slots=True, eq=False)
class Twelve:
    """Consecutive samples of the twelve leads, in standard order.

    Attributes
    ----------
    mean : float32 [n, 12]
        mV. Measured leads are the samples given (at ``fs``), NaN where missing. The others are in the model's band
        (from 0.5 Hz), NaN where nothing was measured.
    sd : float32 [n, 12]
        Standard deviation, mV; 0 for measured leads.
    known : bool [n, 12]
        Whether the value can be relied on: its error band is narrow enough.
    filtered : float32 [n, 12]
        All leads in the model's band, for display side by side; NaN where not known.
    measured : bool [12]
        Which leads were measured.
    fs : float
        Hz.
    start : float
        Seconds, of the first sample.

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
        """Return the samples as a block of ``stream``, NaN where not known."""
        known = np.where(self.known, self.mean, np.float32(np.nan))
        return SignalBlock(known, self.fs, TWELVE, self.start, lost, stream=stream, sd=self.sd)

    def trace(self, stream: StreamId) -> Trace:
        """Return the filtered samples, for display."""
        return Trace(self.filtered, self.fs, TWELVE, self.start, stream)


class TwelveStage:
    """Resampled samples of a few leads in, twelve leads out.

    Parameters
    ----------
    model : WindowReconstructor
    leads : sequence of str
        Names of the input columns; those that are not standard leads are ignored.
    usable : callable, optional
        For each column, whether the model may use it between two times (s), asked for each second; what may not be
        used counts as missing. By default all may.
    """

    def __init__(
        self,
        model: WindowReconstructor,
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
        self._overlap = Overlap(model.length, hop, fade, middle, len(self._leads), columns, self._reconstruct)

    @property
    def delay(self) -> float:
        """Seconds from a sample's arrival to its output."""
        return self._overlap.delay / self._model.fs

    def feed(self, index: int, samples: Samples) -> list[Twelve]:
        """Take samples [n, leads] at the model's rate, the first with number ``index``."""
        return self._read(self._overlap.feed(index, samples[:, self._columns]))

    def flush(self) -> list[Twelve]:
        """Reconstruct the last ten seconds and return all that is still held back."""
        return self._read(self._overlap.flush())

    def _reconstruct(self, start: int, window: Samples) -> Samples | None:
        shown = window.copy()
        if self._usable:
            fs = self._model.fs
            for second in range(int(start / fs), ceil((start + len(shown)) / fs)):
                usable = self._usable(second, second + 1)
                rows = slice(max(round(second * fs) - start, 0), round((second + 1) * fs) - start)
                shown[rows, [not usable[column] for column in self._columns]] = np.nan
        found = self._model.reconstruct(shown, self._leads)
        if found is None:
            return None
        present = np.isfinite(shown[:, found.used]).any(axis=1, keepdims=True)
        return np.hstack([found.mean, found.sd, found.half_band, present, window]).astype(np.float32)

    def _read(self, parts: list[tuple[int, Samples]]) -> list[Twelve]:
        return [twelve for first, values in parts for twelve in self._split(first, values)]

    def _split(self, first: int, values: Samples) -> list[Twelve]:
        mean, sd, half_band, rest = np.split(values, [12, 24, 36], axis=1)
        present, given = rest[:, :1] > 0, rest[:, 1:]
        filtered = np.where(present, mean, np.float32(np.nan))
        mean, known = filtered.copy(), present & (half_band <= self._model.limit_mv)
        mean[:, self._given] = given
        sd[:, self._given] = 0
        known[:, self._given] = np.isfinite(given)
        filtered[~known] = np.nan
        rows = np.flatnonzero(np.isfinite(mean).any(axis=1))
        measured = np.isin(np.arange(len(TWELVE)), self._given)
        return [
            Twelve(mean[run], sd[run], known[run], filtered[run], measured, self._model.fs, start)
            for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
            if len(run)
            for start in [(first + int(run[0])) / self._model.fs]
        ]
