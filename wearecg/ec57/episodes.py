"""Episodes: which of one side the other has touched, and for how long both agree."""

from __future__ import annotations

from typing import NamedTuple

from wearecg.ec57.marks import Spans


class Episodes(NamedTuple):
    """Episodes of one side: how many, how many of them the other side has too, and the same in seconds."""

    found: int = 0
    total: int = 0
    overlap: float = 0.0
    duration: float = 0.0

    def with_(self, other: Episodes) -> Episodes:
        """Return both together."""
        return Episodes(
            self.found + other.found,
            self.total + other.total,
            self.overlap + other.overlap,
            self.duration + other.duration,
        )


def episodes(ours: Spans, others: Spans, since: float, excluded: Spans = ()) -> Episodes:
    """Hold the episodes ``ours``, from ``since`` on and without what is ``excluded``, against the ``others``."""
    found = total = 0
    overlap = duration = 0.0
    for start, end in ours:
        pieces = without((max(start, since), end), excluded)
        if not pieces:
            continue
        both = sum(max(0.0, min(end, b) - max(start, a)) for start, end in pieces for a, b in others)
        total += 1
        found += both > 0
        overlap += both
        duration += sum(end - start for start, end in pieces)
    return Episodes(found, total, overlap, duration)


def without(span: tuple[float, float], excluded: Spans) -> Spans:
    """Return what is left of a stretch; nothing of an empty one."""
    left = [span]
    for a, b in excluded:
        left = [piece for start, end in left for piece in ((start, min(end, a)), (max(start, b), end))]
    return tuple((start, end) for start, end in left if start < end)
