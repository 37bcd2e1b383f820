"""FIT activities (Garmin and others), through the ``fitdecode`` package: the RR intervals, if they were recorded.

Intervals come as messages ``hrv`` between records that have the time. Where less time has gone by in intervals than on
the clock, there is a gap, and the interval behind it is not known.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from wearecg.errors import MissingExtraError, SignalError, SourceError
from wearecg.formats.base import Format, Told, of_intervals
from wearecg.formats.recording import Stored
from wearecg.text import one_line

GAP_S = 5.0
LONGEST_S = 10.0
"""What is no interval between two beats but a filler."""


class Fit(Format):
    """FIT activities."""

    name: ClassVar[str] = "fit"
    title: ClassVar[str] = (
        "FIT activities: RR intervals (hrv messages); a file of heart rates alone holds none"
    )
    suffixes: ClassVar[tuple[str, ...]] = (".fit",)
    package: ClassVar[tuple[str, str]] = ("fitdecode", "fit")

    def recognise(self, head: bytes, path: Path) -> bool:
        """By the letters in its header."""
        return head[8:12] == b".FIT"

    def open(self, path: Path, told: Told) -> Stored:
        """Read the file at ``path``."""
        try:
            import fitdecode
        except ImportError:
            raise MissingExtraError("fitdecode", "fit", "reading FIT files") from None
        try:
            with fitdecode.FitReader(str(path)) as reader:
                found = _intervals(frame for frame in reader if isinstance(frame, fitdecode.FitDataMessage))
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error
        except Exception as error:  # the package raises whatever it stumbles over
            raise SourceError(f"{path} cannot be read as FIT: {one_line(error)}") from error
        times, rr, epoch, rates = found
        if not times:
            raise SignalError(f"{path} holds no ECG and no RR intervals: it has {rates} heart rates")
        return of_intervals(path, times, rr, told, epoch=epoch)


def _intervals(messages: Any) -> tuple[list[float], list[float], float | None, int]:
    """Return when each beat was (s), the interval before it (s), the Unix time of 0, and how many rates there are."""
    times: list[float] = []
    intervals: list[float] = []
    start, clock, now, rates = None, 0.0, 0.0, 0
    for message in messages:
        if message.name == "record":
            stamp = message.get_value("timestamp", fallback=None)
            rates += message.get_value("heart_rate", fallback=None) is not None
            if stamp is not None:
                start = stamp.timestamp() if start is None else start
                clock = stamp.timestamp() - start
        elif message.name == "hrv":
            values = message.get_value("time", fallback=None)
            known = [v for v in (values if isinstance(values, tuple | list) else [values]) if v is not None]
            for value in known:
                if not 0 < value < LONGEST_S:
                    continue
                late = clock - now > GAP_S
                now = max(now + value, clock) if late else now + value
                times.append(now)
                intervals.append(float("nan") if late else value)
    return times, intervals, start, rates
