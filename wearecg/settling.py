"""Whether what is stated window by window has settled: a single window is no episode."""

from __future__ import annotations

from collections import deque

from wearecg.statement import Statement

MOST = 0.75
"""The share of the last rounds that must state it before it begins, or leave it out before it ends."""


class Settling:
    """What one source has stated of one stream over the last `Statement.settle` seconds of each statement.

    A round is what a source says about one stretch. Those in which nothing could be judged are no rounds.
    """

    def __init__(self) -> None:
        self._began: float | None = None
        self._end = float("-inf")
        self._rounds: dict[float, deque[float]] = {}
        """By seconds to settle, the starts of the rounds within them."""
        self._said: dict[str, deque[Statement]] = {}

    def forget(self) -> None:
        """Begin anew: too much went by unseen."""
        self._began = None
        for starts in self._rounds.values():
            starts.clear()
        for said in self._said.values():
            said.clear()

    def look(self, start: float, end: float) -> None:
        """Begin the next round."""
        if self._began is None:
            self._began = start
        self._end = end
        for settle, starts in self._rounds.items():
            starts.append(start)
            while starts[0] < end - settle:
                starts.popleft()

    def say(self, statement: Statement) -> None:
        """Take a statement of this round."""
        self._rounds.setdefault(statement.settle, deque([statement.start]))
        self._said.setdefault(statement.code, deque()).append(statement)

    def since(self, statement: Statement) -> float | None:
        """Return since when it has been stated if that has settled, else None."""
        said = self._recent(statement)
        whole = statement.end - said[0].start >= MOST * statement.settle
        return said[0].start if whole and self._most(said) else None

    def gone(self, statement: Statement) -> bool:
        """Whether it has been left out of most rounds."""
        said = self._recent(statement)
        return len(said) < (1 - MOST) * len(self._rounds[statement.settle])

    def at_the_end(self) -> list[tuple[Statement, float]]:
        """Return what would have begun in a stream that was too short for it to settle, and since when."""
        if self._began is None:
            return []
        last = [self._recent(said[-1]) for said in self._said.values() if said]
        return [
            (said[-1], said[0].start)
            for said in last
            if said and self._end - (self._began or 0.0) < said[-1].settle and self._most(said)
        ]

    def _most(self, said: deque[Statement]) -> bool:
        return len(said) >= MOST * len(self._rounds[said[-1].settle])

    def _recent(self, statement: Statement) -> deque[Statement]:
        said = self._said[statement.code]
        while said and said[0].start < self._end - statement.settle:
            said.popleft()
        return said
