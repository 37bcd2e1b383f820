"""What the Polar sensors have in common: the conversation over PMD, and the simulated sensor's side of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wearecg.block import RRIntervals, SignalBlock, StreamId
from wearecg.devices import polar_pmd as pmd
from wearecg.devices.ble_base import (
    BATTERY,
    HEART_RATE,
    BleDevice,
    Measured,
    Notification,
    SimulatedBle,
    Write,
)
from wearecg.devices.heart_rate import SimulatedHeart, take_heart_rate
from wearecg.devices.stamped import RATE_PACKETS, Stamped

REPEAT = 2.0
"""Seconds after which an unanswered command is given again."""
LONGEST_ANSWER = 512
"""Bytes of settings that are kept of an answer in several packets."""
CLOCK_START_NS = 599_616_000_000_000_000
"""2019-01-01 in nanoseconds since 2000-01-01, where a sensor's clock starts when it was off."""


class Polar(BleDevice):
    """A Polar sensor with PMD. Subclasses say what its streams are made of.

    For each stream the sensor is asked what it offers, then told to start; what stays unanswered is repeated, a stream
    that an earlier program left running is stopped first, and one that the sensor stops itself is started again.
    """

    needs: ClassVar[tuple[str, ...]] = (pmd.CONTROL, pmd.DATA)
    wants: ClassVar[tuple[str, ...]] = (HEART_RATE, BATTERY)
    reads: ClassVar[tuple[str, ...]] = (BATTERY,)
    # After a session that was not stopped the sensor may take 20-30 s to stream (Polar SDK issue 424).
    patience: ClassVar[float] = 35.0
    preferred: ClassVar[dict[str, dict[int, int]]]
    """For each stream the settings to choose where the sensor offers them; else its first."""
    nominal: ClassVar[dict[str, float]]

    def __init__(self, streams: Sequence[str] = ()) -> None:
        super().__init__(streams)
        self.rate_note = "measured on the sensor's own clock"
        self._tracks = {name: Stamped(self.nominal[name]) for name in self.offers if name in self.nominal}
        self._held: dict[str, list[tuple[float, NDArray[np.float32], int, float]]] = {}
        self._factors: dict[str, float] = {}
        self._waiting: dict[str, tuple[Write, float]] = {}
        self._parts = b""
        self._refusal = ""

    def connected(self, now: float) -> None:
        """Ask for the settings of every stream."""
        self.outgoing.clear()
        self._waiting.clear()
        self._held.clear()
        self._parts = b""
        self._refusal = ""
        for track in self._tracks.values():
            track.restart()
        for stream in self.streams:
            self._ask(stream, now)

    def poll(self, now: float) -> None:
        """Repeat commands that were not answered."""
        for stream, (command, at) in list(self._waiting.items()):
            if now - at >= REPEAT:
                self._tell(stream, command.value, now)

    def stop(self) -> list[Write]:
        """Stop every stream: a sensor that is left streaming stays on until its battery is empty."""
        return [self._command(pmd.STOP, stream) for stream in self.streams]

    def feed(self, characteristic: str, data: bytes, arrival: float) -> list[Measured]:
        """Decode; the first packets are held back until they have told the sensor's true rate."""
        self.counters.bytes += len(data)
        try:
            if characteristic == pmd.DATA:
                return self._take_frame(pmd.unpack_frame(data), arrival)
            if characteristic == pmd.CONTROL:
                self._take_control(data, arrival)
            elif characteristic == HEART_RATE:
                return [(take_heart_rate(data, self.counters, self._rate_is_all), arrival)]
            elif characteristic == BATTERY:
                self._take_battery(data)
        except ValueError as error:
            self._refuse(str(error))
        return []

    def diagnose(self) -> str:
        """Why notifications arrive but no signal."""
        if self._refusal:
            return self._refusal
        if self._waiting:
            return (
                f"the {self.title} does not answer commands: take it off and put it on again, or restart it"
            )
        return (
            f"the {self.title} has accepted the start but sends no {', '.join(self.streams).upper()} yet; after a "
            "program that did not stop it this takes up to 30 s"
        )

    @abstractmethod
    def _decode(self, frame: pmd.Frame, stream: str) -> list[RRIntervals] | NDArray[np.float32]:
        """Return a frame's samples [n, leads] in their units, or what else it holds. Raises ValueError."""

    @abstractmethod
    def _leads(self, stream: str) -> tuple[str, ...]:
        """Names of the columns of a stream."""

    @abstractmethod
    def _lsb(self, stream: str) -> float:
        """Units of one step."""

    def _take_frame(self, frame: pmd.Frame, arrival: float) -> list[Measured]:
        stream = self._stream_of(frame.kind)
        if stream is None:
            self.counters.unknown_frames += 1
            return []
        samples = self._decode(frame, stream)
        if not len(samples):
            raise ValueError("a frame without samples")
        self.counters.frames += 1
        self._waiting.pop(stream, None)  # an answer can get lost, samples are answer enough
        if isinstance(samples, list):
            return [(intervals, arrival) for intervals in samples]
        track = self._tracks[stream]
        lost = track.place(frame.last, len(samples))
        if lost is None:
            self.counters.duplicates += 1
            return []
        self.counters.link_lost_samples += lost
        held = self._held.setdefault(stream, [])
        held.append((frame.last, samples, lost, arrival))
        del held[:-RATE_PACKETS]
        if not track.known:
            return []
        del self._held[stream]
        return [
            (self._block(stream, track, last, samples, missing), at) for last, samples, missing, at in held
        ]

    def _block(
        self, stream: str, track: Stamped, last: float, samples: NDArray[np.float32], lost: int
    ) -> SignalBlock:
        leads = self._leads(stream)
        start = track.start(last, len(samples))
        lsb = (self._lsb(stream),) * len(leads)
        return SignalBlock(samples, track.fs, leads, start, lost, lsb=lsb, stream=StreamId(stream))

    def _take_control(self, data: bytes, now: float) -> None:
        if data[:1] == bytes([pmd.FEATURES]):
            return
        if data[:1] == bytes([pmd.STOPPED]):
            stopped = {kind & 0x3F for kind in data[1:]}
            for name in self.streams:
                if pmd.KINDS[name] in stopped:
                    self._ask(name, now)
            self.notes.append(
                f"the {self.title} stopped {pmd.measurements(stopped)} by itself; starting again"
            )
            return
        answer = pmd.unpack_response(data)
        self.counters.frames += 1
        if (stream := self._stream_of(answer.kind)) is None:
            return
        self._parts = (self._parts + answer.parameters)[-LONGEST_ANSWER:]
        if answer.more:
            return
        parameters, self._parts = self._parts, b""
        if answer.status == pmd.ALREADY and answer.command == pmd.START:
            self.outgoing.append(self._command(pmd.STOP, stream))
            self._ask(stream, now)
        elif answer.status != pmd.DONE:
            self._denied(answer)
        elif answer.command == pmd.GET_SETTINGS:
            self._tell(stream, self._start_command(stream, pmd.unpack_settings(parameters)), now)
        elif answer.command == pmd.START:
            self._waiting.pop(stream, None)
            self._factors[stream] = pmd.factor(pmd.unpack_settings(parameters))

    @property
    def _rate_is_all(self) -> bool:
        """Whether nothing but the heart rate service tells the beats."""
        return False

    def _stream_of(self, kind: int) -> str | None:
        return next((name for name in self.streams if pmd.KINDS[name] == kind), None)

    def _start_command(self, stream: str, offered: pmd.Settings) -> bytes:
        preferred = self.preferred.get(stream, {})
        chosen = {
            what: (preferred[what] if preferred.get(what) in values else values[0],)
            for what, values in offered.items()
            if values and what != pmd.FACTOR
        }
        return pmd.pack_command(pmd.START, pmd.KINDS[stream], chosen)

    def _ask(self, stream: str, now: float) -> None:
        if stream == "ppi":  # has no settings
            self._tell(stream, pmd.pack_command(pmd.START, pmd.PPI), now)
        else:
            self._tell(stream, pmd.pack_command(pmd.GET_SETTINGS, pmd.KINDS[stream]), now)

    def _tell(self, stream: str, value: bytes, now: float) -> None:
        command = Write(pmd.CONTROL, value)
        self.outgoing.append(command)
        self._waiting[stream] = command, now

    def _command(self, command: int, stream: str) -> Write:
        return Write(pmd.CONTROL, pmd.pack_command(command, pmd.KINDS[stream]))

    def _denied(self, answer: pmd.Response) -> None:
        if answer.command == pmd.STOP:
            return
        why = pmd.STATUS.get(answer.status, f"answers with status {answer.status}")
        refusal = (
            f"the {self.title} {why} ({pmd.measurements([answer.kind])}): restart it, or update its firmware"
        )
        if refusal != self._refusal:
            self.notes.append(refusal)
        self._refusal = refusal


class SimulatedPolar(SimulatedBle):
    """The sensor's end: settings, start, stop, heart rate once a second, and frames when they are full."""

    settings: ClassVar[dict[int, dict[int, tuple[int, ...]]]]
    """What is offered, for each measurement."""
    frame_samples: ClassVar[int]
    """Samples in one notification."""
    main: ClassVar[int]
    """The measurement that carries what is played."""

    def __init__(self, leads: tuple[str, ...], fs: float, lsb: float = 0.001) -> None:
        super().__init__(leads, fs, lsb)
        self._streams: set[int] = set()
        self._strap = SimulatedHeart()
        self._samples: list[NDArray[np.float32]] = []
        self._pending = 0

    def linked(self, up: bool) -> None:
        """Nothing streams until asked for."""
        super().linked(up)
        self._streams.clear()
        self._samples, self._pending = [], 0

    def beat(self, time: float) -> None:
        """Learn of a heart beat."""
        self._strap.beat(time)

    def write(self, characteristic: str, value: bytes) -> list[Notification]:
        """Answer the control point."""
        if characteristic != pmd.CONTROL or len(value) < 2:
            return []
        command, kind = value[0], value[1] & 0x3F
        status, parameters = pmd.DONE, b""
        if kind not in self.settings:
            status = 2
        elif command == pmd.GET_SETTINGS:
            parameters = pmd.pack_settings(self.settings[kind])
        elif command == pmd.START:
            status = self._start(kind, value[2:])
        elif command == pmd.STOP:
            self._streams.discard(kind)
        else:
            status = 1
        self.running = bool(self._streams)
        body = bytes([pmd.RESPONSE, command, kind, status])
        return [(pmd.CONTROL, body + (b"\0" + parameters if status == pmd.DONE else b""))]

    def encode(
        self, samples: NDArray[np.float32], start: float, lead_off: tuple[bool, ...]
    ) -> list[Notification]:
        """Full frames, and the heart rate of every whole second."""
        end = start + len(samples) / self.fs
        out = self._strap.until(end, contact=not any(lead_off))
        if self.main not in self._streams:
            return out
        self._samples.append(samples)
        self._pending += len(samples)
        while self._pending >= self.frame_samples:
            waiting = np.concatenate(self._samples)
            whole, rest = waiting[: self.frame_samples], waiting[self.frame_samples :]
            self._samples, self._pending = [rest], len(rest)
            last = end - (len(rest) + 1) / self.fs
            out.append((pmd.DATA, self.frame(whole, CLOCK_START_NS + round(last * 1e9))))
        return out

    @abstractmethod
    def frame(self, samples: NDArray[np.float32], last_ns: int) -> bytes:
        """Return a data notification with ``samples`` [n, channels], the last of them taken at ``last_ns``."""

    def _start(self, kind: int, settings: bytes) -> int:
        if kind in self._streams:
            return pmd.ALREADY
        try:
            chosen = pmd.unpack_settings(settings)
        except ValueError:
            return 5
        offered = self.settings[kind]
        if set(chosen) != set(offered) or any(v[0] not in offered[what] for what, v in chosen.items()):
            return 5
        self._streams.add(kind)
        return pmd.DONE
