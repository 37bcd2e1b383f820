"""What the live page is told: to each browser that is there, and at once to one that comes."""

from __future__ import annotations

import json
import struct
from collections.abc import Hashable
from typing import TypeAlias

from wearecg.block import StreamId
from wearecg.web.history import PART_S, History
from wearecg.web.outbox import Outbox

Key: TypeAlias = tuple[Hashable, ...]
LENGTH = struct.Struct("<IB")
"""Before each message of a stretch of history: its length, and 1 if it is text."""


class Hub:
    """Hands messages to every browser, keeps what holds now for those that come, and the signal for who scrolls back.

    It is used by one thread at a time.
    """

    def __init__(self) -> None:
        self.outboxes: set[Outbox] = set()
        self._now: dict[Key, str] = {}
        self._history = History()

    def tell(self, message: bytes | str, stretch: tuple[float, float] | None = None) -> None:
        """Hand on what is of one moment; with ``stretch``, timeline seconds, it is kept for who scrolls back."""
        if stretch:
            self._history.add(message, *stretch)
        for outbox in self.outboxes:
            outbox.put(message)

    def hold(self, key: Key, message: str) -> None:
        """Hand on what holds until something else is held under the same ``key``."""
        self._now[key] = message
        self.tell(message)

    def release(self, key: Key, message: str) -> None:
        """Hand on the end of what was held."""
        self._now.pop(key, None)
        self.tell(message)

    def keep(self, key: Key, message: str) -> None:
        """Hold what only a new browser has to be told."""
        self._now[key] = message

    def begin_anew(self, stream: StreamId) -> None:
        """Forget the signal, and what holds of a stream: its time begins at 0 again."""
        self._history.clear()
        self._now = {key: message for key, message in self._now.items() if stream not in key}

    def join(self) -> Outbox:
        """Return the messages of a new browser."""
        outbox = Outbox()
        self.outboxes.add(outbox)
        self.refresh(outbox)
        return outbox

    def refresh(self, outbox: Outbox) -> None:
        """Tell a browser what holds, and the newest seconds of the signal."""
        for message in self._now.values():
            outbox.put(message)
        _, end = self.span
        for kept in self._history.between(end - PART_S, end):
            outbox.put(kept)
        outbox.put(self._told_span())

    @property
    def span(self) -> tuple[float, float]:
        """The timeline seconds that can be scrolled back to."""
        return self._history.span

    def stretch(self, start: float, end: float) -> bytes:
        """Return the `span` as text, then what was told about these timeline seconds; each behind its `LENGTH`."""
        messages = [self._told_span(), *self._history.between(start, end)]
        return b"".join(_framed(message) for message in messages)

    def _told_span(self) -> str:
        start, end = self.span
        return json.dumps({"type": "span", "start": start, "end": end})


def _framed(message: bytes | str) -> bytes:
    data = message.encode() if isinstance(message, str) else message
    return LENGTH.pack(len(data), isinstance(message, str)) + data
