"""What a sink is: an output that is handed every event in order."""

from __future__ import annotations

from abc import ABC, abstractmethod

from wearecg.block import Event


class Sink(ABC):
    """An output. It never changes data. Each runs in its own thread; `write` may block."""

    lossless: bool = False
    """True: the pipeline waits for it (recordings). False: events are skipped, and counted, when it is too slow."""

    @abstractmethod
    def write(self, event: Event) -> None:
        """Take one event. Raises `SinkError` when the output is gone for good (the stream goes on without it)."""

    def tick(self, now: float) -> None:
        """Called at least every 0.2 s (host monotonic seconds), also when nothing happens: flush, redraw."""

    @abstractmethod
    def close(self) -> None:
        """Finish the output; safe to call twice."""
