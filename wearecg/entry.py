"""Events that are entries of a log: everything but samples. How one is written stands with its fields."""

from __future__ import annotations

from typing import Any, ClassVar


class Entry:
    """An event that outputs write field by field, as JSON Lines do; a new one needs no line in any output.

    What the ``metadata`` of a field may say is made by `rounded`, `significant` and so on below; without any a value
    is written as it is.

    Attributes
    ----------
    kind : str
        The ``type`` of its record.
    record : tuple of str
        What is written, in order: fields, and ``wall`` for the wall clock of the field before it. If empty, the
        stream, then all other fields, with ``wall`` behind the first of ``time``, ``end`` and ``start``.

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


def rounded(digits: int = 4) -> dict[str, Any]:
    """Metadata of a number, or of several: so many decimals are written. Four are 0.1 ms."""
    return {"digits": digits}


def significant(digits: int = 6, unknown: float | None = None) -> dict[str, Any]:
    """Metadata of a number, or of several: so many significant digits; ``unknown`` is what stands for not known."""
    return {"significant": digits, "unknown": unknown}


def unix_time(name: str) -> dict[str, Any]:
    """Metadata of a Unix time, written as UTC text under another ``name``."""
    return {"unix_time": name}


def pairs(key: str, value: str) -> dict[str, Any]:
    """Metadata of several dataclasses, written as one mapping of their attribute ``key`` to their field ``value``."""
    return {"pairs": (key, value)}
