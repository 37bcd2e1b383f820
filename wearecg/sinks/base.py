"""What an output is: it is handed events, in order."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar, TextIO, TypeAlias

from wearecg.block import Entry, Event, Mark, Notice
from wearecg.errors import SinkError


class Sink(ABC):
    """An output. It never changes data. Each runs in its own thread; `write` may block."""

    wants: ClassVar[tuple[type, ...]] = (Entry,)
    """Event types to be handed over; by default everything but samples, traces and windows."""
    lossless: bool = False
    """True: the pipeline waits for it (recordings). False: events are skipped, and counted, when it is too slow."""

    place: str = ""
    """Where it records, for people; empty if it does not."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        """What the user should be told by the other outputs (disk full); whoever runs it takes them out."""
        self.marks: list[Mark] = []
        """What was marked at this output, for all of them; taken out likewise."""

    @abstractmethod
    def write(self, event: Event) -> None:
        """Take one event. Raises `SinkError` when the output is gone for good (the stream goes on without it)."""

    def tick(self, now: float) -> None:  # noqa: B027 (most outputs have nothing to do)
        """Called at least every 0.2 s (host monotonic seconds), also when nothing happens: flush, redraw."""

    @abstractmethod
    def close(self) -> None:
        """Finish the output; safe to call twice."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an output may have to know of the others.

    Attributes
    ----------
    recording : str
        Where the stream is recorded, for a display; empty if it is not.
    """

    recording: str = ""


Opener: TypeAlias = Callable[[str, Mapping[str, str], Context], Sink]
"""From the place, the options and the context to the output. Raises `SinkError`."""


def check_options(scheme: str, options: Mapping[str, str], known: Collection[str] = ()) -> None:
    """Raise `SinkError` if an option of a URI is not among the ``known``, which it then names."""
    for name in options:
        if name not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "it takes none"
            raise SinkError(f"{scheme}: has no option {name!r}; {there}")


def need_stdout(scheme: str) -> None:
    """Raise `SinkError` if stdout is closed, as by ``>&-``."""
    if not has_stdout():
        raise SinkError(
            f"{scheme}: writes to stdout, which is closed: leave it open, or name an output of another kind"
        )


def check_on_stdout(scheme: str, place: str, options: Mapping[str, str]) -> None:
    """Raise `SinkError` unless the output can write to stdout, and is given neither a place nor options."""
    if place:
        raise SinkError(f"{scheme}: takes nothing after the colon, but there is {place!r}")
    check_options(scheme, options)
    need_stdout(scheme)


def has_stdout() -> bool:
    """Whether there is a stdout."""
    out: TextIO | None = sys.stdout
    return out is not None
