"""Which stream an event belongs to."""

from __future__ import annotations

import re
from typing import Self

from wearecg.errors import SignalError

_KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")


class StreamId(str):
    """Which stream an event belongs to: what it carries, and the number of its sensor.

    It is the text that users, files and messages see (``ecg``, ``ecg-2``), and equal to that text. Its parts are
    attributes, so that no name is ever parsed.

    Parameters
    ----------
    kind : str
        ``ecg``, ``ppg``, ``acc``, ``rr``, ``twelve`` ...: lower-case words of letters and digits, joined by hyphens,
        each beginning with a letter.
    sensor : int
        The n-th sensor of a person, from 1 on.

    Raises
    ------
    SignalError
        The kind cannot be part of a file's name.

    Examples
    --------
    >>> StreamId("ecg", 2), StreamId("ecg", 2).kind, StreamId("ecg") == "ecg"
    ('ecg-2', 'ecg', True)
    """

    kind: str
    sensor: int
    __slots__ = ("kind", "sensor")

    def __new__(cls, kind: str, sensor: int = 1) -> Self:
        """Make the text and keep its parts."""
        if not _KIND.fullmatch(kind) or sensor < 1:
            raise SignalError(
                f"{kind!r} of sensor {sensor} is no name of a stream: use lower-case words that begin with a letter, "
                "such as ecg or ecg-raw, and sensors from 1 on"
            )
        self = super().__new__(cls, kind if sensor == 1 else f"{kind}-{sensor}")
        self.kind, self.sensor = kind, sensor
        return self

    def __getnewargs__(self) -> tuple[str, int]:  # type: ignore[override]
        """Let it be copied and sent to another process."""
        return self.kind, self.sensor

    def sibling(self, kind: str) -> StreamId:
        """Return the stream of another kind of the same sensor."""
        return StreamId(kind, self.sensor)


ECG = StreamId("ecg")
RR = StreamId("rr")
