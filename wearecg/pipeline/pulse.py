"""A lead ``II*`` drawn from a pulse, as a stream of its own, and the rate and rhythm of its beats.

Ten-second windows start every second; a second and a half before the end of one, it fades into the next over half
a second (`wearecg.pipeline.overlap`), so all of it is 3 s late. A window is looked at only if every second of it
can be used and the pulse in it is not unusable (`wearecg.ecg.pulse.judge`); what lies in no such window is missing
from the stream, and the verdict says why. The trace stays on the pulse: each R wave lies on the steepest point of
its upslope. The times of beats have the lag taken off, where it is known.

The stream leaves the engine as blocks, and never as a `Window`: no model that scores can come to see it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from typing import Literal, Protocol, TypeAlias

import numpy as np

from wearecg.block import (
    Beat,
    Event,
    HeartRate,
    LeadQuality,
    Notice,
    Quality,
    Samples,
    SignalBlock,
    StreamInfo,
    Summary,
    Trace,
)
from wearecg.ecg.lag import LagMeter
from wearecg.ecg.leads import PULSE, SYNTHETIC, is_ecg
from wearecg.ecg.pulse import REFRACTORY_S, PeakPicker, judge
from wearecg.ecg.rate import HeartRateMeter
from wearecg.pipeline.intervals import EVERY_S, Rhythm
from wearecg.pipeline.overlap import Overlap

HOP_S, CONTEXT_S, FADE_S = 1.0, 1.5, 0.5
SOURCE = "pulse-rhythm@1"
Lag: TypeAlias = float | Literal["model"] | None
"""Seconds from the R wave to the pulse; ``model`` for the model's own estimate; None to measure it in an ECG."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What a model says of one window.

    ``ecg`` [length] in mV and ``beats`` [length], the probability of an R peak, both at zero lag; ``lag`` in s.
    """

    ecg: Samples
    beats: Samples
    lag: float


class Drawer(Protocol):
    """What the stage needs of a model."""

    label: str
    fs: float
    length: int
    threshold: float
    """Probability from which a peak of ``beats`` is a beat."""

    def check(self, fs: float) -> None:
        """Raise unless it can draw from a pulse at this rate."""

    def draw(self, window: Samples) -> Drawn | None:
        """Look at a window [length], NaN where missing; None if it shows no pulse."""


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
    model : Drawer
    verdict : callable, optional
        The sensor's verdict on the pulse between two times (s); seconds that it calls unusable are not looked at.
    """

    def __init__(self, model: Drawer, verdict: Callable[[float, float], LeadQuality] | None = None) -> None:
        self._model, self._verdict = model, verdict
        hop, context, fade = (round(seconds * model.fs) for seconds in (HOP_S, CONTEXT_S, FADE_S))
        self._overlap = Overlap(model.length, hop, fade, context, 1, 3, self._look)
        self._verdicts: list[Quality] = []

    @property
    def delay(self) -> float:
        """Seconds that a sample comes out later than it came in."""
        return self._overlap.delay / self._model.fs

    def feed(self, index: int, samples: Samples) -> tuple[list[Quality], list[Piece]]:
        """Take samples [n] at the model's rate, NaN where missing, the first with number ``index``."""
        return self._read(self._overlap.feed(index, samples[:, None]))

    def flush(self) -> tuple[list[Quality], list[Piece]]:
        """Look at the last ten seconds and hand out all that waits."""
        return self._read(self._overlap.flush())

    def _look(self, start: int, window: Samples) -> Samples | None:
        fs, pulse = self._model.fs, window[:, 0]
        judged = self._sensor(start / fs, (start + len(pulse)) / fs) or judge(pulse, fs)
        drawn = None if judged.verdict == "unusable" else self._model.draw(pulse)
        if drawn is None and judged.verdict != "unusable":
            judged = replace(judged, verdict="unusable", reason="no pulse")
        quality = replace(judged, lead=SYNTHETIC)
        self._verdicts.append(Quality(start / fs, (start + len(pulse)) / fs, (quality,), PULSE))
        if drawn is None:
            return None
        lag = np.full(len(pulse), drawn.lag)
        values = np.stack([drawn.ecg, drawn.beats, lag], axis=1).astype(np.float32)
        values[np.isnan(pulse)] = np.nan
        return values

    def _sensor(self, start: float, end: float) -> LeadQuality | None:
        """Return what the sensor says against a window, if it does."""
        if self._verdict is None:
            return None
        seconds = (self._verdict(at, at + 1.0) for at in range(int(start), ceil(end)))
        return next((judged for judged in seconds if judged.verdict == "unusable"), None)

    def _read(self, parts: list[tuple[int, Samples]]) -> tuple[list[Quality], list[Piece]]:
        verdicts, self._verdicts = self._verdicts, []
        pieces = []
        for first, values in parts:
            rows = np.flatnonzero(np.isfinite(values[:, 0]))
            for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
                if len(run):
                    ecg, beats, lag = values[run].T
                    pieces.append(Piece(first + int(run[0]), ecg, beats, lag))
        return verdicts, pieces


class PulseStream:
    """The stream ``pulse`` of a sensor: its events, and its account.

    Parameters
    ----------
    model : Drawer
    block : SignalBlock
        The first of the stream that has the pulse, in the lead ``PPG``.
    lag : Lag
    verdict, trace
        See `PulseStage`, `Engine`.

    Raises
    ------
    SignalError
        The model can do nothing at this rate.
    """

    def __init__(
        self,
        model: Drawer,
        block: SignalBlock,
        lag: Lag,
        verdict: Callable[[float, float], LeadQuality],
        trace: bool,
    ) -> None:
        model.check(block.fs)
        self.fs = model.fs
        self._model, self._lag, self._trace = model, lag, trace
        self._column = block.leads.index("PPG")
        self._stage = PulseStage(model, verdict)
        self._peaks = PeakPicker(REFRACTORY_S * model.fs)
        self._meter = LagMeter()
        self._rate = HeartRateMeter()
        self._rhythm = Rhythm(SOURCE, SYNTHETIC)
        self._last: float | None = None
        """Time of the last beat as the pulse has it; None after a gap."""
        self._next = self._samples = self._beats = 0
        self._lags: Samples = np.empty(0, np.float32)
        self._reasons: deque[tuple[float, str]] = deque(maxlen=ceil(model.length / model.fs / HOP_S) + 2)
        """Where the last windows start that could not be used, s, and why they could not."""
        self._silent = self._failed = False

    def describe(self, info: StreamInfo) -> StreamInfo:
        """Return what the stream is, given what that of the pulse is."""
        return StreamInfo(
            PULSE,
            f"{info.source} through {self._model.label}",
            self.fs,
            (SYNTHETIC,),
            (0.0,),
            info.epoch,
            f"resampled from {info.fs:g} Hz; {self._stage.delay:g} s behind",
            synthetic=(SYNTHETIC,),
        )

    def beats(self, events: Sequence[Event], offset: float = 0.0) -> None:
        """Take the beats that an ECG has shown, ``offset`` seconds earlier on its timeline than on this one."""
        for event in events:
            if isinstance(event, Beat) and is_ecg(event.lead):
                self._meter.beat(event.time + offset)

    def feed(self, index: int, samples: Samples) -> list[Event]:
        """Take resampled samples [n, leads], the first with number ``index``."""
        pulse = samples[:, self._column]
        fs = round(self.fs)
        events: list[Event] = []
        # Second by second: whether a break is told must not depend on how the samples came.
        for part in np.split(pulse, range(-index % fs or fs, len(pulse), fs)):
            events += self._guarded(partial(self._stage.feed, index, part))
            index += len(part)
            events += self._silence(index)
        return events

    def flush(self) -> list[Event]:
        """Return what still waits."""
        events = self._guarded(self._stage.flush)
        return [*events, *self._told(self._peaks.flush())]

    def summary(self) -> Summary:
        """Return the account; call it last."""
        lost = self._next - self._samples
        reasons = {"not drawn": lost} if lost else {}
        return Summary(PULSE, self._next / self.fs, self._samples, reasons, 0, self._beats, 0, 0)

    def _guarded(self, step: Callable[[], tuple[list[Quality], list[Piece]]]) -> list[Event]:
        if self._failed:
            return []
        try:
            verdicts, pieces = step()
        except Exception as error:  # whatever a model does, what was measured goes on
            self._failed = True
            why = f"{self._model.label} failed: {type(error).__name__}: {error}"
            return [Notice(f"{why}; the pulse itself and the recording go on", "error")]
        for quality in verdicts:
            if quality.leads[0].verdict == "unusable":
                self._reasons.append((quality.start, quality.leads[0].reason))
        return [*verdicts, *(event for piece in pieces for event in self._events(piece))]

    def _silence(self, end: int) -> list[Event]:
        """Say once that rate and rhythm no longer hold, when a second is too long ago to be drawn any more."""
        whole = int(end // self.fs * self.fs)
        if self._silent or whole - self._next < self._model.length + round(HOP_S * self.fs):
            return []
        self._silent = True
        unusable = (why for start, why in reversed(self._reasons) if start * self.fs <= self._next)
        reason = f"{self._model.label} failed" if self._failed else next(unusable, "gap")
        second = float(self._next // self.fs) + 1
        trouble = f"pulse: {reason}"
        return [HeartRate(second, None, trouble, PULSE), self._rhythm.finding(second, trouble)]

    def _events(self, piece: Piece) -> list[Event]:
        events: list[Event] = []
        lost, start = piece.first - self._next, piece.first / self.fs
        if lost:
            events += self._told(self._peaks.flush())
            self._break(piece.first)
        ecg = piece.ecg[:, None]
        events.append(SignalBlock(ecg, self.fs, (SYNTHETIC,), start, lost, stream=PULSE))
        if self._trace:
            events.append(Trace(ecg, self.fs, (SYNTHETIC,), start, PULSE))
        self._samples += len(piece)
        self._silent = False
        # Second by second, so that what is found in one does not depend on how it came.
        at = 0
        while at < len(piece):
            second = int(self._next // self.fs) + 1
            stop = min(at + ceil(second * self.fs) - self._next, len(piece))
            self._lags = np.concatenate([self._lags, piece.lag[at:stop]])[-2 * round(self.fs) :]
            events += self._told(self._peaks.feed(piece.beats[at:stop], self._model.threshold), stop - at)
            at = stop
            if self._next >= second * self.fs:
                events.append(replace(self._rate.at(float(second)), stream=PULSE))
                if second % EVERY_S == 0:
                    events.append(self._rhythm.finding(float(second)))
        return events

    def _break(self, first: int) -> None:
        self._peaks.seek(first)
        self._rate.gap(first / self.fs)
        self._rhythm.gap()
        self._lags = self._lags[:0]
        self._last, self._next = None, first

    def _told(self, places: list[float], taken: int = 0) -> list[Event]:
        """Turn the places of R peaks into beats, once the ``taken`` samples with them are counted."""
        self._next += taken
        events: list[Event] = []
        for place in places:
            time = place / self.fs
            self._meter.pulse(time)
            lag = self._known_lag(place)
            rr = None if self._last is None else time - self._last
            self._last = time
            self._beats += 1
            self._rate.beat(Beat(time, SYNTHETIC, rr))
            if rr is not None:
                self._rhythm.add(rr)
            if self._lag is None and (news := self._meter.news()) is not None:
                events.append(Notice(f"the pulse comes {news:.3f} s after the R wave, by the ECG beside it"))
            events.append(Beat(time - (lag or 0.0), SYNTHETIC, rr, PULSE, lag))
        return events

    def _known_lag(self, place: float) -> float | None:
        if self._lag == "model":
            return float(self._lags[round(place) - self._next])
        return self._meter.lag if self._lag is None else self._lag
