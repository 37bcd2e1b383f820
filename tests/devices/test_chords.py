from __future__ import annotations

import pytest

from wearecg.devices.chords import Chords
from wearecg.errors import SourceError

# The firmware's packet: C7 7C, number, six values of an UNO, 01.
PACKETS = [
    bytes.fromhex("C77C FF 0200 0201 0000 03FF 0200 0200 01"),
    bytes.fromhex("C77C 00 01FF 0202 0001 03FE 0200 0200 01"),
    bytes.fromhex("C77C 01 01FE 0203 0002 03FD 0200 0200 01"),
]


def asked(**options):
    driver = Chords(**options)
    driver.connected(0.0)
    assert driver.outgoing == b"WHORU\n"
    driver.outgoing.clear()
    return driver


def started(name=b"UNO-R3", **options):
    driver = asked(**options)
    driver.feed(name + b"\r\n", 0.5)
    assert driver.outgoing == b"START\n"
    driver.outgoing.clear()
    return driver


def test_packets_of_an_uno():
    (block,) = started(leads=("II", "V1", "", "V2"), lsb=0.002).feed(b"".join(PACKETS), 0.6)
    assert (block.fs, block.leads, block.lost) == (250.0, ("II", "V1", "V2"), 0)
    assert block.samples.tolist() == [pytest.approx([0, 0.002, 1.022]), pytest.approx([-0.002, 0.004, 1.02])]


def test_a_gain_that_is_not_known_is_told_not_made_up():
    driver = started()
    assert "gain of the amplifier is not documented" in driver.notes[0]
    (block,) = driver.feed(b"".join(PACKETS), 0.6)
    assert block.leads == ("ECG",)
    assert block.samples[1, 0] == pytest.approx(-5000 / 1024)
    with pytest.raises(SourceError, match="cannot be 0 mV"):
        Chords(lsb=0)


@pytest.mark.parametrize(
    ("name", "fs", "channels", "middle"),
    [(b"UNO-R4", 500, 6, 0x2000), (b"NPG-LITE", 500, 3, 0x800), (b"MEGA-2560-R3", 250, 16, 0x200)],
)
def test_the_name_says_what_comes(name, fs, channels, middle):
    packet = [
        b"\xc7\x7c" + bytes([n]) + (middle + 1).to_bytes(2, "big") * channels + b"\x01" for n in range(3)
    ]
    (block,) = started(name, lsb=0.001).feed(b"".join(packet), 0.6)
    assert block.fs == fs
    assert block.samples.tolist() == [[pytest.approx(0.001)]] * 2


def test_a_board_that_was_left_running_answers_amid_its_packets():
    driver = asked()
    driver.feed(PACKETS[0] + PACKETS[1][:7], 0.1)
    assert driver.outgoing == b""
    driver.feed(PACKETS[1][7:] + b"UNO-", 0.2)
    driver.feed(b"R3\r", 0.3)
    driver.feed(b"\n" + PACKETS[0], 0.4)
    assert driver.outgoing == b"START\n"


def test_the_question_is_repeated_and_never_runs_into_a_command():
    driver = asked()
    driver.poll(1.0)
    assert driver.outgoing == b""
    driver.poll(3.0)
    assert driver.outgoing == b"WHORU\n"
    assert "--baud 230400" in driver.diagnose()


def test_a_board_without_the_channel_is_not_started():
    driver = asked(leads=("", "", "", "II"))
    driver.feed(b"NPG-LITE\r\n", 0.2)
    assert driver.outgoing == b""
    assert "3 channels" in driver.notes[-1]
