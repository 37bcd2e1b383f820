"""Events as a session gives them to its outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from wearecg.block import Event, Finding, Measure
from wearecg.findings import Board
from wearecg.sinks.recorder import Recorder
from wearecg.sinks.wfdb import Wfdb


def recorder(folder: Path, **options: str) -> Recorder:
    """Return a WFDB recorder."""
    return Recorder(folder, Wfdb(), {name.replace("_", "-"): value for name, value in options.items()})


def placed(events: Iterable[Event]) -> Iterator[Event]:
    """Yield the events with every `Statement` as the `Finding` that the board makes of it."""
    board = Board()
    for event in events:
        yield from board.feed(event)


def finding(
    code: str,
    end: float,
    probability: float | None = None,
    *,
    since: float = 0.0,
    change: str = "begins",
    measures: dict[str, float] | None = None,
    **more: object,
) -> Finding:
    """Return a finding of ``m@1`` on the four seconds before ``end``; ``measures`` are in bpm."""
    values = {"text": code.lower(), "start": end - 4, "source": "m@1", "seen": end} | more
    evidence = tuple(
        Measure(name, value, "bpm" if name == "heart_rate" else "", "m@1", end - 4, end)
        for name, value in (measures or {}).items()
    )
    return Finding(
        code, end=end, probability=probability, since=since, change=change, evidence=evidence, **values
    )  # type: ignore[arg-type]


def not_scored(end: float, reason: str, why: str = "unusable", **more: object) -> Finding:
    """Return the finding that nothing was scored."""
    return finding("NOT_SCORED", end, text="not scored", why=why, reason=reason, **more)  # type: ignore[arg-type]
