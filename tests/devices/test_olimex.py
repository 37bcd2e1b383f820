from __future__ import annotations

import pytest

from wearecg.devices.olimex import Olimex

# The last two packets that a user of an OLIMEXINO posted (Olimex forum, topic 502), and one more.
PACKETS = [
    bytes.fromhex("a5 5a 02 4c 01 e6 02 22 02 07 01 fd 02 3d 02 14 01"),
    bytes.fromhex("a5 5a 02 4d 01 df 02 1c 02 03 01 f8 02 34 02 0c 01"),
    bytes.fromhex("a5 5a 02 4e 01 e0 02 1d 02 03 01 f8 02 34 02 0c 01"),
]


def test_packets_of_a_board():
    (block,) = Olimex(leads=("II", "", "V1")).feed(b"".join(PACKETS), 0.0)
    assert (block.fs, block.leads) == (256.0, ("II", "V1"))
    # 4.883 mV at the ADC, divided by the gain of 2848.
    counts = [[0x1E6 - 512, 0x207 - 512], [0x1DF - 512, 0x203 - 512]]
    assert block.samples.tolist() == [pytest.approx([c * 4.8828125 / 2848 for c in row]) for row in counts]


@pytest.mark.parametrize("at", [4, 6, 16])
def test_what_ten_bits_cannot_hold_is_no_packet(at):
    wrong = bytearray(b"".join(PACKETS))
    wrong[at] = 0x40
    driver = Olimex()
    assert driver.feed(bytes(wrong), 0.0)[0].samples.shape == (1, 1)
    assert driver.counters.bad_frames == 1


def test_it_has_nothing_to_say():
    driver = Olimex()
    driver.connected(0.0)
    assert driver.outgoing == driver.stop() == b""
    assert "ShieldEkgEmgDemo" in driver.diagnose()
