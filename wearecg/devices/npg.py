"""Neuro PlayGround Lite (Upside Down Labs) with the Chords firmware, on Bluetooth: 3 or 6 channels at 500 Hz.

Chords-Arduino-Firmware and chordspy (github.com/upsidedownlabs): a notification holds ten samples, each a counter
(u8) and a 12-bit ADC value (u16, high byte first) for every channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.devices.ble_base import (
    BleDevice,
    Characteristic,
    Measured,
    Notification,
    Services,
    SimulatedBle,
    Write,
    uuid16,
)
from wearecg.ecg.leads import UNKNOWN, canonical
from wearecg.errors import SourceError

SERVICE = "4fafc201-1fb5-459e-8fcc-c5c9c331914b"
DATA = "beb5483e-36e1-4688-b7f5-ea07361b26a8"
CONTROL = uuid16(0xFF01)
FS = 500.0
BLOCK = 10
"""Samples in a notification."""
MIDDLE = 2048
ADC_MV = 3300 / 4096
"""mV of one count at the ADC; what the amplifier before it makes of a mV at the electrodes is not documented."""
MOST_CHANNELS = 6
REPEAT = 2.0


class Npg(BleDevice):
    """An NPG Lite. ``leads`` names its first channels, ``lsb`` is mV of one count at the electrodes.

    Without ``lsb`` amplitudes are those at the ADC: beats and rhythm are found, but a model that
    wants mV is right to refuse them.
    """

    name = "npg"
    title = "Neuro PlayGround Lite (Chords)"
    advertised_names: ClassVar[tuple[str, ...]] = ("NPG",)
    advertised_services: ClassVar[tuple[str, ...]] = (SERVICE,)
    needs: ClassVar[tuple[str, ...]] = (DATA,)
    names_leads: ClassVar[bool] = False

    def __init__(
        self, streams: Sequence[str] = (), leads: Sequence[str] = (), lsb: float | None = None
    ) -> None:
        super().__init__(streams)
        if len(leads) > MOST_CHANNELS:
            raise SourceError(
                f"an NPG Lite has at most {MOST_CHANNELS} channels, {len(leads)} leads are named"
            )
        if lsb is not None and not 0 < lsb < float("inf"):
            raise SourceError(f"one count cannot be {lsb} mV: give the mV of one ADC step")
        if lsb is None:
            self.notes.append(
                "amplitudes are those at the ADC of the NPG: its amplifier's gain is not documented"
            )
        self._names = tuple(map(canonical, leads))
        self._lsb = ADC_MV if lsb is None else lsb
        self._expected: int | None = None
        self._asked = 0.0
        self._heard = False

    def connected(self, now: float) -> None:
        """Ask for data."""
        self._expected = None
        self._heard = False
        self._ask(now)

    def poll(self, now: float) -> None:
        """Repeat the start command until data come."""
        if not self._heard and now - self._asked >= REPEAT:
            self._ask(now)

    def stop(self) -> list[Write]:
        """Stop streaming."""
        return [Write(CONTROL, b"STOP")]

    def feed(self, characteristic: str, data: bytes, arrival: float) -> list[Measured]:
        """Decode one notification; a hole in the counter ends a block (less than 256 samples can be told)."""
        self.counters.bytes += len(data)
        channels, rest = divmod(len(data) - BLOCK, 2 * BLOCK)
        if characteristic != DATA or rest or not 1 <= channels <= MOST_CHANNELS:
            self._refuse(f"{len(data)} bytes are not {BLOCK} samples")
            return []
        rows = np.frombuffer(data, np.uint8).reshape(BLOCK, 1 + 2 * channels)
        numbers = rows[:, 0].astype(int)
        if (np.diff(numbers) % 256 != 1).any():
            self._refuse("its samples are not numbered one after the other")
            return []
        self.counters.frames += 1
        self._heard = True
        lost = 0 if self._expected is None else (int(numbers[0]) - self._expected) % 256
        if lost == 256 - BLOCK:
            self.counters.duplicates += 1
            return []
        self._expected = (int(numbers[-1]) + 1) % 256
        self.counters.link_lost_samples += lost
        counts = np.ascontiguousarray(rows[:, 1:]).view(">u2").astype(np.int64) - MIDDLE
        names = self._names or tuple(UNKNOWN if i == 0 else f"{UNKNOWN}_{i + 1}" for i in range(channels))
        names = names[:channels]
        values = (counts[:, : len(names)] * self._lsb).astype(np.float32)
        return [(SignalBlock(values, FS, names, lost=lost, lsb=(self._lsb,) * len(names)), arrival)]

    def diagnose(self) -> str:
        """Why notifications arrive but no signal."""
        return (
            f"{self.counters.bad_frames} notifications that are not ten numbered samples: flash the Chords firmware "
            "for the NPG Lite"
        )

    def _ask(self, now: float) -> None:
        self.outgoing[:] = [Write(CONTROL, b"START")]
        self._asked = now


class SimulatedNpg(SimulatedBle):
    """A board with as many channels as leads; a mV is so many counts that an ECG fills the ADC."""

    advertised_name = "NPG-0001"
    advertised: ClassVar[tuple[str, ...]] = (SERVICE,)
    channels: ClassVar[int | None] = None
    rate: ClassVar[float | None] = FS
    services: ClassVar[Services] = {
        SERVICE: (Characteristic(DATA, ("notify",)), Characteristic(CONTROL, ("write",))),
    }

    def __init__(self, leads: tuple[str, ...], fs: float = FS, lsb: float = 0.001) -> None:
        super().__init__(leads, fs, lsb)
        self._number = 0
        self._waiting: NDArray[np.int64] = np.zeros((0, len(leads)), np.int64)

    def linked(self, up: bool) -> None:
        """Start over."""
        super().linked(up)
        self._waiting = self._waiting[:0]

    def write(self, characteristic: str, value: bytes) -> list[Notification]:
        """``START`` and ``STOP``."""
        if characteristic == CONTROL and value in (b"START", b"STOP"):
            self.running = value == b"START"
        return []

    def encode(
        self,
        samples: NDArray[np.float32],
        start: float,  # noqa: ARG002
        lead_off: tuple[bool, ...],  # noqa: ARG002
    ) -> list[Notification]:
        """A notification for every ten samples."""
        if not self.running:
            return []
        counts = np.clip(np.rint(np.nan_to_num(samples / self.lsb)) + MIDDLE, 0, 2 * MIDDLE - 1).astype(
            np.int64
        )
        self._waiting = np.concatenate([self._waiting, counts])
        out: list[Notification] = []
        while len(self._waiting) >= BLOCK:
            block, self._waiting = self._waiting[:BLOCK], self._waiting[BLOCK:]
            rows = [
                bytes([(self._number + i) % 256]) + row.astype(">u2").tobytes() for i, row in enumerate(block)
            ]
            out.append((DATA, b"".join(rows)))
            self._number = (self._number + BLOCK) % 256
        return out
