"""Which stream an event belongs to."""

from __future__ import annotations

import re
from typing import Self

from wearecg.errors import SignalError

_KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")


class StreamId(str):
    """Which stream an event belongs to: what it carries, and the number of its sensor.

    It is a `str`, as users, files and messages see it (``ecg``, ``ecg-2``), and compares with one; its parts are kept
    as attributes and never parsed from the text.

    Parameters
    ----------
    kind : str
        ``ecg``, ``ppg``, ``acc``, ``rr``, ``twelve`` ...: lower-case words of letters and digits, joined by hyphens,
        each beginning with a letter.
    sensor : int
        The n-th sensor of the person, from 1.

    Attributes
    ----------
    kind : str
    sensor : int

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
                f"{kind!r} of sensor {sensor} is not a stream: use lower-case words that begin with a letter, "
                "such as ecg or ecg-raw, and sensors from 1"
            )
        self = super().__new__(cls, kind if sensor == 1 else f"{kind}-{sensor}")
        self.kind, self.sensor = kind, sensor
        return self

    def __getnewargs__(self) -> tuple[str, int]:  # type: ignore[override]
        """Return the arguments with which a copy is made, also in another process."""
        return self.kind, self.sensor

    def sibling(self, kind: str) -> StreamId:
        """Return the id of the stream of another kind from the same sensor."""
        return StreamId(kind, self.sensor)


ECG = StreamId("ecg")
RR = StreamId("rr")
