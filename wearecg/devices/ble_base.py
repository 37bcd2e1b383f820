"""What a Bluetooth sensor driver is: like `Device`, but all that is heard and said belongs to a characteristic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wearecg.block import RRIntervals, SignalBlock
from wearecg.devices.base import Counters
from wearecg.errors import SourceError

Notification: TypeAlias = tuple[str, bytes]
"""A characteristic's UUID and what it said."""
Measured: TypeAlias = tuple[SignalBlock | RRIntervals, float]
"""What was measured, and when it arrived (host monotonic seconds)."""


def uuid16(number: int) -> str:
    """Return the full UUID of an attribute that the Bluetooth SIG has numbered.

    >>> uuid16(0x180D)
    '0000180d-0000-1000-8000-00805f9b34fb'
    """
    return f"{number:08x}-0000-1000-8000-00805f9b34fb"


HEART_RATE_SERVICE = uuid16(0x180D)
HEART_RATE = uuid16(0x2A37)
BATTERY_SERVICE = uuid16(0x180F)
BATTERY = uuid16(0x2A19)
LOW_BATTERY = 15
"""Percent from which on the user is warned."""


@dataclass(frozen=True, slots=True)
class Write:
    """A value for a characteristic; ``response``: to be acknowledged, where the sensor can do either."""

    characteristic: str
    value: bytes
    response: bool = True


class BleDevice(ABC):
    """A Bluetooth sensor: what its notifications mean and what to write to it. No I/O.

    The runtime subscribes to ``needs`` and ``wants``, calls `connected`, then `feed` with each notification and
    `poll` a few times a second; each may leave commands in ``outgoing``. UUIDs are lower case.

    Parameters
    ----------
    streams : sequence of str
        Which of ``offers`` to ask the sensor for; its first if none is named.

    Raises
    ------
    SourceError
        A stream that the sensor does not have.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    advertised_names: ClassVar[tuple[str, ...]] = ()
    """How the names begin under which such sensors advertise."""
    advertised_services: ClassVar[tuple[str, ...]] = ()
    """Services that only such sensors advertise."""
    needs: ClassVar[tuple[str, ...]]
    """Characteristics to subscribe to, in this order; a sensor that lacks one is another sensor."""
    wants: ClassVar[tuple[str, ...]] = ()
    """Subscribed to where the sensor has them."""
    reads: ClassVar[tuple[str, ...]] = ()
    """Read once on every link where the sensor has them, and fed like a notification."""
    offers: ClassVar[tuple[str, ...]] = ("ecg",)
    patience: ClassVar[float] = 5.0
    """Seconds from a start command to the first samples, at most, before the command is given again."""
    quiet: ClassVar[float] = 3.0
    """Seconds without samples, while others arrive, after which they have stopped."""
    rates: ClassVar[tuple[float, ...]] = ()
    """Rates (Hz) of which the user may choose one, as the option ``fs``."""
    names_leads: ClassVar[bool] = True
    """False: the sensor does not say what its channels are; the user does."""
    refusal: str = ""
    """Why the last notification that failed its check was refused."""

    def __init__(self, streams: Sequence[str] = ()) -> None:
        for stream in streams:
            if stream not in self.offers:
                raise SourceError(f"{self.name} has no stream {stream!r}; it has {', '.join(self.offers)}")
        self.streams = tuple(streams) or self.offers[:1]
        self.counters = Counters()
        self.outgoing: list[Write] = []
        self.notes: list[str] = []
        """One-line messages for the user, drained by the runtime."""
        self.rate_note = "given by the device"
        self._battery: int | None = None

    @abstractmethod
    def connected(self, now: float) -> None:
        """Start over on a fresh link: forget half of anything, queue the commands. ``now`` in monotonic seconds."""

    @abstractmethod
    def feed(self, characteristic: str, data: bytes, arrival: float) -> list[Measured]:
        """Decode one notification, received at ``arrival`` (host monotonic seconds). Never raises for bad bytes.

        What could not be understood without this one comes along, with its own arrival.
        """

    def poll(self, now: float) -> None:  # noqa: B027 (most sensors have nothing to repeat)
        """Repeat what was not answered; called a few times a second."""

    def stop(self) -> list[Write]:
        """Commands that tell the sensor to stop, sent on every way out."""
        return []

    @abstractmethod
    def diagnose(self) -> str:
        """Why notifications arrive but no signal, in one line with the remedy."""

    @classmethod
    def fits(cls, name: str, services: Sequence[str]) -> bool:
        """Whether a sensor that advertises so is one of these."""
        known = name.lower().startswith(tuple(prefix.lower() for prefix in cls.advertised_names))
        return known or bool(set(services) & set(cls.advertised_services))

    def _refuse(self, why: str) -> None:
        """Count a notification that is none of this sensor's, and keep the reason."""
        self.counters.bad_frames += 1
        self.refusal = why

    def _take_battery(self, data: bytes) -> None:
        """Battery Level (0x2A19): tell it once, and again when it runs low."""
        if len(data) != 1 or data[0] > 100:
            self._refuse(f"{data[:20].hex()} is no battery level")
            return
        before, self._battery = self._battery, data[0]
        if before is None or data[0] <= LOW_BATTERY < before:
            low = "; charge it or change the cell" if data[0] <= LOW_BATTERY else ""
            self.notes.append(f"battery of the {self.title}: {data[0]} %{low}")


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One characteristic of a simulated sensor, as BlueZ would describe it."""

    uuid: str
    flags: tuple[str, ...]
    value: bytes = b""


Services: TypeAlias = Mapping[str, tuple[Characteristic, ...]]
"""Services by UUID, each with its characteristics."""


class SimulatedBle(ABC):
    """The sensor's end of a Bluetooth link: turns samples into the notifications that it would send.

    The simulator calls `linked` when a host connects or is gone, `write` with what the host wrote, `beat` with each
    true heart beat and `encode` with consecutive samples.
    """

    advertised_name: str
    advertised: ClassVar[tuple[str, ...]]
    """Services in the advertisement."""
    services: ClassVar[Services]
    channels: ClassVar[int | None] = 1
    """How many columns `encode` takes; None for any number."""
    rate: ClassVar[float | None]
    """Samples per second that it takes; None for any."""
    plays: ClassVar[tuple[str, ...]] = ("II",)
    """The leads of a synthetic person that it would measure."""

    def __init__(self, leads: tuple[str, ...], fs: float, lsb: float = 0.001) -> None:
        if self.channels not in (None, len(leads)):
            raise SourceError(f"the {self.advertised_name} has {self.channels} channels, not {len(leads)}")
        if self.rate is not None and abs(fs / self.rate - 1) > 0.03:
            raise SourceError(f"the {self.advertised_name} samples at {self.rate:g} Hz, not {fs:g}")
        self.leads, self.fs, self.lsb = leads, fs, lsb
        self.running = False
        """Whether the host has asked for data."""

    def linked(self, up: bool) -> None:  # noqa: ARG002
        """A host has connected, or is gone: nothing streams until it asks."""
        self.running = False

    def write(self, characteristic: str, value: bytes) -> list[Notification]:  # noqa: ARG002
        """Answer a command."""
        return []

    def beat(self, time: float) -> None:  # noqa: B027 (most sensors do not look for beats)
        """Learn of a heart beat at ``time``, device seconds."""

    @abstractmethod
    def encode(
        self, samples: NDArray[np.float32], start: float, lead_off: tuple[bool, ...]
    ) -> list[Notification]:
        """Notifications that are full with ``samples`` [n, channels], the first sampled at ``start`` device seconds."""
