"""Movesense (HR2, HR+, MD, Flash) over its GATT SensorData Protocol: one ECG lead at the rate asked for.

The protocol is Movesense's document GD-77 (movesense.com, "GATT SensorData Protocol"). A SUBSCRIBE to
``/Meas/ECG/<rate>`` is answered by packets of a u32 time stamp (ms) and 16 signed 32-bit counts, in two notifications
where one is too small. What is not in the document was read in github.com/sensein/movesense-py and is marked below.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import RRIntervals, SignalBlock
from wearecg.devices.ble_base import (
    BATTERY,
    BleDevice,
    Characteristic,
    Measured,
    Notification,
    Services,
    SimulatedBle,
    Write,
)
from wearecg.devices.stamped import Stamped
from wearecg.errors import SourceError

SERVICE = "34802252-7185-4d5d-b431-630e7050e8f0"
COMMAND = "34800001-7185-4d5d-b431-630e7050e8f0"
DATA = "34800002-7185-4d5d-b431-630e7050e8f0"
SUBSCRIBE, UNSUBSCRIBE = 1, 2
ANSWER, PART_1, PART_2 = 1, 2, 3
OK = 200
RATES = (125.0, 128.0, 200.0, 250.0, 256.0, 500.0, 512.0)
PACKET = 16
"""Samples in a packet."""
LSB = 0.000381469726563
"""mV of one count (movesense-py)."""
REFERENCES = {"ecg": 100, "rr": 101}
REPEAT = 2.0


class Movesense(BleDevice):
    """A Movesense sensor; ``fs`` is one of `RATES`.

    That the time stamp is the first sample's is not said in the document; if it is the last one's, all times are
    early by the length of a packet.
    """

    name = "movesense"
    title = "Movesense"
    advertised_names: ClassVar[tuple[str, ...]] = ("Movesense ",)
    advertised_services: ClassVar[tuple[str, ...]] = (SERVICE,)
    needs: ClassVar[tuple[str, ...]] = (DATA,)
    wants: ClassVar[tuple[str, ...]] = (BATTERY,)
    reads: ClassVar[tuple[str, ...]] = (BATTERY,)
    offers: ClassVar[tuple[str, ...]] = ("ecg", "rr")
    rates: ClassVar[tuple[float, ...]] = RATES

    def __init__(self, streams: Sequence[str] = (), fs: float = 250.0) -> None:
        super().__init__(streams)
        if fs not in RATES:
            known = ", ".join(f"{rate:g}" for rate in RATES)
            raise SourceError(f"a Movesense does not sample at {fs:g} Hz; choose one of {known}")
        self._fs = fs
        self.rate_note = "asked of the device"
        self._track = Stamped(fs, measure=False, packet=PACKET)
        self._part = b""
        self._high = 0
        self._last_ms = 0
        self._waiting: dict[int, float] = {}
        self._refusal = ""

    def connected(self, now: float) -> None:
        """Subscribe to every stream."""
        self.outgoing.clear()
        self._part = b""
        self._refusal = ""
        self._track.restart()
        for stream in self.streams:
            self._ask(stream, now)

    def poll(self, now: float) -> None:
        """Repeat subscriptions that were not answered."""
        for stream in self.streams:
            if now - self._waiting.get(REFERENCES[stream], now) >= REPEAT:
                self._ask(stream, now)

    def stop(self) -> list[Write]:
        """Unsubscribe: otherwise the sensor may stay awake, or log into its memory."""
        return [Write(COMMAND, bytes([UNSUBSCRIBE, REFERENCES[stream]])) for stream in self.streams]

    def feed(self, characteristic: str, data: bytes, arrival: float) -> list[Measured]:
        """Decode one notification."""
        self.counters.bytes += len(data)
        if characteristic == BATTERY:
            self._take_battery(data)
        elif characteristic != DATA or len(data) < 2:
            self._refuse(f"{len(data)} bytes are no packet")
        elif data[0] == ANSWER:
            self._take_answer(data)
        elif data[0] in (PART_1, PART_2) and data[1] == REFERENCES["ecg"]:
            return self._take_ecg(data[0], data[2:], arrival)
        elif data[0] == PART_1 and data[1] == REFERENCES["rr"]:
            return self._take_rate(data[2:], arrival)
        else:
            self.counters.unknown_frames += 1
        return []

    def diagnose(self) -> str:
        """Why notifications arrive but no signal."""
        if self._refusal:
            return self._refusal
        if self._waiting:
            return (
                "the Movesense does not answer: its firmware may lack the GATT SensorData Protocol; update it"
            )
        return "the Movesense has accepted the subscription but sends nothing: wear it, the studs must touch the skin"

    def _ask(self, stream: str, now: float) -> None:
        path = f"/Meas/ECG/{self._fs:.0f}" if stream == "ecg" else "/Meas/HR"
        value = bytes([SUBSCRIBE, REFERENCES[stream]]) + path.encode() + b"\0"
        self.outgoing.append(Write(COMMAND, value))
        self._waiting[REFERENCES[stream]] = now

    def _take_answer(self, data: bytes) -> None:
        if len(data) < 4:
            self._refuse(f"{len(data)} bytes are no answer")
            return
        self.counters.frames += 1
        self._waiting.pop(data[1], None)
        status = int.from_bytes(data[2:4], "little")
        if data[1] in REFERENCES.values() and status != OK:
            refusal = f"the Movesense refuses the subscription with status {status}: update its firmware"
            if refusal != self._refusal:
                self.notes.append(refusal)
            self._refusal = refusal

    def _take_ecg(self, code: int, payload: bytes, arrival: float) -> list[Measured]:
        if code == PART_1 and self._part:
            self._refuse("the second part of a packet was lost")
            self._part = b""
        self._part += payload
        if len(self._part) < 4 + 4 * PACKET:
            if code == PART_2:
                self._refuse("the first part of a packet was lost")
                self._part = b""
            return []
        whole, self._part = self._part, b""
        if len(whole) != 4 + 4 * PACKET:
            self._refuse(f"a packet of {len(whole)} bytes, not {4 + 4 * PACKET}")
            return []
        self.counters.frames += 1
        self._waiting.pop(REFERENCES["ecg"], None)
        first = self._seconds(int.from_bytes(whole[:4], "little"))
        lost = self._track.place(first + (PACKET - 1) / self._fs, PACKET)
        if lost is None:
            self.counters.duplicates += 1
            return []
        self.counters.link_lost_samples += lost
        counts = np.frombuffer(whole, "<i4", offset=4).reshape(-1, 1)
        samples = (counts * LSB).astype(np.float32)
        return [(SignalBlock(samples, self._fs, ("ECG",), first, lost, lsb=(LSB,)), arrival)]

    def _take_rate(self, payload: bytes, arrival: float) -> list[Measured]:
        # A float32 average and u16 intervals in ms (movesense-py).
        if len(payload) < 4 or len(payload) % 2:
            self._refuse(f"{len(payload)} bytes are no heart rate")
            return []
        self.counters.frames += 1
        bpm = struct.unpack_from("<f", payload)[0]
        rr = tuple(int(ms) / 1000 for ms in np.frombuffer(payload, "<u2", offset=4))
        rate = float(bpm) if 0 < bpm < 400 else None
        return [(RRIntervals(rr, rate, alone="ecg" not in self.streams), arrival)]

    def _seconds(self, ms: int) -> float:
        # The counter of 32 bits wraps after 49.7 days.
        if ms < self._last_ms - (1 << 31):
            self._high += 1 << 32
        self._last_ms = ms
        return (self._high + ms) / 1000


class SimulatedMovesense(SimulatedBle):
    """A sensor that answers subscriptions and splits packets that are too long for ``most`` bytes."""

    advertised_name = "Movesense 000000000001"
    advertised: ClassVar[tuple[str, ...]] = (SERVICE,)
    rate: ClassVar[float | None] = None
    services: ClassVar[Services] = {
        SERVICE: (Characteristic(COMMAND, ("write",)), Characteristic(DATA, ("notify",))),
    }

    def __init__(self, leads: tuple[str, ...], fs: float = 250.0, lsb: float = LSB, most: int = 229) -> None:
        super().__init__(leads, fs, lsb)
        self._most = most
        self._reference: int | None = None
        self._samples: list[NDArray[np.float32]] = []
        self._pending = 0

    def linked(self, up: bool) -> None:
        """Subscriptions end with the link."""
        super().linked(up)
        self._samples, self._pending = [], 0

    def write(self, characteristic: str, value: bytes) -> list[Notification]:
        """Answer SUBSCRIBE and UNSUBSCRIBE; 404 for a path or rate that is not this sensor's."""
        if characteristic != COMMAND or len(value) < 2:
            return []
        status = OK
        if value[0] == SUBSCRIBE and value[2:] == f"/Meas/ECG/{self.fs:.0f}\0".encode():
            self.running, self._reference = True, value[1]
        elif value[0] == UNSUBSCRIBE and value[1] == self._reference:
            self.running = False
        else:
            status = 404
        return [(DATA, bytes([ANSWER, value[1]]) + status.to_bytes(2, "little"))]

    def encode(
        self,
        samples: NDArray[np.float32],
        start: float,
        lead_off: tuple[bool, ...],  # noqa: ARG002
    ) -> list[Notification]:
        """Full packets."""
        if not self.running:
            return []
        self._samples.append(samples)
        self._pending += len(samples)
        end = start + len(samples) / self.fs
        out: list[Notification] = []
        while self._pending >= PACKET:
            waiting = np.concatenate(self._samples)
            whole, rest = waiting[:PACKET], waiting[PACKET:]
            first = end - self._pending / self.fs
            self._samples, self._pending = [rest], len(rest)
            counts = np.rint(np.nan_to_num(whole / LSB)).astype("<i4")
            # Rounded to below, as a clock of whole ms is; a hair up, because 0.3 * 1000 is 299.99...
            out += self._packet(int(first * 1000 + 1e-6).to_bytes(4, "little") + counts.tobytes())
        return out

    def _packet(self, payload: bytes) -> list[Notification]:
        room = self._most - 2
        reference = self._reference or 0
        parts = [payload[at : at + room] for at in range(0, len(payload), room)]
        return [
            (DATA, bytes([PART_2 if number else PART_1, reference]) + part)
            for number, part in enumerate(parts)
        ]
