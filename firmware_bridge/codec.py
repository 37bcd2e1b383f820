"""Wire protocol v1, both directions: messages to frames and back (PROTOCOL.md is the spec).

``decode_body(encode_body(m)) == m`` for every message, and ``encode_body(decode_body(b)) == b`` for every body that
is accepted (except that a STATUS without entries may state another entry size).
"""

from __future__ import annotations

import struct
import zlib

from cobs import cobs

from firmware_bridge.fields import FrameError, Reader, UnknownFrameError
from firmware_bridge.messages import MAX_BODY, MESSAGES, Message

VERSION = 1
MAX_WIRE = MAX_BODY + MAX_BODY // 254 + 1
"""Bytes of an encoded body before its delimiter."""

_HEADER = struct.Struct("<BBH")
_CRC = struct.Struct("<I")


def encode_body(message: Message) -> bytes:
    """Return header, fields and CRC-32: the content of a COBS frame, and over BLE the whole packet.

    Raises
    ------
    FrameError
        A field is out of range, or the body is longer than `MAX_BODY`.
    """
    try:
        body = _HEADER.pack(VERSION, message.code, message.seq) + message._fields() + message.extra
    except (struct.error, ValueError, OverflowError) as error:
        raise FrameError(f"{type(message).__name__} cannot be encoded: {error}") from error
    if len(body) + _CRC.size > MAX_BODY:
        size = len(body) + _CRC.size
        raise FrameError(
            f"{type(message).__name__} of {size} bytes; {MAX_BODY} is the most: send fewer samples"
        )
    return body + _CRC.pack(zlib.crc32(body))


def decode_body(body: bytes) -> Message:
    """Decode a body; the inverse of `encode_body`.

    Raises
    ------
    UnknownFrameError
        The CRC holds, but version, type or packing are not known here: ignore the frame.
    FrameError
        Wrong length, CRC or fields.
    """
    if not _HEADER.size + _CRC.size <= len(body) <= MAX_BODY:
        raise FrameError(f"body of {len(body)} bytes; {_HEADER.size + _CRC.size} to {MAX_BODY} are possible")
    if zlib.crc32(body[: -_CRC.size]) != _CRC.unpack(body[-_CRC.size :])[0]:
        raise FrameError("the CRC does not match")
    version, code, seq = _HEADER.unpack_from(body)
    if version != VERSION:
        raise UnknownFrameError(f"protocol version {version}; this host speaks {VERSION}: update wearecg")
    message = MESSAGES.get(code)
    if message is None:
        raise UnknownFrameError(f"message type 0x{code:02x}")
    try:
        return message._parse(seq, Reader(body[_HEADER.size : -_CRC.size]))
    except ValueError as error:
        raise FrameError(f"{message.__name__} is malformed: {error}") from error


def encode_frame(message: Message) -> bytes:
    """Return the bytes of ``message`` on a serial line, delimiter included. Raises `FrameError`."""
    return bytes(cobs.encode(encode_body(message))) + b"\0"


class FrameDecoder:
    """Finds the messages in a byte stream, however it is cut, and if parts of it are damaged.

    A damaged frame is lost, with all bytes before the next 0x00; memory stays below `MAX_WIRE` bytes for any input.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.bad_frames = 0
        self.unknown_frames = 0
        self.last_error = ""
        self._partial = bytearray()
        self._skipping = False

    def reset(self) -> None:
        """Forget a partial frame (fresh link); the counters go on."""
        self._partial.clear()
        self._skipping = False

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages completed by ``data``."""
        messages: list[Message] = []
        *ends, tail = data.split(b"\0")
        for end in ends:
            if not self._skipping and (self._partial or end):
                self._take(bytes(self._partial) + end, messages)
            self.reset()
        if not self._skipping:
            self._partial += tail
            if len(self._partial) > MAX_WIRE:
                self._bad(f"no 0x00 within {MAX_WIRE} bytes")
                self._partial.clear()
                self._skipping = True
        return messages

    def _take(self, encoded: bytes, messages: list[Message]) -> None:
        if len(encoded) > MAX_WIRE:
            return self._bad(f"no 0x00 within {MAX_WIRE} bytes")
        try:
            messages.append(decode_body(bytes(cobs.decode(encoded))))
        except UnknownFrameError as error:
            self.unknown_frames += 1
            self.last_error = str(error)
        except (cobs.DecodeError, FrameError) as error:
            self._bad(str(error))
        else:
            self.frames += 1
        return None

    def _bad(self, why: str) -> None:
        self.bad_frames += 1
        self.last_error = why
