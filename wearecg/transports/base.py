"""What a source is: something that hands over signal and link news when asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeAlias

from wearecg.block import LinkState, Notice, SignalBlock
from wearecg.devices.base import Counters

Item: TypeAlias = tuple[SignalBlock, float] | LinkState | Notice
"""A block with its host arrival time (monotonic seconds), or news of the link."""


class Source(ABC):
    """A live or replayed signal. Opened by ``with``; read by one thread."""

    name: str
    """For people: ``bridge on /dev/ttyUSB0``, ``mitdb/100 at 1x``."""
    rate_note: str = "given by the device"
    realtime: bool = True
    """False: the source waits for us, so nothing needs to be skipped to keep up."""
    counters: Counters | None = None

    @abstractmethod
    def open(self) -> None:
        """Start. Raises `SourceError` only for what cannot heal by waiting (unknown recording, no permission)."""

    @abstractmethod
    def read(self, timeout: float) -> list[Item] | None:
        """Whatever has arrived, waiting at most ``timeout`` seconds for the first; None when the source has ended."""

    @abstractmethod
    def close(self) -> None:
        """Tell the sensor to stop and let go of the port; safe to call twice."""

    def __enter__(self) -> Source:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
