"""Polar Verity Sense and OH1: optical arm bands with PPG, and beat-to-beat intervals found in it (PPI).

PPG frames of layout 0 hold three light channels and ambient light as signed 24-bit counts, usually compressed. The
rate is measured, because older firmware states 130 or 135 Hz for what is 55 or 135 (the SDK's ``KnownIssues.md``). PPI
frames of layout 0 hold heart rate, interval and its error in ms, and flags; the first come after about 25 s. See
`polar_pmd` for the source of these facts.
"""

from __future__ import annotations

import struct
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

PPI_SAMPLE = struct.Struct("<BHHB")
PPI_INVALID, PPI_CONTACT, PPI_CONTACT_KNOWN = 0x01, 0x02, 0x04
CHANNELS, BITS = 4, 24
PERSON_COUNTS = 50_000.0
"""Counts of one unit of a synthetic person's PPG; the size is that of a good recording, nothing more."""


class PolarVerity(Polar):
    """A Polar Verity Sense or OH1. Counts of its PPG have no unit."""

    name = "polar-verity"
    title = "Polar Verity Sense or OH1"
    advertised_names: ClassVar[tuple[str, ...]] = ("Polar Sense ", "Polar OH1 ")
    # Intervals come in batches.
    quiet: ClassVar[float] = 15.0
    offers: ClassVar[tuple[str, ...]] = ("ppg", "ppi")
    nominal: ClassVar[dict[str, float]] = {"ppg": 55.0}
    preferred: ClassVar[dict[str, dict[int, int]]] = {
        "ppg": {pmd.RATE: 55, pmd.RESOLUTION: 22, pmd.CHANNELS: 4}
    }

    def _decode(self, frame: pmd.Frame, stream: str) -> list[RRIntervals] | NDArray[np.float32]:
        if frame.layout != 0:
            raise ValueError(f"layout {frame.layout} of {stream} is not known")
        if stream == "ppi":
            return [_intervals(frame.payload)]
        if frame.compressed:
            counts = pmd.unpack_delta(frame.payload, BITS, CHANNELS)
        else:
            counts = pmd.unpack_integers(frame.payload, 3, CHANNELS)
        return (counts * self._factors.get(stream, 1.0)).astype(np.float32)

    def _leads(self, stream: str) -> tuple[str, ...]:  # noqa: ARG002
        return ("PPG", "PPG_2", "PPG_3", "AMBIENT")

    def _lsb(self, stream: str) -> float:
        return self._factors.get(stream, 1.0)

    @property
    def _rate_is_all(self) -> bool:
        # Where intervals are streamed, beats come from those; the heart rate service then only repeats them.
        return "ppi" not in self.streams


def _intervals(payload: bytes) -> RRIntervals:
    if len(payload) % PPI_SAMPLE.size:
        raise ValueError(f"{len(payload)} bytes are no intervals")
    samples = list(PPI_SAMPLE.iter_unpack(payload))
    rr = tuple(ms / 1000 for _, ms, _, flags in samples if not flags & PPI_INVALID and ms)
    bpm, _, _, flags = samples[-1]
    contact = bool(flags & PPI_CONTACT) if flags & PPI_CONTACT_KNOWN else None
    return RRIntervals(rr, float(bpm) if bpm else None, contact)


class SimulatedPolarVerity(SimulatedPolar):
    """An arm band: one person's pulse in all three light channels, no ambient light; intervals from true beats."""

    advertised_name = "Polar Sense 00000001"
    advertised: ClassVar[tuple[str, ...]] = (HEART_RATE_SERVICE,)
    plays: ClassVar[tuple[str, ...]] = ("PPG",)
    rate: ClassVar[float | None] = 55.0
    main = pmd.PPG
    frame_samples = 40
    settings: ClassVar[dict[int, dict[int, tuple[int, ...]]]] = {
        pmd.PPG: {pmd.RATE: (28, 44, 55, 135, 176), pmd.RESOLUTION: (22,), pmd.CHANNELS: (4,)},
        pmd.PPI: {},
    }
    services: ClassVar[Services] = {
        HEART_RATE_SERVICE: (Characteristic(HEART_RATE, ("notify",)),),
        BATTERY_SERVICE: (Characteristic(BATTERY, ("read", "notify"), b"\x4b"),),
        pmd.SERVICE: (
            Characteristic(pmd.CONTROL, ("read", "write", "indicate"), b"\x0f\x0e" + bytes(15)),
            Characteristic(pmd.DATA, ("notify",)),
        ),
    }

    def __init__(self, leads: tuple[str, ...], fs: float, lsb: float = 0.001) -> None:
        super().__init__(leads, fs, lsb)
        self._before: float | None = None
        self._intervals: list[bytes] = []

    def frame(self, samples: NDArray[np.float32], last_ns: int) -> bytes:
        """A compressed PPG frame of layout 0."""
        counts = np.rint(np.nan_to_num(samples * PERSON_COUNTS)).astype(np.int64)
        columns = np.concatenate([counts] * 3 + [0 * counts], axis=1)
        return pmd.pack_frame(pmd.PPG, last_ns, pmd.COMPRESSED, pmd.pack_delta(columns, BITS))

    def beat(self, time: float) -> None:
        """Learn of a heart beat; it is told as an interval to the one before."""
        super().beat(time)
        before, self._before = self._before, time
        if before is not None and pmd.PPI in self._streams:
            rr = time - before
            sample = PPI_SAMPLE.pack(round(60 / rr), round(rr * 1000), 10, PPI_CONTACT | PPI_CONTACT_KNOWN)
            self._intervals.append(pmd.pack_frame(pmd.PPI, CLOCK_START_NS + round(time * 1e9), 0, sample))

    def encode(
        self, samples: NDArray[np.float32], start: float, lead_off: tuple[bool, ...]
    ) -> list[Notification]:
        """Light, and the intervals that have ended."""
        told, self._intervals = self._intervals, []
        return super().encode(samples, start, lead_off) + [(pmd.DATA, frame) for frame in told]
