"""A HealthyPi 6 against blocks written by hand from its document."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from wearecg.devices.healthypi6 import HealthyPi6
from wearecg.errors import SourceError

SAMPLE = "e803 0000 0100 0000 feff ffff a086 0100 {off:02x} 00 0000"
"""Respiration 1000, I 1, II -2, V1 100000 microvolts."""


def block(number, t_ms, n=2, off=0, channel=1, sample=SAMPLE):
    payload = bytes.fromhex(sample.format(off=off)) * n
    head = b"DBLK" + (32 + len(payload)).to_bytes(4, "little") + number.to_bytes(4, "little")
    head += t_ms.to_bytes(8, "little") + bytes([channel, 0]) + n.to_bytes(2, "little") + bytes(4)
    return head + payload + zlib.crc32(head + payload).to_bytes(4, "little")


def read(*blocks):
    board = HealthyPi6()
    board.connected(0.0)
    found = board.feed(b"".join(blocks), 1.0)
    return board, [b for b in found if b.stream == "ecg"], [b for b in found if b.stream == "resp"]


def test_a_block_written_by_hand():
    whole = bytes.fromhex(
        "44424c4b 34000000 07000000 e803000000000000 01 00 0100 00000000"
        "e8030000 01000000 feffffff a0860100 00 00 0000 "
    )
    board, (ecg,), (breath,) = read(whole + zlib.crc32(whole).to_bytes(4, "little"))
    assert ecg.samples[0] == pytest.approx([0.001, -0.002, 100.0])
    assert (ecg.leads, ecg.fs, ecg.start, ecg.lsb) == (("I", "II", "V1"), 500.0, 1.0, (0.001,) * 3)
    assert (breath.leads, breath.samples.tolist()) == (("RESP",), [[1.0]])
    assert (board.counters.frames, board.counters.bad_frames) == (1, 0)


def test_a_wrong_crc_or_length_is_no_block_and_the_next_one_is():
    good = block(2, 1004)
    damaged = bytearray(block(1, 1000))
    damaged[40] ^= 1
    board, ecg, _ = read(bytes(damaged), good[:4] + b"\xff\xff\x00\x00" + good[8:], good)
    assert [b.start for b in ecg] == [1.004]
    assert board.counters.bad_frames == 1


def test_missing_blocks_are_counted_by_the_clock():
    board, ecg, _ = read(block(1, 1000, 16), block(2, 1032, 16), block(5, 1129, 16), block(6, 1160, 16))
    assert [b.lost for b in ecg] == [0, 0, 32, 0]
    assert board.counters.link_lost_samples == 32


def test_lead_off_is_unknown_until_an_electrode_was_off():
    _, ecg, _ = read(block(1, 1000), block(2, 1004, off=0b0001), block(3, 1008, off=0b0010), block(4, 1012))
    assert [b.lead_off for b in ecg] == [
        (None, None, None),
        (True, True, True),
        (True, False, True),
        (False, False, False),
    ]


def test_other_channels_are_known_not_to_be_known():
    board, ecg, _ = read(block(1, 1000, channel=2, sample="00" * 12), block(2, 1000))
    assert (len(ecg), board.counters.unknown_frames, board.counters.bad_frames) == (1, 1, 0)


def test_the_same_block_twice():
    board, ecg, _ = read(block(1, 1000), block(1, 1000))
    assert (len(ecg), board.counters.duplicates) == (1, 1)


def test_it_takes_no_options():
    with pytest.raises(SourceError, match="leave out fs"):
        HealthyPi6(fs=500.0)


def test_the_same_however_it_is_cut():
    data = b"".join(block(i, 1000 + 32 * i, 16, off=i % 2) for i in range(6))
    (_, whole, _), board = read(data), HealthyPi6()
    pieces = [b for i in range(len(data)) for b in board.feed(data[i : i + 1], 1.0) if b.stream == "ecg"]
    assert np.array_equal(
        np.concatenate([b.samples for b in whole]), np.concatenate([b.samples for b in pieces])
    )
    assert [b.lead_off for b in whole] == [b.lead_off for b in pieces]
