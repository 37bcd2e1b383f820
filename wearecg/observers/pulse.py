"""The stream ``pulse``: a lead ``II*`` drawn from a pulse wave, its beats, heart rate and rhythm."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from math import ceil
from typing import TYPE_CHECKING

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
from wearecg.ecg.leads import SYNTHETIC, is_ecg
from wearecg.ecg.pulse import REFRACTORY_S, PeakPicker
from wearecg.ecg.rate import HeartRateMeter
from wearecg.ecg.rhythm import EVERY_S, Rhythm
from wearecg.observers.options import known_options
from wearecg.pipeline.observer import About, Events, Observer
from wearecg.pipeline.observer import Samples as WantsSamples
from wearecg.pipeline.pulse import HOP_S, STREAM, Lag, Piece, PulseModelLike, PulseStage, read_lag

if TYPE_CHECKING:
    from wearecg.models.pulse import PulseModel

OPTIONS = ("runtime", "precision", "lag")
RHYTHM = "pulse-rhythm@1"


def of(model: PulseModel, options: Mapping[str, str]) -> Observer:
    """Return the observer that draws through ``model``; the option ``lag`` is read by `read_lag`."""
    known_options(model.label, options, OPTIONS)
    return PulseObserver(model, read_lag(options["lag"]) if "lag" in options else None)


class PulseObserver(Observer):
    """Makes the stream ``pulse`` of the first sensor's lead ``PPG``. No window is ever cut from it.

    Parameters
    ----------
    model : PulseModelLike
    lag : Lag
    """

    needs = "the lead PPG"

    def __init__(self, model: PulseModelLike, lag: Lag = None) -> None:
        self.source = model.label
        self.wants = (Events((StreamInfo, Beat), siblings=True), WantsSamples(model.fs))
        self._model, self._lag = model, lag

    def accepts(self, info: StreamInfo) -> bool:
        """Streams of the first sensor with a lead ``PPG``."""
        return info.stream.sensor == 1 and "PPG" in info.leads

    def begin(self, about: About) -> Observer:
        """Return what draws from this stream.

        Raises
        ------
        SignalError
            The model can do nothing at this rate.
        """
        self._model.check(about.info.fs)
        return _PulseStream(self._model, self._lag, about)

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Nothing comes here: what `begin` returns is fed."""
        raise AssertionError(item, about)


class _PulseStream(PulseObserver):
    def __init__(self, model: PulseModelLike, lag: Lag, about: About) -> None:
        super().__init__(model, lag)
        self._fs = model.fs
        self._column = about.info.leads.index("PPG")

        def verdict(start: float, end: float) -> LeadQuality:
            return about.quality(start, end).leads[self._column]

        self._trace = about.trace
        self._stage = PulseStage(model, verdict)
        self._peaks = PeakPicker(REFRACTORY_S * model.fs)
        self._meter = LagMeter()
        self._rate = HeartRateMeter()
        self._rhythm = Rhythm(RHYTHM, SYNTHETIC, STREAM)
        self._last: float | None = None
        """Time of the last beat as the pulse has it; None after a gap."""
        self._next = self._samples = self._beats = 0
        self._lags: Samples = np.empty(0, np.float32)
        self._reasons: deque[tuple[float, str]] = deque(maxlen=ceil(model.length / model.fs / HOP_S) + 2)
        """Start (s) of the last windows that could not be used, and why."""
        self._loss_reported = self._failed = False

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Take the stream's description, then its resampled samples and the beats of an ECG beside it."""
        match item:
            case StreamInfo():
                return (self._describe(item),)
            case Beat() if is_ecg(item.lead):
                self._meter.beat(item.time)
            case SignalBlock():
                return self._draw(round(item.start * item.fs), item.samples[:, self._column])
        return ()

    def flush(self) -> Iterable[Event]:
        """Return the rest, and the summary of the stream."""
        events = self._guarded(self._stage.flush)
        events += self._beats_at(self._peaks.flush())
        lost = self._next - self._samples
        reasons = {"not drawn": lost} if lost else {}
        duration = self._next / self._fs
        return [*events, Summary(STREAM, duration, self._samples, reasons, 0, self._beats, 0, 0)]

    def _describe(self, info: StreamInfo) -> StreamInfo:
        return StreamInfo(
            STREAM,
            f"{info.source} through {self._model.label}",
            self._fs,
            (SYNTHETIC,),
            (0.0,),
            info.epoch,
            f"resampled from {info.fs:g} Hz; {self._stage.delay:g} s behind",
            synthetic=(SYNTHETIC,),
        )

    def _draw(self, index: int, pulse: Samples) -> list[Event]:
        fs = round(self._fs)
        events: list[Event] = []
        # Second by second: whether a loss is reported must not depend on how the samples are cut into blocks.
        for part in np.split(pulse, range(-index % fs or fs, len(pulse), fs)):
            events += self._guarded(partial(self._stage.feed, index, part))
            index += len(part)
            events += self._loss(index)
        return events

    def _guarded(self, step: Callable[[], tuple[list[Quality], list[Piece]]]) -> list[Event]:
        if self._failed:
            return []
        try:
            verdicts, pieces = step()
        except Exception as error:  # a model that fails must not end the stream
            self._failed = True
            why = f"{self._model.label} failed: {type(error).__name__}: {error}"
            return [Notice(f"{why}; the pulse itself and the recording go on", "error")]
        for quality in verdicts:
            if quality.leads[0].verdict == "unusable":
                self._reasons.append((quality.start, quality.leads[0].reason))
        return [*verdicts, *(event for piece in pieces for event in self._events(piece))]

    def _loss(self, end: int) -> list[Event]:
        """Report once that rate and rhythm are unknown, when the next second can no longer be drawn."""
        whole = int(end // self._fs * self._fs)
        if self._loss_reported or whole - self._next < self._model.length + round(HOP_S * self._fs):
            return []
        self._loss_reported = True
        unusable = (why for start, why in reversed(self._reasons) if start * self._fs <= self._next)
        reason = f"{self._model.label} failed" if self._failed else next(unusable, "gap")
        second = float(self._next // self._fs) + 1
        trouble = f"pulse: {reason}"
        return [HeartRate(second, None, trouble, STREAM), self._rhythm.judge(second, trouble)]

    def _events(self, piece: Piece) -> list[Event]:
        events: list[Event] = []
        lost, start = piece.first - self._next, piece.first / self._fs
        if lost:
            events += self._beats_at(self._peaks.flush())
            self._restart(piece.first)
        ecg = piece.ecg[:, None]
        events.append(SignalBlock(ecg, self._fs, (SYNTHETIC,), start, lost, stream=STREAM))
        if self._trace:
            events.append(Trace(ecg, self._fs, (SYNTHETIC,), start, STREAM))
        self._samples += len(piece)
        self._loss_reported = False
        # Second by second, so that what is found does not depend on how the samples are cut into blocks.
        at = 0
        while at < len(piece):
            second = int(self._next // self._fs) + 1
            stop = min(at + ceil(second * self._fs) - self._next, len(piece))
            self._lags = np.concatenate([self._lags, piece.lag[at:stop]])[-2 * round(self._fs) :]
            events += self._beats_at(self._peaks.feed(piece.beats[at:stop], self._model.threshold), stop - at)
            at = stop
            if self._next >= second * self._fs:
                events.append(replace(self._rate.at(float(second)), stream=STREAM))
                if second % EVERY_S == 0:
                    events.append(self._rhythm.judge(float(second)))
        return events

    def _restart(self, first: int) -> None:
        self._peaks.seek(first)
        self._rate.gap(first / self._fs)
        self._rhythm.gap()
        self._lags = self._lags[:0]
        self._last, self._next = None, first

    def _beats_at(self, places: list[float], taken: int = 0) -> list[Event]:
        """Return the beats at these sample numbers, after counting the ``taken`` samples that they were found in."""
        self._next += taken
        events: list[Event] = []
        for place in places:
            time = place / self._fs
            self._meter.pulse(time)
            lag = self._known_lag(place)
            rr = None if self._last is None else time - self._last
            self._last = time
            self._beats += 1
            self._rate.beat(Beat(time, SYNTHETIC, rr))
            if rr is not None:
                self._rhythm.add(rr)
            if self._lag is None and (measured := self._meter.changed()) is not None:
                events.append(
                    Notice(f"the pulse comes {measured:.3f} s after the R wave, by the ECG beside it")
                )
            events.append(Beat(time - (lag or 0.0), SYNTHETIC, rr, STREAM, lag))
        return events

    def _known_lag(self, place: float) -> float | None:
        if self._lag == "model":
            return float(self._lags[round(place) - self._next])
        return self._meter.lag if self._lag is None else self._lag
