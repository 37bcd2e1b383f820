"""The C library through ctypes: the flat functions of ``shim.c``."""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FEED_ROOM = 1 << 20


class Native:
    """One decoder and one device of ``libtest.so``; there is only one of each in a process."""

    def __init__(self, library: str | Path) -> None:
        self._c = ctypes.CDLL(str(library))
        for name in ("feed", "cobs", "rewrite", "describe", "poll"):
            getattr(self._c, f"shim_{name}").restype = ctypes.c_size_t
        for name in ("device", "event"):
            getattr(self._c, f"shim_{name}").restype = ctypes.c_bool
        self._c.shim_running.restype = ctypes.c_uint32
        self._out = ctypes.create_string_buffer(_FEED_ROOM)
        self.reset()

    def reset(self) -> None:
        """Begin with a fresh decoder."""
        self._c.shim_reset()

    def feed(self, data: bytes) -> list[tuple[bytes, NDArray[np.int32]]]:
        """Decode; the bodies that came through, each with its counts (empty unless DATA)."""
        size = self._c.shim_feed(data, ctypes.c_size_t(len(data)), self._out)
        raw, at = self._out[:size], 0
        out: list[tuple[bytes, NDArray[np.int32]]] = []
        assert isinstance(raw, bytes)
        while at < size:
            (length,) = struct.unpack_from("<I", raw, at)
            (count,) = struct.unpack_from("<I", raw, at + 4 + length)
            counts = np.frombuffer(raw, "<i4", count, at + 8 + length)
            out.append((raw[at + 4 : at + 4 + length], counts))
            at += 8 + length + 4 * count
        return out

    def counters(self) -> tuple[int, int]:
        """Return the frames counted as damaged and as not understood."""
        bad, unknown = ctypes.c_uint32(), ctypes.c_uint32()
        self._c.shim_counters(ctypes.byref(bad), ctypes.byref(unknown))
        return bad.value, unknown.value

    def cobs(self, body: bytes) -> bytes:
        """Return the frame of ``body``, 0x00 included."""
        return self._text(self._c.shim_cobs(body, ctypes.c_size_t(len(body)), self._out))

    def rewrite(self, body: bytes) -> bytes:
        """Read ``body`` and write the message again; empty where it cannot be read or written."""
        return self._text(self._c.shim_rewrite(body, ctypes.c_size_t(len(body)), self._out))

    def describe(self, body: bytes) -> dict[str, str]:
        """Return the fields of ``body`` by the names of the golden vectors, as text."""
        text = self._text(self._c.shim_describe(body, ctypes.c_size_t(len(body)), self._out)).decode("ascii")
        return dict(line.split("=", 1) for line in text.splitlines())

    def device(self, packing: int, packets: bool = False, sending: int = 0) -> bool:
        """Boot the device of two streams; ``sending``: bytes that it may send from (0: enough)."""
        return bool(self._c.shim_device(ctypes.c_uint8(packing), packets, ctypes.c_size_t(sending)))

    def sample(
        self, stream: int, t_us: int, counts: list[int], off: int = 0, valid: int = 0xFFFFFFFF
    ) -> None:
        """One count for each lead of the stream at this index."""
        values = (ctypes.c_int32 * len(counts))(*counts)
        self._c.shim_sample(
            stream, ctypes.c_uint64(t_us), values, ctypes.c_uint32(off), ctypes.c_uint32(valid)
        )

    def missed(self, stream: int, samples: int) -> None:
        """So many samples were not taken."""
        self._c.shim_missed(stream, ctypes.c_uint32(samples))

    def receive(self, data: bytes, packet: bool = False) -> None:
        """Bytes from the host."""
        self._c.shim_receive(data, ctypes.c_size_t(len(data)), packet)

    def poll(self, now_us: int, room: int = 1 << 16) -> bytes:
        """What the device sends when the link takes ``room`` bytes."""
        size = self._c.shim_poll(ctypes.c_uint64(now_us), ctypes.c_size_t(room), self._out)
        return self._text(size)

    def event(self, t_us: int, number: int, text: bytes) -> bool:
        """Ask for an EVENT; ``text`` must live until it is sent."""
        return bool(self._c.shim_event(ctypes.c_uint64(t_us), ctypes.c_uint16(number), text))

    def disconnected(self) -> None:
        """Tell the device that its link has ended."""
        self._c.shim_disconnected()

    @property
    def running(self) -> int:
        """Bitmap of the streams that run."""
        return int(self._c.shim_running())

    def age(self, dropped_frames: int, seq: int) -> None:
        """Let stream 0 have dropped so many frames and be at this sequence number."""
        self._c.shim_set(ctypes.c_uint32(dropped_frames), ctypes.c_uint16(seq))

    def _text(self, size: int) -> bytes:
        raw = self._out[:size]
        assert isinstance(raw, bytes)
        return raw
