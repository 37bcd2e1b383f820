"""OpenBCI Ganglion: four channels at 200 Hz, packed into 20-byte notifications.

``docs.openbci.com/Ganglion/GanglionDataFormat``. Byte 0 numbers the packet and says how it is packed:

* firmware 2: 0 holds one sample of 4 x 24 bits; 1-100 and 101-200 hold two samples as differences of 18 and 19 bits,
  the next sample being the one before *minus* the difference.
* firmware 3: 0-99 and 100-199 hold two samples of 18 and 19 bits, to be shifted up to 24.

In the words of 18 and 19 bits the lowest bit is the sign (1: negative), as OpenBCI's own decoders read them.
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
from wearecg.ecg.leads import canonical
from wearecg.errors import SourceError

SERVICE = uuid16(0xFE84)
DATA = "2d30c082-f39f-4ce6-923f-3484ea480596"
COMMAND = "2d30c083-f39f-4ce6-923f-3484ea480596"
INFORMATION = uuid16(0x180A)
FIRMWARE, SOFTWARE = uuid16(0x2A26), uuid16(0x2A28)
FS = 200.0
CHANNELS = 4
LSB = 1.2e3 / (8_388_607 * 1.5 * 51)
"""mV of one count: reference 1.2 V, gain 51, and 1.5 (OpenBCI's scale factor)."""
PACKET = 20
REPEAT = 2.0


class Ganglion(BleDevice):
    """A Ganglion. ``leads`` names its first channels; those that are not named are left out.

    The packet number tells what is missing. With firmware 2 a lost packet costs all until the next number 0 (at most
    0.5 s), because differences to an unknown sample are worth nothing. Which firmware it is, is read from
    the device information service; that it stands there is not confirmed.
    """

    name = "ganglion"
    title = "OpenBCI Ganglion"
    advertised_names: ClassVar[tuple[str, ...]] = ("Ganglion-", "Ganglion ")
    needs: ClassVar[tuple[str, ...]] = (DATA,)
    reads: ClassVar[tuple[str, ...]] = (FIRMWARE, SOFTWARE)
    names_leads: ClassVar[bool] = False

    def __init__(
        self, streams: Sequence[str] = (), leads: Sequence[str] = ("ECG", "ECG_2", "ECG_3", "ECG_4")
    ) -> None:
        super().__init__(streams)
        if not 1 <= len(leads) <= CHANNELS:
            raise SourceError(f"a Ganglion has {CHANNELS} channels, {len(leads)} leads are named")
        self._leads = tuple(map(canonical, leads))
        self._absolute = False
        self._expected: int | None = None
        self._before: NDArray[np.int64] | None = None
        self._missing = 0
        self._last = b""
        self._asked = 0.0
        self._heard = False

    def connected(self, now: float) -> None:
        """Ask for data."""
        self._expected = self._before = None
        self._missing = 0
        self._last = b""
        self._heard = False
        self._ask(now)

    def poll(self, now: float) -> None:
        """Repeat the start command until data come."""
        if not self._heard and now - self._asked >= REPEAT:
            self._ask(now)

    def stop(self) -> list[Write]:
        """Stop streaming."""
        return [Write(COMMAND, b"s", response=False)]

    def feed(self, characteristic: str, data: bytes, arrival: float) -> list[Measured]:
        """Decode one notification."""
        self.counters.bytes += len(data)
        if characteristic in (FIRMWARE, SOFTWARE):
            self._absolute |= data.lstrip(b"v").startswith(b"3")
            return []
        if characteristic != DATA or len(data) != PACKET:
            self._refuse(f"{len(data)} bytes are no packet of {PACKET}")
            return []
        if data[0] > 200 or (self._absolute and data[0] == 200):
            self.counters.unknown_frames += 1  # impedance, text
            return []
        if data == self._last:
            self.counters.duplicates += 1
            return []
        self._last = data
        self.counters.frames += 1
        self._heard = True
        samples = self._absolute_samples(data) if self._absolute else self._sample_steps(data)
        if not len(samples):
            return []
        lost, self._missing = self._missing, 0
        self.counters.link_lost_samples += lost
        values = (samples[:, : len(self._leads)] * LSB).astype(np.float32)
        lsb = (LSB,) * len(self._leads)
        return [(SignalBlock(values, FS, self._leads, lost=lost, lsb=lsb), arrival)]

    def diagnose(self) -> str:
        """Why notifications arrive but no signal."""
        if self.counters.frames:
            return "packets arrive but too many are lost to make samples of them: bring the Ganglion closer"
        return "the Ganglion does not start streaming: switch it off and on again"

    def _ask(self, now: float) -> None:
        self.outgoing[:] = [Write(COMMAND, b"b", response=False)]
        self._asked = now

    def _skipped(self, place: int, places: int) -> list[int]:
        """Places of the packets missing before this one."""
        expected = place if self._expected is None else self._expected
        self._expected = (place + 1) % places
        return [(expected + i) % places for i in range((place - expected) % places)]

    def _sample_steps(self, data: bytes) -> NDArray[np.int64]:
        bits = 18 if data[0] <= 100 else 19
        place = data[0] if data[0] <= 100 else data[0] - 100
        skipped = self._skipped(place, 101)
        if skipped:
            self._before = None
            self._missing += sum(1 if at == 0 else 2 for at in skipped)
        if place == 0:
            words = [data[1 + 3 * i : 4 + 3 * i] for i in range(CHANNELS)]
            self._before = np.array([int.from_bytes(word, "big", signed=True) for word in words])
            return self._before[None]
        if self._before is None:
            # At the very start nothing was ever known, so nothing is lost.
            self._missing += 2 if self._missing else 0
            return np.zeros((0, CHANNELS), np.int64)
        samples = self._before - np.cumsum(_words(data[1:], bits), axis=0)
        self._before = samples[-1]
        return samples

    def _absolute_samples(self, data: bytes) -> NDArray[np.int64]:
        bits = 18 if data[0] < 100 else 19
        self._missing += 2 * len(self._skipped(data[0] % 100, 100))
        return _words(data[1:], bits) << (24 - bits)


def _words(data: bytes, bits: int) -> NDArray[np.int64]:
    """Return two samples of four words, highest bit first, the lowest bit of each being its sign."""
    total = int.from_bytes(data, "big") >> (8 * len(data) - 2 * CHANNELS * bits)
    words = [total >> bits * (2 * CHANNELS - 1 - i) & ((1 << bits) - 1) for i in range(2 * CHANNELS)]
    return np.array([word - (1 << bits) if word & 1 else word for word in words]).reshape(2, CHANNELS)


def pack_words(values: NDArray[np.int64], bits: int) -> bytes:
    """Return the 19 bytes of two samples of four words; each value's parity must fit its sign."""
    total = 0
    for value in values.ravel():
        total = total << bits | int(value) & ((1 << bits) - 1)
    return (total << (8 * (PACKET - 1) - 2 * CHANNELS * bits)).to_bytes(PACKET - 1, "big")


class SimulatedGanglion(SimulatedBle):
    """A Ganglion with firmware 2 and differences of 19 bits. A column that is not given is 0."""

    advertised_name = "Ganglion-0001"
    advertised: ClassVar[tuple[str, ...]] = (SERVICE,)
    channels: ClassVar[int | None] = None
    rate: ClassVar[float | None] = FS
    services: ClassVar[Services] = {
        INFORMATION: (Characteristic(FIRMWARE, ("read",), b"2.0.1"),),
        SERVICE: (
            Characteristic(DATA, ("read", "notify")),
            Characteristic(COMMAND, ("write-without-response",)),
        ),
    }

    def __init__(self, leads: tuple[str, ...], fs: float = FS, lsb: float = LSB) -> None:
        super().__init__(leads, fs, lsb)
        self._place = 0
        self._before = np.zeros(CHANNELS, np.int64)
        self._waiting: list[NDArray[np.int64]] = []

    def linked(self, up: bool) -> None:
        """Start over."""
        super().linked(up)
        self._place, self._waiting = 0, []

    def write(self, characteristic: str, value: bytes) -> list[Notification]:
        """``b`` starts, ``s`` stops."""
        if characteristic == COMMAND and value in (b"b", b"s"):
            self.running = value == b"b"
        return []

    def encode(
        self,
        samples: NDArray[np.float32],
        start: float,  # noqa: ARG002
        lead_off: tuple[bool, ...],  # noqa: ARG002
    ) -> list[Notification]:
        """One packet for the first of 201 samples, and for every two after it."""
        if not self.running:
            return []
        counts = np.zeros((len(samples), CHANNELS), np.int64)
        counts[:, : samples.shape[1]] = np.rint(np.nan_to_num(samples / LSB))
        self._waiting += list(np.clip(counts, -(1 << 23), (1 << 23) - 1))
        out: list[Notification] = []
        while len(self._waiting) >= (2 if self._place else 1):
            out.append((DATA, self._packet()))
            self._place = (self._place + 1) % 101
        return out

    def _packet(self) -> bytes:
        if not self._place:
            self._before = self._waiting.pop(0)
            whole = b"".join(int(count).to_bytes(3, "big", signed=True) for count in self._before)
            return bytes([0]) + whole + bytes(PACKET - 1 - len(whole))
        steps = np.zeros((2, CHANNELS), np.int64)
        for row in range(2):
            wanted = np.clip(self._before - self._waiting.pop(0), -(1 << 19) + 1, (1 << 19) - 2)
            # Negative words are odd and the others even: one count of error, which the next difference takes back.
            steps[row] = np.where(wanted < 0, wanted | 1, wanted & ~1)
            self._before = self._before - steps[row]
        return bytes([100 + self._place]) + pack_words(steps, 19)
