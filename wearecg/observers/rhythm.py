"""``rr-rhythm``: whether the pulse of a sensor that gives only RR intervals is regular."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wearecg.block import RR, Beat, Event, Gap, HeartRate, StreamId, StreamInfo
from wearecg.ecg.rhythm import EVERY_S, Rhythm
from wearecg.observers.options import known_options
from wearecg.pipeline.observer import About, Events, Observer

SOURCE = "rr-rhythm@1"


def open_rhythm(options: Mapping[str, str]) -> Observer:
    """Return the observer ``rr-rhythm``; it has no options."""
    known_options("rr-rhythm", options, ())
    return RhythmObserver()


class RhythmObserver(Observer):
    """Judges the last intervals every five seconds."""

    source = SOURCE
    needs = ""  # always added; most sensors give no RR intervals
    wants = (Events((Beat, Gap, HeartRate)),)

    def __init__(self, stream: StreamId = RR) -> None:
        self._rhythm = Rhythm(SOURCE, "RR", stream)
        self._end = self._due = 0.0

    def accepts(self, info: StreamInfo) -> bool:
        """Streams of RR intervals."""
        return not info.waveform

    def begin(self, about: About) -> Observer:
        """Start with no intervals."""
        return RhythmObserver(about.info.stream)

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Take a beat, a gap, or the heart rate, which comes with every measurement."""
        match item:
            case Beat(rr=float() as rr):
                self._end = item.time
                self._rhythm.add(rr)
            case Gap():
                self._end = item.end
                self._rhythm.gap()
            case HeartRate() if self._end >= self._due:
                self._due = self._end + EVERY_S
                return (self._rhythm.judge(self._end),)
        return ()
