"""What a sensor driver is: a pure decoder that talks through bytes handed in and out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.ecg.leads import UNKNOWN, canonical
from wearecg.errors import SourceError


@dataclass(slots=True)
class Counters:
    """What a decoder has seen so far; never reset by a reconnect."""

    bytes: int = 0
    frames: int = 0
    bad_frames: int = 0
    """Pieces that failed their check (CRC, length, number format)."""
    unknown_frames: int = 0
    """Valid frames of a type that this version does not know."""
    link_lost_samples: int = 0
    device_dropped_samples: int = 0
    duplicates: int = 0
    late_frames: int = 0
    """Numbered frames that came after their place had gone by; what they hold counts as lost."""


def channels(leads: Sequence[str], most: int, title: str) -> dict[int, str]:
    """Which of a sensor's channels are wanted, and what they are called.

    Parameters
    ----------
    leads : sequence of str
        Names for the channels from the first on; an empty one leaves its channel out. None at all: the first, ``ECG``.
    most : int
        Channels that the sensor has.
    title : str
        The sensor, for the error.

    Raises
    ------
    SourceError
        More names than channels, or only empty ones.
    """
    if len(leads) > most:
        raise SourceError(
            f"{title} has {most} channels, but {len(leads)} leads are named: {', '.join(leads)}"
        )
    names = {i: canonical(lead) for i, lead in enumerate(leads or (UNKNOWN,)) if lead}
    if not names:
        raise SourceError(f"no channel of {title} is named: give --leads a name for each that is wanted")
    return names


class Device(ABC):
    """A sensor: what its bytes mean and what to say to it. No I/O.

    The runtime calls `connected` when a link is up, then `feed` with whatever bytes arrive and
    `poll` a few times a second; each returns or leaves bytes to send in `outgoing`.

    Options that a sensor does not take end here and raise `SourceError`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    baud: ClassVar[int] = 115200
    other_bauds: ClassVar[tuple[int, ...]] = ()
    """Rates at which some boards of this kind talk instead."""
    usb_ids: ClassVar[tuple[tuple[int, int], ...]] = ()
    """(vendor, product) pairs under which the board is known to show up."""
    names_leads: ClassVar[bool] = True
    """False: the sensor does not say what its columns are; the user does."""
    refusal: str = ""
    """Why the last piece that failed its check was refused; empty where that cannot be told."""

    def __init__(self, **refused: object) -> None:
        if refused:
            raise SourceError(f"the {self.title} states that itself: leave out {', '.join(refused)}")
        self.counters = Counters()
        self.outgoing = bytearray()
        self.notes: list[str] = []
        """One-line messages for the user, drained by the runtime."""
        self.rate_note = "given by the device"
        self.holding = False
        """Whether samples are held back until their rate is known; they have been received all the same."""

    @abstractmethod
    def connected(self, now: float) -> None:
        """Start over on a fresh link: drop partial frames, queue the handshake. ``now`` in monotonic seconds."""

    def listen(self) -> None:  # noqa: B027 (most sensors are understood without)
        """Count frames that nobody has asked for: another program may have started the sensor. For recognising it."""

    @abstractmethod
    def feed(self, data: bytes, arrival: float) -> list[SignalBlock]:
        """Decode ``data``, received at ``arrival`` (host monotonic seconds), cut anywhere."""

    def poll(self, now: float) -> None:  # noqa: B027 (most sensors have nothing to repeat)
        """Repeat what was not answered (handshakes); called a few times a second."""

    def stop(self) -> bytes:
        """Bytes that tell the sensor to stop, sent on every way out."""
        return b""

    @abstractmethod
    def diagnose(self) -> str:
        """Why bytes arrive but no signal, in one line with the remedy."""


class SimulatedDevice(ABC):
    """The other end of the wire: turns samples into the bytes that the sensor would send.

    The simulator calls `encode` with consecutive samples, and `receive` with what the host wrote.

    Parameters
    ----------
    leads : tuple of str
        What the columns are.
    fs : float
        Hz.
    lsb : float
        Units of one ADC step, where the sensor does not have its own.

    Raises
    ------
    SourceError
        More columns than the sensor has channels, or another rate than its own.
    """

    states_scale: ClassVar[bool] = False
    """True: the sensor says how much one ADC step is; any other has the scale that it was built with."""

    rate: ClassVar[float | None] = None
    """Samples per second, of a sensor that has only one rate."""
    channels: ClassVar[int | None] = None
    """Most columns that it can send; None for any number."""
    plays: ClassVar[tuple[str, ...]] = ("II",)
    """The leads of a synthetic person that it would measure."""

    def __init__(self, leads: tuple[str, ...], fs: float, lsb: float = 0.001) -> None:
        if self.channels is not None and len(leads) > self.channels:
            raise SourceError(f"this sensor has {self.channels} channels, not {len(leads)}: name fewer leads")
        if self.rate is not None and abs(fs / self.rate - 1) > 0.03:
            raise SourceError(f"this sensor samples at {self.rate:g} Hz, not {fs:g}")
        self.leads, self.fs, self.lsb = leads, fs, lsb

    @abstractmethod
    def encode(self, samples: NDArray[np.float32], start: float, lead_off: tuple[bool, ...]) -> list[bytes]:
        """Frames for ``samples`` [n, leads] (mV), the first of them sampled at ``start`` device seconds."""

    @abstractmethod
    def receive(self, data: bytes) -> list[bytes]:
        """Answer bytes from the host."""

    @property
    @abstractmethod
    def running(self) -> bool:
        """Whether the host has asked for data (True from the start for sensors that always talk)."""
