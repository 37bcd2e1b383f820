"""Observers: each is fed streams and reports on them. The engine knows nothing else of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeAlias

from wearecg.block import Beat, Event, Quality, Statement, StreamInfo, Why
from wearecg.ecg.leads import is_ecg


@dataclass(frozen=True, slots=True)
class Samples:
    """Every sample, as `SignalBlock` resampled to ``fs`` Hz; at the stream's own rate if ``fs`` is None.

    Resampled blocks have ``lost`` 0: short gaps are NaN, and a longer one is a jump of ``start`` by a whole number of
    samples.
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
    """A `Window` at ``fs`` Hz around each R peak, from ``before`` to ``after`` seconds before and after it."""

    fs: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Events:
    """Events of these types, also those of other observers of the stream (`Measure`, `BeatClass` ...).

    With ``siblings`` also those of the other streams of the same sensor on the same clock, with their ``time`` on the
    timeline of this stream.
    """

    types: tuple[type, ...]
    siblings: bool = False


Want: TypeAlias = Samples | Windows | Segments | Events


@dataclass(frozen=True, slots=True)
class About:
    """What is known about the stream of an item, and what the front end has found in it so far.

    Attributes
    ----------
    info : StreamInfo
    beats : callable
        From two times (timeline seconds) to the beats between them; of the last minute.
    quality : callable
        From two times to the quality of every lead between them.
    trace : bool
        Whether there is a display, for which a derived stream should also have `Trace` events.
    """

    info: StreamInfo
    beats: Callable[[float, float], tuple[Beat, ...]]
    quality: Callable[[float, float], Quality]
    trace: bool = False


class Observer(ABC):
    """Is fed one stream and reports on it. Pure: no I/O, and the same events however the stream is cut into pieces.

    It returns `Statement`, `Measure` and `BeatClass` events; it may also make another stream (a `StreamInfo` with
    another `StreamId`, then its `SignalBlock` and a `Summary`). All statements about one stretch are returned together.

    Attributes
    ----------
    source : str
        ``name@version``, as in its statements.
    needs : str
        What a stream must have, for people; empty where nobody needs to be told that it is missing.
    wants : tuple of Samples, Windows, Segments or Events
        What it is fed.
    slow : bool
        True: it is fed in a separate thread; when it is too slow, windows are skipped and counted.

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
        """Whether this stream is fed to it; by default every measured stream with an ECG lead."""
        return not info.reconstructed and any(is_ecg(lead) for lead in info.leads)

    def begin(self, about: About) -> Observer:
        """Return the observer that is fed this one stream, from its start; by default a copy of this one.

        Raises
        ------
        WearECGError
            The rate or the leads of the accepted stream cannot be used.
        """
        del about
        return deepcopy(self)

    @abstractmethod
    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Take the next of what it wants, and return its events."""

    def flush(self) -> Iterable[Event]:
        """Return the last events, at the end of the stream."""
        return ()


NOT_SCORED = "NOT_SCORED"


def not_scored(
    source: str, about: StreamInfo, start: float, end: float, why: Why, reason: str, text: str = "not scored"
) -> Statement:
    """Return the statement that a stretch was not scored, and why."""
    return Statement(
        NOT_SCORED,
        text,
        start,
        end,
        None,
        source,
        leads=about.leads,
        why=why,
        reason=reason,
        stream=about.stream,
    )
