"""Any board that speaks the wearecg wire protocol (firmware_bridge/PROTOCOL.md)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.codec import VERSION, FrameDecoder, encode_frame
from firmware_bridge.messages import (
    ALL_STREAMS,
    MAX_PAYLOAD,
    MAX_SAMPLES,
    Ack,
    Data,
    Event,
    Hello,
    HelloRequest,
    Kind,
    Lead,
    Message,
    Packing,
    Start,
    Status,
    Stop,
    Stream,
    StreamStatus,
    Unit,
    pack_samples,
)
from wearecg.block import SignalBlock
from wearecg.devices.base import Device, SimulatedDevice
from wearecg.devices.track import REACH, Track
from wearecg.ecg.leads import TWELVE
from wearecg.text import visible

REPEAT = 1.0
"""Seconds after which an unanswered HELLO_REQ or START is sent again."""
_KINDS = {kind.value: kind.name.lower() for kind in Kind}
SILENCE = 2.0
"""Seconds without DATA after which the device is asked again who it is (it may have been reset)."""


class Bridge(Device):
    """A wearecg firmware bridge. It states its own rate, leads and scale and takes no options.

    `connected` asks who the device is (HELLO_REQ), its HELLO brings the scale and is answered by
    START; `poll` repeats what stays unanswered. A device that streams already answers all the same;
    DATA that comes before HELLO has no scale and is left out, counted in ``early_frames``.

    On a link that mixes up the order of frames the first that comes late is left out, and told; from then on they are
    put in order (`wearecg.devices.track.Order`).

    ``lost`` of a block is all that is missing before it (see `wearecg.devices.track.Continuity`).
    ``counters.device_dropped_samples`` is the part that the device reports as its own (STATUS), and
    ``counters.link_lost_samples`` the rest; it falls when a STATUS explains a loss that was seen before.
    """

    name = "bridge"
    title = "wearecg firmware bridge"
    baud: ClassVar[int] = 921600

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.early_frames = 0
        self._decoder = FrameDecoder()
        self._misfits = 0
        self._strangers = 0
        self._tracks: dict[int, Track] = {}
        self._hello: Hello | None = None
        self._started = False
        self._refused = 0
        self._seq = 0
        self._repeat_at = 0.0
        self._heard = 0.0
        self._last = b""

    def connected(self, now: float) -> None:
        """Start over: ask who is there."""
        self.outgoing.clear()
        self._decoder.reset()
        self._tracks = {}
        self._hello = None
        self._ask(now)

    def poll(self, now: float) -> None:
        """Repeat HELLO_REQ or START once a second; ask again when the device has gone silent."""
        if self._hello is not None and self._started and now - self._heard > SILENCE:
            self._hello = None
        if now < self._repeat_at:
            return
        if self._hello is None:
            self._ask(now)
        elif not self._started:
            self._send_start(now)

    def stop(self) -> bytes:
        """STOP, after a 0x00 that ends whatever was being sent."""
        return b"\0" + encode_frame(Stop(seq=self._next()))

    def feed(self, data: bytes, arrival: float) -> list[SignalBlock]:
        """Decode; frames that follow each other without a break share a block."""
        self.counters.bytes += len(data)
        self._last = (self._last + data[-64:])[-64:]
        blocks: list[SignalBlock | None] = []
        for message in self._decoder.feed(data):
            if isinstance(message, Data):
                blocks += self._take_data(message, arrival)
            elif isinstance(message, Hello):
                blocks += [track.flush() for track in self._tracks.values()]
                self._take_hello(message, arrival)
            else:
                self._take_other(message)
        blocks += [track.flush() for track in self._tracks.values()]
        self.counters.frames = self._decoder.frames
        self.counters.bad_frames = self._decoder.bad_frames + self._misfits
        self.counters.unknown_frames = self._decoder.unknown_frames + self._strangers
        self.refusal = visible(self._decoder.last_error)
        return [block for block in blocks if block is not None]

    def diagnose(self) -> str:
        """Why bytes arrive but no signal."""
        count = self.counters
        if not count.frames and count.unknown_frames:
            return "valid frames that this host does not understand"
        if not count.frames:
            text = bytes(self._last).decode("ascii", "replace")
            lines = bool(text) and all(c.isprintable() or c in "\r\n\t" for c in text)
            why = "they are lines of text" if lines else "wrong baud rate or not a wearecg bridge"
            return f"{count.bytes} bytes at {self.baud} baud but no valid frame: {why}; try --device ascii"
        if self._hello is None and self.refusal.startswith("Hello "):
            return "the device's HELLO breaks the protocol: correct its firmware"
        if self._hello is None:
            return (
                f"{count.frames} valid frames but no HELLO (protocol version {VERSION}): the device does not "
                "hear this host; check the wire to its RX pin"
            )
        if self._refused:
            return f"the device refuses START with status {self._refused}: see its log or reset it"
        if self._misfits or self._strangers:
            return f"{self._title()} sends DATA that its HELLO does not describe: update its firmware"
        if not self._started:
            return f"{self._title()} answers but does not start sending: reset it"
        return f"{self._title()} answers but sends no DATA: reset it"

    def _title(self) -> str:
        return visible(self._hello.name if self._hello else "") or "the device"

    def _next(self) -> int:
        self._seq = (self._seq + 1) & 0xFFFF
        return self._seq

    def _ask(self, now: float) -> None:
        # The leading 0x00 ends a half-sent frame of whoever used the port before.
        self.outgoing += b"\0" + encode_frame(HelloRequest(seq=self._next()))
        self._started = False
        self._repeat_at = now + REPEAT

    def _send_start(self, now: float) -> None:
        self.outgoing += encode_frame(Start(seq=self._next(), streams=ALL_STREAMS))
        self._repeat_at = now + REPEAT

    def _take_hello(self, hello: Hello, now: float) -> None:
        if hello.streams != tuple(track.stream for track in self._tracks.values()):
            used: set[str] = set()
            self._tracks = {}
            for stream in hello.streams:
                name = _KINDS.get(stream.kind, "other")
                name = f"{name}{stream.id}" if name in used else name
                used.add(name)
                self._tracks[stream.id] = Track(stream, name)
        for track in self._tracks.values():
            if hello.t_us < track.continuity.t_us:
                track.restart()
        self._hello = hello
        self._started = False
        self._refused = 0
        self._send_start(now)

    def _take_data(self, data: Data, arrival: float) -> list[SignalBlock | None]:
        track = self._tracks.get(data.stream)
        if not self._tracks:
            self.early_frames += 1
            return []
        if track is None:
            self._strangers += 1
            return []
        if data.leads != len(track.leads):
            self._misfits += 1
            return []
        self._started = True
        self._heard = arrival
        known = track.order.mixed
        ready = track.order.feed(data, track.continuity)
        if ready is None:
            self.counters.late_frames += 1
            if not known:
                what = f"the link to {self._title()} mixes up the order of frames"
                self.notes.append(
                    f"{what}: one came late and is left out; from here on up to {REACH} are waited for"
                )
            return []
        return [self._take_frame(track, frame) for frame in ready]

    def _take_frame(self, track: Track, data: Data) -> SignalBlock | None:
        lost = track.continuity.missing(data.seq, data.t_us, data.n)
        if lost is None:
            self.counters.duplicates += 1
            return None
        track.account(lost, self.counters)
        return track.add(data, lost)

    def _take_other(self, message: Message) -> None:
        if isinstance(message, Status):
            for entry in message.streams:
                if entry.stream in self._tracks:
                    self._tracks[entry.stream].report(entry.dropped_samples, self.counters)
        elif isinstance(message, Ack) and message.command == Start.code:
            if message.status and not self._refused:
                self.notes.append(f"{self._title()} refuses START with status {message.status}; asking again")
            self._refused = message.status
        elif isinstance(message, Event):
            what = visible(message.text) or f"event {message.number}"
            self.notes.append(f"{self._title()} at {message.t_us * 1e-6:.3f} s: {what}")


class SimulatedBridge(SimulatedDevice):
    """The device side of the protocol, one stream of ``leads``.

    Every `encode` is answered by all its samples, in frames of at most 30 ms: int16 where the counts fit
    and int24 otherwise, or delta-packed throughout with ``packing=Packing.DELTA``. A frame is cut where
    a lead starts or stops being NaN. A STATUS goes out every 5 s and after frames were dropped.
    """

    states_scale: ClassVar[bool] = True
    plays: ClassVar[tuple[str, ...]] = TWELVE
    STATUS_EVERY = 5.0
    FRAME = 0.03

    def __init__(
        self, leads: tuple[str, ...], fs: float, lsb: float = 0.001, packing: Packing | None = None
    ) -> None:
        rate = Fraction(fs).limit_denominator(10000)
        units = {"PPG": Unit.ARBITRARY, "ACC_X": Unit.G, "ACC_Y": Unit.G, "ACC_Z": Unit.G}
        columns = tuple(
            Lead(name=name, lsb=lsb, unit=units.get(name, Unit.MILLIVOLT), adc_bits=24) for name in leads
        )
        self._stream = Stream(id=0, rate_num=rate.numerator, rate_den=rate.denominator, leads=columns)
        self._lsb, self._fs, self._packing = lsb, fs, packing
        # The most that fits a body in the widest packing.
        self._most = min(MAX_SAMPLES, (MAX_PAYLOAD - 3 * len(leads)) // (3 * len(leads) + 1))
        self._decoder = FrameDecoder()
        self._running = False
        self._now_us = 0
        self._status_us = 0
        self._data_seq = 0
        self._seq = -1
        self._to_drop = 0
        self._dropped = StreamStatus(stream=0)

    @property
    def running(self) -> bool:
        """Whether START was heard last."""
        return self._running

    def drop(self, frames: int) -> None:
        """Drop the next ``frames`` inside the device, as it does when the link cannot take them."""
        self._to_drop += frames

    def receive(self, data: bytes) -> list[bytes]:
        """Answer HELLO_REQ, START and STOP."""
        answers: list[bytes] = []
        for message in self._decoder.feed(data):
            if isinstance(message, HelloRequest):
                hello = Hello(
                    seq=self._next(),
                    t_us=self._now_us,
                    flags=int(self._running),
                    streams=(self._stream,),
                    name="wearecg simulator",
                )
                answers += [encode_frame(hello), self._status()]
            elif isinstance(message, Start | Stop):
                self._running = isinstance(message, Start) and bool(message.streams & 1)
                answers.append(
                    encode_frame(Ack(seq=self._next(), command=message.code, command_seq=message.seq))
                )
        return answers

    def encode(self, samples: NDArray[np.float32], start: float, lead_off: tuple[bool, ...]) -> list[bytes]:
        """Frames for all of ``samples``; none while not running."""
        self._now_us = round((start + len(samples) / self._fs) * 1e6)
        if not self._running:
            return []
        invalid = np.isnan(samples)
        counts = np.clip(np.rint(np.nan_to_num(samples / self._lsb)), -0x800000, 0x7FFFFF).astype(np.int32)
        cuts = 1 + np.flatnonzero((invalid[1:] != invalid[:-1]).any(axis=1))
        edges = [0, *cuts.tolist(), len(samples)]
        off = sum(1 << i for i, value in enumerate(lead_off) if value)
        frames: list[bytes] = []
        for first, last in pairwise(edges):
            valid = sum(1 << i for i, value in enumerate(invalid[first]) if not value)
            step = max(1, min(self._most, round(self.FRAME * self._fs)))
            for at in range(first, last, step):
                part = counts[at : min(at + step, last)]
                frames += self._data(part, round((start + at / self._fs) * 1e6), off, valid)
        if self._now_us - self._status_us >= self.STATUS_EVERY * 1e6:
            frames.append(self._status())
        return frames

    def _data(self, counts: NDArray[np.int32], t_us: int, off: int, valid: int) -> list[bytes]:
        n, leads = counts.shape
        seq, self._data_seq = self._data_seq, (self._data_seq + 1) & 0xFFFF
        if self._to_drop:
            self._to_drop -= 1
            self._dropped = replace(
                self._dropped,
                dropped_frames=self._dropped.dropped_frames + 1,
                dropped_samples=self._dropped.dropped_samples + n,
            )
            return [] if self._to_drop else [self._status()]
        fits = int(counts.min()) >= -0x8000 and int(counts.max()) <= 0x7FFF
        packing = self._packing or (Packing.INT16 if fits else Packing.INT24)
        data = Data(
            seq=seq,
            stream=0,
            packing=packing,
            leads=leads,
            n=n,
            t_us=t_us,
            payload=pack_samples(counts, packing),
            lead_off=off,
            lead_off_known=(1 << leads) - 1,
            valid=valid,
        )
        return [encode_frame(data)]

    def _status(self) -> bytes:
        self._status_us = self._now_us
        status = Status(
            seq=self._next(), t_us=self._now_us, flags=int(self._running), streams=(self._dropped,)
        )
        return encode_frame(status)

    def _next(self) -> int:
        self._seq = (self._seq + 1) & 0xFFFF
        return self._seq
