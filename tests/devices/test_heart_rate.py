"""Heart Rate Measurement (0x2A37), bit by bit as the Bluetooth SIG's Heart Rate Service 1.0 has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearecg.devices.ble_base import HEART_RATE
from wearecg.devices.heart_rate import HeartRateStrap, pack_heart_rate, unpack_heart_rate


@pytest.mark.parametrize(
    ("data", "bpm", "contact", "rr"),
    [
        ("004b", 75, None, ()),
        ("064b", 75, True, ()),
        ("044b", 75, False, ()),
        ("024b", 75, None, ()),  # contact "detected" by a sensor that does not know contact
        ("01 2c01", 300, None, ()),
        ("104b 0004", 75, None, (1.0,)),
        ("164b 3303 2003", 75, True, (819 / 1024, 800 / 1024)),
        ("1e4b 1027 0004", 75, True, (1.0,)),  # energy 10000 kJ in front
        ("19 4b00 1027 0004 0002", 75, None, (1.0, 0.5)),
        # Straps in the field send a byte too many.
        ("10 58 1903 0f03 00", 88, None, (793 / 1024, 783 / 1024)),
        ("10 56 0103 0f03 00", 86, None, (769 / 1024, 783 / 1024)),
        ("10 4b 00", 75, None, ()),
        ("00 4b 0004", 75, None, ()),
    ],
)
def test_golden(data, bpm, contact, rr):
    assert unpack_heart_rate(bytes.fromhex(data.replace(" ", ""))) == (bpm, contact, rr)


@pytest.mark.parametrize("data", ["", "00", "01 4b", "08 4b 10"])
def test_malformed(data):
    strap = HeartRateStrap()
    assert strap.feed(HEART_RATE, bytes.fromhex(data.replace(" ", "")), 0.0) == []
    assert strap.counters.bad_frames == 1


@given(
    st.integers(0, 500), st.sampled_from([None, True, False]), st.lists(st.integers(200, 3000), max_size=9)
)
def test_there_and_back(bpm, contact, ticks):
    rr = tuple(tick / 1024 for tick in ticks)
    assert unpack_heart_rate(pack_heart_rate(bpm, contact, rr)) == (bpm, contact, rr)
