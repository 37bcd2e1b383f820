"""Several sensors of one person as one source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wearecg.block import LinkState, Notice, StreamId
from wearecg.errors import SourceError
from wearecg.transports.base import Item, Source


class SeveralSources(Source):
    """Reads ``sources`` in turn; the streams of the second are called ``ecg-2``, ``ppg-2`` ..., and so on.

    What puts their streams on one time axis is the host's monotonic clock, by which all arrivals are stamped. It ends
    when all of them have ended.

    Raises
    ------
    SourceError
        One of them does not run in real time, or the same is given twice.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        for source in sources:
            if not source.realtime:
                raise SourceError(
                    f"{source.name} has no time in common with another sensor: play it at speed=1"
                )
        self._sources = list(sources)
        names = [source.name for source in sources]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice and not twice.startswith("simulate"):
            raise SourceError(f"{twice} is given twice: name another sensor with --also")
        self._live = dict(enumerate(sources, 1))
        self.name = " + ".join(names)

    @property
    def sensors(self) -> Sequence[Source]:
        """All of them."""
        return self._sources

    def open(self) -> None:
        """Start all."""
        try:
            for source in self._sources:
                source.open()
        except BaseException:
            self.close()
            raise

    def read(self, timeout: float) -> list[Item] | None:
        """Whatever has arrived from any of them."""
        items: list[Item] = []
        for number, source in list(self._live.items()):
            read = source.read(timeout / len(self._live))
            if read is None:
                del self._live[number]
                continue
            items += [_renamed(item, number, source.name) for item in read]
        return items if self._live or items else None

    def close(self) -> None:
        """Let go of all."""
        for source in self._sources:
            source.close()


def _renamed(item: Item, number: int, name: str) -> Item:
    if isinstance(item, LinkState):
        return replace(item, sensor=number, message=f"{name}: {item.message}")
    if isinstance(item, Notice):
        return replace(item, message=f"{name}: {item.message}")
    measured, arrival = item
    return replace(measured, stream=StreamId(measured.stream.kind, number)), arrival
