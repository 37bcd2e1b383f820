from __future__ import annotations

import struct

import numpy as np
import pytest

from wearecg.block import RRIntervals
from wearecg.devices.movesense import COMMAND, DATA, LSB, Movesense, SimulatedMovesense
from wearecg.errors import SourceError


def packet(ms, counts, reference=100):
    return bytes([2, reference]) + struct.pack("<I16i", ms, *counts)


def test_the_subscription():
    sensor = Movesense(fs=125.0)
    sensor.connected(0.0)
    (write,) = sensor.outgoing
    assert (write.characteristic, write.value) == (COMMAND, b"\x01\x64/Meas/ECG/125\x00")
    assert [write.value.hex() for write in sensor.stop()] == ["0264"]
    with pytest.raises(SourceError, match="does not sample at 130 Hz; choose one of 125, 128, 200"):
        Movesense(fs=130.0)


def test_a_refused_subscription_is_told():
    sensor = Movesense()
    sensor.feed(DATA, bytes.fromhex("01649401"), 0.0)  # 404
    assert "status 404" in sensor.notes[0]
    assert sensor.diagnose() == sensor.notes[0]


def test_counts_are_microvolts_times_0_38147():
    sensor = Movesense(fs=250.0)
    counts = [0, 1, -1, 1 << 20, -(1 << 20), *range(11)]
    ((block, _),) = sensor.feed(DATA, packet(1000, counts), 0.0)
    assert block.start == 1.0
    assert block.samples.ravel().tolist() == pytest.approx([c * LSB for c in counts], rel=1e-6)
    assert block.samples[3, 0] == pytest.approx(400.0, rel=1e-5)


@pytest.mark.parametrize("most", [20 + 2, 40, 64, 71, 229])
def test_packets_in_two_parts(most):
    """Only two parts are known, so most must hold at least half of a packet; less is not delivered."""
    sensor = Movesense(fs=250.0)
    simulated = SimulatedMovesense(("ECG",), 250.0, most=most)
    simulated.write(COMMAND, b"\x01\x64/Meas/ECG/250\x00")
    samples = (np.arange(64)[:, None] * LSB).astype(np.float32)
    got = []
    for _, data in simulated.encode(samples, 2.0, (False,)):
        assert len(data) <= most
        got += sensor.feed(DATA, data, 0.0)
    if most < 36 + 2:
        assert got == []
        assert sensor.counters.bad_frames > 0
        return
    out = np.concatenate([block.samples for block, _ in got])
    np.testing.assert_allclose(out, samples, atol=1e-9)
    assert [block.start for block, _ in got] == pytest.approx([2.0, 2.064, 2.128, 2.192])


def test_a_lost_second_part_costs_one_packet():
    sensor = Movesense(fs=250.0)
    whole = packet(0, range(16))
    second = packet(64, range(16))
    third = packet(128, range(16))
    assert len(sensor.feed(DATA, whole, 0.0)) == 1
    assert sensor.feed(DATA, second[:40], 0.0) == []
    ((block, _),) = sensor.feed(DATA, third, 0.0)
    assert (block.lost, sensor.counters.bad_frames) == (16, 1)


@pytest.mark.parametrize("fs", [125.0, 512.0])
def test_whole_milliseconds_are_no_losses(fs):
    sensor = Movesense(fs=fs)
    for number in range(2000):
        ((block, _),) = sensor.feed(DATA, packet(int(number * 16 / fs * 1000), [0] * 16), 0.0)
        assert block.lost == 0


def test_the_counter_wraps():
    sensor = Movesense(fs=250.0)
    sensor.feed(DATA, packet(2**32 - 64, [0] * 16), 0.0)
    ((block, _),) = sensor.feed(DATA, packet(0, [0] * 16), 0.0)
    assert (block.start, block.lost) == (2**32 / 1000, 0)


def test_heart_rate():
    sensor = Movesense(streams=["rr"])
    sensor.connected(0.0)
    assert sensor.outgoing[0].value == b"\x01\x65/Meas/HR\x00"
    ((intervals, _),) = sensor.feed(DATA, bytes([2, 101]) + struct.pack("<fH", 72.5, 828), 0.0)
    assert intervals == RRIntervals((0.828,), 72.5)
