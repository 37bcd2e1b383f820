"""Olimex SHIELD-EKG-EMG on an Arduino with Olimex's demonstration sketch: six channels of 10 bits at 256 Hz.

``ShieldEkgEmgDemo`` (olimex.com, also described by the PyPI package olimex-ekg-emg): a packet is A5 5A, the version 2,
a counter, six values of 0 to 1023 (high byte first) and a byte of four switches. The board always talks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.devices.base import Device, SimulatedDevice, channels
from wearecg.devices.framing import Framing, runs

FS = 256.0
CHANNELS = 6
HEADER = b"\xa5\x5a\x02"
PACKET = len(HEADER) + 1 + 2 * CHANNELS + 1
MIDDLE = 512
LSB = 5000 / 1024 / 2848
"""mV of one count: 10-bit ADC at 5 V behind a gain of 10 x 80 x 3.56 as the shield is delivered (Olimex's product page;
the 80 is set by a trimmer and only approximate)."""


class Olimex(Device):
    """An Olimex shield; ``leads`` names its channels (see `wearecg.devices.base.channels`), each shield being one.

    The counter tells losses of fewer than 256 samples; the board has no clock, so ``start`` is NaN.
    """

    name = "olimex"
    title = "Olimex SHIELD-EKG-EMG"
    baud: ClassVar[int] = 57600
    names_leads: ClassVar[bool] = False

    def __init__(self, leads: Sequence[str] = (), **refused: object) -> None:
        super().__init__(**refused)
        self._channels = channels(leads, CHANNELS, self.title)
        self._framing = Framing(self.counters, measure, missing, start=HEADER)

    def connected(self, now: float) -> None:  # noqa: ARG002
        """Start over; there is nothing to say to the board."""
        self._framing.reset()

    def feed(self, data: bytes, arrival: float) -> list[SignalBlock]:  # noqa: ARG002
        """Decode; packets without a loss between them share a block."""
        self.counters.bytes += len(data)
        wanted, names = list(self._channels), tuple(self._channels.values())
        blocks = []
        for rows, lost in runs(self._framing.feed(data)):
            self.counters.link_lost_samples += lost
            counts = np.ascontiguousarray(rows[:, len(HEADER) + 1 : -1]).view(">u2")[:, wanted]
            values = ((counts.astype(np.int64) - MIDDLE) * LSB).astype(np.float32)
            blocks.append(SignalBlock(values, FS, names, lost=lost, lsb=(LSB,) * len(names)))
        return blocks

    def diagnose(self) -> str:
        """Why bytes arrive but no signal."""
        return (
            f"{self.counters.bytes} bytes at {self.baud} baud but no packets of Olimex's sketch: "
            "upload ShieldEkgEmgDemo to the board"
        )


def measure(buffer: bytearray, at: int) -> int | None:
    """Length of the packet at ``at`` (see `wearecg.devices.framing.Measure`)."""
    if not HEADER.startswith(buffer[at : at + len(HEADER)]):
        return 0
    if at + PACKET > len(buffer):
        return None
    # Values of 10 bits and four switches: what is larger is no packet.
    high, switches = buffer[at + len(HEADER) + 1 : at + PACKET - 1 : 2], buffer[at + PACKET - 1]
    return PACKET if max(high) < 4 and switches < 16 else 0


def missing(before: bytes, after: bytes) -> int:
    """Packets lost between two."""
    return (after[len(HEADER)] - before[len(HEADER)] - 1) % 256


class SimulatedOlimex(SimulatedDevice):
    """A board that sends from the start; channels without a lead are in the middle of their range."""

    rate: ClassVar[float | None] = FS
    channels: ClassVar[int | None] = CHANNELS

    def __init__(self, leads: tuple[str, ...], fs: float = FS, lsb: float = LSB) -> None:
        super().__init__(leads, fs, lsb)
        self._number = 0

    @property
    def running(self) -> bool:
        """Always."""
        return True

    def receive(self, data: bytes) -> list[bytes]:  # noqa: ARG002
        """Nothing: the board does not listen."""
        return []

    def encode(
        self,
        samples: NDArray[np.float32],
        start: float,  # noqa: ARG002
        lead_off: tuple[bool, ...],  # noqa: ARG002
    ) -> list[bytes]:
        """One packet for each sample."""
        counts = np.full((len(samples), CHANNELS), MIDDLE, ">u2")
        counts[:, : samples.shape[1]] = np.clip(np.rint(np.nan_to_num(samples / LSB)) + MIDDLE, 0, 1023)
        packets = []
        for row in counts:
            packets.append(HEADER + bytes([self._number]) + row.tobytes() + b"\x01")
            self._number = (self._number + 1) % 256
        return packets
