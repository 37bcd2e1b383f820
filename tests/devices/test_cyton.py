from __future__ import annotations

import pytest

from wearecg.devices.cyton import Cyton
from wearecg.errors import SourceError

# The Cyton data format: A0, number, 8 x 3 bytes, 6 bytes of accelerometer, C0.
REST = "000000 000000 000000 000000 0102 0304 0506 C0"
PACKETS = [
    bytes.fromhex(f"A0 FE 000001 FFFFFF 7FFFFF 800000 {REST}"),
    bytes.fromhex(f"A0 FF 000002 FFFFFE 000100 FFFF00 {REST}"),
    bytes.fromhex(f"A0 00 000003 FFFFFD 010000 FF0000 {REST}"),
]
READY = b"OpenBCI V3 8-16 channel\r\nOn Board ADS1299 Device ID: 0x3E\r\nFirmware: v3.1.2\r\n$$$"


def board(*leads):
    driver = Cyton(leads=leads)
    driver.connected(0.0)
    assert driver.outgoing == b"sv"
    driver.outgoing.clear()
    return driver


def begun(*leads):
    driver = board(*leads)
    driver.feed(READY, 1.0)
    assert driver.outgoing == b"b"
    driver.outgoing.clear()
    return driver


def test_packets_of_the_document():
    (block,) = begun("II", "", "V1", "V2").feed(b"".join(PACKETS), 1.1)
    assert (block.fs, block.leads, block.lost) == (250.0, ("II", "V1", "V2"), 0)
    # 0.02235 microvolts a count at gain 24; full scale is 187.5 mV.
    assert block.lsb[0] == pytest.approx(0.02235e-3, rel=1e-3)
    expected = [[2.2352e-5, 187.5, -187.5], [4.4703e-5, 256 * 2.2352e-5, -256 * 2.2352e-5]]
    assert block.samples.tolist() == [pytest.approx(row, rel=1e-4) for row in expected]


def test_what_is_missing_is_told():
    driver = begun()
    driver.feed(PACKETS[0] + PACKETS[1], 1.1)
    later = [bytes([0xA0, number]) + PACKETS[0][2:] for number in (7, 8)]
    blocks = driver.feed(PACKETS[2] + b"".join(later), 1.2)
    assert [(len(block), block.lost) for block in blocks] == [(2, 0), (1, 6)]
    assert driver.counters.link_lost_samples == 6


def test_a_board_that_is_off_is_told_once_and_asked_again():
    driver = board()
    driver.feed(b"Failure: Communications timeout - Device failed to poll Host$$$", 0.5)
    assert driver.outgoing == b""
    assert "switch the board on" in driver.diagnose()
    assert driver.notes == [driver.diagnose()]
    driver.poll(3.0)
    assert driver.outgoing == b""
    driver.poll(5.0)
    assert driver.outgoing == b"sv"
    driver.feed(READY[:-1], 5.5)
    driver.feed(b"$", 5.6)
    assert "switch the board on" not in driver.diagnose()


def test_a_daisy_is_switched_off_first():
    driver = board()
    driver.feed(READY.replace(b"Firmware", b"On Daisy ADS1299 Device ID: 0x3E\r\nFirmware"), 1.0)
    assert driver.outgoing == b"c"
    driver.outgoing.clear()
    driver.feed(b"daisy removed$$$", 1.2)
    assert driver.outgoing == b"b"


def test_channels_and_options():
    assert begun().feed(b"".join(PACKETS), 1.1)[0].leads == ("ECG",)
    with pytest.raises(SourceError, match="8 channels, but 9 leads"):
        Cyton(leads=["II"] * 9)
    with pytest.raises(SourceError, match="no channel of OpenBCI Cyton is named"):
        Cyton(leads=["", ""])
    with pytest.raises(SourceError, match="leave out fs"):
        Cyton(fs=250.0)
