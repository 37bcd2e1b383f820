"""What the boards of ProtoCentral have in common on a serial port: one framing, and packets of plain numbers.

``0A FA``, length (u16), type (u8), payload, ``00 0B`` (``0B`` alone from some), all little-endian, as OpenView
(github.com/Protocentral/protocentral_openview) reads it. There is no checksum, no number and no time: a packet is
believed by its length, type and end, and by the packets beside it; lost ones cannot be seen. A board keeps to one end:
else a packet that lost a byte could pass as a whole one.

The heart rates and the like that boards send beside the signal are left out: they are measured here, on the signal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import SignalBlock
from wearecg.devices.arrival import Unclocked
from wearecg.devices.base import Counters, Device, SimulatedDevice, channels
from wearecg.devices.framing import Framing
from wearecg.errors import SourceError

SYNC = b"\x0a\xfa"
HEADER = 5
ENDS = (b"\0\x0b", b"\x0b")


@dataclass(frozen=True, slots=True)
class Signal:
    """One stream of a board: its leads, its rate (Hz), and mV of one count at the ADC (0 where unknown)."""

    leads: tuple[str, ...]
    fs: float
    lsb: float = 0.0


class ProtoCentral(Device):
    """A board of ProtoCentral.

    Parameters
    ----------
    fs : float, optional
        Hz of the ECG; other signals follow in proportion. If not given: that of the document, unless arrivals
        contradict it (see `Unclocked`).
    leads : sequence of str, optional
        Names of the ECG channels.
    lsb : float, optional
        mV at the electrodes of one count of the ECG. Without it amplitudes are those at the ADC, where its scale is
        known, and else counts: beats and rhythm are found, but a model that wants mV is right to refuse them.
    """

    baud: ClassVar[int] = 115200
    names_leads: ClassVar[bool] = False
    packets: ClassVar[Mapping[tuple[int, int], np.dtype[Any]]]
    """By type and length: the payload. Its fields named like streams hold [samples, leads] each."""
    signals: ClassVar[Mapping[str, Signal]]

    def __init__(self, fs: float | None = None, leads: Sequence[str] = (), lsb: float | None = None) -> None:
        super().__init__()
        if fs is not None and not 0 < fs < 100_000:
            raise SourceError(f"a rate of {fs} Hz is not possible: give the samples per second")
        if lsb is not None and not 0 < lsb < float("inf"):
            raise SourceError(f"one count cannot be {lsb} mV: give the mV of one ADC step")
        ecg = self.signals["ecg"]
        self._columns = channels(leads, len(ecg.leads), self.title) if leads else dict(enumerate(ecg.leads))
        if lsb is None:
            at = "those at the ADC" if ecg.lsb else "counts of the ADC"
            self.notes.append(
                f"amplitudes are {at} of the {self.title}, whose scale is not documented (--lsb)"
            )
        faster = None if fs is None else fs / ecg.fs
        self._streams = {}
        for name, signal in self.signals.items():
            scale = (signal.lsb if lsb is None else lsb) if name == "ecg" else signal.lsb
            names = tuple(self._columns.values()) if name == "ecg" else signal.leads
            given = faster and faster * signal.fs
            self._streams[name] = Unclocked(name, names, scale, signal.fs, given)
        self._framings: list[tuple[Framing, Counters]] = []
        for end in ENDS:
            counters = Counters()
            self._framings.append((Framing(counters, partial(self._measure, end)), counters))
        self._follow_rate()

    def connected(self, now: float) -> None:  # noqa: ARG002
        """Start over."""
        for framing, _ in self._framings:
            framing.reset()
        self.counters.link_lost_samples += sum(stream.restart() for stream in self._streams.values())

    def feed(self, data: bytes, arrival: float) -> list[SignalBlock]:
        """Decode; packets are believed when the next one has come."""
        self.counters.bytes += len(data)
        frames = self._frames(data)
        blocks: list[SignalBlock] = []
        for (kind, off), group in groupby(
            frames, lambda frame: (_kind(frame), self._lead_off(frame[HEADER:]))
        ):
            layout = self.packets[kind]
            payload = b"".join(frame[HEADER : HEADER + layout.itemsize] for frame in group)
            blocks += self._take(np.frombuffer(payload, layout), off, arrival)
        self._follow_rate()
        return blocks

    def diagnose(self) -> str:
        """Why bytes arrive but no signal."""
        if not self.counters.frames:
            rates = " and ".join(map(str, (self.baud, *self.other_bauds)))
            return (
                f"{self.counters.bytes} bytes but no packet of the {self.title}: its firmware talks at {rates} baud; "
                "try --device auto"
            )
        return f"the {self.title} has sent {self.counters.frames} packets and then stopped: reset it"

    def _frames(self, data: bytes) -> list[bytes]:
        """Packets that are believed by now; the first of them decides how this board ends them."""
        for candidate in self._framings:
            found = [frame for frame, _ in candidate[0].feed(data)]
            if found:
                self._framings = [candidate]
                break
        counters = self._framings[0][1]
        self.counters.frames, self.counters.bad_frames = counters.frames, counters.bad_frames
        return found

    def _lead_off(self, payload: bytes) -> bool | None:  # noqa: ARG002
        """Whether a packet says that electrodes are off; None where this board cannot tell."""
        return None

    def _take(self, packets: NDArray[Any], off: bool | None, arrival: float) -> list[SignalBlock]:
        """Blocks for consecutive packets of one kind."""
        blocks: list[SignalBlock] = []
        for name, stream in self._streams.items():
            if name in (packets.dtype.names or ()):
                field = packets[name]
                counts = field.reshape(-1, field.shape[-1]).astype(np.float64)
                if name == "ecg":
                    counts = counts[:, list(self._columns)]
                if off and name != "ppg":
                    counts[:] = np.nan
                lead_off = (off,) * counts.shape[1] if name == "ecg" else ()
                blocks += stream.take(counts, arrival, lead_off)
        return blocks

    def _measure(self, end: bytes, buffer: bytearray, at: int) -> int | None:
        """Length of the packet at ``at``, see `wearecg.devices.framing`."""
        head = bytes(buffer[at : at + HEADER])
        if not head.startswith(SYNC[: len(head)]):
            return 0
        if len(head) < HEADER:
            return None
        kind = self.packets.get(_kind(head))
        if kind is None:
            return 0
        length = HEADER + kind.itemsize + len(end)
        if len(buffer) - at < length:
            return None
        return length if buffer[at + length - len(end) : at + length] == end else 0

    def _follow_rate(self) -> None:
        ecg = self._streams["ecg"]
        if ecg.note and ecg.note != self.rate_note and ecg.fs != self.signals["ecg"].fs:
            self.notes.append(f"sampling rate {ecg.note}; give --fs if you know it")
        self.rate_note = ecg.note or (
            "not known yet: measuring arrival times" if ecg.holding else "given by the user"
        )
        self.holding = ecg.holding


def _kind(frame: bytes) -> tuple[int, int]:
    return frame[4], int.from_bytes(frame[2:4], "little")


class SimulatedProtoCentral(SimulatedDevice):
    """A board that talks from the start; respiration and light are slow waves that mean nothing.

    One mV at the electrodes is so many counts that an ECG fills a part of the ADC's range.
    """

    board: ClassVar[type[ProtoCentral]]
    kind: ClassVar[tuple[int, int]]
    """Type and length of the packets with the ECG."""
    scale: ClassVar[float]
    """mV at the electrodes of one count, with an amplifier such as the board's."""
    channels: ClassVar[int | None] = 1

    def __init__(self, leads: tuple[str, ...], fs: float, lsb: float | None = None) -> None:
        super().__init__(leads, fs, self.scale if lsb is None else lsb)
        self._waiting: NDArray[np.float32] = np.zeros((0, len(leads)), np.float32)

    @property
    def running(self) -> bool:
        """Always."""
        return True

    def receive(self, data: bytes) -> list[bytes]:  # noqa: ARG002
        """Nothing: the board does not listen."""
        return []

    def encode(
        self,
        samples: NDArray[np.float32],
        start: float,
        lead_off: tuple[bool, ...],  # noqa: ARG002
    ) -> list[bytes]:
        """One packet for each, or for every few, of ``samples``."""
        start -= len(self._waiting) / self.fs
        self._waiting = np.concatenate([self._waiting, samples])
        n = self.board.packets[self.kind]["ecg"].shape[0]
        frames = []
        while len(self._waiting) >= n:
            now, self._waiting = self._waiting[:n], self._waiting[n:]
            frames.append(self._packet(self.kind, start, now / self.lsb))
            start += n / self.fs
        return frames

    def _packet(self, kind: tuple[int, int], time: float, ecg: NDArray[np.float32] | None = None) -> bytes:
        """The packet of ``kind`` whose first sample is taken at ``time``."""
        payload = np.zeros(1, self.board.packets[kind])
        for name, signal in self.board.signals.items():
            if name not in (payload.dtype.names or ()):
                continue
            field = payload[name][0]
            counts = np.zeros(field.shape)
            if name == "ecg" and ecg is not None:
                counts[:, : ecg.shape[1]] = np.rint(np.nan_to_num(ecg))
            else:
                at = time + np.arange(len(field)) / signal.fs
                counts[:] = (10_000 + 1_000 * np.sin(2 * np.pi * 0.25 * at))[:, None]
            limits = np.iinfo(field.dtype)
            field[:] = np.clip(counts, limits.min, limits.max)
        return frame(kind[0], payload.tobytes())


def frame(code: int, payload: bytes) -> bytes:
    """One packet as it stands on the wire."""
    return SYNC + len(payload).to_bytes(2, "little") + bytes([code]) + payload + ENDS[0]


def layout(**fields: tuple[str, int, int] | str) -> np.dtype[Any]:
    """A payload: each field a number type with its samples and leads (``"<i2", 8, 1``), or a plain type to skip."""
    return np.dtype([(name, f) if isinstance(f, str) else (name, f[0], f[1:]) for name, f in fields.items()])
