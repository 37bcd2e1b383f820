from __future__ import annotations

import pytest

from wearecg.devices.bitalino import Bitalino

# Frames from the document, CRC by hand (x^4 + x + 1). One channel of 0x2A5, digital lines 1000:
ONE = [bytes.fromhex(f"94 8A {last}") for last in ("3B", "42", "51", "64", "77")]
# Six: 0x001 0x3FF 0x155 0x2AA and, of 6 bits, 0x15 0x3F; the counter wraps.
SIX = [bytes.fromhex(f"7F A5 6A 55 FF 07 00 {last}") for last in ("C2", "D1", "E4", "F7", "05", "16")]


def begun(*leads):
    driver = Bitalino(leads=leads)
    driver.connected(0.0)
    said = bytes(driver.outgoing)
    driver.outgoing.clear()
    for tick in range(1, 5):
        driver.poll(0.2 * tick)
        if driver.outgoing == b"\x07":
            driver.feed(b"BITalino_v5.2\n", 0.2 * tick)
        assert len(driver.outgoing) <= 1, "it needs a pause between two commands"
        said += bytes(driver.outgoing)
        driver.outgoing.clear()
    return driver, said


def test_one_channel():
    driver, said = begun("II")
    assert said == bytes.fromhex("FF 07 C3 05")
    blocks = [block for frame in ONE for block in driver.feed(frame, 1.0)]
    assert [len(block) for block in blocks] == [1, 1], "three must stand behind a frame"
    assert (blocks[0].fs, blocks[0].leads) == (1000.0, ("II",))
    # Its data sheet: (ADC / 2^10 - 1/2) x 3.3 V / 1100.
    assert blocks[0].samples[0, 0] == pytest.approx((0x2A5 / 1024 - 0.5) * 3.3 / 1100 * 1000)


def test_six_channels_of_which_two_are_coarse():
    driver, said = begun("I", "II", "V1", "V2", "V3", "V4")
    assert said[-1] == 0xFD
    (block,) = driver.feed(b"".join(SIX), 1.0)
    counts = [1 / 1024, 1023 / 1024, 0x155 / 1024, 0x2AA / 1024, 0x15 / 64, 0x3F / 64]
    assert block.samples.tolist() == [pytest.approx([(c - 0.5) * 3 for c in counts], abs=1e-6)] * 3
    assert block.lsb == pytest.approx([3 / 1024] * 4 + [3 / 64] * 2)


def test_only_the_channels_that_are_named():
    driver, said = begun("", "II")
    assert said[-1] == 0b1001
    (block,) = driver.feed(b"".join(ONE), 1.0)
    assert block.leads == ("II",)


def test_losses_are_counted():
    driver, _ = begun("II")
    blocks = driver.feed(b"".join(ONE), 1.0)
    later = [bytes.fromhex(f"94 8A {last}") for last in ("B0", "C9", "DA", "EF")]
    blocks += driver.feed(b"".join(later), 1.1)
    assert [(len(block), block.lost) for block in blocks] == [(2, 0), (3, 0), (1, 3)]


def test_an_unanswered_question_is_repeated():
    driver = Bitalino()
    driver.connected(0.0)
    driver.poll(0.2)
    driver.outgoing.clear()
    driver.poll(1.0)
    assert driver.outgoing == b""
    driver.poll(3.0)
    assert driver.outgoing == driver.stop() == b"\xff"
