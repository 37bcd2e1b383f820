"""What an observer is: something that looks at a stream and says what it sees. The engine knows no more of it."""

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
    """Every sample as `SignalBlock`, resampled to ``fs`` Hz; at the stream's own rate if that is not given.

    Resampled, ``lost`` is 0: short gaps are NaN, and a longer one shows in ``start``, always a whole number of samples.
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
    """A `Window` at ``fs`` Hz around each R peak: from ``before`` seconds before it to ``after`` behind it."""

    fs: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Events:
    """Events of these types as they are found, and what other observers say of the stream (`Measure`, `BeatClass` ...).

    With ``siblings`` also those of the other streams of the same sensor that are on its clock, with their ``time``
    moved to the timeline of this stream.
    """

    types: tuple[type, ...]
    siblings: bool = False


Want: TypeAlias = Samples | Windows | Segments | Events


@dataclass(frozen=True, slots=True)
class About:
    """What is known beside an item: the stream, and what the front end has found in it so far.

    Attributes
    ----------
    info : StreamInfo
    beats : callable
        From two times (timeline seconds) to the beats between them, of the last minute.
    quality : callable
        From two times to the verdict on every lead between them.
    trace : bool
        Whether a display is there for which a stream that is made should have `Trace` events.
    """

    info: StreamInfo
    beats: Callable[[float, float], tuple[Beat, ...]]
    quality: Callable[[float, float], Quality]
    trace: bool = False


class Observer(ABC):
    """Looks at one stream. Pure: no I/O, and the same events however the stream came in pieces.

    What it says are `Statement`, `Measure` and `BeatClass` events; it may also make a stream of its own
    (a `StreamInfo` with another `StreamId`, then its `SignalBlock` and a `Summary`). All statements on one stretch
    are given together.
    """

    source: str
    """``name@version``, as in what it says."""
    needs: str = "an ECG lead"
    """What a stream must have for it, for people; empty: where there is none, nobody needs to be told."""
    wants: tuple[Want, ...]
    slow: bool = False
    """True: it is fed in a thread of its own, where windows are skipped, and counted, when it is too slow."""

    def accepts(self, info: StreamInfo) -> bool:
        """Whether it looks at this stream; by default at every one that was measured and has an ECG lead."""
        return not info.reconstructed and any(is_ecg(lead) for lead in info.leads)

    def begin(self, about: About) -> Observer:
        """Return what looks at this one stream from its start on; by default a copy of its own.

        Raises
        ------
        WearECGError
            The stream is accepted, but nothing can be made of its rate or its leads.
        """
        del about
        return deepcopy(self)

    @abstractmethod
    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Take the next item that it wants, and return what it has to say."""

    def flush(self) -> Iterable[Event]:
        """Return what is left to say at the end of the stream."""
        return ()


NOT_SCORED = "NOT_SCORED"


def not_scored(
    source: str, about: StreamInfo, start: float, end: float, why: Why, reason: str, text: str = "not scored"
) -> Statement:
    """Return the statement that nothing is said about a stretch, and why."""
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
