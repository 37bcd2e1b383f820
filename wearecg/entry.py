"""Events that outputs write as records: all but samples. The metadata of a field says how it is written."""

from __future__ import annotations

from typing import Any, ClassVar


class Entry:
    """An event that outputs write field by field, as JSON Lines do; a new one needs no line in any output.

    The ``metadata`` of a field, made by `rounded`, `significant`, `unix_time` or `pairs`, says how its value is
    written; without any it is written as it is.

    Attributes
    ----------
    kind : str
        The ``type`` of its record.
    record : tuple of str
        The fields that are written, in order, and ``wall`` for the wall clock time of the field before it. If empty:
        the stream, then all other fields, with ``wall`` behind the first of ``time``, ``end`` and ``start``.

    Examples
    --------
    >>> from dataclasses import dataclass, field
    >>> from wearecg.block import ECG, StreamId
    >>> from wearecg.sinks.encode import encode
    >>> @dataclass(frozen=True, slots=True)
    ... class Posture(Entry):
    ...     kind: ClassVar[str] = "posture"
    ...     name: str
    ...     time: float = field(metadata=rounded())
    ...     stream: StreamId = ECG
    >>> encode(Posture("supine", 2.34567))
    {'type': 'posture', 'stream': 'ecg', 'name': 'supine', 'time': 2.3457, 'wall': None}
    """

    __slots__ = ()
    kind: ClassVar[str]
    record: ClassVar[tuple[str, ...]] = ()


class Moment(Entry):
    """An entry about one moment, its field ``time`` in timeline seconds, which is its start and its end."""

    __slots__ = ()
    time: float

    @property
    def start(self) -> float:
        """The same as ``time``."""
        return self.time

    @property
    def end(self) -> float:
        """The same as ``time``."""
        return self.time


def rounded(digits: int = 4) -> dict[str, Any]:
    """Metadata of a number, or of several: ``digits`` decimals are written. Four are 0.1 ms."""
    return {"digits": digits}


def significant(digits: int = 6, unknown: float | None = None) -> dict[str, Any]:
    """Metadata of a number, or of several: ``digits`` significant ones are written, null for the value ``unknown``."""
    return {"significant": digits, "unknown": unknown}


def unix_time(name: str) -> dict[str, Any]:
    """Metadata of a Unix time, written as UTC text under another ``name``."""
    return {"unix_time": name}


def pairs(key: str, value: str) -> dict[str, Any]:
    """Metadata of several dataclasses, written as one mapping of their attribute ``key`` to their field ``value``."""
    return {"pairs": (key, value)}
