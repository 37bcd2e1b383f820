"""BITalino (r)evolution on its Bluetooth serial port (``/dev/rfcomm0``): up to six channels at 1000 Hz.

As PLUX's own Python package reads it (``bitalino`` 1.2.6 on PyPI). Read from its last byte, a frame is: a counter and
a CRC of four bits each, the digital lines I1 I2 O1 O2, and the channels that were asked for, the first four of 10
bits and the other two of 6. Nothing marks where a frame begins, so that it takes four that fit to be sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.devices.base import Device, SimulatedDevice, channels
from wearecg.devices.framing import Framing, runs

FS = 1000.0
CHANNELS = 6
LSB = {bits: 3300 / 2**bits / 1100 for bits in (10, 6)}
"""mV of one count: ADC at 3.3 V behind a gain of 1100 (PLUX, "Electrocardiography (ECG) Sensor Data Sheet")."""
IDLE, VERSION, RATE_1000, LIVE = 0xFF, 0x07, 0xC3, 0x01
NAME = b"BITalino"
CONFIRM = 3
PAUSE = 0.1
"""Seconds that the device needs between two commands."""
REPEAT = 2.0
MOST_TEXT = 256


def size(count: int) -> int:
    """Bytes of a frame of ``count`` channels."""
    return -(-(12 + 10 * count) // 8) if count <= 4 else -(-(52 + 6 * (count - 4)) // 8)


def bits(count: int) -> tuple[int, ...]:
    """Bits of each of ``count`` channels."""
    return tuple(10 if place < 4 else 6 for place in range(count))


class Bitalino(Device):
    """A BITalino with ECG sensors; ``leads`` names the channels that they are at (``,II``: A2 is II).

    The counter of four bits tells losses of fewer than 16 samples; the device has no clock, so ``start`` is NaN.
    """

    name = "bitalino"
    title = "BITalino (r)evolution"
    baud: ClassVar[int] = 115200
    names_leads: ClassVar[bool] = False

    def __init__(self, leads: Sequence[str] = (), **refused: object) -> None:
        super().__init__(**refused)
        self._channels = channels(leads, CHANNELS, self.title)
        self._bits = bits(len(self._channels))
        self._size = size(len(self._channels))
        self._framing = Framing(self.counters, self._measure, missing, CONFIRM)
        self._commands: list[int] = []
        self._text = b""
        self._known = self._begun = self._heard = False
        self._asked = 0.0

    def connected(self, now: float) -> None:
        """End what another program began, and ask for the version."""
        self._framing.reset()
        self._text = b""
        self._known = self._begun = self._heard = False
        self.outgoing[:] = bytes([IDLE])
        self._commands = [VERSION]
        self._asked = now

    def poll(self, now: float) -> None:
        """Send the next command, or begin anew if no answer came."""
        if self._commands and now - self._asked >= PAUSE:
            self.outgoing.append(self._commands.pop(0))
            self._asked = now
            self._begun = self._known and not self._commands
        elif not self._heard and now - self._asked >= REPEAT:
            self.connected(now)

    def stop(self) -> bytes:
        """Go to idle mode, from whichever."""
        return bytes([IDLE])

    def feed(self, data: bytes, arrival: float) -> list[SignalBlock]:  # noqa: ARG002
        """Decode; frames without a loss between them share a block."""
        self.counters.bytes += len(data)
        if not self._begun:
            self._read_text(data)
            return []
        found = self._framing.feed(data)
        self._heard = self._heard or bool(found)
        names, lsb = tuple(self._channels.values()), tuple(LSB[n] for n in self._bits)
        middle = np.array([1 << n >> 1 for n in self._bits])
        blocks = []
        for rows, lost in runs(found):
            self.counters.link_lost_samples += lost
            values = ((self._counts(rows) - middle) * np.array(lsb)).astype(np.float32)
            blocks.append(SignalBlock(values, FS, names, lost=lost, lsb=lsb))
        return blocks

    def diagnose(self) -> str:
        """Why bytes arrive but no signal."""
        if self._known:
            return "the BITalino answers but its frames are not understood: switch it off and on again"
        return f"{self.counters.bytes} bytes but no version of a BITalino: is this its Bluetooth port?"

    def _read_text(self, data: bytes) -> None:
        self._text = self._text + data
        at = self._text.find(NAME)
        if not self._known and at >= 0 and b"\n" in self._text[at:]:
            self._known = True
            self._commands = [RATE_1000, LIVE | sum(4 << channel for channel in self._channels)]
        self._text = self._text[-MOST_TEXT:]

    def _measure(self, buffer: bytearray, at: int) -> int | None:
        end = at + self._size
        if end > len(buffer):
            return None
        return self._size if buffer[end - 1] & 0x0F == crc4(buffer[at:end]) else 0

    def _counts(self, rows: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The channels of frames, [n, channels]: behind the four digital lines, from the end of the frame on."""
        # As one string of bits: the last byte first, and of each byte the highest bit.
        string = np.unpackbits(rows[:, ::-1], axis=1)[:, 12:]
        edges = np.cumsum((0, *self._bits))
        columns = [
            string[:, first:last] @ (1 << np.arange(last - first)[::-1]) for first, last in pairwise(edges)
        ]
        return np.stack(columns, axis=1)


def crc4(frame: bytes | bytearray) -> int:
    """CRC of x^4 + x + 1 over all but the last four bits of ``frame``."""
    crc = 0
    for byte in frame[:-1]:
        crc = _CRC[_CRC[crc ^ byte >> 4] ^ byte & 0x0F]
    return _CRC[crc ^ frame[-1] >> 4]


def _shift(nibble: int) -> int:
    for _ in range(4):
        nibble = nibble << 1 ^ (0x13 if nibble & 8 else 0)
    return nibble


_CRC = [_shift(nibble) for nibble in range(16)]


def missing(before: bytes, after: bytes) -> int:
    """Frames lost between two."""
    return ((after[-1] >> 4) - (before[-1] >> 4) - 1) % 16


class SimulatedBitalino(SimulatedDevice):
    """A device whose ECG sensors are at the channels that it is asked for, in this order."""

    rate: ClassVar[float | None] = FS
    channels: ClassVar[int | None] = CHANNELS

    def __init__(self, leads: tuple[str, ...], fs: float = FS, lsb: float = LSB[10]) -> None:
        super().__init__(leads, fs, lsb)
        self._asked: list[int] = []
        self._number = 0

    @property
    def running(self) -> bool:
        """Whether channels were asked for last."""
        return bool(self._asked)

    def receive(self, data: bytes) -> list[bytes]:
        """Answer VERSION while idle; start and stop."""
        answers = []
        for byte in data:
            if byte in (IDLE, 0):
                self._asked = []
            elif byte == VERSION and not self._asked:
                answers.append(b"BITalino_v5.2\n")
            elif byte & 3 == LIVE:
                self._asked = [channel for channel in range(CHANNELS) if byte & 4 << channel]
                self._number = 0
        return answers

    def encode(
        self,
        samples: NDArray[np.float32],
        start: float,  # noqa: ARG002
        lead_off: tuple[bool, ...],  # noqa: ARG002
    ) -> list[bytes]:
        """One frame for each sample; none while idle. Channels without a lead are in mid-range."""
        if not self._asked:
            return []
        widths = bits(len(self._asked))
        volts = np.zeros((len(samples), len(self._asked)))
        kept = min(volts.shape[1], samples.shape[1])
        volts[:, :kept] = np.nan_to_num(samples[:, :kept])
        frames = []
        for row in volts:
            string, length = 0, 12
            for value, width in zip(row, widths, strict=True):
                count = min(max(round(value / LSB[width]) + (1 << width >> 1), 0), (1 << width) - 1)
                string, length = string << width | count, length + width
            whole = size(len(widths))
            # The string stands behind the counter, the CRC and the digital lines, and its last byte is filled up.
            reverse = (string << 8 * whole - length).to_bytes(whole, "big")
            frame = bytearray(reverse[::-1])
            frame[-1] = self._number << 4
            frame[-1] |= crc4(frame)
            frames.append(bytes(frame))
            self._number = (self._number + 1) % 16
        return frames
