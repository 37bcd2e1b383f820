"""The messages of wire protocol v1 and their fields (PROTOCOL.md is the spec).

Fields that a later version appends are kept in ``extra``, so that a decoded message encodes to the same bytes.
Out-of-range fields raise ValueError here, which `firmware_bridge.codec` turns into FrameError.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from firmware_bridge import delta
from firmware_bridge.fields import FrameError, Reader, UnknownFrameError, pack_text, same_length

MAX_STREAMS = MAX_LEADS = 32
MAX_SAMPLES = 255  # of one DATA frame
MAX_LSB = 1e6  # so that every int24 count fits float32
MAX_BODY = 1024  # bytes, header and CRC included
ALL_STREAMS = 0xFFFFFFFF

_BITMAP = struct.Struct("<I")
_DATA = struct.Struct("<BBBBQIII")
_HELLO = struct.Struct("<BBQ")
_STREAM = struct.Struct("<BBBBBII")
_LEAD = struct.Struct("<8sBBff")
_ACK = struct.Struct("<BBH")
_STATUS = struct.Struct("<QBBBB")
_STREAM_STATUS = struct.Struct("<BIII")
_EVENT = struct.Struct("<QH")

MAX_PAYLOAD = MAX_BODY - 4 - _DATA.size - 4  # bytes of samples in one DATA frame


class Packing(IntEnum):
    """How the samples of a DATA frame are stored."""

    INT16 = 1
    INT24 = 2
    DELTA = 3


class Kind(IntEnum):
    """What a stream measures; numbers that are not listed are ``other``."""

    ECG = 1
    PPG = 2
    ACC = 3
    RESP = 4


class Unit(IntEnum):
    """The unit of a lead's values."""

    ARBITRARY = 0
    MILLIVOLT = 1
    G = 2


def _check_stream(stream: int, leads: int, num: int, den: int) -> None:
    if not 0 <= stream < MAX_STREAMS or not 1 <= leads <= MAX_LEADS or num < 1 or den < 1:
        raise ValueError(f"stream {stream} of {leads} leads at {num}/{den} Hz is out of range")


def _check_ids(streams: tuple[Stream, ...]) -> None:
    if len({stream.id for stream in streams}) < len(streams):
        raise ValueError("two streams have the same id")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """The base class of messages. ``extra`` holds bytes that a later version appended."""

    code: ClassVar[int]
    seq: int = 0
    extra: bytes = b""

    def _fields(self) -> bytes:
        """Return the bytes between header and ``extra``."""
        return b""

    @classmethod
    def _parse(cls, seq: int, reader: Reader) -> Self:
        return cls(seq=seq, extra=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloRequest(_Message):
    """Host: ask the device for `Hello`."""

    code = 0x01


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(_Message):
    """Host: run the streams whose id is set in the bitmap ``streams``."""

    code = 0x02
    streams: int = ALL_STREAMS

    def _fields(self) -> bytes:
        return _BITMAP.pack(self.streams)

    @classmethod
    def _parse(cls, seq: int, reader: Reader) -> Self:
        (streams,) = reader.take(_BITMAP)
        return cls(seq=seq, streams=streams, extra=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(_Message):
    """Host: stop every stream."""

    code = 0x03


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """One lead: a value is ``count * lsb`` in ``unit``; ``adc_bits`` and ``gain`` are 0 where unknown."""

    name: str
    lsb: float
    unit: int = Unit.MILLIVOLT
    adc_bits: int = 0
    gain: float = 0.0
    extra: bytes = b""

    def _pack(self) -> bytes:
        raw = self.name.encode("ascii")
        if not 1 <= len(raw) <= 8 or not self.name.isprintable() or " " in self.name:
            raise ValueError(f"lead name {self.name!r}: 1 to 8 printable ASCII characters, no blank")
        if not 0 < self.lsb < MAX_LSB or not 0 <= self.gain < float("inf"):
            raise ValueError(f"lead {self.name}: lsb {self.lsb} or gain {self.gain} is out of range")
        return _LEAD.pack(raw, self.unit, self.adc_bits, self.lsb, self.gain) + self.extra

    @classmethod
    def _parse(cls, reader: Reader, size: int) -> Self:
        (raw, unit, bits, lsb, gain), extra = reader.entry(_LEAD, size)
        name = raw.rstrip(b"\0").decode("ascii")
        lead = cls(name=name, lsb=lsb, unit=unit, adc_bits=bits, gain=gain, extra=extra)
        lead._pack()
        return lead


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream of a device: ``leads`` sampled together at ``rate`` Hz."""

    id: int
    rate_num: int
    rate_den: int = 1
    leads: tuple[Lead, ...]
    kind: int = Kind.ECG
    extra: bytes = b""

    @property
    def fs(self) -> float:
        """Nominal samples per second."""
        return self.rate_num / self.rate_den

    def _pack(self) -> bytes:
        more = same_length("leads", [lead.extra for lead in self.leads])
        head = (_STREAM.size + len(self.extra), self.id, self.kind, len(self.leads), _LEAD.size + more)
        _check_stream(self.id, len(self.leads), self.rate_num, self.rate_den)
        rate = (self.rate_num, self.rate_den)
        return _STREAM.pack(*head, *rate) + self.extra + b"".join(lead._pack() for lead in self.leads)

    @classmethod
    def _parse(cls, reader: Reader) -> Self:
        size, stream, kind, leads, lead_size, num, den = reader.take(_STREAM)
        _check_stream(stream, leads, num, den)
        if size < _STREAM.size:
            raise ValueError(f"stream descriptor of {size} bytes, at least {_STREAM.size} needed")
        extra = reader.raw(size - _STREAM.size)
        columns = tuple(Lead._parse(reader, lead_size) for _ in range(leads))
        return cls(id=stream, rate_num=num, rate_den=den, leads=columns, kind=kind, extra=extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(_Message):
    """Device: its identity and its streams. ``t_us`` is its clock now."""

    code = 0x81
    t_us: int
    streams: tuple[Stream, ...]
    flags: int = 0
    name: str = ""
    firmware: str = ""
    serial: str = ""

    @property
    def running(self) -> bool:
        """Whether DATA is being sent."""
        return bool(self.flags & 1)

    def _fields(self) -> bytes:
        head = _HELLO.pack(self.flags, len(self.streams), self.t_us)
        _check_ids(self.streams)
        texts = pack_text(self.name) + pack_text(self.firmware) + pack_text(self.serial)
        return head + texts + b"".join(stream._pack() for stream in self.streams)

    @classmethod
    def _parse(cls, seq: int, reader: Reader) -> Self:
        flags, count, t_us = reader.take(_HELLO)
        name, firmware, serial = reader.text(), reader.text(), reader.text()
        streams = tuple(Stream._parse(reader) for _ in range(count))
        _check_ids(streams)
        about = {"name": name, "firmware": firmware, "serial": serial}
        return cls(seq=seq, t_us=t_us, streams=streams, flags=flags, extra=reader.rest(), **about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack(_Message):
    """Device: the result of the command of type ``command`` and sequence number ``command_seq``."""

    code = 0x82
    command: int
    command_seq: int
    status: int = 0
    """0 done, 1 not supported, 2 bad argument, 3 cannot now."""

    def _fields(self) -> bytes:
        return _ACK.pack(self.command, self.status, self.command_seq)

    @classmethod
    def _parse(cls, seq: int, reader: Reader) -> Self:
        command, status, command_seq = reader.take(_ACK)
        return cls(seq=seq, command=command, command_seq=command_seq, status=status, extra=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """The losses of one stream inside the device since boot; each counter stops at 2**32 - 1."""

    stream: int
    dropped_frames: int = 0
    dropped_samples: int = 0
    overruns: int = 0
    extra: bytes = b""

    def _pack(self) -> bytes:
        counts = (self.dropped_frames, self.dropped_samples, self.overruns)
        return _STREAM_STATUS.pack(self.stream, *counts) + self.extra

    @classmethod
    def _parse(cls, reader: Reader, size: int) -> Self:
        (stream, frames, samples, overruns), extra = reader.entry(_STREAM_STATUS, size)
        return cls(
            stream=stream, dropped_frames=frames, dropped_samples=samples, overruns=overruns, extra=extra
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(_Message):
    """Device: its clock, battery (percent, None if unknown) and losses."""

    code = 0x83
    t_us: int
    streams: tuple[StreamStatus, ...] = ()
    battery: int | None = None
    flags: int = 0

    def _fields(self) -> bytes:
        size = _STREAM_STATUS.size + same_length("stream entries", [entry.extra for entry in self.streams])
        battery = 255 if self.battery is None else self.battery
        head = _STATUS.pack(self.t_us, self.flags, battery, len(self.streams), size)
        return head + b"".join(entry._pack() for entry in self.streams)

    @classmethod
    def _parse(cls, seq: int, reader: Reader) -> Self:
        t_us, flags, battery, count, size = reader.take(_STATUS)
        streams = tuple(StreamStatus._parse(reader, size) for _ in range(count))
        level = None if battery == 255 else battery
        return cls(seq=seq, t_us=t_us, streams=streams, battery=level, flags=flags, extra=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(_Message):
    """Device: something happened at ``t_us``. ``number`` 1 is the user's button, 2 a log line."""

    code = 0x84
    t_us: int
    number: int
    text: str = ""

    def _fields(self) -> bytes:
        return _EVENT.pack(self.t_us, self.number) + pack_text(self.text)

    @classmethod
    def _parse(cls, seq: int, reader: Reader) -> Self:
        t_us, number = reader.take(_EVENT)
        return cls(seq=seq, t_us=t_us, number=number, text=reader.text(), extra=reader.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Data(_Message):
    """Device: ``n`` consecutive samples of ``leads`` leads, the first taken at ``t_us`` device microseconds.

    Bit k of the bitmaps is lead k: ``lead_off`` (electrode off) counts only where ``lead_off_known``
    is set, and the samples of a lead without ``valid`` are not measurements.
    """

    code = 0x90
    stream: int
    packing: Packing
    leads: int
    n: int
    t_us: int
    payload: bytes
    lead_off: int = 0
    lead_off_known: int = 0
    valid: int = ALL_STREAMS

    def samples(self) -> NDArray[np.int32]:
        """Return the counts, int32 [n, leads]."""
        if self.packing == Packing.DELTA:
            return delta.unpack(self.payload, self.n, self.leads)
        if self.packing == Packing.INT24:
            return delta.unpack_int24(self.payload).reshape(self.n, self.leads)
        return np.frombuffer(self.payload, "<i2").astype(np.int32).reshape(self.n, self.leads)

    def _fields(self) -> bytes:
        head = (self.stream, self.packing, self.leads, self.n)
        masks = (self.lead_off, self.lead_off_known, self.valid)
        if payload_length(self.packing, self.payload, self.n, self.leads) != len(self.payload):
            raise ValueError(f"payload of {len(self.payload)} bytes does not hold {self.n} x {self.leads}")
        return _DATA.pack(*head, self.t_us, *masks) + self.payload

    @classmethod
    def _parse(cls, seq: int, reader: Reader) -> Self:
        stream, number, leads, n, t_us, lead_off, lead_off_known, valid = reader.take(_DATA)
        try:
            packing = Packing(number)
        except ValueError:
            raise UnknownFrameError(
                f"packing {number}; {', '.join(p.name for p in Packing)} are known"
            ) from None
        rest = reader.rest()
        size = payload_length(packing, rest, n, leads)
        return cls(
            seq=seq,
            stream=stream,
            packing=packing,
            leads=leads,
            n=n,
            t_us=t_us,
            payload=rest[:size],
            lead_off=lead_off,
            lead_off_known=lead_off_known,
            valid=valid,
            extra=rest[size:],
        )


Message: TypeAlias = HelloRequest | Start | Stop | Hello | Ack | Status | Event | Data

MESSAGES: dict[int, type[Message]] = {
    message.code: message for message in (HelloRequest, Start, Stop, Hello, Ack, Status, Event, Data)
}


def payload_length(packing: Packing, payload: bytes, n: int, leads: int) -> int:
    """Return how many bytes ``n`` samples of ``leads`` leads take at the front of ``payload``.

    Raises
    ------
    ValueError
        The counts are out of range, or ``payload`` is too short.
    """
    if not 1 <= leads <= MAX_LEADS or not 1 <= n <= MAX_SAMPLES:
        raise ValueError(f"{n} samples of {leads} leads; 1 to {MAX_SAMPLES} and 1 to {MAX_LEADS} can be sent")
    if packing == Packing.DELTA:
        return delta.length(payload, n, leads)
    size = n * leads * (2 if packing == Packing.INT16 else 3)
    if size > len(payload):
        raise ValueError(f"payload of {len(payload)} bytes, {size} needed")
    return size


def pack_samples(samples: NDArray[np.integer[Any]], packing: Packing) -> bytes:
    """Pack counts [n, leads] as the payload of a `Data`.

    Raises
    ------
    FrameError
        A count does not fit the packing.
    """
    limit = 1 << (15 if packing == Packing.INT16 else 23)
    if samples.size and not (-limit <= int(samples.min()) and int(samples.max()) < limit):
        raise FrameError(f"counts {samples.min()} to {samples.max()} do not fit {packing.name}")
    counts = samples.astype(np.int64)
    if packing == Packing.DELTA:
        return delta.pack(counts)
    return delta.pack_int24(counts) if packing == Packing.INT24 else counts.astype("<i2").tobytes()
