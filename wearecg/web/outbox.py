"""What waits for one browser."""

from __future__ import annotations

from collections import deque

MOST_BYTES = 256_000
"""That may wait: twelve leads at 500 Hz for 20 s."""


class Outbox:
    """Messages for one browser, which may be slow: a bounded number of bytes waits, and never anybody for them.

    When more comes than fits, all that waits is dropped and counted: signal that is late is of no use to a live page,
    and what was said meanwhile is said again, by the caller, who sees `lost`.

    It is used by one thread at a time.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._waiting: deque[bytes | str] = deque()
        self._most = most
        self._size = 0
        self.skipped = 0
        """Messages that were dropped so far."""
        self.lost = False
        """Whether some were since the caller last set it to False."""

    def put(self, message: bytes | str) -> None:
        """Queue a message."""
        self._size += len(message)
        if self._size > self._most and self._waiting:
            self.skipped += len(self._waiting)
            self.lost = True
            self._waiting.clear()
            self._size = len(message)
        self._waiting.append(message)

    def take(self) -> bytes | str | None:
        """Return the next message; None if none waits."""
        if not self._waiting:
            return None
        message = self._waiting.popleft()
        self._size -= len(message)
        return message
