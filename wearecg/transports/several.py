"""Several sensors of one person as one source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from wearecg.block import LinkState, Notice, stream_of
from wearecg.devices.base import Counters
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
        twice = next((name for name in self.names if self.names.count(name) > 1), None)
        if twice and not twice.startswith("simulate"):
            raise SourceError(f"{twice} is given twice: name another sensor with --also")
        self._live = dict(enumerate(sources, 1))
        self.name = " + ".join(self.names)

    @property
    def names(self) -> list[str]:
        """For people, in the order of their numbers."""
        return [source.name for source in self._sources]

    @property
    def rate_note(self) -> str:  # type: ignore[override]
        """Of all of them, where they differ."""
        return "; ".join(dict.fromkeys(source.rate_note for source in self._sources))

    @property
    def counters(self) -> Counters:  # type: ignore[override]
        """Of all of them together."""
        counted = [asdict(source.counters) for source in self._sources if source.counters]
        return Counters(**{name: sum(each[name] for each in counted) for name in asdict(Counters())})

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
    return replace(measured, stream=stream_of(measured.stream, number)), arrival
