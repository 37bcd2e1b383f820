"""Packets written out bit by bit from OpenBCI's Ganglion data format."""

from __future__ import annotations

import numpy as np
import pytest

from wearecg.devices.ganglion import DATA, FIRMWARE, LSB, Ganglion, pack_words
from wearecg.errors import SourceError


def words(bits, values):
    """19 bytes: eight words, highest bit first."""
    text = "".join(format(value & ((1 << bits) - 1), f"0{bits}b") for value in values).ljust(152, "0")
    return int(text, 2).to_bytes(19, "big")


RAW = bytes.fromhex("00 000001 ffffff 7fffff 800000").ljust(20, b"\0")


def counts(measured):
    ((block, _),) = measured
    return np.rint(block.samples / LSB).astype(int).tolist()


def test_a_whole_sample():
    assert counts(Ganglion().feed(DATA, RAW, 0.0)) == [[1, -1, 8388607, -8388608]]
    # 1.2 V over 24 bits, 1.5 and 51.
    assert pytest.approx(1.8699e-6, rel=1e-4) == LSB


@pytest.mark.parametrize(("number", "bits"), [(1, 18), (101, 19)])
def test_differences_are_taken_off(number, bits):
    board = Ganglion()
    board.feed(DATA, bytes(20), 0.0)
    # Even words are positive, odd ones negative.
    data = bytes([number]) + words(bits, [2, -1, 100, -99, 4, -3, 0, 0])
    assert counts(board.feed(DATA, data, 0.0)) == [[-2, 1, -100, 99], [-6, 4, -100, 99]]


def test_our_packing_is_that():
    values = np.array([[2, -1, 100, -99], [4, -3, 0, 0]])
    assert pack_words(values, 18) == words(18, values.ravel())
    assert pack_words(values, 19) == words(19, values.ravel())


def test_firmware_3_sends_whole_samples():
    board = Ganglion()
    assert board.feed(FIRMWARE, b"3.0.2", 0.0) == []
    assert counts(board.feed(DATA, b"\x00" + words(18, [2, -1, 0, 0, 4, -3, 0, 0]), 0.0)) == [
        [128, -64, 0, 0],
        [256, -192, 0, 0],
    ]
    assert counts(board.feed(DATA, b"\x65" + words(19, [2, -1, 0, 0, 4, -3, 0, 0]), 0.0)) == [
        [64, -32, 0, 0],
        [128, -96, 0, 0],
    ]


def test_after_a_loss_differences_are_worth_nothing_until_the_next_whole_sample():
    board = Ganglion()
    board.feed(DATA, RAW, 0.0)
    step = words(18, [0] * 8)
    for number in (1, 2, 3):
        board.feed(DATA, bytes([number]) + step, 0.0)
    for number in range(5, 101):
        assert board.feed(DATA, bytes([number]) + step, 0.0) == []
    ((block, _),) = board.feed(DATA, RAW, 0.0)
    assert block.lost == 2 * 97
    assert board.counters.link_lost_samples == 194


def test_a_start_in_the_middle_is_no_loss():
    board = Ganglion()
    for number in range(50, 101):
        assert board.feed(DATA, bytes([number]) + words(18, [0] * 8), 0.0) == []
    ((block, _),) = board.feed(DATA, RAW, 0.0)
    assert block.lost == 0


def test_impedance_is_no_signal():
    board = Ganglion()
    assert board.feed(DATA, bytes([201]) + b"1234 Z".ljust(19, b"\0"), 0.0) == []
    assert board.counters.unknown_frames == 1


def test_leads_name_the_first_channels():
    ((block, _),) = Ganglion(leads=["II", "V1"]).feed(DATA, RAW, 0.0)
    assert (block.leads, block.samples.shape) == (("II", "V1"), (1, 2))
    with pytest.raises(SourceError, match="4 channels, 5 leads"):
        Ganglion(leads=["I", "II", "III", "V1", "V2"])
