from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wearecg.devices.base import Counters
from wearecg.devices.framing import Framing, unnumbered

SIZE = 5


def measure(buffer, at):
    """AA number value value 55."""
    if at + SIZE > len(buffer):
        return None
    return SIZE if buffer[at] == 0xAA and buffer[at + SIZE - 1] == 0x55 else 0


def missing(before, after):
    return (after[1] - before[1] - 1) % 256


def frame(number, value=0):
    return bytes([0xAA, number % 256, value // 256, value % 256, 0x55])


def frames(first, last):
    return b"".join(frame(number, number) for number in range(first, last))


def cut(*pieces, missing=missing, confirm=1, start=b""):
    framing = Framing(Counters(), measure, missing, confirm, start)
    found = [item for piece in pieces for item in framing.feed(piece)]
    return [(data[1], lost) for data, lost in found], framing._counters


def test_the_last_is_held_until_the_next_stands_behind_it():
    assert cut(frame(0))[0] == []
    assert cut(frames(0, 3))[0] == [(0, 0), (1, 0)]
    assert cut(frames(0, 5), confirm=3)[0] == [(0, 0), (1, 0)]


def test_a_single_frame_amid_noise_is_not_believed():
    got, counters = cut(b"noise" + frame(7) + b"noise" * 10 + frames(1, 4))
    assert got == [(1, 0), (2, 0)]
    assert counters.bad_frames == 1
    assert counters.frames == 2


def test_a_pattern_that_repeats_is_not_believed_without_its_number():
    same = b"\xaa\x07\x00\x00\x55"
    assert cut(same * 50)[0] == []


def test_whole_frames_that_are_missing_are_counted():
    assert cut(frames(0, 4) + frames(9, 12))[0] == [(0, 0), (1, 0), (2, 0), (3, 0), (9, 5), (10, 0)]
    assert cut(frames(250, 256) + frames(0, 3))[0][-2:] == [(0, 0), (1, 0)]


def test_garbage_between_whole_frames_costs_none():
    got, counters = cut(frames(0, 4) + b"garbage" + frames(4, 8))
    assert got == [(number, 0) for number in range(7)]
    assert counters.bad_frames == 1
    assert cut(frames(0, 4) + b"garbage" + frames(4, 10), confirm=3)[0] == [(n, 0) for n in range(7)]
    assert cut(frames(0, 4) + b"garbage" + frames(4, 8), missing=unnumbered)[0] == [(n, 0) for n in range(7)]


def test_a_frame_that_swallowed_the_start_of_the_next_is_dropped_and_the_next_is_not():
    # The end of frame 54 is lost, and the number of frame 55 stands where its stop byte should.
    torn = frames(0x50, 0x54) + frame(0x54)[:3] + frames(0x55, 0x58)
    assert measure(bytearray(torn), 4 * SIZE) == SIZE
    assert cut(torn)[0] == [(n, 0) for n in range(0x50, 0x54)] + [(0x55, 1), (0x56, 0)]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.one_of(st.integers(0, 30).map(lambda n: frames(n, n + 4)), st.binary(max_size=12)), max_size=8
    ),
    st.lists(st.integers(1, 9), min_size=1, max_size=20),
    st.sampled_from([1, 3]),
)
def test_cutting_changes_nothing(pieces, sizes, confirm):
    data = b"".join(pieces)
    chunks, at = [], 0
    while at < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[at : at + size])
        at += size
    whole = cut(data, confirm=confirm)
    assert cut(*chunks, confirm=confirm) == whole
    assert cut(*chunks, confirm=confirm, start=b"\xaa") == whole, (
        "skipping to the next start skips nothing else"
    )


@pytest.mark.parametrize("data", [b"\xaa" * 100_000, frame(1) * 20_000, bytes(range(256)) * 400])
def test_memory_is_bounded(data):
    framing = Framing(Counters(), measure, missing, 3)
    framing.feed(data)
    assert len(framing._buffer) < 4 * SIZE
