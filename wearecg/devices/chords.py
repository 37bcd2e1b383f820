"""Arduino boards with the Chords firmware and BioAmp amplifiers (Upside Down Labs).

Chords-Arduino-Firmware and chordspy (github.com/upsidedownlabs): asked ``WHORU`` a board answers with its name, which
says its rate, channels and ADC; after ``START`` it sends packets of C7 7C, a counter, a value for each channel (high
byte first) and 01, until ``STOP`` or any other byte. So no command may be sent before the answer to the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.devices.base import Device, SimulatedDevice, channels
from wearecg.devices.framing import Framing, runs
from wearecg.errors import SourceError


@dataclass(frozen=True, slots=True)
class Board:
    """Rate in Hz, channels, ADC bits and its reference in V."""

    fs: float
    channels: int
    bits: int
    volts: float

    @property
    def packet(self) -> int:
        """Bytes of a packet."""
        return len(SYNC) + 1 + 2 * self.channels + 1


SYNC, LAST = b"\xc7\x7c", 0x01
_AVR = {
    "UNO-R3": 6, "UNO-CLONE": 6, "GENUINO-UNO": 6, "NANO-CLASSIC": 8, "NANO-CLONE": 8,
    "MEGA-2560-R3": 16, "MEGA-2560-CLONE": 16,
}  # fmt: skip
BOARDS = {name: Board(250.0, count, 10, 5.0) for name, count in _AVR.items()} | {
    "UNO-R4": Board(500.0, 6, 14, 5.0),
    "GIGA-R1": Board(500.0, 6, 16, 3.3),
    "RPI-PICO-RP2040": Board(500.0, 3, 12, 3.3),
    "STM32F4-BLACK-PILL": Board(500.0, 8, 12, 3.3),
    # The README says 500 Hz of these two, their sketches 250.
    "STM32G4-CORE-BOARD": Board(250.0, 16, 12, 3.3),
    "ESP32-S3": Board(250.0, 16, 12, 3.3),
    "NPG-LITE": Board(500.0, 3, 12, 2.5),
}
MOST_CHANNELS = 16
MOST_TEXT = 256
REPEAT = 2.5
"""Seconds for an answer: older firmware waits one for the end of a command, and opening the port resets some boards."""


class Chords(Device):
    """A board with the Chords firmware; ``leads`` names its channels (see `wearecg.devices.base.channels`).

    ``lsb`` is mV of one count at the electrodes. Without it amplitudes are those at the ADC, because the gain of the
    amplifier before it is not documented: beats and rhythm are found, but a model that wants mV is right to refuse
    them. The counter tells losses of fewer than 256 samples; the board has no clock, so ``start`` is NaN.
    """

    name = "chords"
    title = "Chords firmware (BioAmp on Arduino)"
    # Boards with native USB work at any rate; the R4 WiFi, the ESP32-S3 and old sketches for the UNO need 230400.
    baud: ClassVar[int] = 115200
    other_bauds: ClassVar[tuple[int, ...]] = (230400,)
    names_leads: ClassVar[bool] = False

    def __init__(self, leads: Sequence[str] = (), lsb: float | None = None, **refused: object) -> None:
        super().__init__(**refused)
        if lsb is not None and not 0 < lsb < float("inf"):
            raise SourceError(f"one count cannot be {lsb} mV: give the mV of one ADC step")
        if lsb is None:
            self.notes.append("amplitudes are those at the ADC: the gain of the amplifier is not documented")
        self._channels = channels(leads, MOST_CHANNELS, self.title)
        self._lsb = lsb
        self._framing = Framing(self.counters, self._measure, missing, start=SYNC)
        self._board: Board | None = None
        self._text = b""
        self._heard = False
        self._asked = 0.0

    def connected(self, now: float) -> None:
        """Ask which board it is."""
        self._framing.reset()
        self._board, self._text, self._heard = None, b"", False
        self._asked = now
        self.outgoing[:] = b"WHORU\n"

    def poll(self, now: float) -> None:
        """Ask again if no data came."""
        if not self._heard and now - self._asked >= REPEAT:
            self.connected(now)

    def stop(self) -> bytes:
        """``STOP``."""
        return b"STOP\n"

    def feed(self, data: bytes, arrival: float) -> list[SignalBlock]:
        """Decode; packets without a loss between them share a block."""
        self.counters.bytes += len(data)
        if self._board is None:
            data = self._read_text(data, arrival)
        board = self._board
        if board is None:
            return []
        found = self._framing.feed(data)
        self._heard = self._heard or bool(found)
        wanted = [i for i in self._channels if i < board.channels]
        names = tuple(self._channels[i] for i in wanted)
        lsb = self._lsb or board.volts * 1000 / 2**board.bits
        blocks = []
        for rows, lost in runs(found):
            self.counters.link_lost_samples += lost
            counts = np.ascontiguousarray(rows[:, len(SYNC) + 1 : -1]).view(">u2")[:, wanted].astype(np.int64)
            values = ((counts - (1 << board.bits >> 1)) * lsb).astype(np.float32)
            blocks.append(SignalBlock(values, board.fs, names, lost=lost, lsb=(lsb,) * len(names)))
        return blocks

    def diagnose(self) -> str:
        """Why bytes arrive but no signal."""
        if self._board is None:
            other = ", ".join(map(str, self.other_bauds))
            return (
                f"{self.counters.bytes} bytes at {self.baud} baud but no answer of the Chords firmware: "
                f"try --baud {other}, or flash the board with it"
            )
        return "the board answers but sends no packets that are understood: update its Chords firmware"

    def _read_text(self, data: bytes, now: float) -> bytes:
        """Look for the name of the board; what comes behind it."""
        *lines, self._text = (self._text + data).split(b"\n")
        for at, line in enumerate(lines):
            # What the board was sending before it was asked may stand in front of its name.
            name = next((name for name in BOARDS if line.rstrip(b"\r").endswith(name.encode())), None)
            if name is not None and self._take_board(BOARDS[name], name, now):
                rest, self._text = b"\n".join([*lines[at + 1 :], self._text]), b""
                return rest
        self._text = self._text[-MOST_TEXT:]
        return b""

    def _take_board(self, board: Board, name: str, now: float) -> bool:
        if min(self._channels) >= board.channels:
            self.notes.append(
                f"the {name} has {board.channels} channels, and none of the leads is one of them"
            )
            return False
        self._board = board
        self._asked = now
        self.outgoing += b"START\n"
        return True

    def _measure(self, buffer: bytearray, at: int) -> int | None:
        board = self._board
        assert board is not None
        if not SYNC.startswith(buffer[at : at + len(SYNC)]):
            return 0
        if at + board.packet > len(buffer):
            return None
        high = buffer[at + len(SYNC) + 1 : at + board.packet - 1 : 2]
        fits = max(high) < 1 << (board.bits - 8) and buffer[at + board.packet - 1] == LAST
        return board.packet if fits else 0


def missing(before: bytes, after: bytes) -> int:
    """Packets lost between two."""
    return (after[len(SYNC)] - before[len(SYNC)] - 1) % 256


class SimulatedChords(SimulatedDevice):
    """An UNO R4; a mV is so many counts that an ECG fills the ADC. Channels without a lead are in mid-range."""

    rate: ClassVar[float | None] = 500.0
    channels: ClassVar[int | None] = 6

    def __init__(self, leads: tuple[str, ...], fs: float = 500.0, lsb: float = 0.001) -> None:
        super().__init__(leads, fs, lsb)
        self._running = False
        self._number = 0
        self._command = b""

    @property
    def running(self) -> bool:
        """Whether ``START`` was heard last."""
        return self._running

    def receive(self, data: bytes) -> list[bytes]:
        """Answer lines; any byte stops the board."""
        self._running = False
        *lines, self._command = (self._command + data).split(b"\n")
        answers = []
        for line in lines:
            if line == b"WHORU":
                answers.append(b"UNO-R4\r\n")
            elif line in (b"START", b"STOP"):
                self._running = line == b"START"
            else:
                answers.append(b"UNKNOWN COMMAND\r\n")
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
        board = BOARDS["UNO-R4"]
        middle = 1 << board.bits >> 1
        counts = np.full((len(samples), board.channels), middle, ">u2")
        values = np.rint(np.nan_to_num(samples / self.lsb)) + middle
        counts[:, : samples.shape[1]] = np.clip(values, 0, 2 * middle - 1)
        packets = []
        for row in counts:
            self._number = (self._number + 1) % 256
            packets.append(SYNC + bytes([self._number]) + row.tobytes() + bytes([LAST]))
        return packets
