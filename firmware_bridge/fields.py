"""The parts of messages: errors, a reader for fields, and texts."""

from __future__ import annotations

import struct
from typing import Any

from wearecg.errors import WearECGError


class FrameError(WearECGError):
    """Bytes that are not a frame of this protocol, or fields that do not fit one."""


class UnknownFrameError(FrameError):
    """A frame whose CRC holds, of a version, type or packing that this codec does not know."""


class Reader:
    """Reads the fields of a body in order; a body that ends too soon raises ValueError."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def raw(self, size: int) -> bytes:
        """Take ``size`` bytes."""
        if size > len(self._body) - self._at:
            raise ValueError(f"{size} bytes needed at offset {self._at} of {len(self._body)}")
        self._at += size
        return self._body[self._at - size : self._at]

    def take(self, layout: struct.Struct) -> tuple[Any, ...]:
        """Take the fields of ``layout``."""
        return layout.unpack(self.raw(layout.size))

    def entry(self, layout: struct.Struct, size: int) -> tuple[tuple[Any, ...], bytes]:
        """Take an entry of ``size`` bytes: the fields known here, and what a later version appended."""
        if size < layout.size:
            raise ValueError(f"entry of {size} bytes, at least {layout.size} needed")
        return self.take(layout), self.raw(size - layout.size)

    def text(self) -> str:
        """Take a length byte and that many bytes of UTF-8."""
        return self.raw(self.raw(1)[0]).decode()

    def rest(self) -> bytes:
        """Return the bytes that are left."""
        return self._body[self._at :]


def pack_text(value: str) -> bytes:
    """Pack a length byte and UTF-8."""
    raw = value.encode()
    return struct.pack("<B", len(raw)) + raw


def same_length(what: str, extras: list[bytes]) -> int:
    """Return the common length of ``extras``; different lengths raise ValueError."""
    lengths = {len(extra) for extra in extras} or {0}
    if len(lengths) > 1:
        raise ValueError(f"extra of {what} differs in length: {sorted(lengths)}")
    return lengths.pop()
