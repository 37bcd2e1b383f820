"""A lead ``II*`` drawn from a pulse wave, window by window.

Ten-second windows start every second; a second and a half before the end of one, it fades into the next over half
a second (`wearecg.pipeline.overlap`), so all of it is 3 s late. A window is drawn only if every second of it
can be used and the pulse in it is not unusable (`wearecg.ecg.pulse.judge`); what lies in no such window is missing
from the stream, and its quality says why. The trace is in time with the pulse: each R wave lies on the steepest point
of its upslope. The times of beats have the lag subtracted, where it is known.

The stream leaves the engine as blocks, never as a `Window`: no model can score it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal, Protocol, TypeAlias

import numpy as np

from wearecg.block import LeadQuality, Quality, Samples, StreamId
from wearecg.ecg.lag import RANGE_S
from wearecg.ecg.leads import PULSE, SYNTHETIC
from wearecg.ecg.pulse import judge
from wearecg.errors import ConfigError
from wearecg.pipeline.overlap import Overlap
from wearecg.runs import runs

HOP_S, CONTEXT_S, FADE_S = 1.0, 1.5, 0.5
STREAM = StreamId(PULSE)
Lag: TypeAlias = float | Literal["model"] | None
"""Seconds from the R wave to the pulse; ``model`` for the model's own estimate; None to measure it in an ECG."""
LONGEST_LAG_S = 2.0


def read_lag(text: str) -> Lag:
    """Read a lag as a user writes it: seconds, or ``model``. Raises `ConfigError` for anything else."""
    if text == "model":
        return "model"
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= LONGEST_LAG_S:
        low, high = RANGE_S
        raise ConfigError(
            f"{text!r} is no lag: give seconds (a pulse comes {low:g} to {high:g} s after its R wave), or model"
        )
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What a model draws from one window.

    ``ecg`` [length] in mV and ``beats`` [length], the probability of an R peak, both at zero lag; ``lag`` in s.
    """

    ecg: Samples
    beats: Samples
    lag: float


class PulseModelLike(Protocol):
    """What the stage needs of a `wearecg.models.pulse.PulseModel`."""

    label: str
    fs: float
    length: int
    threshold: float
    """Probability from which a peak of ``beats`` is a beat."""

    def check(self, fs: float) -> None:
        """Raise unless it can draw from a pulse at this rate."""

    def draw(self, window: Samples) -> Drawn | None:
        """Draw from a window [length], NaN where missing; None if it shows no pulse."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Consecutive samples from number ``first`` on: ``ecg`` [n] in mV, ``beats`` [n] and ``lag`` [n] as in `Drawn`."""

    first: int
    ecg: Samples
    beats: Samples
    lag: Samples

    def __len__(self) -> int:
        return len(self.ecg)


class PulseStage:
    """A resampled pulse wave in; verdicts on its windows and pieces of the trace out.

    Parameters
    ----------
    model : PulseModelLike
    verdict : callable, optional
        The quality of the sensor's pulse between two times (s); seconds that are unusable are not drawn.
    """

    def __init__(
        self, model: PulseModelLike, verdict: Callable[[float, float], LeadQuality] | None = None
    ) -> None:
        self._model, self._verdict = model, verdict
        hop, context, fade = (round(seconds * model.fs) for seconds in (HOP_S, CONTEXT_S, FADE_S))
        self._overlap = Overlap(model.length, hop, fade, context, 1, 3, self._values_of)
        self._verdicts: list[Quality] = []

    @property
    def delay(self) -> float:
        """Seconds from input to output."""
        return self._overlap.delay / self._model.fs

    def feed(self, index: int, samples: Samples) -> tuple[list[Quality], list[Piece]]:
        """Take samples [n] at the model's rate, NaN where missing, the first with number ``index``."""
        return self._read(self._overlap.feed(index, samples[:, None]))

    def flush(self) -> tuple[list[Quality], list[Piece]]:
        """Draw from the last ten seconds and return the rest."""
        return self._read(self._overlap.flush())

    def _values_of(self, start: int, window: Samples) -> Samples | None:
        fs, pulse = self._model.fs, window[:, 0]
        judged = self._unusable_second(start / fs, (start + len(pulse)) / fs) or judge(pulse, fs)
        drawn = None if judged.verdict == "unusable" else self._model.draw(pulse)
        if drawn is None and judged.verdict != "unusable":
            judged = replace(judged, verdict="unusable", reason="no pulse")
        quality = replace(judged, lead=SYNTHETIC)
        self._verdicts.append(Quality(start / fs, (start + len(pulse)) / fs, (quality,), STREAM))
        if drawn is None:
            return None
        lag = np.full(len(pulse), drawn.lag)
        values = np.stack([drawn.ecg, drawn.beats, lag], axis=1).astype(np.float32)
        values[np.isnan(pulse)] = np.nan
        return values

    def _unusable_second(self, start: float, end: float) -> LeadQuality | None:
        """Return the first unusable second of the sensor's pulse in a window."""
        if self._verdict is None:
            return None
        seconds = (self._verdict(at, at + 1.0) for at in range(int(start), ceil(end)))
        return next((judged for judged in seconds if judged.verdict == "unusable"), None)

    def _read(self, parts: list[tuple[int, Samples]]) -> tuple[list[Quality], list[Piece]]:
        verdicts, self._verdicts = self._verdicts, []
        pieces = []
        for first, values in parts:
            for drawn, run in runs(np.isfinite(values[:, 0])):
                if drawn:
                    ecg, beats, lag = values[run].T
                    pieces.append(Piece(first + run.start, ecg, beats, lag))
        return verdicts, pieces
