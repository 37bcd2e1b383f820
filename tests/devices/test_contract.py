"""What every device driver owes the rest of wearecg, checked against its own simulated counterpart."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from wearecg.devices import device, names, simulated
from wearecg.devices.base import Device
from wearecg.errors import SourceError

FS, LSB, LEADS = 250.0, 0.001, ("I", "II", "V1")
NOISE = b"\x00\x80\xfe#~boot\r\n\x00"
"""Ends every framing in use: nothing behind it is glued to it."""

SERIAL = [name for name in names() if issubclass(device(name), Device)]
"""Those on Bluetooth have a contract of their own: test_ble_contract.py."""

pytestmark = pytest.mark.parametrize("name", SERIAL)


def make(name):
    """A driver given what its sensor does not state itself."""
    try:
        return device(name)(fs=FS, leads=LEADS, lsb=LSB)
    except SourceError:
        return device(name)()


class Link:
    """A driver and its simulated sensor, and everything that came out."""

    def __init__(self, name, chunk=4096):
        self.driver, self.sensor = make(name), simulated(name)(LEADS, FS, LSB)
        self.chunk, self.now, self.sent, self.blocks = chunk, 100.0, 0, []
        self.connect()

    def connect(self):
        self.driver.connected(self.now)
        for _ in range(50):
            self.talk()
            if self.sensor.running:
                break
            self.now += 0.2
            self.driver.poll(self.now)

    def talk(self):
        for answer in self.sensor.receive(bytes(self.driver.outgoing)):
            self.hear(answer)
        self.driver.outgoing.clear()

    def hear(self, data):
        for at in range(0, len(data), self.chunk):
            self.blocks += self.driver.feed(data[at : at + self.chunk], self.now)

    def frames(self, n, lead_off=(False,) * 3):
        """The next ``n`` samples as the sensor sends them. Sample i is i, -i, 2 i counts."""
        index = np.arange(self.sent, self.sent + n, dtype=np.float32)
        samples = np.stack([index, -index, 2 * index], axis=1) * np.float32(LSB)
        frames = self.sensor.encode(samples, self.sent / FS, lead_off)
        self.sent += n
        self.now += n / FS
        return frames

    def play(self, n, **how):
        self.hear(b"".join(self.frames(n, **how)))
        self.talk()

    @property
    def index(self):
        """Numbers of the samples received."""
        samples = np.concatenate([block.samples for block in self.blocks])
        index = np.rint(samples[:, 0] / LSB).astype(int)
        expected = np.stack([index, -index, 2 * index], axis=1) * LSB
        assert np.abs(samples - expected).max() < 0.01 * LSB + 1e-6 * np.abs(samples).max()
        return index

    @property
    def has_clock(self):
        return all(np.isfinite(block.start) for block in self.blocks)


@pytest.fixture(params=[1, 13, 100_000], ids=lambda n: f"chunk{n}")
def link(name, request):
    return Link(name, request.param)


def test_sensor_runs_after_the_handshake(link):
    assert link.sensor.running
    assert not link.driver.outgoing


def test_samples_arrive(link):
    for n in (1, 40, 3, 500, 7):
        link.play(n)
    missing = link.sent - len(link.index)
    # A sensor without frames cannot tell the first line from the rest of one.
    assert missing == (0 if link.has_clock else 1)
    assert link.index.tolist() == list(range(missing, link.sent))
    assert all(block.lost == 0 for block in link.blocks)
    assert link.driver.counters.bad_frames == link.driver.counters.link_lost_samples == 0
    assert link.driver.counters.bytes > 0
    assert link.driver.counters.frames > 0


def test_blocks_say_what_they_are(link):
    link.play(100)
    for block in link.blocks:
        assert (block.fs, block.leads, block.stream) == (FS, LEADS, "ecg")
        assert block.samples.dtype == np.float32
        assert block.lsb == pytest.approx([LSB] * 3)
        assert len(block.lead_off) == 3
        assert True not in block.lead_off
    assert link.driver.rate_note


def test_time_stamps_are_those_of_the_samples(link):
    link.play(700)
    first = 0
    for block in link.blocks:
        if link.has_clock:
            assert block.start == pytest.approx(first / FS, abs=2e-6)
        first += len(block)


def test_garbage_in_front_and_between(name, link):
    late = Link(name, link.chunk)
    late.driver.connected(0.0)
    late.hear(NOISE * 20)
    late.connect()
    late.play(100)
    before = late.driver.counters.bad_frames
    assert before > 0
    frames = late.frames(300)
    middle = len(frames) // 2
    late.hear(b"".join([*frames[:middle], NOISE, *frames[middle:]]))
    index = late.index
    assert late.driver.counters.bad_frames > before
    assert (np.diff(index) == 1).all()
    assert index[-1] == late.sent - 1


def test_lost_frames_are_a_gap(link):
    link.play(200)
    frames = link.frames(400)
    middle = len(frames) // 2
    link.hear(b"".join(frames[:middle] + frames[middle + 3 :]))
    index = link.index
    (at,) = np.flatnonzero(np.diff(index) != 1)
    missing = int(index[at + 1] - index[at] - 1)
    assert missing > 0
    if link.has_clock:
        starts = np.cumsum([0] + [len(block) for block in link.blocks])
        lost = {int(s): block.lost for s, block in zip(starts, link.blocks, strict=False) if block.lost}
        assert lost == {int(at) + 1: missing}
        assert link.driver.counters.link_lost_samples == missing
        behind = next(block for block in link.blocks if block.lost)
        assert behind.start == pytest.approx(index[at + 1] / FS, abs=2e-6)


def test_lead_off_is_told_and_over(link):
    link.play(100)
    heard = len(link.blocks)
    link.play(50, lead_off=(False, True, False))
    assert [block.lead_off for block in link.blocks[heard:]][-1] == (False, True, False)
    assert sum(len(block) for block in link.blocks[heard:] if block.lead_off[1]) == 50
    heard = len(link.blocks)
    link.play(50)
    assert [block.lead_off for block in link.blocks[heard:]][-1] == (False, False, False)


def test_not_measured_is_nan(link):
    link.play(100)
    heard = len(link.blocks)
    samples = np.full((100, 3), 5 * LSB, np.float32)
    samples[30:60, 1] = np.nan
    link.hear(b"".join(link.sensor.encode(samples, link.sent / FS, (False,) * 3)))
    out = np.concatenate([block.samples for block in link.blocks[heard:]])
    assert np.array_equal(np.isnan(out), np.isnan(samples))


def test_a_fresh_link_starts_over(link):
    link.play(100)
    half = b"".join(link.frames(50))
    link.hear(half[: len(half) // 2])
    lost = link.driver.counters.link_lost_samples
    link.connect()
    heard = len(link.blocks)
    link.play(200)
    assert len(link.blocks) > heard
    assert link.blocks[heard].lost == 0
    assert link.driver.counters.link_lost_samples == lost
    assert (np.diff(link.index) >= 1).all()
    assert (np.diff(link.index) > 1).sum() == 1


def test_stop_stops_what_was_started(name, link):
    link.play(50)
    if (stop := link.driver.stop()) != b"":
        link.sensor.receive(stop)
        assert not link.sensor.running
        assert link.sensor.encode(np.zeros((50, 3), np.float32), 0.0, (False,) * 3) == []


def test_diagnose_is_one_line(name):
    for data in (b"", b"\x55" * 5000, NOISE * 100, bytes(range(256)) * 10, b"hello\n" * 200):
        driver = make(name)
        driver.connected(0.0)
        driver.feed(data, 0.1)
        assert len(driver.diagnose()) > 20
        assert "\n" not in driver.diagnose()


@pytest.mark.parametrize("byte", [b"\x00", b"\x55", b"\n", b"!\n", b"7", b"x y\n", b"\x01\x00"])
def test_memory_is_bounded(name, byte):
    driver = make(name)
    driver.connected(0.0)
    data = byte * (8192 // len(byte))
    for second in range(12):
        driver.feed(data, float(second))
        driver.poll(float(second))
        driver.outgoing.clear()
    assert len(pickle.dumps(driver)) < 20_000
