from __future__ import annotations

import pytest

from wearecg.devices.shimmer3 import Shimmer3
from wearecg.errors import SourceError

ANSWERS = {
    "3F": "FF 25 03",
    "08 18 00 00": "FF",
    "05 40 00": "FF",
    "61 00 00 0A 03 A0 10 40 40 2D 00 00 02 03": "FF",
    "61 01 00 0A 03 A0 10 40 47 00 00 00 02 01": "FF",
    "01": "FF 02 40 00 01 02 03 04 06 01 1D 1E 1F 20 21 22",
}


def packet(ticks, ii="000010", i="FFFFF0", chest="000100"):
    """00, clock low byte first, and for each chip a status and two counts high byte first."""
    return bytes.fromhex(f"00 {ticks.to_bytes(3, 'little').hex()} 80 {ii} {i} 80 000000 {chest}")


def drained():
    driver = Shimmer3()
    driver.connected(0.0)
    assert driver.outgoing == driver.stop() == b"\x20"
    driver.outgoing.clear()
    driver.feed(packet(0) + b"\xff", 0.1)
    driver.poll(0.2)
    assert driver.outgoing == b""
    driver.poll(0.6)
    return driver


def streaming():
    driver = drained()
    for command, answer in ANSWERS.items():
        assert driver.outgoing.hex(" ").upper() == command
        driver.outgoing.clear()
        for byte in bytes.fromhex(answer):
            driver.feed(bytes([byte]), 0.7)
    assert driver.outgoing == b"\x07"
    driver.outgoing.clear()
    return driver


def test_packets_of_the_document():
    blocks = streaming().feed(b"\xff" + packet(0x012340) + packet(0x012380) + packet(0x0123C0), 1.0)
    (block,) = blocks
    assert (block.fs, block.leads, block.lost, len(block)) == (512.0, ("I", "II", "ECG"), 0, 2)
    assert block.start == 0x012340 / 32768
    lsb = 2420 / 8388607 / 4
    assert block.samples[0].tolist() == pytest.approx([-16 * lsb, 16 * lsb, 256 * lsb], rel=1e-5)


def test_the_clock_wraps_and_losses_follow_from_it():
    driver = streaming()
    ticks = [0xFFFF80, 0xFFFFC0, 0x000000, 0x000140, 0x000180, 0x0001C0]
    blocks = driver.feed(b"\xff" + b"".join(map(packet, ticks)), 1.0)
    assert [(len(block), block.lost) for block in blocks] == [(3, 0), (2, 4)]
    assert blocks[1].start - blocks[0].start == (0x140 + 0x80) / 32768
    assert driver.counters.link_lost_samples == 4


def test_a_clock_that_begins_anew_breaks_the_block_and_loses_nothing():
    driver = streaming()
    ticks = [*range(0x500000, 0x500200, 64), *range(0, 0x200, 64)]
    blocks = driver.feed(b"\xff" + b"".join(map(packet, ticks)), 1.0)
    assert [(block.start, block.lost) for block in blocks] == [(0x500000 / 32768, 0), (0.0, 0)]


@pytest.mark.parametrize(
    ("step", "answer", "why"),
    [
        (0, "FF 25 0A", "not a Shimmer3 .hardware 25 0a"),
        (1, "FE", "refuses command 08"),
        (5, "FF 02 40 00 01 02 03 04 03 01 0A 0B 0C", "is it an ECG unit"),
        (5, "FF 02 20 00 01 02 03 04 06 01 1D 1E 1F 20 21 22", "is it an ECG unit"),
    ],
)
def test_what_it_refuses_is_told_once_and_asked_again(step, answer, why):
    driver = drained()
    for good in list(ANSWERS.values())[:step]:
        driver.feed(bytes.fromhex(good), 0.7)
    driver.outgoing.clear()
    driver.feed(bytes.fromhex(answer), 0.7)
    assert driver.outgoing == b""
    assert driver.notes == [driver.diagnose()]
    driver.poll(3.5)
    assert driver.outgoing == b"\x3f"
    driver.feed(bytes.fromhex(ANSWERS["3F"]), 3.6)
    assert "no answer" in driver.diagnose()


def test_it_is_asked_anew_without_an_answer():
    driver = drained()
    driver.outgoing.clear()
    driver.poll(1.0)
    assert driver.outgoing == b""
    driver.poll(3.0)
    assert driver.outgoing == b"\x20"


def test_options_are_refused():
    with pytest.raises(SourceError, match="leave out leads"):
        Shimmer3(leads=("II",))
