"""Polar H10: a chest strap with one ECG lead at 130 Hz (its own rate is within 2 % of that), and acceleration.

ECG frames hold signed 24-bit microvolts, 73 of them; acceleration frames signed 16-bit thousandths of g. The
electrodes lie on the lower chest, which is none of the twelve leads: the lead is called ``ECG``. See `polar_pmd`
for the source of these facts.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import RRIntervals
from wearecg.devices import polar_pmd as pmd
from wearecg.devices.ble_base import (
    BATTERY,
    BATTERY_SERVICE,
    HEART_RATE,
    HEART_RATE_SERVICE,
    Characteristic,
    Notification,
    Services,
)
from wearecg.devices.polar import CLOCK_START_NS, Polar, SimulatedPolar

MICROVOLT = 0.001
"""mV of one count."""
MILLI_G = 0.001


class PolarH10(Polar):
    """A Polar H10. It also tells its own heart rate and RR intervals, and its battery."""

    name = "polar-h10"
    title = "Polar H10"
    advertised_names: ClassVar[tuple[str, ...]] = ("Polar H10 ",)
    offers: ClassVar[tuple[str, ...]] = ("ecg", "acc")
    nominal: ClassVar[dict[str, float]] = {"ecg": 130.0, "acc": 50.0}
    # Acceleration at a low rate: with both streams some straps disconnect (bleakheart issue 12).
    preferred: ClassVar[dict[str, dict[int, int]]] = {
        "ecg": {pmd.RATE: 130, pmd.RESOLUTION: 14},
        "acc": {pmd.RATE: 50, pmd.RANGE: 8, pmd.RESOLUTION: 16},
    }

    def _decode(self, frame: pmd.Frame, stream: str) -> list[RRIntervals] | NDArray[np.float32]:
        if stream == "ecg":
            if frame.compressed or frame.layout != 0:
                raise ValueError(f"ECG layout {frame.layout} is not the H10's")
            return (pmd.unpack_integers(frame.payload, 3, 1) * MICROVOLT).astype(np.float32)
        if frame.compressed:
            # Layout 0 comes in g, layout 1 in mg; both are scaled by what the start was answered with.
            unit = {0: 1.0, 1: MILLI_G}.get(frame.layout)
            if unit is None:
                raise ValueError(f"compressed acceleration of layout {frame.layout} is not known")
            counts = pmd.unpack_delta(frame.payload, 16, 3)
            return (counts * (unit * self._factors.get(stream, 1.0))).astype(np.float32)
        if frame.layout != 1:
            raise ValueError(f"acceleration layout {frame.layout} is not the H10's")
        return (pmd.unpack_integers(frame.payload, 2, 3) * MILLI_G).astype(np.float32)

    def _leads(self, stream: str) -> tuple[str, ...]:
        return ("ECG",) if stream == "ecg" else ("ACC_X", "ACC_Y", "ACC_Z")

    def _lsb(self, stream: str) -> float:
        return MICROVOLT if stream == "ecg" else MILLI_G


class SimulatedPolarH10(SimulatedPolar):
    """A strap on a chest that stands still: 1 g along one axis when asked for acceleration."""

    advertised_name = "Polar H10 00000001"
    advertised: ClassVar[tuple[str, ...]] = (HEART_RATE_SERVICE, BATTERY_SERVICE)
    rate: ClassVar[float | None] = 130.0
    main = pmd.ECG
    frame_samples = 73
    settings: ClassVar[dict[int, dict[int, tuple[int, ...]]]] = {
        pmd.ECG: {pmd.RATE: (130,), pmd.RESOLUTION: (14,)},
        pmd.ACC: {pmd.RATE: (50,), pmd.RESOLUTION: (16,), pmd.RANGE: (2, 4, 8)},
    }
    services: ClassVar[Services] = {
        HEART_RATE_SERVICE: (Characteristic(HEART_RATE, ("notify",)),),
        BATTERY_SERVICE: (Characteristic(BATTERY, ("read", "notify"), b"\x64"),),
        pmd.SERVICE: (
            Characteristic(pmd.CONTROL, ("read", "write", "indicate"), b"\x0f\x05" + bytes(15)),
            Characteristic(pmd.DATA, ("notify",)),
        ),
    }

    def __init__(self, leads: tuple[str, ...], fs: float, lsb: float = 0.001) -> None:
        super().__init__(leads, fs, lsb)
        self._acceleration_due = 0.0

    def encode(
        self, samples: NDArray[np.float32], start: float, lead_off: tuple[bool, ...]
    ) -> list[Notification]:
        """ECG, and 36 samples of standing still at a time."""
        out = super().encode(samples, start, lead_off)
        end = start + len(samples) / self.fs
        if pmd.ACC not in self._streams:
            self._acceleration_due = end
        while pmd.ACC in self._streams and end >= self._acceleration_due + 36 / 50:
            self._acceleration_due += 36 / 50
            last = CLOCK_START_NS + round(self._acceleration_due * 1e9)
            still = pmd.pack_integers(np.tile(np.array([0, 0, 1000]), 36), 2)
            out.append((pmd.DATA, pmd.pack_frame(pmd.ACC, last, 1, still)))
        return out

    def frame(self, samples: NDArray[np.float32], last_ns: int) -> bytes:
        """An ECG frame of layout 0."""
        counts = np.clip(np.rint(np.nan_to_num(samples / MICROVOLT)), -(1 << 23), (1 << 23) - 1)
        return pmd.pack_frame(pmd.ECG, last_ns, 0, pmd.pack_integers(counts.astype(np.int64), 3))
