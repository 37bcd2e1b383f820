"""What a sink is: an output that is handed every event in order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from wearecg.block import Event, Notice


class Sink(ABC):
    """An output. It never changes data. Each runs in its own thread; `write` may block."""

    ignores: ClassVar[tuple[type, ...]] = ()
    """Event types that need not be handed over."""
    lossless: bool = False
    """True: the pipeline waits for it (recordings). False: events are skipped, and counted, when it is too slow."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        """What the user should be told by the other outputs (disk full), drained by the runtime."""

    @abstractmethod
    def write(self, event: Event) -> None:
        """Take one event. Raises `SinkError` when the output is gone for good (the stream goes on without it)."""

    def tick(self, now: float) -> None:  # noqa: B027 (most outputs have nothing to do)
        """Called at least every 0.2 s (host monotonic seconds), also when nothing happens: flush, redraw."""

    @abstractmethod
    def close(self) -> None:
        """Finish the output; safe to call twice."""
