"""Events as records for JSON: by the fields of their dataclass, without a line for any one type."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from numbers import Integral, Real
from typing import Any, TypeAlias

from wearecg.block import ClockFit, Entry, Event, StreamId, StreamInfo
from wearecg.text import visible

Record: TypeAlias = dict[str, Any]
UnixTime: TypeAlias = Callable[[float], float]
"""From timeline seconds of a stream to Unix time."""
TIMES = ("time", "end", "start")
WALL = "wall"
_LAYOUTS: dict[type, list[tuple[str, str, Mapping[str, Any]]]] = {}
"""By class, what `_layout` found."""


def encode(event: Event, unix_time: UnixTime | None = None) -> Record | None:
    """Return an event as a record that JSON can hold: no NaN or infinity comes out, and no array.

    Parameters
    ----------
    event : Event
    unix_time : callable, optional
        From timeline seconds of the event's stream to Unix time; without it ``wall`` is None.

    Returns
    -------
    dict or None
        ``type`` (the event's ``kind``), then what `Entry.record` lists, texts made `visible`. None for events that are
        no `Entry`: samples.

    Raises
    ------
    TypeError
        A field of the event is of a type that no JSON value stands for.

    Examples
    --------
    >>> from wearecg.block import Beat
    >>> encode(Beat(0.512345678, "II", rr=0.8), lambda seconds: 1_795_000_000.25 + seconds)["wall"]
    '2026-11-18T11:06:40.762Z'
    """
    if not isinstance(event, Entry):
        return None
    record: Record = {"type": event.kind}
    value: Any = math.nan
    for name, key, metadata in _layout(type(event)):
        if name == WALL:
            record[key] = wall(unix_time(value)) if unix_time else None
            continue
        value = getattr(event, name)
        try:
            record[key] = _plain(value, metadata)
        except TypeError as error:
            raise TypeError(f"{type(event).__name__}.{name}: {error}") from None
    return record


class Encoder:
    """Turns the events of a session into records with wall clock times.

    The time of a stream is by its own start and, once that is known, by the fit of its own clock to the host's. What
    belongs to no stream (links, notices) gets the time at which it is encoded.
    """

    def __init__(self) -> None:
        self._infos: dict[StreamId, StreamInfo] = {}
        self._fits: dict[StreamId, ClockFit] = {}

    def encode(self, event: Event) -> Record | None:
        """Return the record of the next event; None for samples."""
        if isinstance(event, StreamInfo):
            self._infos[event.stream] = event
            self._fits.pop(event.stream, None)
        elif isinstance(event, ClockFit) and event.host is not None:
            self._fits[event.stream] = event
        stream: StreamId | None = getattr(event, "stream", None)
        record = encode(event, self._unix_time(stream) if stream else None)
        if record is not None and stream is None:
            record[WALL] = wall(time.time())
        return record

    def _unix_time(self, stream: StreamId) -> UnixTime | None:
        info, fit = self._infos.get(stream), self._fits.get(stream)
        if info is None:
            return None
        epoch, began = info.epoch, info.host
        if fit is None or fit.host is None or fit.rate is None or began is None:
            return lambda seconds: epoch + seconds
        at, host, scale = fit.time, fit.host, info.fs / fit.rate
        return lambda seconds: epoch - began + host + (seconds - at) * scale


def wall(unix_time: float) -> str | None:
    """Return a Unix time as UTC, ISO 8601 with milliseconds; None if it is not finite."""
    if not math.isfinite(unix_time):
        return None
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _layout(kind: type) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return attribute, key and metadata of what is written of a dataclass, in order."""
    if kind not in _LAYOUTS:
        metadata: dict[str, Mapping[str, Any]] = {one.name: one.metadata for one in fields(kind)}
        metadata[WALL] = {}
        names = getattr(kind, "record", ()) or _default_record(kind)
        _LAYOUTS[kind] = [(name, metadata[name].get("unix_time", name), metadata[name]) for name in names]
    return _LAYOUTS[kind]


def _default_record(kind: type) -> Iterator[str]:
    names = [one.name for one in fields(kind)]
    timed = next((name for name in TIMES if name in names), None) if issubclass(kind, Entry) else None
    for name in sorted(names, key=lambda name: name != "stream"):
        yield name
        if name == timed:
            yield WALL


def _plain(value: Any, metadata: Mapping[str, Any]) -> Any:
    """Return a value as JSON holds it; ``metadata`` is that of the field that it is, or is in."""
    if metadata:
        if "unix_time" in metadata:
            return wall(value)
        if "pairs" in metadata:
            key, name = metadata["pairs"]
            return {getattr(one, key): _object(one)[name] for one in value}
    match value:
        case None | bool():
            return value
        case float():
            return _number(value, metadata)
        case str():
            return visible(value)
        case tuple() | list():
            return [_plain(item, metadata) for item in value]
        case Mapping():
            return {visible(str(key)): _plain(item, metadata) for key, item in value.items()}
        case Integral() if not metadata:
            return int(value)
        case Real():
            return _number(float(value), metadata)
    if is_dataclass(value):
        return _object(value)
    raise TypeError(
        f"a {type(value).__name__} cannot be written as JSON; make it a number, a text or a tuple"
    )


def _object(value: Any) -> Record:
    """Return a dataclass within an event; the stream and the wall clock are the event's."""
    return {
        key: _plain(getattr(value, name), metadata)
        for name, key, metadata in _layout(type(value))
        if name not in ("stream", WALL)
    }


def _number(value: float, metadata: Mapping[str, Any]) -> float | None:
    if not math.isfinite(value) or value == metadata.get("unknown"):
        return None
    if "significant" in metadata:
        return float(f"{value:.{metadata['significant']}g}")
    return round(value, metadata["digits"]) if "digits" in metadata else value
