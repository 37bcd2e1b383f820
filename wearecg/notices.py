"""What happens over and over is told once, then counted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from wearecg.block import Notice

REPEAT_S = 60.0
"""Seconds after which the number of those that were not told is told."""
KINDS = 12
"""Kinds of notices that are told apart within `REPEAT_S`; all others are one kind: a board can say anything."""
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(slots=True)
class _Kind:
    told: float
    last: Notice
    more: int = 0


class Notices:
    """Lets the first notice of a kind through and counts those like it; what differs in numbers only is alike.

    The number is told with the last of them, once in `REPEAT_S` seconds and at the end.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def tell(self, notices: Iterable[Notice], now: float) -> list[Notice]:
        """Take what there is to say at ``now`` (seconds, any clock that goes forward); return what is said."""
        said = self._due(now)
        for notice in notices:
            key = _NUMBER.sub("#", notice.message)
            if key not in self._kinds and len(self._kinds) >= KINDS:
                key = ""
            kind = self._kinds.get(key)
            if kind is None:
                self._kinds[key] = _Kind(now, notice)
                said.append(notice)
            else:
                kind.last, kind.more = notice, kind.more + 1
        return said

    def flush(self) -> list[Notice]:
        """Return the numbers that were not told yet."""
        said = [_counted(kind) for kind in self._kinds.values() if kind.more]
        self._kinds.clear()
        return said

    def _due(self, now: float) -> list[Notice]:
        said: list[Notice] = []
        for key, kind in list(self._kinds.items()):
            if now - kind.told < REPEAT_S:
                continue
            if kind.more:
                said.append(_counted(kind))
                kind.told, kind.more = now, 0
            else:
                del self._kinds[key]
        return said


def _counted(kind: _Kind) -> Notice:
    times = f"{kind.more} more time{'s' * (kind.more > 1)}"
    return replace(kind.last, message=f"{kind.last.message} ({times} since that was told)")
