"""Polar Measurement Data (PMD), the Bluetooth service of Polar sensors: settings, commands and frames.

Facts from Polar's open SDK (github.com/polarofficial/polar-ble-sdk, ``technical_documentation/online_measurement.pdf``
and its ``pmd`` client), which is not an official specification. Polar sensors are not medical devices.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

SERVICE: Final = "fb005c80-02e7-f387-1cad-8acd2d8df0c8"
CONTROL: Final = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"
DATA: Final = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"

ECG, PPG, ACC, PPI = 0, 1, 2, 3
KINDS = {"ecg": ECG, "ppg": PPG, "acc": ACC, "ppi": PPI}
GET_SETTINGS, START, STOP = 1, 2, 3
RESPONSE, FEATURES, STOPPED = 0xF0, 0x0F, 0x01
RATE, RESOLUTION, RANGE, CHANNELS, FACTOR = 0, 1, 2, 4, 5
_WIDTHS = {RATE: 2, RESOLUTION: 2, RANGE: 2, 3: 4, CHANNELS: 1, FACTOR: 4, 6: 16}
DONE, ALREADY, NO_MTU = 0, 6, 10
STATUS = {
    1: "does not know the command",
    2: "does not know this measurement",
    3: "does not support it",
    5: "refuses a parameter",
    7: "does not have this resolution",
    8: "does not have this rate",
    9: "does not have this range",
    10: "needs a larger MTU than the link has",
    12: "cannot do this now",
    13: "is in the charger",
}
COMPRESSED = 0x80
HEADER = struct.Struct("<BQB")

Settings = Mapping[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Response:
    """The sensor's answer to a command about measurement ``kind``; ``more`` packets follow with the same."""

    command: int
    kind: int
    status: int
    more: bool
    parameters: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One data notification; ``last`` is when its last sample was taken, seconds of the sensor's clock."""

    kind: int
    last: float
    layout: int
    compressed: bool
    payload: bytes


def pack_command(command: int, kind: int, settings: Settings | None = None) -> bytes:
    """Return a command for the control point; `START` takes the settings chosen.

    >>> pack_command(START, ECG, {RATE: (130,), RESOLUTION: (14,)}).hex(" ")
    '02 00 00 01 82 00 01 01 0e 00'
    """
    return bytes([command, kind]) + pack_settings(settings or {})


def pack_settings(settings: Settings) -> bytes:
    """Return settings as the sensor lists them: for each a type, how many values, the values."""
    return b"".join(
        bytes([what, len(values)]) + b"".join(value.to_bytes(_WIDTHS[what], "little") for value in values)
        for what, values in settings.items()
    )


def unpack_settings(data: bytes) -> dict[int, tuple[int, ...]]:
    """Return the settings in ``data``. Raises ValueError where they are cut short or of an unknown type."""
    found: dict[int, tuple[int, ...]] = {}
    at = 0
    while at < len(data):
        if at + 2 > len(data) or data[at] not in _WIDTHS:
            raise ValueError(f"no setting at byte {at} of {data.hex()}")
        what, count, width = data[at], data[at + 1], _WIDTHS[data[at]]
        at += 2 + count * width
        if at > len(data):
            raise ValueError(f"settings end early: {data.hex()}")
        values = data[at - count * width : at]
        found[what] = tuple(
            int.from_bytes(values[i : i + width], "little") for i in range(0, len(values), width)
        )
    return found


def factor(settings: Settings) -> float:
    """What to multiply samples with, from the answer to `START`; 1 where it does not say."""
    bits = settings.get(FACTOR, ())
    return float(struct.unpack("<f", struct.pack("<I", bits[0]))[0]) if bits else 1.0


def unpack_response(data: bytes) -> Response:
    """Return the answer in an indication of the control point. Raises ValueError where it is none."""
    if len(data) < 4 or data[0] != RESPONSE:
        raise ValueError(f"no response: {data.hex()}")
    more = len(data) > 4 and data[4] != 0
    return Response(data[1], data[2] & 0x3F, data[3], more, data[5:])


def unpack_frame(data: bytes) -> Frame:
    """Return the frame in a data notification. Raises ValueError where it is too short."""
    if len(data) <= HEADER.size:
        raise ValueError(f"no frame: {len(data)} bytes")
    kind, nanoseconds, layout = HEADER.unpack_from(data)
    return Frame(
        kind & 0x3F, nanoseconds * 1e-9, layout & 0x7F, bool(layout & COMPRESSED), data[HEADER.size :]
    )


def pack_frame(kind: int, last_ns: int, layout: int, payload: bytes) -> bytes:
    """Return a data notification; ``layout`` includes `COMPRESSED`."""
    return HEADER.pack(kind, last_ns, layout) + payload


def unpack_integers(payload: bytes, width: int, channels: int) -> Counts:
    """Return signed integers of ``width`` bytes as [n, channels]. Raises ValueError if they do not come out even."""
    if len(payload) % (width * channels):
        raise ValueError(f"{len(payload)} bytes are no samples of {channels} x {width} bytes")
    octets = np.frombuffer(payload, np.uint8).astype(np.int64).reshape(-1, width)
    values = octets @ (1 << 8 * np.arange(width))
    return _signed(values, 8 * width).reshape(-1, channels)


def pack_integers(counts: Counts, width: int) -> bytes:
    """Return the inverse of `unpack_integers`."""
    return b"".join(int(value).to_bytes(width, "little", signed=True) for value in counts.reshape(-1))


def unpack_delta(payload: bytes, resolution: int, channels: int) -> Counts:
    """Return the samples [n, channels] of a compressed frame.

    A first sample of ``resolution`` bits in whole bytes, then blocks: bits of a difference, how many samples, and the
    differences to the sample before, channel by channel, lowest bit first, filled up to a byte. Raises ValueError.
    """
    width = (resolution + 7) // 8
    at = width * channels
    if len(payload) < at:
        raise ValueError("a compressed frame without its first sample")
    samples = [_signed(unpack_integers(payload[:at], width, channels), resolution)]
    while at < len(payload):
        if at + 2 > len(payload):
            raise ValueError("a compressed frame ends in a block's header")
        bits, count = payload[at], payload[at + 1]
        size = (bits * count * channels + 7) // 8
        block = payload[at + 2 : at + 2 + size]
        if len(block) < size or bits > 32:
            raise ValueError("a compressed frame ends early")
        at += 2 + size
        if not count:
            continue
        flat = np.unpackbits(np.frombuffer(block, np.uint8), bitorder="little")[: bits * count * channels]
        steps = flat.astype(np.int64).reshape(count * channels, bits) @ (1 << np.arange(bits))
        differences = _signed(steps, bits)
        samples.append(samples[-1][-1] + np.cumsum(differences.reshape(count, channels), axis=0))
    return np.concatenate(samples)


def pack_delta(counts: Counts, resolution: int) -> bytes:
    """Return [n, channels] as the payload of a compressed frame, in blocks as long as they can be."""
    out = pack_integers(counts[:1], (resolution + 7) // 8)
    steps = np.diff(counts, axis=0)
    for at in range(0, len(steps), 255):
        block = steps[at : at + 255]
        bits = int(
            max(int(block.max()).bit_length(), int(-block.min() - 1).bit_length() if block.min() < 0 else 0)
        )
        bits += 1
        unsigned = block.reshape(-1, 1) & ((1 << bits) - 1)
        octets = np.packbits((unsigned >> np.arange(bits) & 1).astype(np.uint8).ravel(), bitorder="little")
        out += bytes([bits, len(block)]) + octets.tobytes()
    return out


def _signed(values: Counts, bits: int) -> Counts:
    half = 1 << bits >> 1
    return (values & ((1 << bits) - 1) ^ half) - half


def measurements(kinds: Iterable[int]) -> str:
    """Names of measurements, for people."""
    names = {kind: name.upper() for name, kind in KINDS.items()}
    return ", ".join(names.get(kind, f"measurement {kind}") for kind in kinds)
