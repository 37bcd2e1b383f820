"""The last hours of the signal, for who scrolls back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

PART_S = 10.0
"""Seconds that are kept, and sent, together."""
MOST_BYTES = 32_000_000
"""Kept in all: three leads at 250 Hz for six hours, one at 130 Hz for a day, twelve at 500 Hz for three quarters of an
hour."""
EVENT_BYTES = 200
"""What a text costs beside its letters, roughly."""


@dataclass(slots=True)
class Part:
    """Some seconds of the signal: frames and texts as they were sent live."""

    start: float
    end: float
    messages: list[bytes | str] = field(default_factory=list)


class History:
    """Keeps what was sent, in parts of `PART_S`; the oldest go when there is more than ``most`` bytes.

    Times are timeline seconds of the stream that is shown. It is used by one thread at a time.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._parts: deque[Part] = deque()
        self._most = most
        self._size = 0

    def clear(self) -> None:
        """Forget everything: the stream began anew."""
        self._parts.clear()
        self._size = 0

    def add(self, message: bytes | str, start: float, end: float) -> None:
        """Keep a message about this stretch."""
        newest = self._parts[-1] if self._parts else None
        if newest is None or start >= newest.start + PART_S:
            newest = Part(start, end)
            self._parts.append(newest)
        newest.messages.append(message)
        newest.end = max(newest.end, end)
        self._size += len(message) + EVENT_BYTES
        while self._size > self._most and len(self._parts) > 1:
            self._size -= sum(len(one) + EVENT_BYTES for one in self._parts.popleft().messages)

    @property
    def span(self) -> tuple[float, float]:
        """The first and the last second that is kept; twice 0 if none is."""
        return (self._parts[0].start, self._parts[-1].end) if self._parts else (0.0, 0.0)

    def between(self, start: float, end: float) -> list[bytes | str]:
        """Return the messages of the parts that overlap this stretch, in order."""
        return [
            message
            for part in self._parts
            if part.start < end and part.end > start
            for message in part.messages
        ]
