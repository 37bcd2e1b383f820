"""The C library against the Python codec on random messages, damaged streams and device runs.

``make differential CASES=100000``; prints how many cases ran, in how many seconds, and the first difference.
"""

from __future__ import annotations

import argparse
import struct
import sys
import time
import zlib
from collections import Counter
from random import Random

import numpy as np

from firmware_bridge.c.tests.native import Native
from firmware_bridge.codec import FrameDecoder, decode_body, encode_body, encode_frame
from firmware_bridge.fields import FrameError, UnknownFrameError
from firmware_bridge.messages import (
    MAX_PAYLOAD,
    Ack,
    Data,
    Event,
    Hello,
    HelloRequest,
    Lead,
    Message,
    Packing,
    Start,
    Status,
    Stop,
    Stream,
    StreamStatus,
    pack_samples,
)

LETTERS = "abcXYZ 019äß€𝄞"


class DifferenceError(Exception):
    """The two sides do not agree."""


class Messages:
    """Random messages, most of them DATA, all of them valid."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self._numbers = np.random.default_rng(seed)

    def one(self) -> Message:
        """Return the next message."""
        rng = self.rng
        seq = rng.getrandbits(16)
        extra = rng.randbytes(rng.randint(1, 5)) if rng.random() < 0.1 else b""
        t_us = rng.getrandbits(rng.choice((20, 40, 64)))
        kind = rng.random()
        if kind < 0.6:
            return self._data(seq, t_us, extra)
        if kind < 0.7:
            streams = tuple(self._stream(i) for i in rng.sample(range(32), rng.randint(0, 3)))
            about = {name: self._text() for name in ("name", "firmware", "serial")}
            return Hello(seq=seq, extra=extra, t_us=t_us, flags=rng.getrandbits(8), streams=streams, **about)
        if kind < 0.8:
            count = rng.randint(0, 4)
            more = rng.randbytes(rng.choice((0, 0, 0, 3)))
            losses = [[rng.getrandbits(rng.choice((4, 32))) for _ in range(3)] for _ in range(count)]
            entries = tuple(
                StreamStatus(
                    stream=i, dropped_frames=a, dropped_samples=b, overruns=c, extra=more if count else b""
                )
                for i, (a, b, c) in enumerate(losses)
            )
            battery = rng.choice((None, rng.randint(0, 254)))
            flags = rng.getrandbits(8)
            return Status(seq=seq, extra=extra, t_us=t_us, flags=flags, battery=battery, streams=entries)
        if kind < 0.85:
            return Event(seq=seq, extra=extra, t_us=t_us, number=rng.getrandbits(16), text=self._text())
        command = {
            "command": rng.getrandbits(8),
            "command_seq": rng.getrandbits(16),
            "status": rng.randint(0, 3),
        }
        return rng.choice(
            (
                HelloRequest(seq=seq, extra=extra),
                Start(seq=seq, extra=extra, streams=rng.getrandbits(32)),
                Stop(seq=seq, extra=extra),
                Ack(seq=seq, extra=extra, **command),
            )
        )

    def _text(self) -> str:
        return "".join(self.rng.choice(LETTERS) for _ in range(self.rng.randint(0, 9)))

    def _float(self) -> float:
        return float(np.float32(2.0 ** self.rng.uniform(-40, 19)))

    def _stream(self, number: int) -> Stream:
        rng = self.rng
        more = rng.randbytes(rng.choice((0, 0, 0, 2)))
        leads = tuple(
            Lead(
                name="".join(chr(rng.randint(33, 126)) for _ in range(rng.randint(1, 8))),
                lsb=self._float(),
                unit=rng.getrandbits(8),
                adc_bits=rng.getrandbits(8),
                gain=rng.choice((0.0, self._float())),
                extra=more,
            )
            for _ in range(rng.randint(1, 5))
        )
        rate = {"rate_num": rng.randint(1, 2**32 - 1), "rate_den": rng.randint(1, 1000)}
        extra = rng.randbytes(rng.choice((0, 0, 0, 4)))
        return Stream(id=number, kind=rng.getrandbits(8), leads=leads, extra=extra, **rate)

    def _data(self, seq: int, t_us: int, extra: bytes) -> Data:
        rng = self.rng
        packing = rng.choice(list(Packing))
        leads = rng.choice((1, 1, 2, 3, 8, 12, 32))
        most = max(1, min(255, (MAX_PAYLOAD - 3 * leads - 20) // (3 * leads + 1)))
        n = rng.choice((1, 2, 15, 16, 17, 18, 33, rng.randint(1, most)))
        n = min(n, most)
        limit = 1 << (15 if packing == Packing.INT16 else 23)
        span = rng.choice((1, 3, 200, 5000, limit))
        counts = self._numbers.integers(-min(span, limit), min(span, limit), (n, leads))
        payload = pack_samples(counts, packing)
        if packing == Packing.DELTA and rng.random() < 0.3:
            payload = self._wide_delta(n, leads)
        masks = {name: rng.getrandbits(32) for name in ("lead_off", "lead_off_known", "valid")}
        shape = {"stream": rng.randint(0, 31), "leads": leads, "n": n}
        return Data(
            seq=seq,
            t_us=t_us,
            packing=packing,
            payload=payload,
            extra=extra if len(payload) < 900 else b"",
            **shape,
            **masks,
        )

    def _wide_delta(self, n: int, leads: int) -> bytes:
        """A payload that no sender would make: any width, any bits, padding that is not 0."""
        out = self.rng.randbytes(3 * leads)
        for first in range(0, n - 1, 16):
            bits = self.rng.randint(0, 20)
            out += bytes([bits]) + self.rng.randbytes((min(16, n - 1 - first) * leads * bits + 7) // 8)
        return out


def compare_message(native: Native, message: Message) -> None:
    """Both directions of one message."""
    body, wire = encode_body(message), encode_frame(message)
    if native.cobs(body) != wire:
        raise DifferenceError(f"COBS of {body.hex()}")
    native.reset()
    out = native.feed(wire)
    if [got for got, _ in out] != [body] or native.counters() != (0, 0):
        raise DifferenceError(f"not delivered: {wire.hex()}")
    again = native.rewrite(body)
    if isinstance(message, Data):
        if not np.array_equal(out[0][1], message.samples().reshape(-1)):
            raise DifferenceError(f"samples of {body.hex()}")
        if message.packing != Packing.DELTA:
            expected = body
        else:
            canonical = pack_samples(message.samples(), Packing.DELTA)
            head = body[:28] + canonical + message.extra
            expected = head + struct.pack("<I", zlib.crc32(head))
        if again != (expected if len(expected) <= 1024 else b""):
            raise DifferenceError(f"written differently: {body.hex()}")
    elif not _has_inner_extra(message) and again != body:
        raise DifferenceError(f"written differently: {body.hex()}")


def _has_inner_extra(message: Message) -> bool:
    if isinstance(message, Hello):
        return any(s.extra or any(lead.extra for lead in s.leads) for s in message.streams)
    return isinstance(message, Status) and any(entry.extra for entry in message.streams)


def damaged_body(messages: Messages) -> bytes:
    """A body with bytes changed, cut or added, and a CRC that holds all the same."""
    rng = messages.rng
    body = bytearray(encode_body(messages.one())[:-4])
    for _ in range(rng.randint(1, 3)):
        kind = rng.random()
        if kind < 0.6 and body:
            body[rng.randrange(len(body))] = rng.choice(
                (0, 1, 2, 12, 13, 24, 25, 31, 32, 33, 255, rng.getrandbits(8))
            )
        elif kind < 0.8:
            del body[rng.randint(0, len(body)) :]
        else:
            body += rng.randbytes(rng.choice((1, 20, 1000)))
    return bytes(body) + struct.pack("<I", zlib.crc32(bytes(body)))


def damaged_stream(messages: Messages, native: Native) -> bytes:
    """Frames, malformed ones among them, with bits flipped, bytes lost and noise added."""
    rng = messages.rng
    wire = bytearray()
    for _ in range(rng.randint(1, 6)):
        kind = rng.random()
        if kind < 0.6:
            wire += encode_frame(messages.one())
        elif kind < 0.8:
            wire += native.cobs(damaged_body(messages))
        elif kind < 0.9:
            wire += rng.randbytes(rng.choice((0, 3, 40, 1028, 1029, 1030, 1500)))
        else:
            wire += bytes([rng.randint(1, 255)]) * rng.choice((1028, 1029, 1030, 3000)) + b"\0"
    for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
        if not wire:
            break
        at, kind = rng.randrange(len(wire)), rng.random()
        if kind < 0.5:
            wire[at] ^= 1 << rng.randrange(8)
        elif kind < 0.75:
            del wire[at : at + rng.choice((1, 1, 10))]
        else:
            wire[at:at] = rng.randbytes(rng.choice((1, 1, 10)))
    return bytes(wire) + (b"\0" if rng.random() < 0.5 else b"")


def compare_stream(native: Native, wire: bytes, rng: Random) -> int:
    """The same messages and the same damage, however the bytes are cut; how many messages came through."""
    native.reset()
    decoder = FrameDecoder()
    expected: list[Message] = []
    out: list[bytes] = []
    at = 0
    while at < len(wire):
        size = rng.choice((1, 7, 64, 500, 4000))
        expected += decoder.feed(wire[at : at + size])
        out += [body for body, _ in native.feed(wire[at : at + size])]
        at += size
    if [decode_body(body) for body in out] != expected:
        raise DifferenceError(f"other messages: {wire.hex()}")
    if native.counters() != (decoder.bad_frames, decoder.unknown_frames):
        raise DifferenceError(
            f"counted {native.counters()}, Python {decoder.bad_frames, decoder.unknown_frames}: {wire.hex()}"
        )
    return len(out)


def check_device(native: Native, rng: Random) -> int:
    """A device on a link that stalls: all samples arrive as they were or are accounted for; how many were made.

    Samples count up, so that each one that arrives says which it is. The losses that STATUS tells must be those
    that the host sees in ``seq`` and in the samples.
    """
    packets = rng.random() < 0.3
    packing = rng.choice(list(Packing))
    if not native.device(packing, packets):
        raise DifferenceError("the device does not start")
    decoder = FrameDecoder()
    got: list[Message] = []

    def hear(room: int) -> None:
        raw = native.poll(now, room)
        while packets and raw:
            (size,) = struct.unpack_from("<I", raw)
            got.append(decode_body(raw[4 : 4 + size]))
            raw = raw[4 + size :]
        got.extend(decoder.feed(raw))

    now = rng.getrandbits(34)
    start = encode_body(Start(seq=1)) if packets else encode_frame(Start(seq=1))
    native.receive(start, packets)
    made = overruns = missed = breaks = 0
    off, valid, room = 0, 0xFFFFFFFF, 1 << 16
    for _ in range(rng.randint(50, 600)):
        now += 4000
        if rng.random() < 0.01:
            off ^= 1 << rng.randrange(2)
        if rng.random() < 0.01:
            lost = rng.randint(1, 50)
            native.missed(0, lost)
            now += 4000 * lost
            overruns, missed = overruns + 1, missed + lost
        native.sample(0, now, [made % 30000, -made % 30000], off, valid)
        made += 1
        if rng.random() < 0.02:
            room = rng.choice((0, 0, 100, 1 << 16))
        if rng.random() < 0.5:
            hear(room if packets else rng.randint(0, room))
    native.receive(encode_body(Stop(seq=2)) if packets else encode_frame(Stop(seq=2)), packets)
    native.sample(0, now + 4000, [0, 0], off, valid)
    native.receive(
        encode_body(HelloRequest(seq=3)) if packets else encode_frame(HelloRequest(seq=3)), packets
    )
    # The last STATUS must count all that came before it: send the DATA first, then ask.
    for _ in range(3):
        hear(1 << 16)
    native.receive(
        encode_body(HelloRequest(seq=4)) if packets else encode_frame(HelloRequest(seq=4)), packets
    )
    hear(1 << 16)
    if decoder.bad_frames or decoder.unknown_frames:
        raise DifferenceError(f"the device sent what is no frame: {decoder.last_error}")
    told = [m for m in got if isinstance(m, Status)][-1].streams[0]
    data = [m for m in got if isinstance(m, Data)]
    first = np.concatenate([m.samples()[:, 0] for m in data]) if data else np.zeros(0, int)
    if (np.diff(first) < 1).any() or len(first) + told.dropped_samples != made + missed:
        raise DifferenceError(f"{made} made, {missed} missed, {len(first)} arrived, told of {told}")
    breaks = told.dropped_frames + overruns
    last_seq = data[-1].seq if data else -1
    if told.overruns != overruns or last_seq + 1 > len(data) + breaks:
        raise DifferenceError(f"{len(data)} frames, last {last_seq}, told of {told}")
    return made


def main() -> int:
    """Run the cases and say what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", required=True)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    native, messages = Native(args.library), Messages(args.seed)
    began, seen = time.monotonic(), Counter[str]()
    for case in range(args.cases):
        try:
            if case % 100 == 0:
                seen["samples through a stalling device"] += check_device(native, messages.rng)
                seen["device runs"] += 1
            elif case % 2:
                compare_message(native, messages.one())
                seen["messages"] += 1
            else:
                wire = damaged_stream(messages, native)
                seen["frames out of damaged streams"] += compare_stream(native, wire, messages.rng)
                seen["damaged pieces"] += sum(native.counters())
                seen["streams"] += 1
        except (DifferenceError, FrameError, UnknownFrameError) as error:
            print(f"case {case} of seed {args.seed}: {error}", file=sys.stderr)
            return 1
    parts = ", ".join(f"{count} {what}" for what, count in sorted(seen.items()))
    print(f"{args.cases} cases in {time.monotonic() - began:.1f} s, differences 0: {parts}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
