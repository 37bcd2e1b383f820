from __future__ import annotations

import numpy as np
import pytest

from wearecg.block import RRIntervals, SignalBlock
from wearecg.devices import polar_pmd as pmd
from wearecg.devices.ble_base import BATTERY, HEART_RATE
from wearecg.devices.polar import CLOCK_START_NS
from wearecg.devices.polar_h10 import PolarH10
from wearecg.devices.stamped import RATE_PACKETS

FS = 131.04
N = 73


def frame(number, n=N, value=0, fs=FS, kind=pmd.ECG):
    """The ``number``-th frame of a strap that samples at ``fs``."""
    last = CLOCK_START_NS + round(((number + 1) * N - 1) / fs * 1e9)
    return pmd.pack_frame(kind, last, 0, value.to_bytes(3, "little", signed=True) * n)


def started(**options):
    strap = PolarH10(**options)
    strap.connected(0.0)
    return strap


def answer(strap, text, now=0.1):
    assert strap.feed(pmd.CONTROL, bytes.fromhex(text), now) == []
    said = [write.value.hex() for write in strap.outgoing]
    strap.outgoing.clear()
    return said


def test_the_conversation():
    strap = started()
    assert [(w.characteristic, w.value.hex(), w.response) for w in strap.outgoing] == [
        (pmd.CONTROL, "0100", True)
    ]
    strap.outgoing.clear()
    assert answer(strap, "f0010000000001820001010e00") == ["02000001820001010e00"]
    assert answer(strap, "f002000000") == []
    strap.poll(100.0)
    assert strap.outgoing == []
    assert [write.value.hex() for write in strap.stop()] == ["0300"]


def test_of_several_rates_the_preferred_is_asked_for():
    strap = started(streams=["ecg", "acc"])
    assert [write.value.hex() for write in strap.outgoing] == ["0100", "0102"]
    strap.outgoing.clear()
    said = answer(strap, "f0010200000004190032006400c80001011000 0203020004000800".replace(" ", ""))
    assert said == ["0202000132000101100002010800"]
    assert [write.value.hex() for write in strap.stop()] == ["0300", "0302"]


def test_a_stream_that_was_left_running_is_stopped_first():
    strap = started()
    strap.outgoing.clear()
    answer(strap, "f0010000000001820001010e00")
    assert answer(strap, "f0020006") == ["0300", "0100"]


def test_a_refusal_is_told_once_and_stays_the_diagnosis():
    strap = started()
    for _ in range(3):
        answer(strap, "f002000a")
    (note,) = strap.notes
    assert "larger MTU" in note
    assert strap.diagnose() == note


def test_settings_in_two_packets():
    strap = started()
    strap.outgoing.clear()
    assert answer(strap, "f0010000010001 8200".replace(" ", "")) == []
    assert answer(strap, "f001000000 01010e00".replace(" ", "")) == ["02000001820001010e00"]


def test_a_stream_that_the_sensor_stops_is_started_again():
    strap = started()
    strap.outgoing.clear()
    assert answer(strap, "0100") == ["0100"]
    assert "stopped ECG by itself" in strap.notes[0]


def test_the_rate_is_measured_not_believed():
    strap = started()
    blocks = []
    for number in range(RATE_PACKETS + 3):
        measured = strap.feed(pmd.DATA, frame(number, value=number), 10.0 + number)
        blocks += measured
        if number < RATE_PACKETS - 1:
            assert measured == []
    assert {block.fs for block, _ in blocks} == {FS}
    # What was held back keeps the time of its arrival.
    assert [at for _, at in blocks] == [10.0 + number for number in range(RATE_PACKETS + 3)]
    starts = np.array([block.start for block, _ in blocks])
    assert np.diff(starts) == pytest.approx(N / FS, abs=1e-6)
    assert starts[0] == pytest.approx(599_616_000.0, abs=1e-6)
    assert [float(block.samples[0, 0]) for block, _ in blocks] == pytest.approx([n / 1000 for n in range(11)])


def test_the_rate_of_a_stream_stays_across_links():
    strap = started()
    for number in range(RATE_PACKETS):
        strap.feed(pmd.DATA, frame(number), 0.0)
    strap.connected(100.0)
    ((block, _),) = strap.feed(pmd.DATA, frame(400), 100.0)
    assert (block.fs, block.lost) == (FS, 0)


def test_a_lost_frame_while_the_rate_is_measured_does_not_spoil_it():
    strap = started()
    got = []
    for number in [0, 1, 2, *range(4, 16)]:
        got += strap.feed(pmd.DATA, frame(number), 0.0)
    assert {block.fs for block, _ in got} == {FS}


def test_lost_frames_are_counted_by_the_clock():
    strap = started()
    got = []
    for number in [*range(10), 13, 14]:
        got += strap.feed(pmd.DATA, frame(number), 0.0)
    assert [block.lost for block, _ in got[10:]] == [3 * N, 0]
    assert strap.counters.link_lost_samples == 3 * N


def test_frames_that_come_twice_or_late_are_dropped():
    strap = started()
    for number in range(10):
        strap.feed(pmd.DATA, frame(number), 0.0)
    for number in (9, 8, 5):
        assert strap.feed(pmd.DATA, frame(number), 0.0) == []
    assert strap.counters.duplicates == 3
    assert strap.counters.link_lost_samples == 0


def test_a_clock_that_starts_anew_is_followed():
    """The H10 goes back to 2019 a minute after it was taken off."""
    strap = started()
    for number in range(100, 110):
        strap.feed(pmd.DATA, frame(number), 0.0)
    ((block, _),) = strap.feed(pmd.DATA, frame(0), 0.0)
    assert (block.lost, block.start) == (0, pytest.approx(599_616_000.0, abs=1e-6))


def test_acceleration():
    strap = started(streams=["acc"])
    got = []
    for number in range(RATE_PACKETS):
        payload = np.array([[0, -1, 1000]] * 36, "<i2").tobytes()
        last = CLOCK_START_NS + round((number + 1) * 36 / 50 * 1e9)
        got += strap.feed(pmd.DATA, pmd.pack_frame(pmd.ACC, last, 1, payload), 0.0)
    block = got[0][0]
    assert (block.stream, block.leads, block.fs) == ("acc", ("ACC_X", "ACC_Y", "ACC_Z"), 50.0)
    assert block.samples[0].tolist() == pytest.approx([0.0, -0.001, 1.0])


def test_heart_rate_and_battery_come_along():
    strap = started()
    ((intervals, at),) = strap.feed(HEART_RATE, bytes.fromhex("164b3303"), 5.0)
    assert at == 5.0
    assert intervals == RRIntervals((0x333 / 1024,), 75.0, True, alone=False)
    strap.feed(BATTERY, b"\x64", 0.0)
    strap.feed(BATTERY, b"\x63", 0.0)
    strap.feed(BATTERY, b"\x0f", 0.0)
    assert strap.notes == [
        "battery of the Polar H10: 100 %",
        "battery of the Polar H10: 15 %; charge it or change the cell",
    ]


@pytest.mark.parametrize("data", ["", "00", "00009435770000000001ffff", "0000943577000000008000"])
def test_other_frames_are_bad_not_fatal(data):
    strap = started()
    assert strap.feed(pmd.DATA, bytes.fromhex(data), 0.0) == []
    assert strap.counters.bad_frames == 1


def test_blocks_are_blocks():
    strap = started()
    got = [m for number in range(9) for m, _ in strap.feed(pmd.DATA, frame(number), 0.0)]
    assert all(
        isinstance(block, SignalBlock) and block.leads == ("ECG",) and block.lsb == (0.001,) for block in got
    )
