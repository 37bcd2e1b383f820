"""What observers have in common that look at beats, at the stream's own rate, with a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wearecg.block import Beat, Event, Quality
from wearecg.pipeline.observer import About, Events, Observer

OPTIONS = ("runtime", "precision")
"""Those of the model."""
HEARD = (Events((Beat, Quality)),)
"""What is heard: beats, and the verdict on each second, by which time is told."""


class BeatsObserver(Observer):
    """Begins on each stream what looks at its beats.

    Parameters
    ----------
    source : str
        ``model@version``.
    stream : callable
        From `About` to what looks at that one stream.
    """

    wants = HEARD

    def __init__(self, source: str, stream: Callable[[About], Observer]) -> None:
        self.source = source
        self._of = stream

    def begin(self, about: About) -> Observer:
        """Return what looks at this stream."""
        return self._of(about)

    def feed(self, item: object, about: About) -> Iterable[Event]:
        """Nothing comes here: what `begin` returns is fed."""
        raise AssertionError(item, about)
