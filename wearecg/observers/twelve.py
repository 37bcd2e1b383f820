"""The stream ``twelve``: all twelve leads; those that were not measured are reconstructed by a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from wearecg.block import Event, SignalBlock, StreamInfo, Summary
from wearecg.ecg.leads import TWELVE
from wearecg.errors import SignalError
from wearecg.observers.options import known_options
from wearecg.pipeline.observer import About, Events, Observer, Samples
from wearecg.pipeline.twelve import KIND, ReconstructorLike, Twelve, TwelveStage

if TYPE_CHECKING:
    from wearecg.models.lead12 import Reconstructor

OPTIONS = ("runtime", "precision", "profile")


def of(model: Reconstructor, options: Mapping[str, str]) -> Observer:
    """Return the observer that reconstructs leads through ``model``, which was loaded with ``options``."""
    known_options(model.source, options, OPTIONS)
    return TwelveObserver(model)


class TwelveObserver(Observer):
    """Makes the stream ``twelve`` of the first sensor; no finding is based on what it reconstructs.

    Parameters
    ----------
    model : ReconstructorLike
    """

    def __init__(self, model: ReconstructorLike) -> None:
        self.source = model.label
        self.wants = (Events((StreamInfo,)), Samples(model.fs))
        self._model = model

    def accepts(self, info: StreamInfo) -> bool:
        """Streams of the first sensor with an ECG lead."""
        return info.stream.sensor == 1 and super().accepts(info)

    def begin(self, about: About) -> Observer:
        """Return what reconstructs this stream.

        Raises
        ------
        LeadError, SignalError
            The model cannot reconstruct from these leads, or at this rate, or some are of no known size.
        """
        info = about.info
        self._model.check(info.leads, info.fs)
        if info.uncalibrated:
            raise SignalError(
                f"{', '.join(info.uncalibrated)}: of no known size, and {self._model.label} needs mV; "
                "state gain and unit in the file, or leave out --twelve"
            )
        return _TwelveStream(self._model, about)

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Nothing comes here: what `begin` returns is fed."""
        raise AssertionError(item, about)


class _TwelveStream(TwelveObserver):
    def __init__(self, model: ReconstructorLike, about: About) -> None:
        super().__init__(model)
        info = about.info
        columns = range(len(info.leads))

        def usable(start: float, end: float) -> list[bool]:
            quality = about.quality(start, end)
            return [quality.leads[column].verdict != "unusable" for column in columns]

        self._stage = TwelveStage(model, info.leads, usable)
        self._reconstructed = tuple(lead for lead in TWELVE if lead not in info.leads)
        self._stream = info.stream.sibling(KIND)
        self._trace = about.trace
        self._next = self._samples = 0

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Take the stream's description, then its resampled samples."""
        match item:
            case StreamInfo():
                return (self._describe(item),)
            case SignalBlock():
                return self._events(self._stage.feed(round(item.start * item.fs), item.samples))
        return ()

    def flush(self) -> Iterable[Event]:
        """Return the rest, and the summary of the stream."""
        events = self._events(self._stage.flush())
        lost = self._next - self._samples
        reasons = {"not reconstructed": lost} if lost else {}
        duration = self._next / self._model.fs
        return [*events, Summary(self._stream, duration, self._samples, reasons, 0, 0, 0, 0)]

    def _describe(self, info: StreamInfo) -> StreamInfo:
        return StreamInfo(
            self._stream,
            f"{info.source} through {self._model.label}",
            self._model.fs,
            TWELVE,
            (0.0,) * len(TWELVE),
            info.epoch,
            f"resampled from {info.fs:g} Hz; {self._stage.delay:g} s behind",
            self._reconstructed,
        )

    def _events(self, parts: list[Twelve]) -> list[Event]:
        events: list[Event] = []
        for part in parts:
            first = round(part.start * self._model.fs)
            events.append(part.block(first - self._next, self._stream))
            if self._trace:
                events.append(part.trace(self._stream))
            self._samples += len(part)
            self._next = first + len(part)
        return events
