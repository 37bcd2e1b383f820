"""A wearecg firmware bridge on Bluetooth: the bodies of firmware_bridge/PROTOCOL.md, one in a notification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from cobs import cobs
from numpy.typing import NDArray

from wearecg.devices.ble_base import (
    BleDevice,
    Characteristic,
    Measured,
    Notification,
    Services,
    SimulatedBle,
    Write,
)
from wearecg.devices.bridge import Bridge, SimulatedBridge

SERVICE = "0eb80001-ae6a-4c9f-8f3f-6191c0ceaeea"
CONTROL = "0eb80002-ae6a-4c9f-8f3f-6191c0ceaeea"
DATA = "0eb80003-ae6a-4c9f-8f3f-6191c0ceaeea"
OVERHEAD = 32
"""Bytes of a DATA body beside its samples."""
BODY = 229
"""Bytes of a notification at the usual MTU of 232."""


class BridgeBle(BleDevice):
    """A wearecg firmware bridge on Bluetooth. All that is said is `Bridge`'s; this only takes the framing off."""

    name = "bridge-ble"
    title = "wearecg firmware bridge on Bluetooth"
    advertised_services: ClassVar[tuple[str, ...]] = (SERVICE,)
    needs: ClassVar[tuple[str, ...]] = (CONTROL, DATA)
    offers: ClassVar[tuple[str, ...]] = ("all",)

    def __init__(self, streams: Sequence[str] = ()) -> None:
        super().__init__(streams)
        self._bridge = Bridge()
        self.counters = self._bridge.counters
        self.notes = self._bridge.notes

    def connected(self, now: float) -> None:
        """Ask who is there."""
        self.outgoing.clear()
        self._bridge.connected(now)
        self._say()

    def poll(self, now: float) -> None:
        """Repeat what was not answered."""
        self._bridge.poll(now)
        self._say()

    def stop(self) -> list[Write]:
        """STOP."""
        return _writes(self._bridge.stop())

    def feed(self, characteristic: str, data: bytes, arrival: float) -> list[Measured]:
        """Decode one body."""
        blocks = self._bridge.feed(_framed(data), arrival) if characteristic in self.needs else []
        self.refusal = self._bridge.refusal
        self._say()
        return [(block, arrival) for block in blocks]

    def diagnose(self) -> str:
        """Why notifications arrive but no signal."""
        if not self.counters.frames:
            return "notifications arrive but none is a valid body: the board's firmware is not to PROTOCOL.md"
        return self._bridge.diagnose()

    def _say(self) -> None:
        self.outgoing += _writes(bytes(self._bridge.outgoing))
        self._bridge.outgoing.clear()


def _framed(body: bytes) -> bytes:
    return bytes(cobs.encode(body)) + b"\0"


def _bodies(stream: bytes) -> list[bytes]:
    return [cobs.decode(frame) for frame in stream.split(b"\0") if frame]


def _writes(stream: bytes) -> list[Write]:
    return [Write(CONTROL, body) for body in _bodies(stream)]


class _SmallFrames(SimulatedBridge):
    """Frames that fit a notification, and an end of the connection."""

    def __init__(self, leads: tuple[str, ...], fs: float, lsb: float) -> None:
        super().__init__(leads, fs, lsb)
        self._most = max(1, min(self._most, (BODY - OVERHEAD) // (3 * len(leads))))

    def halt(self) -> None:
        self._running = False


class SimulatedBridgeBle(SimulatedBle):
    """The board's side, in frames that fit a notification."""

    advertised_name = "wearecg bridge"
    advertised: ClassVar[tuple[str, ...]] = (SERVICE,)
    channels: ClassVar[int | None] = None
    rate: ClassVar[float | None] = None
    services: ClassVar[Services] = {
        SERVICE: (Characteristic(CONTROL, ("write", "notify")), Characteristic(DATA, ("notify",))),
    }

    def __init__(self, leads: tuple[str, ...], fs: float, lsb: float = 0.001) -> None:
        super().__init__(leads, fs, lsb)
        self._bridge = _SmallFrames(leads, fs, lsb)

    def linked(self, up: bool) -> None:
        """A device stops by itself when the connection ends."""
        super().linked(up)
        if not up:
            self._bridge.halt()

    def write(self, characteristic: str, value: bytes) -> list[Notification]:
        """Answer a body."""
        answers = self._bridge.receive(_framed(value)) if characteristic == CONTROL else []
        self.running = self._bridge.running
        return [(CONTROL, body) for answer in answers for body in _bodies(answer)]

    def encode(
        self, samples: NDArray[np.float32], start: float, lead_off: tuple[bool, ...]
    ) -> list[Notification]:
        """DATA on its own characteristic, STATUS on the other."""
        frames = self._bridge.encode(samples, start, lead_off)
        bodies = [body for frame in frames for body in _bodies(frame)]
        return [(DATA if body[1] == 0x90 else CONTROL, body) for body in bodies]
