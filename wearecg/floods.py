"""Notices that come in a flood: told once, then counted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from wearecg.block import Notice

FIRST_S, LONGEST_S = 10.0, 600.0
"""What is like a notice of the last so many seconds is counted; while it goes on, twice as long, up to this."""
MOST = 20
"""Of more kinds of notices at a time only these are told apart: a board can say anything."""

_NUMBER = re.compile(r"(?<!\S)[-+±(]*\d[^\s]*")
_Kind = tuple[str, str]


@dataclass(slots=True)
class _Told:
    """What of one kind was told: until when the like is counted, and what was."""

    until: float
    wait: float = FIRST_S
    held: int = 0
    last: Notice | None = None


class Floods:
    """Passes notices on, but of those that are alike only one at a time, and then how many there were.

    Alike are notices of one level whose texts differ in nothing but numbers.
    """

    def __init__(self) -> None:
        self._told: dict[_Kind, _Told] = {}

    def feed(self, notices: Iterable[Notice], now: float) -> list[Notice]:
        """Return what is to be told at ``now`` (seconds of any clock that goes forward), with what there is new."""
        said = self.due(now)
        for notice in notices:
            kind = (notice.level, _NUMBER.sub("#", notice.message))
            if kind not in self._told and len(self._told) < MOST:
                self._told[kind] = _Told(now + FIRST_S)
                said.append(notice)
                continue
            if kind not in self._told:
                kind = (notice.level, "")
                self._told.setdefault(kind, _Told(now + FIRST_S))
            told = self._told[kind]
            told.held, told.last = told.held + 1, notice
        return said

    def due(self, now: float) -> list[Notice]:
        """Return how many were counted, of what has been counted for long enough."""
        found: list[Notice] = []
        for kind, told in list(self._told.items()):
            if now < told.until:
                continue
            found += _counted(told)
            if not told.held:
                del self._told[kind]
                continue
            told.wait = min(2 * told.wait, LONGEST_S)
            told.until, told.held = now + told.wait, 0
        return found

    def flush(self) -> list[Notice]:
        """Return how many were counted and not told."""
        found = [notice for told in self._told.values() for notice in _counted(told)]
        self._told.clear()
        return found


def _counted(told: _Told) -> list[Notice]:
    if told.last is None or not told.held:
        return []
    if told.held == 1:
        return [told.last]
    return [replace(told.last, message=f"{told.last.message} (one of {told.held} like it since last told)")]
