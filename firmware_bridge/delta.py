"""Delta packing of samples: a reference, then blocks of bit-packed differences (PROTOCOL.md, Packings).

The first sample of every lead is stored in full (int24), each later one as its difference from the sample before, in
blocks of `BLOCK` samples with one field width. Differences are taken modulo 2**24 and read as int24, so that every
step between two int24 values has exactly one difference and every payload of the right length is valid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 16
"""Samples (of all leads) that share one field width."""

MAX_BITS = 24


def _wrap24(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Reduce modulo 2**24 to [-2**23, 2**23)."""
    return ((values + 0x800000) & 0xFFFFFF) - 0x800000


def pack_int24(values: NDArray[np.int64]) -> bytes:
    """Return three bytes for each value, little-endian two's complement."""
    return values.astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes()


def unpack_int24(payload: bytes) -> NDArray[np.int32]:
    """Inverse of `pack_int24`: int32 [len(payload) / 3]."""
    raw = np.frombuffer(payload, np.uint8).reshape(-1, 3)
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 1:] = raw
    # The arithmetic shift extends the sign.
    return np.asarray(wide.view("<i4").reshape(-1) >> 8, np.int32)


def pack(samples: NDArray[np.int64]) -> bytes:
    """Pack int24 values [n, leads], n >= 1, with the smallest width that holds each block."""
    steps = _wrap24(np.diff(samples, axis=0))
    parts = [pack_int24(samples[0])]
    for first in range(0, len(steps), BLOCK):
        block = steps[first : first + BLOCK].reshape(-1)
        low, high = int(block.min()), int(block.max())
        bits = 0 if low == high == 0 else max(high, ~low).bit_length() + 1
        fields = (block[:, None] >> np.arange(bits)) & 1
        parts.append(bytes([bits]) + np.packbits(fields.astype(np.uint8), bitorder="little").tobytes())
    return b"".join(parts)


def length(payload: bytes, n: int, leads: int) -> int:
    """Return how many bytes the packed samples take at the front of ``payload``.

    Raises
    ------
    ValueError
        ``payload`` is too short, or a field is wider than 24 bits.
    """
    position = 3 * leads
    for first in range(0, n - 1, BLOCK):
        if position >= len(payload):
            raise ValueError(f"delta payload of {len(payload)} bytes ends before sample {first + 1} of {n}")
        bits = payload[position]
        if bits > MAX_BITS:
            raise ValueError(f"delta field of {bits} bits; {MAX_BITS} is the most")
        position += 1 + (min(BLOCK, n - 1 - first) * leads * bits + 7) // 8
    if position > len(payload):
        raise ValueError(f"delta payload of {len(payload)} bytes, {position} needed")
    return position


def unpack(payload: bytes, n: int, leads: int) -> NDArray[np.int32]:
    """Inverse of `pack`: int32 [n, leads]. ``payload`` has passed `length`."""
    samples = np.zeros((n, leads), np.int64)
    samples[0] = unpack_int24(payload[: 3 * leads])
    position = 3 * leads
    for first in range(1, n, BLOCK):
        bits = payload[position]
        count = min(BLOCK, n - first) * leads
        size = (count * bits + 7) // 8
        if bits:
            packed = np.frombuffer(payload, np.uint8, size, position + 1)
            fields = np.unpackbits(packed, count=count * bits, bitorder="little").reshape(count, bits)
            weights = 1 << np.arange(bits, dtype=np.int64)
            weights[-1] = -weights[-1]
            samples[first : first + BLOCK] = (fields @ weights).reshape(-1, leads)
        position += 1 + size
    return _wrap24(np.cumsum(samples, axis=0)).astype(np.int32)
