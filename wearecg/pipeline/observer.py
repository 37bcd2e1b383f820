"""What an observer is: it looks at a stream and reports what it finds. The engine knows nothing else about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from wearecg.block import Beat, Event, Quality, StreamInfo
from wearecg.block import Samples as Array
from wearecg.ecg.leads import is_ecg


@dataclass(frozen=True, slots=True)
class Samples:
    """Every sample as `SignalBlock`, resampled to ``fs`` Hz; at the stream's own rate if that is not given.

    If resampled, ``lost`` is 0: short gaps are NaN; after a longer one ``start`` is later by a whole number of samples.
    """

    fs: float | None = None


@dataclass(frozen=True, slots=True)
class Windows:
    """A `Window` of ``seconds`` at ``fs`` Hz, every ``hop`` seconds."""

    fs: float
    seconds: float
    hop: float = 1.0


@dataclass(frozen=True, slots=True)
class Segments:
    """A `Window` at ``fs`` Hz around each R peak: from ``before`` seconds before it to ``after`` seconds after it."""

    fs: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Events:
    """Events of these types as they are found, and those of other observers of the stream (`Measure`, `BeatClass` ...).

    With ``siblings`` also those of the other streams of the same sensor that are on its clock, with their ``time``
    moved to the timeline of this stream. With ``patient`` what slow observers say may come a minute late, so that their
    windows can be scored together.
    """

    types: tuple[type, ...]
    siblings: bool = False
    patient: bool = False


Want: TypeAlias = Samples | Windows | Segments | Events


@dataclass(frozen=True, slots=True)
class About:
    """What an observer may ask beside the item: the stream, and what the front end has found in it so far.

    Attributes
    ----------
    info : StreamInfo
    beats : callable
        Returns the beats between two times (timeline seconds), of the last minute.
    quality : callable
        Returns the quality of every lead between two times.
    samples : callable
        Returns the samples between two times at the stream's own rate, float32 [n, leads], without mains hum; those of
        the last 20 seconds, NaN where there are none. The first is the one that is nearest to the first time.
    trace : bool
        Whether derived streams should have `Trace` events, because a display shows them.
    """

    info: StreamInfo
    beats: Callable[[float, float], tuple[Beat, ...]]
    quality: Callable[[float, float], Quality]
    samples: Callable[[float, float], Array] = lambda *_: np.empty((0, 0), np.float32)
    trace: bool = False


class Observer(ABC):
    """Looks at one stream. Pure: no I/O, and the same events however the stream is cut into blocks.

    It returns `Statement`, `Measure`, `BeatClass` and `Waves` events; it may also make a stream of its own (a
    `StreamInfo` with another `StreamId`, then its `SignalBlock` events and a `Summary`). All statements about one
    stretch are returned together.

    Attributes
    ----------
    source : str
        ``name@version``, as in its events.
    needs : str
        What a stream must have, for people: ``an ECG lead``. If no stream has it, the user is told; empty for no
        message.
    wants : tuple of (Samples or Windows or Segments or Events)
        What it is fed.
    slow : bool
        True: it is fed in a thread of its own, where windows are skipped, and counted, if it is too slow.

    Examples
    --------
    >>> import wearecg
    >>> from wearecg.observers import Events
    >>> class LongestPause(wearecg.Observer):
    ...     source, wants = "longest-pause@1", (Events((wearecg.Beat,)),)
    ...     rr = 0.0
    ...
    ...     def feed(self, beat, about):
    ...         self.rr = max(self.rr, beat.rr or 0.0)
    ...         return ()
    ...
    ...     def flush(self):
    ...         return (wearecg.Measure("longest_pause", self.rr, "s", self.source, 0.0, 0.0),)
    >>> session = wearecg.Session(wearecg.open_source("simulate:pause?speed=max"), [LongestPause()], duration=60)
    >>> [event.value > 1.5 for event in session if isinstance(event, wearecg.Measure)]
    [True]
    """

    source: str
    needs: str = "an ECG lead"
    wants: tuple[Want, ...]
    slow: bool = False

    def accepts(self, info: StreamInfo) -> bool:
        """Whether it looks at this stream; by default at every measured stream with an ECG lead."""
        return not info.reconstructed and any(is_ecg(lead) for lead in info.leads)

    def begin(self, about: About) -> Observer:
        """Return the observer of this one stream; by default a copy of this one.

        Raises
        ------
        WearECGError
            The stream is accepted, but its rate or its leads cannot be used.
        """
        del about
        return deepcopy(self)

    @abstractmethod
    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Take the next item, one of what it `wants`, and return events."""

    def feed_together(self, items: Sequence[object], abouts: Sequence[About]) -> Iterable[Iterable[Event]]:
        """Take several items where nobody waits; return for each what `feed` returns for it.

        By default one after the other. Only slow observers are asked; where it raises, each item is fed by itself.
        """
        return map(self.feed, items, abouts)

    def flush(self) -> Iterable[Event]:
        """Return the last events, at the end of the stream."""
        return ()
