"""What a rule has found in a series of beats, before it is an event."""

from __future__ import annotations

from typing import NamedTuple


class Number(NamedTuple):
    """A number that was measured, as in `wearecg.Measure`."""

    name: str
    value: float
    unit: str = ""
    error: float | None = None


class Told(NamedTuple):
    """What holds from ``start`` to ``end`` (s), by the code of its statement, with the numbers that it rests on."""

    code: str
    start: float
    end: float
    numbers: tuple[Number, ...] = ()
    probability: float | None = None
    reason: str = ""
    hold: float = 0.0


def pace(beats: int, seconds: float) -> float:
    """Return the rate of ``beats`` intervals in so many seconds, beats a minute."""
    return round(60 * beats / seconds, 1)
