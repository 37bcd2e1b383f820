"""Shimmer3 ECG unit on its Bluetooth serial port (``/dev/rfcomm0``): leads I and II and one chest lead at 512 Hz.

Shimmer's firmware and drivers (github.com/ShimmerEngineering: LogAndStream and the Java API, which also gives the
registers) and its ECG User Guide. A command is acknowledged by FF, where a question was asked with the answer behind
it. A packet is 00, the sensor's clock (24 bits, low byte first, 1/32768 s) and for each of two ADS1292R a status
byte and two signed 24-bit counts, high byte first: LL-RA and LA-RA of the first, Vx-RL as the second of the second.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.devices.base import Device, SimulatedDevice
from wearecg.devices.framing import Framing, int24
from wearecg.devices.stamped import Stamped
from wearecg.ecg.leads import UNKNOWN

CLOCK = 32768
TICKS = 64
"""Of the clock between two samples."""
FS = CLOCK / TICKS
WRAP = 1 << 24
PACKET = 18
GAIN = 4
LSB = 2.42e3 / (2**23 - 1) / GAIN
"""mV of one count: reference 2.42 V (Shimmer's ECG User Guide, "Calibration")."""
LEADS = ("I", "II", UNKNOWN)
FIELDS = bytes([0x1D, 0x1E, 0x1F, 0x20, 0x21, 0x22])
"""Status and channels of both chips, 24 bits."""
ACK, NACK, STOP = 0xFF, 0xFE, b"\x20"
_NO_ANSWER = bytes(range(NACK))
# Rate code of 1000 samples a second, the lowest above 512; gain 4; right-leg drive from the limb electrodes.
CHIP_1 = bytes([0x03, 0xA0, 0x10, 0x40, 0x40, 0x2D, 0x00, 0x00, 0x02, 0x03])
CHIP_2 = bytes([0x03, 0xA0, 0x10, 0x40, 0x47, 0x00, 0x00, 0x00, 0x02, 0x01])
VERSION, INQUIRY, START = b"\x3f", b"\x01", b"\x07"
STEPS = (
    VERSION,
    b"\x08\x18\x00\x00",
    b"\x05" + TICKS.to_bytes(2, "little"),
    b"\x61\x00\x00\x0a" + CHIP_1,
    b"\x61\x01\x00\x0a" + CHIP_2,
    INQUIRY,
    START,
)
"""Which hardware it is, then: both ECG chips and nothing else, the rate, the registers, what it will send, go."""
HARDWARE = 3
DRAIN = 0.5
"""Seconds after a stop in which old packets may still arrive."""
REPEAT = 2.0


class Shimmer3(Device):
    """A Shimmer3 ECG unit. It takes no options: leads, rate and gain are set when it is connected.

    Losses follow from the sensor's clock, whose wraps (512 s) are undone. Its status bytes are left alone: they tell
    of electrodes only where their detection is switched on.
    """

    name = "shimmer3"
    title = "Shimmer3 ECG"
    baud: ClassVar[int] = 115200

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.rate_note = "asked of the device"
        self._framing = Framing(self.counters, measure, missing, start=b"\0")
        self._track = Stamped(FS, measure=False)
        self._answer = b""
        self._step: int | None = None
        self._heard = False
        self._asked = 0.0
        self._refusal = ""
        self._ticks: int | None = None

    def connected(self, now: float) -> None:
        """End what another program began; the rest follows when that has drained."""
        self._framing.reset()
        self._track.restart()
        self._answer, self._step, self._heard = b"", None, False
        self.outgoing[:] = STOP
        self._asked = now

    def poll(self, now: float) -> None:
        """Begin to ask, and begin anew if no answer or no data came."""
        if self._step is None and now - self._asked >= DRAIN:
            self._answer = b""
            self._ask(0, now)
        elif not self._heard and now - self._asked >= REPEAT:
            self.connected(now)

    def stop(self) -> bytes:
        """Stop streaming."""
        return STOP

    def feed(self, data: bytes, arrival: float) -> list[SignalBlock]:
        """Decode; packets without a loss between them share a block."""
        self.counters.bytes += len(data)
        if self._step is None:
            return []
        if self._step < len(STEPS):
            self._answer += data
            while self._read_answer(arrival):
                pass
            if self._step != len(STEPS):
                return []
            data, self._answer = self._answer, b""
        return self._blocks([packet for packet, _ in self._framing.feed(data)])

    def diagnose(self) -> str:
        """Why bytes arrive but no signal."""
        if self._refusal:
            return self._refusal
        if self._step == len(STEPS):
            return (
                "the Shimmer3 streams packets that are not understood: update it to LogAndStream 0.6 or later"
            )
        return f"{self.counters.bytes} bytes but no answer of a Shimmer3: is this its Bluetooth port?"

    def _ask(self, step: int, now: float) -> None:
        self._step, self._asked = step, now
        if step < len(STEPS):
            self.outgoing += STEPS[step]

    def _read_answer(self, now: float) -> bool:
        """Take the answer to the present step; False if there is none that is complete."""
        if self._step is None or self._step == len(STEPS):
            return False
        command = STEPS[self._step]
        self._answer = answer = self._answer.lstrip(_NO_ANSWER)
        if not answer:
            return False
        length, refusal = 1, ""
        if answer[0] == NACK:
            refusal = f"the Shimmer3 refuses command {command[0]:02X}: update its firmware"
        elif command == VERSION:
            length = 3
            if len(answer) >= length and answer[1:3] != bytes([0x25, HARDWARE]):
                refusal = f"this is not a Shimmer3 (hardware {answer[1:3].hex(' ')}): other models are not supported"
        elif command == INQUIRY:
            length = 10 + answer[8] if len(answer) > 9 else 10
            wanted = b"\x02" + TICKS.to_bytes(2, "little"), bytes([len(FIELDS), 1]) + FIELDS
            if len(answer) >= length and (answer[1:4], answer[8:length]) != wanted:
                refusal = (
                    f"the Shimmer3 would send {answer[1:length].hex(' ')}, not its ECG: is it an ECG unit?"
                )
        if len(answer) < length:
            return False
        self._answer = answer[length:]
        if refusal:
            if refusal != self._refusal:
                self.notes.append(refusal)
            self._refusal, self._step, self._answer = refusal, None, b""
            # It is asked again after a while: it may be exchanged meanwhile.
            self._asked = now + REPEAT
            return False
        self._refusal = ""
        self._ask(self._step + 1, now)
        return True

    def _blocks(self, packets: list[bytes]) -> list[SignalBlock]:
        pieces: list[tuple[float, int, list[bytes]]] = []
        for packet in packets:
            self._heard = True
            before, ticks = self._ticks, self._unwrap(int.from_bytes(packet[1:4], "little"))
            lost = self._track.place(ticks / CLOCK, 1)
            if lost is None:
                self.counters.duplicates += 1
                continue
            self._ticks = ticks
            self.counters.link_lost_samples += lost
            jumped = before is None or abs(ticks - before - TICKS) > TICKS // 2
            if not pieces or jumped:
                pieces.append((ticks / CLOCK, lost, []))
            pieces[-1][2].append(packet)
        return [self._block(*piece) for piece in pieces]

    def _block(self, start: float, lost: int, packets: list[bytes]) -> SignalBlock:
        rows = np.frombuffer(b"".join(packets), np.uint8).reshape(-1, PACKET)
        # The first chip has lead II and then lead I.
        counts = np.concatenate([int24(rows[:, 5:11])[:, ::-1], int24(rows[:, 15:18])], axis=1)
        values = (counts * LSB).astype(np.float32)
        return SignalBlock(values, FS, LEADS, start, lost, lsb=(LSB,) * len(LEADS))

    def _unwrap(self, ticks: int) -> int:
        """The clock without its wraps: the time nearest to the last one."""
        if self._ticks is None:
            return ticks
        return self._ticks + (ticks - self._ticks + WRAP // 2) % WRAP - WRAP // 2


def measure(buffer: bytearray, at: int) -> int | None:
    """Length of the packet at ``at`` (see `wearecg.devices.framing.Measure`)."""
    if at < len(buffer) and buffer[at] != 0:
        return 0
    return PACKET if at + PACKET <= len(buffer) else None


def missing(before: bytes, after: bytes) -> int:
    """Packets lost between two."""
    ticks = int.from_bytes(after[1:4], "little") - int.from_bytes(before[1:4], "little")
    return (round(ticks / TICKS) - 1) % (WRAP // TICKS)


class SimulatedShimmer3(SimulatedDevice):
    """An ECG unit; a lead that is neither I nor II is its chest lead, and what is not given is 0."""

    rate: ClassVar[float | None] = FS
    channels: ClassVar[int | None] = len(LEADS)
    plays: ClassVar[tuple[str, ...]] = ("I", "II", "V5")

    def __init__(self, leads: tuple[str, ...], fs: float = FS, lsb: float = LSB) -> None:
        super().__init__(leads, fs, lsb)
        self._command = b""
        self._running = False

    @property
    def running(self) -> bool:
        """Whether it was told to stream."""
        return self._running

    def receive(self, data: bytes) -> list[bytes]:
        """Acknowledge every command; answer the two questions."""
        self._command += data
        answers = []
        while self._command:
            first = self._command[:1]
            length = {b"\x08": 4, b"\x05": 3}.get(first, 1)
            if first == b"\x61":
                length = 4 + (self._command[3] if len(self._command) > 3 else 0)
            if len(self._command) < length:
                break
            self._command = self._command[length:]
            answer = bytes([ACK])
            if first == VERSION:
                answer += bytes([0x25, HARDWARE])
            elif first == INQUIRY:
                answer += b"\x02" + TICKS.to_bytes(2, "little") + bytes(4) + bytes([len(FIELDS), 1]) + FIELDS
            elif first in (START, STOP):
                self._running = first == START
            answers.append(answer)
        return answers

    def encode(
        self,
        samples: NDArray[np.float32],
        start: float,
        lead_off: tuple[bool, ...],  # noqa: ARG002
    ) -> list[bytes]:
        """One packet for each sample; none while not running."""
        if not self._running:
            return []
        counts = np.clip(np.rint(np.nan_to_num(samples / LSB)), -(1 << 23), (1 << 23) - 1).astype(int)
        packets = []
        for at, row in enumerate(counts.tolist()):
            ticks = round((start + at / self.fs) * CLOCK) % WRAP
            values = {
                name if name in LEADS else UNKNOWN: value for name, value in zip(self.leads, row, strict=True)
            }
            ra, la, vx = (
                values.get(name, 0).to_bytes(3, "big", signed=True) for name in ("II", "I", UNKNOWN)
            )
            chips = b"\xc0" + ra + la + b"\xc0" + bytes(3) + vx
            packets.append(b"\0" + ticks.to_bytes(3, "little") + chips)
        return packets
