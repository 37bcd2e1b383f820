from __future__ import annotations

import numpy as np
import pytest

from wearecg.block import RRIntervals
from wearecg.devices import polar_pmd as pmd
from wearecg.devices.ble_base import HEART_RATE
from wearecg.devices.polar_verity import PolarVerity
from wearecg.devices.stamped import RATE_PACKETS


def test_ppg_is_asked_for_as_the_band_offers_it():
    band = PolarVerity()
    band.connected(0.0)
    assert [write.value.hex() for write in band.outgoing] == ["0101"]
    band.outgoing.clear()
    band.feed(pmd.CONTROL, bytes.fromhex("f0010100000001370001011600040104"), 0.0)
    assert [write.value.hex() for write in band.outgoing] == ["020100013700010116 00040104".replace(" ", "")]


@pytest.mark.parametrize("compressed", [False, True])
def test_three_lights_and_ambient(compressed):
    band = PolarVerity()
    band.connected(0.0)
    counts = np.array([[100, -200, 300, 7], [101, -202, 300, 7]] * 20)
    got = []
    for number in range(RATE_PACKETS):
        payload = pmd.pack_delta(counts, 24) if compressed else pmd.pack_integers(counts, 3)
        last = round((number + 1) * 40 / 55.2 * 1e9)
        layout = pmd.COMPRESSED if compressed else 0
        got += band.feed(pmd.DATA, pmd.pack_frame(pmd.PPG, last, layout, payload), 0.0)
    block = got[0][0]
    assert (block.stream, block.leads) == ("ppg", ("PPG", "PPG_2", "PPG_3", "AMBIENT"))
    assert block.fs == pytest.approx(55.2, abs=1e-4)
    assert block.samples.tolist() == counts.tolist()


@pytest.mark.parametrize(("fs", "n"), [(28.0, 42), (44.0, 40), (135.2, 40), (176.0, 40), (13.8, 20)])
@pytest.mark.parametrize("hole", [None, 1, 2, 5])
def test_every_rate_that_the_band_offers(fs, n, hole):
    """The settings name 55 Hz; the rate is what its own clock shows, and a packet that is missing is told."""
    band = PolarVerity()
    band.connected(0.0)
    got, payload = [], pmd.pack_integers(np.zeros((n, 4), int), 3)
    numbers = [number for number in range(60) if number != hole]
    for number in numbers:
        last = pmd.pack_frame(pmd.PPG, round((number + 1) * n / fs * 1e9), 0, payload)
        got += [block for block, _ in band.feed(pmd.DATA, last, number * n / fs)]
    assert [block.fs for block in got] == pytest.approx([fs] * len(got), abs=1e-3)
    assert len({block.fs for block in got}) == 1
    assert len(got) >= len(numbers) - 1 - (hole or 0)
    assert sum(block.lost for block in got) in (0, n)


@pytest.mark.parametrize(
    ("sample", "contact", "bpm"),
    [("3ec8030a0000", None, 62.0), ("3ec8030a0004", False, 62.0), ("3ec8030a0006", True, 62.0)],
)
def test_contact_is_known_where_the_band_says_that_it_can_tell(sample, contact, bpm):
    band = PolarVerity(streams=["ppi"])
    band.connected(0.0)
    frame = pmd.pack_frame(pmd.PPI, 0, 0, bytes.fromhex(sample))
    ((intervals, _),) = band.feed(pmd.DATA, frame, 30.0)
    assert intervals == RRIntervals((0.968,), bpm, contact)


def test_intervals_leave_out_those_that_the_band_doubts():
    band = PolarVerity(streams=["ppi"])
    band.connected(0.0)
    assert [write.value.hex() for write in band.outgoing] == ["0203"]
    samples = bytes.fromhex("48 5203 0a00 06  48 0000 ffff 01  49 3403 0500 06".replace(" ", ""))
    ((intervals, _),) = band.feed(pmd.DATA, pmd.pack_frame(pmd.PPI, 0, 0, samples), 30.0)
    assert intervals == RRIntervals((0.85, 0.82), 73.0, True)
    ((rate, _),) = band.feed(HEART_RATE, bytes.fromhex("0048"), 30.0)
    assert not rate.alone
    ((rate, _),) = PolarVerity().feed(HEART_RATE, bytes.fromhex("0048"), 30.0)
    assert rate.alone
