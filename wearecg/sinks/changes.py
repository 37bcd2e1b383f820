"""When findings begin and end, from the stream of findings repeated with each window."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from wearecg.block import Finding

Change: TypeAlias = tuple[Literal["begins", "ends"], Finding]


@dataclass(slots=True)
class _Round:
    end: float = float("-inf")
    seen: set[str] = field(default_factory=set)
    active: dict[str, Finding] = field(default_factory=dict)


class FindingChanges:
    """Turns repeated findings into changes.

    The findings of one source that rest on the same window (same ``end``) are one round. A finding
    begins when its code was not in the round before, or holds ``since`` another time; it ends when
    a whole round went by without it, so the end is known one window late.
    """

    def __init__(self) -> None:
        self._rounds: dict[str, _Round] = {}

    def feed(self, finding: Finding) -> list[Change]:
        """Take one finding; return what it changed, ends first."""
        current = self._rounds.setdefault(finding.source, _Round())
        changes: list[Change] = []
        if finding.end > current.end:
            ended = [code for code in current.active if code not in current.seen]
            changes.extend(("ends", current.active.pop(code)) for code in ended)
            current.seen.clear()
            current.end = finding.end
        before = current.active.get(finding.code)
        if before is None or before.since != finding.since or before.reason != finding.reason:
            changes.append(("begins", finding))
        current.seen.add(finding.code)
        current.active[finding.code] = finding
        return changes

    @property
    def active(self) -> list[Finding]:
        """What holds now: the newest round of each source, likeliest first."""
        held = [
            finding
            for current in self._rounds.values()
            for code, finding in current.active.items()
            if code in current.seen
        ]
        return sorted(held, key=lambda f: -1.0 if f.probability is None else f.probability, reverse=True)
