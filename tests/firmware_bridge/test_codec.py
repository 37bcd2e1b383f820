from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from cobs import cobs
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from firmware_bridge.codec import MAX_WIRE, FrameDecoder, decode_body, encode_body, encode_frame
from firmware_bridge.fields import FrameError, UnknownFrameError
from firmware_bridge.messages import (
    Ack,
    Data,
    Event,
    Hello,
    HelloRequest,
    Lead,
    Packing,
    Start,
    Status,
    Stop,
    Stream,
    StreamStatus,
    pack_samples,
)

U8, U16, U32, U64 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 64))
EXTRA = st.binary(max_size=6)
TEXT = st.text(max_size=8)
POSITIVE = st.floats(2**-60, 2**60, width=32)
NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)


@st.composite
def leads(draw):
    size = draw(st.integers(0, 3))
    one = st.builds(
        Lead,
        name=NAMES,
        lsb=st.floats(2**-60, 2**19, width=32),
        unit=U8,
        adc_bits=U8,
        gain=st.just(0.0) | POSITIVE,
        extra=st.binary(min_size=size, max_size=size),
    )
    return tuple(draw(st.lists(one, min_size=1, max_size=4)))


@st.composite
def hellos(draw):
    ids = draw(st.lists(st.integers(0, 31), max_size=3, unique=True))
    rate = st.integers(1, 2**32 - 1)
    streams = tuple(
        Stream(
            id=i,
            rate_num=draw(rate),
            rate_den=draw(rate),
            leads=draw(leads()),
            kind=draw(U8),
            extra=draw(EXTRA),
        )
        for i in ids
    )
    about = {name: draw(TEXT) for name in ("name", "firmware", "serial")}
    return Hello(seq=draw(U16), extra=draw(EXTRA), t_us=draw(U64), flags=draw(U8), streams=streams, **about)


@st.composite
def statuses(draw):
    size = draw(st.integers(0, 3))
    extra = st.binary(min_size=size, max_size=size)
    entry = st.builds(
        StreamStatus, stream=U8, dropped_frames=U32, dropped_samples=U32, overruns=U32, extra=extra
    )
    streams = tuple(draw(st.lists(entry, min_size=1, max_size=4)))
    battery = draw(st.none() | st.integers(0, 254))
    return Status(
        seq=draw(U16), t_us=draw(U64), flags=draw(U8), battery=battery, streams=streams, extra=draw(EXTRA)
    )


@st.composite
def datas(draw):
    packing = draw(st.sampled_from(Packing))
    limit = 2 ** (15 if packing == Packing.INT16 else 23)
    n, columns = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    span = draw(st.sampled_from([limit, 300, 1]))
    samples = draw(hnp.arrays(np.int64, (n, columns), elements=st.integers(-span, span - 1)))
    message = Data(
        seq=draw(U16),
        extra=draw(EXTRA),
        stream=draw(U8),
        packing=packing,
        leads=columns,
        n=n,
        t_us=draw(U64),
        payload=pack_samples(samples, packing),
        lead_off=draw(U32),
        lead_off_known=draw(U32),
        valid=draw(U32),
    )
    assert np.array_equal(message.samples(), samples)
    assert message.samples().dtype == np.int32
    return message


MESSAGES = st.one_of(
    st.builds(HelloRequest, seq=U16, extra=EXTRA),
    st.builds(Start, seq=U16, extra=EXTRA, streams=U32),
    st.builds(Stop, seq=U16, extra=EXTRA),
    st.builds(Ack, seq=U16, extra=EXTRA, command=U8, command_seq=U16, status=U8),
    st.builds(Event, seq=U16, extra=EXTRA, t_us=U64, number=U16, text=TEXT),
    hellos(),
    statuses(),
    datas(),
)


@given(MESSAGES)
@settings(deadline=None)
def test_round_trip(message):
    body = encode_body(message)
    assert decode_body(body) == message
    assert encode_body(decode_body(body)) == body
    assert FrameDecoder().feed(encode_frame(message)) == [message]


@given(st.lists(MESSAGES, max_size=6), st.lists(st.integers(1, 200), min_size=1), st.binary(max_size=30))
@settings(deadline=None, max_examples=50)
def test_any_chunking_gives_the_same(messages, sizes, garbage):
    wire = garbage + b"".join(encode_frame(m) for m in messages) + garbage
    whole, cut = FrameDecoder(), FrameDecoder()
    expected = whole.feed(wire)
    out, at, turn = [], 0, 0
    while at < len(wire):
        size = sizes[turn % len(sizes)]
        out += cut.feed(wire[at : at + size])
        at, turn = at + size, turn + 1
    assert out == expected
    assert (cut.frames, cut.bad_frames) == (whole.frames, whole.bad_frames)


# Damage: (place, what). Places are relative, so that they shrink and never miss.
DAMAGE = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.one_of(
            st.tuples(st.just("flip"), st.integers(1, 255)),
            st.tuples(st.just("drop"), st.integers(1, 40)),
            st.tuples(st.just("insert"), st.binary(min_size=1, max_size=40)),
        ),
    ),
    min_size=1,
    max_size=5,
)


@given(st.lists(datas() | statuses(), min_size=2, max_size=8), DAMAGE, st.integers(1, 400))
@settings(deadline=None, max_examples=200)
def test_damage_costs_only_what_it_touches(messages, damage, chunk):
    """A frame is undamaged when none of its bytes, nor the 0x00 before it, were touched."""
    messages = [replace(m, seq=i) for i, m in enumerate(messages)]
    frames = [encode_frame(m) for m in messages]
    wire = [bytes([b]) for frame in frames for b in frame]
    ends = np.cumsum([len(frame) for frame in frames])
    touched = np.zeros(len(wire) + 1, bool)
    for place, (kind, what) in damage:
        at = int(place * len(wire))
        if kind == "insert":
            # Between byte at - 1 and byte at: the latter's frame has something glued on, or inside.
            wire[at] = what + wire[at]
            touched[at] = True
        elif kind == "drop":
            wire[at : at + what] = [b""] * len(wire[at : at + what])
            touched[at : at + what] = True
        elif wire[at]:
            wire[at] = wire[at][:-1] + bytes([wire[at][-1] ^ what])
            touched[at] = True
    clean = [i for i, end in enumerate(ends) if not touched[max(0, end - len(frames[i]) - 1) : end].any()]
    stream = b"".join(wire)
    decoder = FrameDecoder()
    out = [m for at in range(0, len(stream), chunk) for m in decoder.feed(stream[at : at + chunk])]
    seqs = [m.seq for m in out]
    assert [m for m in out if m not in messages] == []
    assert seqs == sorted(seqs)
    assert set(clean) <= set(seqs)


@given(MESSAGES, st.data())
@settings(deadline=None, max_examples=200)
def test_wrong_counts_under_a_right_crc_are_only_counted(message, data):
    """Bytes of the fields are changed, cut or appended and the CRC made to fit again."""
    body = bytearray(encode_body(message)[:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(U8)
    body = body[: data.draw(st.integers(0, len(body)))] + data.draw(EXTRA)
    sealed = bytes(body) + struct.pack("<I", zlib.crc32(body))
    decoder = FrameDecoder()
    out = decoder.feed(cobs.encode(sealed) + b"\0")
    assert decoder.frames + decoder.bad_frames + decoder.unknown_frames == 1
    for m in out:
        # A list without entries states their size all the same: it may be sent back with another.
        assert decode_body(encode_body(m)) == m
        if isinstance(m, Data):
            assert m.samples().shape == (m.n, m.leads)


@given(st.binary(max_size=3000))
@settings(deadline=None)
def test_noise_gives_nothing(noise):
    decoder = FrameDecoder()
    assert decoder.feed(noise + b"\0") == []
    good = encode_frame(Stop(seq=1))
    assert len(decoder.feed(good)) == 1


def test_memory_is_bounded_without_a_delimiter():
    decoder = FrameDecoder()
    for _ in range(1000):
        decoder.feed(b"\x55" * 1000)
        assert len(decoder._partial) <= MAX_WIRE
    assert decoder.bad_frames == 1
    assert decoder.feed(b"\0" + encode_frame(Stop())) == [Stop()]


def test_the_optional_empty_group_is_accepted():
    makes = (Event(seq=0x0101, t_us=2**64 - 1, number=n, text="x" * 235) for n in range(0x0101, 0x01FF))
    message = next(m for m in makes if 0 not in encode_body(m))
    encoded = cobs.encode(encode_body(message))
    assert len(encoded) == 255
    assert FrameDecoder().feed(encoded + b"\0") == [message]
    assert FrameDecoder().feed(encoded + b"\1\0") == [message]


@pytest.mark.parametrize(
    "message",
    [
        Start(streams=-1),
        Stop(seq=65536),
        Event(t_us=0, number=0, text="x" * 256),
        Event(t_us=0, number=0, extra=b"x" * 1024),
        Hello(t_us=-1, streams=()),
        Hello(t_us=0, streams=(Stream(id=0, rate_num=0, leads=(Lead(name="I", lsb=1.0),)),)),
        Hello(t_us=0, streams=(Stream(id=0, rate_num=1, leads=()),)),
        Hello(t_us=0, streams=(Stream(id=0, rate_num=1, leads=(Lead(name="I", lsb=1.0),)),) * 2),
        Hello(t_us=0, streams=(Stream(id=0, rate_num=1, leads=(Lead(name="lead I", lsb=1.0),)),)),
        Hello(t_us=0, streams=(Stream(id=0, rate_num=1, leads=(Lead(name="ÄÖ", lsb=1.0),)),)),
        Hello(t_us=0, streams=(Stream(id=0, rate_num=1, leads=(Lead(name="I", lsb=1e6),)),)),
        Data(stream=0, packing=Packing.INT16, leads=1, n=2, t_us=0, payload=b"\0\0"),
        Data(stream=0, packing=Packing.INT16, leads=1, n=1, t_us=0, payload=b"\0\0\0"),
    ],
)
def test_what_cannot_be_encoded_says_so(message):
    with pytest.raises(FrameError, match=type(message).__name__):
        encode_body(message)


def test_counts_that_do_not_fit():
    with pytest.raises(FrameError, match="INT16"):
        pack_samples(np.array([[40000]]), Packing.INT16)
    with pytest.raises(FrameError, match="DELTA"):
        pack_samples(np.array([[2**23]]), Packing.DELTA)


def test_unknown_is_told_from_bad():
    body = encode_body(Stop())[:-4]
    with pytest.raises(UnknownFrameError, match="version 9"):
        decode_body(b"\x09" + body[1:] + struct.pack("<I", zlib.crc32(b"\x09" + body[1:])))
