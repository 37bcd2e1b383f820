"""Whether what an observer says can be told: a nonsensical event must not reach the board, an output or a user."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from numbers import Real

from wearecg.block import BeatClass, Event, Measure, SignalBlock, Statement, StreamId, Trace, Waves, Window
from wearecg.entry import Entry


def checked(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the events.

    Raises
    ------
    TypeError, ValueError
        One of them is no event, or has a time, a number, a code or a stream that is none.
    """
    said = tuple(events)
    for event in said:
        if not isinstance(event, Entry | SignalBlock | Trace | Window):
            raise TypeError(f"it said {event!r}, which is no event")
        if isinstance(event, Statement | Measure | BeatClass | Waves):
            _check(event)
    return said


def _check(event: Statement | Measure | BeatClass | Waves) -> None:
    times = (event.start, event.end)
    if (
        not all(isinstance(time, float | Real) and isfinite(time) for time in times)
        or event.start > event.end
    ):
        raise ValueError(f"it spoke of {event.start!r} to {event.end!r} s")
    if not isinstance(event.stream, StreamId):
        raise TypeError(f"it spoke of the stream {event.stream!r}")
    if isinstance(event, Measure):
        if not isinstance(event.value, Real):
            raise TypeError(f"it measured {event.value!r}")
        return
    if isinstance(event, Waves):
        return
    if not isinstance(event.code, str):
        raise TypeError(f"it gave the code {event.code!r}")
    sure = event.probability
    if sure is not None and not (isinstance(sure, Real) and 0 <= sure <= 1):
        raise ValueError(f"it gave the probability {sure!r}")
    evidence = event.evidence if isinstance(event, Statement) else ()
    if not isinstance(evidence, tuple) or not all(isinstance(one, Measure) for one in evidence):
        raise TypeError(f"it gave the evidence {evidence!r}")
