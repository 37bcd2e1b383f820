"""Any strap or watch with the Bluetooth Heart Rate Service: rate and RR intervals, no waveform.

Heart Rate Service 1.0 (Bluetooth SIG), characteristic Heart Rate Measurement 0x2A37: flags, rate (u8 or u16), energy
(u16, kJ) and RR intervals (u16 each, 1/1024 s, oldest first).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import RRIntervals
from wearecg.devices.base import Counters
from wearecg.devices.ble_base import (
    BATTERY,
    BATTERY_SERVICE,
    HEART_RATE,
    HEART_RATE_SERVICE,
    BleDevice,
    Characteristic,
    Measured,
    Notification,
    Services,
    SimulatedBle,
)

RATE_16BIT, CONTACT, CONTACT_KNOWN, ENERGY, RR = 0x01, 0x02, 0x04, 0x08, 0x10
TICK = 1 / 1024
"""Seconds of one step of an RR interval."""
MOST_RR = 9
"""Intervals that fit the smallest notification (20 bytes)."""


def unpack_heart_rate(data: bytes) -> tuple[int, bool | None, tuple[float, ...]]:
    """Return beats a minute (0: none), skin contact (None: unknown) and RR in seconds. Raises ValueError.

    Bytes behind what the flags announce are left alone: some straps send one more than they have intervals.
    """
    if len(data) < 2:
        raise ValueError(f"no heart rate: {data.hex()}")
    flags = data[0]
    width = 2 if flags & RATE_16BIT else 1
    at = 1 + width + (2 if flags & ENERGY else 0)
    rest = len(data) - at
    if rest < 0:
        raise ValueError(f"flags {flags:#04x} do not fit {len(data)} bytes")
    contact = bool(flags & CONTACT) if flags & CONTACT_KNOWN else None
    ticks = struct.unpack_from(f"<{rest // 2}H", data, at) if flags & RR else ()
    return int.from_bytes(data[1 : 1 + width], "little"), contact, tuple(tick * TICK for tick in ticks)


def pack_heart_rate(bpm: int, contact: bool | None, rr: Sequence[float]) -> bytes:
    """Return the inverse of `unpack_heart_rate`, without energy."""
    flags = RATE_16BIT if bpm > 255 else 0
    flags |= 0 if contact is None else CONTACT_KNOWN | (CONTACT if contact else 0)
    flags |= RR if rr else 0
    ticks = b"".join(struct.pack("<H", round(interval / TICK)) for interval in rr)
    return bytes([flags]) + bpm.to_bytes(2 if bpm > 255 else 1, "little") + ticks


def take_heart_rate(data: bytes, counters: Counters, alone: bool) -> RRIntervals:
    """Return the measurement in a notification, and count it. Raises ValueError."""
    bpm, contact, rr = unpack_heart_rate(data)
    counters.frames += 1
    return RRIntervals(rr, float(bpm) if bpm else None, contact, alone)


class HeartRateStrap(BleDevice):
    """A sensor that gives heart rate and RR intervals only. It takes no commands."""

    name = "heart-rate"
    title = "heart rate strap or watch (Bluetooth Heart Rate Service)"
    advertised_services: ClassVar[tuple[str, ...]] = (HEART_RATE_SERVICE,)
    needs: ClassVar[tuple[str, ...]] = (HEART_RATE,)
    wants: ClassVar[tuple[str, ...]] = (BATTERY,)
    reads: ClassVar[tuple[str, ...]] = (BATTERY,)
    offers: ClassVar[tuple[str, ...]] = ("rr",)

    def connected(self, now: float) -> None:  # noqa: ARG002
        """Nothing to say."""
        self.outgoing.clear()

    def feed(self, characteristic: str, data: bytes, arrival: float) -> list[Measured]:
        """Decode one notification."""
        self.counters.bytes += len(data)
        try:
            if characteristic == HEART_RATE:
                return [(take_heart_rate(data, self.counters, alone=True), arrival)]
            if characteristic == BATTERY:
                self._take_battery(data)
        except ValueError as error:
            self._refuse(str(error))
        return []

    def diagnose(self) -> str:
        """Why notifications arrive but no heart rate."""
        return (
            f"{self.counters.bad_frames} notifications that are no heart rate: the strap's firmware is not to the "
            "Heart Rate Service; please send a capture"
        )


class SimulatedHeart:
    """Turns true beats into one Heart Rate Measurement a second."""

    def __init__(self) -> None:
        self._beats: list[float] = []
        self._rr: list[float] = []
        self._next: float | None = None

    def beat(self, time: float) -> None:
        """Learn of a beat at ``time``."""
        if self._beats:
            self._rr.append(time - self._beats[-1])
        self._beats = [*self._beats[-8:], time]

    def until(self, end: float, contact: bool) -> list[Notification]:
        """Measurements due before ``end``."""
        self._next = end if self._next is None or abs(end - self._next) > 2 else self._next
        if end < self._next:
            return []
        self._next += 1.0
        rr, self._rr = self._rr[:MOST_RR], []
        intervals = np.diff(self._beats)
        bpm = round(60 / float(np.median(intervals))) if contact and len(intervals) else 0
        return [(HEART_RATE, pack_heart_rate(bpm, contact, rr if contact else []))]


class SimulatedHeartRateStrap(SimulatedBle):
    """A strap that measures all the time, once a second."""

    advertised_name = "HR Strap 0001"
    advertised: ClassVar[tuple[str, ...]] = (HEART_RATE_SERVICE,)
    rate: ClassVar[float | None] = None
    services: ClassVar[Services] = {
        HEART_RATE_SERVICE: (Characteristic(HEART_RATE, ("notify",)),),
        BATTERY_SERVICE: (Characteristic(BATTERY, ("read", "notify"), b"\x5a"),),
    }

    def __init__(self, leads: tuple[str, ...], fs: float, lsb: float = 0.001) -> None:
        super().__init__(leads, fs, lsb)
        self._heart = SimulatedHeart()

    def linked(self, up: bool) -> None:
        """It needs no start command."""
        self.running = up

    def beat(self, time: float) -> None:
        """Learn of a heart beat."""
        self._heart.beat(time)

    def encode(
        self, samples: NDArray[np.float32], start: float, lead_off: tuple[bool, ...]
    ) -> list[Notification]:
        """The measurements due; the waveform stays in the strap."""
        return self._heart.until(start + len(samples) / self.fs, contact=not any(lead_off))
