"""The observers of one stream: each is handed what it wants, and what it says is collected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import floor, isnan
from typing import ParamSpec, TypeAlias

import numpy as np

from wearecg.block import Beat, Event, Gap, HeartRate, Notice, Quality, SignalBlock, StreamInfo, Window
from wearecg.block import Samples as Array
from wearecg.ecg.leads import is_ecg
from wearecg.errors import WearECGError
from wearecg.pipeline.observer import About, Events, Observer, Samples, Segments, Windows
from wearecg.pipeline.said import checked
from wearecg.pipeline.segments import Segmenter
from wearecg.pipeline.windows import Windower

P = ParamSpec("P")
Later: TypeAlias = Callable[[Observer, Window, About], None]
"""Takes a window for a slow observer; what it has to say comes some other way."""
FOUND = frozenset({StreamInfo, Gap, Beat, HeartRate, Quality})
"""What is found in a stream without any observer."""


class Watching:
    """What looks at one stream.

    Parameters
    ----------
    observers : sequence of Observer
        Those that were asked for; each begins here if it accepts the stream.
    about : About
    later : Later, optional
        Where windows for slow observers go; without it they are fed at once, as others.
    """

    def __init__(self, observers: Sequence[Observer], about: About, later: Later | None) -> None:
        self._about, self._later = about, later
        self.asked: list[Observer] = []
        """Those of ``observers`` that look at this stream."""
        self._begun: list[Observer] = []
        self._trouble: list[Event] = []
        for observer in observers:
            self._begin(observer)
        self.given = dict.fromkeys(self._begun, 0)
        """How many windows and segments each was given."""
        self._failed: set[Observer] = set()
        self._wanting: dict[Samples | Windows | Segments, list[Observer]] = {}
        self._hearing: dict[type, list[Observer]] = {}
        """Who wants events of a type."""
        self._said: list[Events] = []
        """What is wanted of what others say."""
        self._near: list[Observer] = []
        """Who wants the beats of siblings."""
        for observer in self._begun:
            for want in observer.wants:
                if not isinstance(want, Events):
                    self._wanting.setdefault(want, []).append(observer)
                    continue
                for kind in want.types:
                    self._hearing.setdefault(kind, []).append(observer)
                if not FOUND.issuperset(want.types):
                    self._said.append(want)
                if want.siblings:
                    self._near.append(observer)
        wants = list(self._wanting)
        self._ecg = [is_ecg(lead) for lead in about.info.leads]
        leads = len(about.info.leads)
        self.rates = list(dict.fromkeys(want.fs for want in wants if want.fs))
        """Rates to which the stream must be resampled, Hz."""
        self._windowers = {
            want: Windower(round(want.seconds * want.fs), round(want.hop * want.fs), leads)
            for want in wants
            if isinstance(want, Windows)
        }
        self._segmenters = {
            want: Segmenter(want.fs, round(want.before * want.fs), round(want.after * want.fs), leads)
            for want in wants
            if isinstance(want, Segments)
        }

    def _begin(self, observer: Observer) -> None:
        try:
            if not observer.accepts(self._about.info):
                return
            begun = observer.begin(self._about)
            odd = [
                want for want in begun.wants if not isinstance(want, Samples | Windows | Segments | Events)
            ]
            if odd:
                raise TypeError(f"it wants {odd[0]!r}")
        except WearECGError:  # what it was asked for cannot be done, and the user is to know
            raise
        except Exception as error:
            self._trouble.append(failure(getattr(observer, "source", type(observer).__name__), error))
        else:
            self.asked.append(observer)
            self._begun.append(begun)

    @property
    def overhears(self) -> bool:
        """Whether an observer wants what others say, and not only what is found in the stream, and at once."""
        return any(not want.patient for want in self._said)

    @property
    def converses(self) -> bool:
        """Whether an observer wants what others say, at once or not."""
        return bool(self._said)

    def hear(self, events: Iterable[Event]) -> list[Event]:
        """Hand on what was found in the stream; return what is said about it."""
        said, self._trouble = self._trouble, []
        for event in events:
            if isinstance(event, Beat):
                for segmenter in self._segmenters.values():
                    segmenter.beat(event.time)
            said += self._tell(self._hearing.get(type(event), ()), event)
        return said

    def hear_sibling(self, events: Iterable[Event], offset: float) -> list[Event]:
        """Hand on the beats of another stream of the sensor, whose time is ``offset`` seconds behind ours."""
        said: list[Event] = []
        for event in events if self._near else ():
            if isinstance(event, Beat):
                said += self._tell(self._near, replace(event, time=event.time + offset))
        return said

    def take(self, block: SignalBlock) -> list[Event]:
        """Take samples at the stream's own rate."""
        return self._tell(self._wanting.get(Samples(), ()), block)

    def take_resampled(self, fs: float, index: int, samples: Array) -> list[Event]:
        """Take samples at one of `rates`, the first with number ``index``."""
        said: list[Event] = []
        for spec, windower in self._windowers.items():
            if spec.fs == fs:
                for first, window in windower.feed(index, samples):
                    start = first / fs
                    said += self._give(spec, self._window(window, fs, start, start, start + spec.seconds))
        for around, segmenter in self._segmenters.items():
            if around.fs == fs:
                for first, segment in segmenter.feed(index, samples):
                    # Whole seconds that are over: whatever the pieces, they have been judged by now.
                    over = floor((first + len(segment)) / fs)
                    judged = min(floor(first / fs), over - 1)
                    said += self._give(around, self._window(segment, fs, first / fs, judged, over))
        info = self._about.info
        block = SignalBlock(samples, fs, info.leads, index / fs, stream=info.stream)
        return said + self._tell(self._wanting.get(Samples(fs), ()), block)

    def flush(self) -> list[Event]:
        """Return what is left to say."""
        said: list[Event] = []
        for observer in self._begun:
            for event in self._guarded(observer, observer.flush):
                said += [event, *self._spread(observer, event)]
        return said

    def _window(self, samples: Array, fs: float, start: float, judged: float, until: float) -> Window:
        info = self._about.info
        quality = self._about.quality(judged, until)
        usable = tuple(
            ecg and lead.verdict != "unusable" for ecg, lead in zip(self._ecg, quality.leads, strict=True)
        )
        lost = int(np.isnan(samples).all(1).sum()) if isnan(samples.sum()) else 0
        return Window(samples, fs, info.leads, start, usable, quality, lost, info.stream)

    def _give(self, want: Windows | Segments, window: Window) -> list[Event]:
        # Segments are many and go to observers alone.
        said: list[Event] = [window] if isinstance(want, Windows) else []
        for observer in self._wanting[want]:
            self.given[observer] += 1
            if observer.slow and self._later:
                self._later(observer, window, _as_it_is(self._about, window))
            else:
                said += self._tell((observer,), window)
        return said

    def _tell(self, observers: Iterable[Observer], item: object) -> list[Event]:
        said: list[Event] = []
        for observer in observers:
            for event in self._guarded(observer, observer.feed, item, self._about):
                said.append(event)
                said += self._spread(observer, event)
        return said

    def _spread(self, speaker: Observer, event: Event) -> list[Event]:
        """Tell the others what one has said about this stream: a rhythm may rest on the classes of beats."""
        if getattr(event, "stream", None) != self._about.info.stream:
            return []
        return self._tell([one for one in self._hearing.get(type(event), ()) if one is not speaker], event)

    def _guarded(
        self, observer: Observer, step: Callable[P, Iterable[Event]], *args: P.args, **kwargs: P.kwargs
    ) -> Iterable[Event]:
        if observer in self._failed:
            return ()
        try:
            return checked(step(*args, **kwargs))
        except Exception as error:  # whatever an observer does, what was measured goes on
            self._failed.add(observer)
            return (failure(observer.source, error),)


def failure(source: str, error: Exception) -> Notice:
    """Return what the user is told of an observer that failed."""
    what = f"{source} failed: {type(error).__name__}: {error}"
    return Notice(f"{what}; beats, quality and the recording go on", "error")


def _as_it_is(about: About, window: Window) -> About:
    """Return what is known about a window now, for another thread."""
    beats = about.beats(window.start, window.end)
    return replace(
        about,
        beats=lambda start, end: tuple(beat for beat in beats if start <= beat.time < end),
        quality=lambda start, end: replace(window.quality, start=start, end=end),
    )
