"""OpenBCI Cyton over its USB dongle: eight channels of 24 bits at 250 Hz.

``docs.openbci.com/Cyton/CytonDataFormat`` and the board's firmware (github.com/OpenBCI/OpenBCI_Cyton_Library): a
packet is A0, a counter, eight signed 24-bit counts (high byte first), six bytes of accelerometer or auxiliary data
that are not used here, and a stop byte C0 to C6. There is no checksum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.devices.base import Device, SimulatedDevice, channels
from wearecg.devices.framing import Framing, int24, runs

FS = 250.0
CHANNELS = 8
PACKET = 33
START, STOPS = 0xA0, range(0xC0, 0xC7)
LSB = 4.5e3 / (2**23 - 1) / 24
"""mV of one count: reference 4.5 V and the gain of 24 that a reset sets (Cyton data format, "EEG data")."""
RESET, EIGHT_CHANNELS, BEGIN, END = b"v", b"c", b"b", b"s"
REGISTERS = b"?"
"""Prints the registers, which changes nothing; not while streaming."""
REPLY_END = b"$$$"
REPEAT = 4.0
"""Seconds for an answer: a reset alone takes one."""
MOST_TEXT = 1024


class Cyton(Device):
    """A Cyton board; ``leads`` names its channels (see `wearecg.devices.base.channels`). A Daisy is switched off.

    The counter tells losses of fewer than 256 samples; the board has no clock, so ``start`` is NaN. That an input is
    not attached cannot be told.
    """

    name = "cyton"
    title = "OpenBCI Cyton"
    baud: ClassVar[int] = 115200
    # The dongle's FT231X, which other boards have, too.
    usb_ids: ClassVar[tuple[tuple[int, int], ...]] = ((0x0403, 0x6015),)
    names_leads: ClassVar[bool] = False

    def __init__(self, leads: Sequence[str] = (), **refused: object) -> None:
        super().__init__(**refused)
        self._channels = channels(leads, CHANNELS, self.title)
        self._framing = Framing(self.counters, measure, missing, start=bytes([START]))
        self._text = b""
        self._begun = self._heard = False
        self._asked = 0.0
        self._failure = ""

    def connected(self, now: float) -> None:
        """End what another program began, and reset the board."""
        self._framing.reset()
        self._text, self._begun, self._heard = b"", False, False
        self._asked = now
        self.outgoing[:] = END + RESET

    def listen(self) -> None:
        """Look for packets at once."""
        self._begun = True

    def poll(self, now: float) -> None:
        """Reset again if no data came."""
        if not self._heard and now - self._asked >= REPEAT:
            self.connected(now)

    def stop(self) -> bytes:
        """``s``."""
        return END

    def feed(self, data: bytes, arrival: float) -> list[SignalBlock]:
        """Decode; packets without a loss between them share a block."""
        self.counters.bytes += len(data)
        if not self._begun:
            data = self._read_text(data, arrival)
        found = self._framing.feed(data)
        self._heard = self._heard or bool(found)
        wanted, names = list(self._channels), tuple(self._channels.values())
        blocks = []
        for rows, lost in runs(found):
            self.counters.link_lost_samples += lost
            values = (int24(rows[:, 2 : 2 + 3 * CHANNELS])[:, wanted] * LSB).astype(np.float32)
            blocks.append(SignalBlock(values, FS, names, lost=lost, lsb=(LSB,) * len(names)))
        return blocks

    def diagnose(self) -> str:
        """Why bytes arrive but no signal."""
        if self._failure:
            return self._failure
        if self._begun:
            return (
                "the Cyton was started but sends no packets that are understood: switch it off and on again"
            )
        return (
            f"{self.counters.bytes} bytes at {self.baud} baud but no answer of a Cyton: is this its dongle?"
        )

    def _read_text(self, data: bytes, now: float) -> bytes:
        """Take the answers to commands; what is behind the last of them."""
        self._text = (self._text + data)[-MOST_TEXT - len(data) :]
        while not self._begun and (end := self._text.find(REPLY_END)) >= 0:
            reply, self._text = self._text[:end], self._text[end + len(REPLY_END) :]
            self._asked = now
            if b"Failure" in reply:
                self._failure = (
                    "the dongle cannot reach the Cyton: switch the board on (to PC), near the dongle"
                )
                self.notes.append(self._failure)
            elif b"On Daisy" in reply:
                self.outgoing += EIGHT_CHANNELS
            else:
                self.outgoing += BEGIN
                self._begun, self._failure = True, ""
        rest = self._text if self._begun else b""
        self._text = self._text[-MOST_TEXT:] if not self._begun else b""
        return rest


def measure(buffer: bytearray, at: int) -> int | None:
    """Length of the packet at ``at`` (see `wearecg.devices.framing.Measure`)."""
    if at >= len(buffer) or (buffer[at] == START and at + PACKET > len(buffer)):
        return None
    return PACKET if buffer[at] == START and buffer[at + PACKET - 1] in STOPS else 0


def missing(before: bytes, after: bytes) -> int:
    """Packets lost between two."""
    return (after[1] - before[1] - 1) % 256


class SimulatedCyton(SimulatedDevice):
    """A board with the firmware's answers; channels without a lead are 0."""

    rate: ClassVar[float | None] = FS
    channels: ClassVar[int | None] = CHANNELS

    def __init__(self, leads: tuple[str, ...], fs: float = FS, lsb: float = LSB) -> None:
        super().__init__(leads, fs, lsb)
        self._running = False
        self._number = 0

    @property
    def running(self) -> bool:
        """Whether ``b`` was heard last."""
        return self._running

    def receive(self, data: bytes) -> list[bytes]:
        """Answer single letters; others are ignored."""
        answers = []
        for letter in data:
            if letter == BEGIN[0]:
                self._running, self._number = True, 0
            elif letter in END + RESET:
                self._running = False
            if letter == REGISTERS[0] and not self._running:
                answers.append(b"Board ADS Registers\r\nADS_ID, 00, 3E, 0, 0, 1, 1, 1, 1, 1, 0\r\n$$$")
            if letter == RESET[0]:
                ids = "On Board ADS1299 Device ID: 0x3E\r\nLIS3DH Device ID: 0x33\r\n"
                answers.append(f"OpenBCI V3 8-16 channel\r\n{ids}Firmware: v3.1.2\r\n$$$".encode())
        return answers

    def encode(
        self,
        samples: NDArray[np.float32],
        start: float,  # noqa: ARG002
        lead_off: tuple[bool, ...],  # noqa: ARG002
    ) -> list[bytes]:
        """One packet for each sample; none while not running."""
        if not self._running:
            return []
        counts = np.clip(np.rint(np.nan_to_num(samples / LSB)), -(1 << 23), (1 << 23) - 1).astype(int)
        packets = []
        for row in counts.tolist():
            data = b"".join(count.to_bytes(3, "big", signed=True) for count in row).ljust(3 * CHANNELS, b"\0")
            packets.append(bytes([START, self._number]) + data + bytes(6) + bytes([STOPS[0]]))
            self._number = (self._number + 1) % 256
        return packets
