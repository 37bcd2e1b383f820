"""ProtoCentral's boards against packets written by hand from OpenView's tables."""

from __future__ import annotations

import numpy as np
import pytest

from wearecg.devices import device
from wearecg.errors import SourceError


def joined(blocks):
    """By stream: all samples."""
    return {
        name: np.concatenate([b.samples for b in blocks if b.stream == name])
        for name in {b.stream for b in blocks}
    }


ADS1292R = bytes.fromhex("0afa 0800 02 0201 feff 4800 0f00 000b")
ADS1293 = bytes.fromhex("0afa 0e00 02 01000000 ffffffff 00007f00 4800 000b")
MAX30003 = bytes.fromhex("0afa 0c00 02 fffffdff 0f000000 48000000 000b")
MAX86150 = bytes.fromhex("0afa 0600 02 0080 0100 ff7f 000b")
HEALTHYPI4 = bytes.fromhex("0afa 1400 02 0300 0400 05000000 06000100 420e 10 62 48 50 78 00 000b")
HEALTHYPI5 = bytes.fromhex(
    "0afa 3200 03 01000000 02000000 03000000 04000000 05000000 06000000 07000000 f8ffffff "
    "0a000000 0b000000 0c000000 0d000000 48 0f 000b"
)
HEALTHYPI5_LIGHT = bytes.fromhex("0afa 1300 04 0100 0200 0300 0400 0500 0600 0700 f8ff 420e 62 000b")
HEALTHYPI5_OLD = bytes.fromhex("0afa 1600 02 fffffdff 04000000 00 05000000 06000000 420e 62 48 0f 000b")

GOLDEN = [
    ("protocentral-ads1292r", ADS1292R, {"ecg": [[258]], "resp": [[-2]]}),
    ("protocentral-ads1293", ADS1293, {"ecg": [[1, -1, 0x7F0000]]}),
    ("protocentral-ads1293", ADS1293[:2] + b"\x0c" + ADS1293[3:17] + b"\0\x0b", {"ecg": [[1, -1, 0x7F0000]]}),
    ("protocentral-max30003", MAX30003, {"ecg": [[-131073]]}),
    ("protocentral-max30001", MAX30003, {"ecg": [[-131073]], "resp": [[15]]}),
    ("protocentral-max86150", MAX86150, {"ecg": [[-32768]], "ppg": [[1, 32767]]}),
    ("healthypi4", HEALTHYPI4, {"ecg": [[3]], "resp": [[4]], "ppg": [[5, 65542]]}),
    ("healthypi5", HEALTHYPI5_OLD, {"ecg": [[-131073]]}),
    (
        "healthypi5",
        HEALTHYPI5,
        {"ecg": [[1], [2], [3], [4], [5], [6], [7], [-8]], "resp": [[10], [11], [12], [13]]},
    ),
    ("healthypi5", HEALTHYPI5_LIGHT, {"ppg": [[1], [2], [3], [4], [5], [6], [7], [-8]]}),
]


@pytest.mark.parametrize(("name", "packet", "expected"), GOLDEN, ids=[f"{n}-{len(p)}" for n, p, _ in GOLDEN])
def test_packets_written_by_hand(name, packet, expected):
    board = device(name)(lsb=1.0)
    board.connected(0.0)
    # A packet is believed when the next stands behind it; held back until the rate is settled, 5 s later.
    blocks = board.feed(packet * 2, 0.0)
    assert blocks == []
    got = joined(board.feed(packet, 6.0))
    for stream, samples in expected.items():
        assert got[stream].tolist() == samples * 2
    assert got.keys() == expected.keys()
    assert (board.counters.frames, board.counters.bad_frames) == (2, 0)


def test_an_end_without_its_zero_and_no_end_at_all():
    board = device("protocentral-ads1292r")(fs=125.0, lsb=1.0)
    short = ADS1292R[:-2] + b"\x0b"
    assert joined(board.feed(short * 3, 0.0))["ecg"].tolist() == [[258], [258]]
    board.connected(1.0)
    assert board.feed((ADS1292R[:-1] + b"\x0c") * 20, 1.0) == []
    assert board.counters.frames == 2


def test_a_packet_inside_the_payload_of_another_is_not_believed():
    board = device("protocentral-max30003")(fs=128.0, lsb=1.0)
    inner = b"\x0a\xfa\x0c\x00\x02"
    packet = ADS1293[:2] + b"\x0c\x00\x02" + inner + bytes(7) + b"\x00\x0b"
    blocks = board.feed(packet * 10, 0.0)
    assert joined(blocks)["ecg"].tolist() == [[int.from_bytes(inner[:4], "little", signed=True)]] * 9
    assert board.counters.bad_frames == 0


def test_zeros_in_both_channels_mean_electrodes_off():
    board = device("healthypi4")(fs=125.0, lsb=1.0)
    off = HEALTHYPI4[:5] + bytes(4) + HEALTHYPI4[9:]
    blocks = [b for b in board.feed(HEALTHYPI4 * 2 + off * 3 + HEALTHYPI4 * 2, 0.0) if b.stream == "ecg"]
    assert [(b.lead_off, len(b)) for b in blocks] == [((False,), 2), ((True,), 3), ((False,), 1)]
    assert np.isnan(blocks[1].samples).all()


def pace(board, packet, fs, seconds, chunk=10_000):
    """Packets at ``fs``, four at a time, as a USB adapter hands them over."""
    blocks = []
    for i in range(0, round(fs * seconds), 4):
        data = packet * 4
        for at in range(0, len(data), chunk):
            blocks += board.feed(data[at : at + chunk], 100 + i / fs)
    return blocks


@pytest.mark.parametrize("true", [125.0, 128.0, 250.0])
def test_the_rate_is_the_stated_one_unless_arrivals_contradict_it(true):
    board = device("protocentral-ads1292r")()
    blocks = pace(board, ADS1292R, true, 7)
    (measured,) = {b.fs for b in blocks if b.stream == "ecg"}
    assert measured == pytest.approx(true, rel=0.004)
    assert (blocks[0].fs == 125.0) == (true == 125.0)
    told = [note for note in board.notes if "sampling rate" in note]
    assert len(told) == (true != 125.0)
    assert len(joined(blocks)["ecg"]) == -(-true * 7 // 4) * 4 - 1


def test_what_is_held_back_does_not_depend_on_how_the_bytes_are_cut():
    whole, bytewise = (pace(device("healthypi4")(), HEALTHYPI4, 127.0, 7, chunk) for chunk in (10_000, 1))
    for name, samples in joined(whole).items():
        assert np.array_equal(joined(bytewise)[name], samples)
    assert {b.fs for b in whole} == {b.fs for b in bytewise}


def test_amplitudes_of_unknown_scale_are_said_to_be_so():
    board = device("protocentral-ads1292r")(fs=125.0)
    assert "those at the ADC" in board.notes[0]
    assert joined(board.feed(ADS1292R * 2, 0.0))["ecg"][0, 0] == pytest.approx(258 * 2420 / 2**15)
    board = device("protocentral-max86150")(fs=200.0)
    assert "counts of the ADC" in board.notes[0]
    (ecg,) = (b for b in board.feed(MAX86150 * 2, 0.0) if b.stream == "ecg")
    assert (ecg.lsb, ecg.samples.tolist()) == ((0.0,), [[pytest.approx(-32.768)]])
    assert device("protocentral-max86150")(lsb=0.001).notes == []


def test_options_that_cannot_be():
    with pytest.raises(SourceError, match="0 Hz is not possible"):
        device("healthypi5")(fs=0)
    with pytest.raises(SourceError, match="cannot be -1 mV"):
        device("healthypi5")(lsb=-1)
    with pytest.raises(SourceError, match="has 1 channels"):
        device("healthypi5")(leads=("I", "II"))
