"""ProtoCentral HealthyPi: ECG, respiration and PPG. Versions 3 and 4 (USB and the Raspberry Pi's UART), and 5 (USB).

Layouts and rates: OpenView, ``lib/boards`` (see `wearecg.devices.protocentral`), and for versions 3 and 4
github.com/richardhosking/HealthyPiCAACSerialOnly. The firmware of a HealthyPi 5 before 1.0 sends one sample a packet
(type 2), later ones 8 of ECG with 4 of respiration (type 3) and 8 of PPG (type 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.devices.protocentral import ProtoCentral, Signal, SimulatedProtoCentral, layout
from wearecg.devices.protocentral_ads import ADS1292R_LSB, ADS1293_LSB
from wearecg.ecg.leads import UNKNOWN


class HealthyPi4(ProtoCentral):
    """A HealthyPi v3 or v4 (ADS1292R, AFE4490). ECG and respiration that are both 0 mean electrodes off."""

    name = "healthypi4"
    title = "ProtoCentral HealthyPi v3 or v4"
    other_bauds: ClassVar[tuple[int, ...]] = (57600,)
    packets: ClassVar[Mapping[tuple[int, int], np.dtype[Any]]] = {
        (2, 20): layout(ecg=("<i2", 1, 1), resp=("<i2", 1, 1), ppg=("<i4", 1, 2), vitals="V8")
    }
    signals: ClassVar[Mapping[str, Signal]] = {
        "ecg": Signal((UNKNOWN,), 125.0, ADS1292R_LSB),
        "resp": Signal(("RESP",), 125.0),
        "ppg": Signal(("PPG", "PPG_2"), 125.0),
    }

    def _lead_off(self, payload: bytes) -> bool | None:
        return payload.startswith(bytes(4))


class SimulatedHealthyPi4(SimulatedProtoCentral):
    """With a gain of 6."""

    board = HealthyPi4
    kind = (2, 20)
    scale = ADS1292R_LSB / 6
    rate = 125.0

    def encode(self, samples: NDArray[np.float32], start: float, lead_off: tuple[bool, ...]) -> list[bytes]:
        """One packet a sample."""
        frames = super().encode(samples, start, lead_off)
        return [frame[:5] + bytes(4) + frame[9:] for frame in frames] if any(lead_off) else frames


class HealthyPi5(ProtoCentral):
    """A HealthyPi 5 (ADS1293 and MAX30101, says OpenView) on USB: ECG 125 Hz, respiration 62.5 Hz, PPG 100 Hz.

    Of packets of type 2 only the ECG is taken: their other columns are not the streams that later firmware sends.
    """

    name = "healthypi5"
    title = "ProtoCentral HealthyPi 5"
    packets: ClassVar[Mapping[tuple[int, int], np.dtype[Any]]] = {
        (2, 22): layout(ecg=("<i4", 1, 1), others="V18"),
        (3, 50): layout(ecg=("<i4", 8, 1), resp=("<i4", 4, 1), vitals="V2"),
        (4, 19): layout(ppg=("<i2", 8, 1), vitals="V3"),
    }
    signals: ClassVar[Mapping[str, Signal]] = {
        "ecg": Signal((UNKNOWN,), 125.0, ADS1293_LSB),
        "resp": Signal(("RESP",), 62.5),
        "ppg": Signal(("PPG",), 100.0),
    }


class SimulatedHealthyPi5(SimulatedProtoCentral):
    """Firmware 1.0, with the chip's gain of 3.5."""

    board = HealthyPi5
    kind = (3, 50)
    scale = ADS1293_LSB / 3.5
    rate = 125.0

    def __init__(self, leads: tuple[str, ...], fs: float, lsb: float | None = None) -> None:
        super().__init__(leads, fs, lsb)
        self._light_at = 0.0

    def encode(self, samples: NDArray[np.float32], start: float, lead_off: tuple[bool, ...]) -> list[bytes]:
        """A packet of each kind when it is full."""
        frames = super().encode(samples, start, lead_off)
        light = self.board.packets[4, 19]["ppg"].shape[0] / self.board.signals["ppg"].fs
        while self._light_at + light <= start + len(samples) / self.fs:
            frames.append(self._packet((4, 19), self._light_at))
            self._light_at += light
        return frames
