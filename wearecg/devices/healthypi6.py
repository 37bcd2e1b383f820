"""ProtoCentral HealthyPi 6 on USB: leads I, II and V1 in microvolts, and respiration, at 500 Hz.

``docs/HP6_DATA_FORMAT.md`` and ``docs/HOST_INTERFACE.md`` of github.com/Protocentral/healthypi-6-fw, format 0x0300. A
block: ``DBLK``, length (u32, of all), number (u32, over all channels), milliseconds since boot of the first sample
(u64), channel, flags, samples (u16), 4 bytes, the samples, CRC-32; little-endian.

The board has two ports. Blocks come on the first; they are switched on over the second, which speaks Zephyr's SMP and
may be locked. That is left to ProtoCentral's own tools.
"""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock, StreamId
from wearecg.devices.base import Device, SimulatedDevice
from wearecg.devices.framing import Framing
from wearecg.devices.stamped import Stamped

MAGIC = b"DBLK"
HEADER = struct.Struct("<4sIIQBBHI")
CRC = struct.Struct("<I")
LONGEST = 4096
"""Bytes of a block at most; the longest that are documented have 352."""
ECG = 1
SAMPLE = np.dtype([("resp", "<i4"), ("leads", "<i4", 3), ("off", "u1"), ("flags", "u1"), ("pad", "V2")])
FS = 500.0
BATCH = 16
"""Samples in a block."""
LEADS = ("I", "II", "V1")
LSB = 0.001
ELECTRODES = np.array([0b0011, 0b0101, 0b1111])
"""For each lead the electrodes that it rests on: bits RA, LA, LL, V1."""


class HealthyPi6(Device):
    """A HealthyPi 6. It states its rate, leads and scale and takes no options.

    The rate of its PPG is not in the stream, so that PPG is left out. Firmware 1.0.0 cannot tell whether electrodes are
    off: that is taken as unknown until one was off.
    """

    name = "healthypi6"
    title = "ProtoCentral HealthyPi 6"
    usb_ids: ClassVar[tuple[tuple[int, int], ...]] = ((0x2FE3, 0x0100),)

    def __init__(self, **refused: object) -> None:
        super().__init__(**refused)
        self._framing = Framing(self.counters, _measure, confirm=0)
        # Stamps are whole milliseconds, half a sample: losses are told in whole blocks.
        self._clock = Stamped(FS, measure=False, packet=BATCH)
        self._detects = False

    def connected(self, now: float) -> None:  # noqa: ARG002
        """Start over."""
        self._framing.reset()
        self._clock.restart()

    def feed(self, data: bytes, arrival: float) -> list[SignalBlock]:  # noqa: ARG002
        """Decode whole blocks; those of other channels are counted as unknown."""
        self.counters.bytes += len(data)
        return [block for frame, _ in self._framing.feed(data) for block in self._take(frame)]

    def diagnose(self) -> str:
        """Why bytes arrive but no signal."""
        if not self.counters.frames:
            return (
                "no block of a HealthyPi 6: switch its stream on with ProtoCentral's own tool, "
                "and use the first of its two ports"
            )
        return "the HealthyPi 6 sends blocks, but no ECG: switch that channel on with ProtoCentral's own tool"

    def _take(self, frame: bytes) -> list[SignalBlock]:
        *_, t_ms, channel, _, n, _ = HEADER.unpack_from(frame)
        if channel != ECG:
            self.counters.unknown_frames += 1
            return []
        samples = np.frombuffer(frame, SAMPLE, n, HEADER.size)
        start = t_ms * 1e-3
        lost = self._clock.place(start + (n - 1) / FS, n)
        if lost is None:
            self.counters.duplicates += 1
            return []
        self.counters.link_lost_samples += lost
        off = (samples["off"][:, None] & ELECTRODES) != 0
        self._detects |= bool(off.any())
        blocks = []
        for first, last in pairwise([0, *(1 + np.flatnonzero((off[1:] != off[:-1]).any(1))).tolist(), n]):
            at, missing = start + first / FS, 0 if first else lost
            lead_off = tuple(off[first].tolist()) if self._detects else ()
            values = (samples["leads"][first:last] * LSB).astype(np.float32)
            blocks.append(SignalBlock(values, FS, LEADS, at, missing, lead_off, (LSB,) * 3))
        breath = (samples["resp"][:, None] * LSB).astype(np.float32)
        return [*blocks, SignalBlock(breath, FS, ("RESP",), start, lost, (), (LSB,), StreamId("resp"))]


def _measure(buffer: bytearray, at: int) -> int | None:
    head = bytes(buffer[at : at + HEADER.size])
    if not head.startswith(MAGIC[: len(head)]):
        return 0
    if len(head) < HEADER.size:
        return None
    _, length, _, _, channel, _, n, _ = HEADER.unpack(head)
    size = length - HEADER.size - CRC.size
    if not 0 <= size <= LONGEST or not n or size % n or (channel == ECG and size != n * SAMPLE.itemsize):
        return 0
    if len(buffer) - at < length:
        return None
    body = bytes(buffer[at : at + length - CRC.size])
    return length if CRC.pack(zlib.crc32(body)) == buffer[at + len(body) : at + length] else 0


class SimulatedHealthyPi6(SimulatedDevice):
    """A board whose stream is on; respiration is a slow wave that means nothing."""

    rate: ClassVar[float | None] = FS
    channels: ClassVar[int | None] = 3
    plays: ClassVar[tuple[str, ...]] = LEADS

    def __init__(self, leads: tuple[str, ...], fs: float, lsb: float = LSB) -> None:  # noqa: ARG002
        super().__init__(leads, fs, LSB)
        self._number = 0
        self._waiting: NDArray[np.void] = np.zeros(0, SAMPLE)

    @property
    def running(self) -> bool:
        """Always."""
        return True

    def receive(self, data: bytes) -> list[bytes]:  # noqa: ARG002
        """Nothing: this port does not listen."""
        return []

    def encode(self, samples: NDArray[np.float32], start: float, lead_off: tuple[bool, ...]) -> list[bytes]:
        """A block for every 16 samples."""
        start -= len(self._waiting) / FS
        fresh = np.zeros(len(samples), SAMPLE)
        fresh["leads"][:, : samples.shape[1]] = np.rint(np.nan_to_num(samples / LSB))
        # The electrode that is a lead's own: LA, LL, V1.
        fresh["off"] = sum(2 << i for i, off in enumerate(lead_off) if off)
        self._waiting = np.concatenate([self._waiting, fresh])
        frames = []
        while len(self._waiting) >= BATCH:
            block, self._waiting = self._waiting[:BATCH].copy(), self._waiting[BATCH:]
            block["resp"] = 1_000 * np.sin(2 * np.pi * 0.25 * (start + np.arange(BATCH) / FS))
            frames.append(encode_block(ECG, self._number, round(start * 1e3), BATCH, block.tobytes()))
            self._number += 1
            start += BATCH / FS
        return frames


def encode_block(channel: int, number: int, t_ms: int, n: int, payload: bytes) -> bytes:
    """One block as it stands on the wire."""
    length = HEADER.size + len(payload) + CRC.size
    body = HEADER.pack(MAGIC, length, number, t_ms, channel, 0, n, 0) + payload
    return body + CRC.pack(zlib.crc32(body))
