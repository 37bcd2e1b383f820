"""What every device driver owes the rest of wearecg, checked against its own simulated counterpart."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from wearecg.devices import bitalino, cyton, device, names, olimex, shimmer3, simulated
from wearecg.devices.base import Device
from wearecg.errors import SourceError

FS, LSB, LEADS = 250.0, 0.001, ("I", "II", "V1")
"""Unless the sensor has its own."""
NOISE = b"\x00\x80\xfe#~boot\r\n\x00"
"""Ends every framing in use: nothing behind it is glued to it."""
OWN_LSB = {"cyton": cyton.LSB, "bitalino": bitalino.LSB[10], "shimmer3": shimmer3.LSB, "olimex": olimex.LSB}
OWN_LEADS = {"shimmer3": shimmer3.LEADS}
SPAN = {"bitalino": 400, "olimex": 400} | dict.fromkeys(
    ("protocentral-ads1292r", "protocentral-max86150", "healthypi4"), 1 << 15
)
"""Of what is sent where the ADC has 10 bits, or a count 16."""
BATCH = {"healthypi5": 8, "healthypi6": 16}
"""Samples in a frame, where they wait for each other."""
HELD = {"bridge": 0, "ascii": 0, "bitalino": bitalino.CONFIRM, "healthypi6": 0}
"""Frames that wait for those behind them to confirm them; 1 for sensors without a real checksum."""
ASKS_FIRST = ("cyton", "chords", "bitalino", "shimmer3")
"""They look for an answer before they look for frames."""
UNNUMBERED = (
    "ascii",
    "healthypi4",
    "healthypi5",
    *(name for name in names() if name.startswith("protocentral")),
)
TELLS_LEAD_OFF = ("bridge", "ascii", "healthypi4", "healthypi6")

SERIAL = [name for name in names() if issubclass(device(name), Device)]
"""Those on Bluetooth have a contract of their own: test_ble_contract.py."""


@pytest.fixture(params=SERIAL)
def name(request):
    return request.param


def make(name):
    """A driver given what its sensor does not state itself."""
    kind = simulated(name)
    leads, fs = LEADS[: kind.channels], kind.rate or FS
    for options in ({"fs": fs, "leads": leads, "lsb": LSB}, {"leads": leads, "lsb": LSB}, {"leads": leads}):
        try:
            return device(name)(**options)
        except SourceError:
            continue
    return device(name)()


class Link:
    """A driver and its simulated sensor, and everything that came out."""

    def __init__(self, name, chunk=4096):
        kind = simulated(name)
        self.name, self.fs, self.lsb = name, kind.rate or FS, OWN_LSB.get(name, LSB)
        self.span, self.held = SPAN.get(name, 1 << 20), HELD.get(name, 1)
        self.leads, self.batch = LEADS[: kind.channels], BATCH.get(name, 1)
        self.all_on = (False,) * len(self.leads)
        self.last_off = (*self.all_on[1:], True)
        self.driver, self.sensor = make(name), kind(self.leads, self.fs, self.lsb)
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
        while said := bytes(self.driver.outgoing):
            self.driver.outgoing.clear()
            for answer in self.sensor.receive(said):
                self.hear(answer)

    def hear(self, data):
        for at in range(0, len(data), self.chunk):
            blocks = self.driver.feed(data[at : at + self.chunk], self.now)
            self.blocks += [block for block in blocks if block.stream == "ecg"]

    def frames(self, n, lead_off=None):
        """The next ``n`` samples as the sensor sends them. Sample i is i, -i, 2 i counts, wrapped at half the span."""
        index = np.arange(self.sent, self.sent + n)
        counts = ((index + self.span // 2) % self.span - self.span // 2).astype(np.float32)
        samples = self.columns(counts) * np.float32(self.lsb)
        frames = self.sensor.encode(samples, self.sent / self.fs, lead_off or self.all_on)
        self.sent += n
        self.now += n / self.fs
        return frames

    def play(self, n, **how):
        self.hear(b"".join(self.frames(n, **how)))
        self.talk()

    def columns(self, counts):
        return np.stack([counts, -counts, 2 * counts], axis=1)[:, : len(self.leads)]

    def is_complete(self, index):
        """Whether all is there but the samples that a frame still waits for, and the frames that are not believed."""
        missing = self.sent - 1 - index[-1]
        if self.batch == 1:
            return missing == self.held
        return missing < self.batch * (1 + self.held)

    @property
    def index(self):
        """Numbers of the samples received."""
        samples = np.concatenate([block.samples for block in self.blocks])
        counts = np.rint(samples[:, 0] / self.lsb).astype(int)
        expected = self.columns(counts) * self.lsb
        assert np.abs(samples - expected).max() < 0.01 * self.lsb + 1e-6 * np.abs(samples).max()
        return np.unwrap(counts, period=self.span) + (self.span if counts[0] < 0 else 0)

    @property
    def has_clock(self):
        return all(np.isfinite(block.start) for block in self.blocks)

    @property
    def lost(self):
        """Samples told missing, by the number of the sample received after them."""
        starts = np.cumsum([0] + [len(block) for block in self.blocks])
        return {int(s): block.lost for s, block in zip(starts, self.blocks, strict=False) if block.lost}


@pytest.fixture(params=[1, 13, 100_000], ids=lambda n: f"chunk{n}")
def link(name, request):
    return Link(name, request.param)


def test_sensor_runs_after_the_handshake(link):
    assert link.sensor.running
    assert not link.driver.outgoing


def test_samples_arrive(link):
    for n in (1, 40, 3, 500, 7):
        link.play(n)
    # A sensor without frames cannot tell the first line from the rest of one.
    first = 1 if link.name == "ascii" else 0
    assert link.is_complete(link.index)
    assert link.index.tolist() == list(range(first, link.index[-1] + 1))
    assert all(block.lost == 0 for block in link.blocks)
    assert link.driver.counters.bad_frames == link.driver.counters.link_lost_samples == 0
    assert link.driver.counters.bytes > 0
    assert link.driver.counters.frames > 0


def test_blocks_say_what_they_are(link):
    link.play(100)
    for block in link.blocks:
        assert (block.fs, block.leads, block.stream) == (link.fs, OWN_LEADS.get(link.name, link.leads), "ecg")
        assert block.samples.dtype == np.float32
        assert block.lsb == pytest.approx([link.lsb] * len(link.leads))
        assert len(block.lead_off) == len(link.leads)
        assert True not in block.lead_off
    assert link.driver.rate_note


def test_time_stamps_are_those_of_the_samples(link):
    link.play(700)
    assert link.has_clock or link.name not in ("bridge", "shimmer3")
    first = 0
    for block in link.blocks:
        if link.has_clock:
            assert block.start == pytest.approx(first / link.fs, abs=2e-6)
        first += len(block)


def test_garbage_in_front_and_between(name, link):
    late = Link(name, link.chunk)
    late.driver.connected(0.0)
    late.hear(NOISE * 20)
    late.connect()
    late.play(100)
    before = late.driver.counters.bad_frames
    assert before > 0 or name in ASKS_FIRST
    frames = late.frames(300)
    middle = len(frames) // 2
    late.hear(b"".join([*frames[:middle], NOISE, *frames[middle:]]))
    index = late.index
    assert late.driver.counters.bad_frames > before
    assert (np.diff(index) == 1).all()
    assert late.is_complete(index)


def test_lost_frames_are_a_gap(link):
    link.play(200)
    frames = link.frames(400)
    middle = len(frames) // 2
    link.hear(b"".join(frames[:middle] + frames[middle + 3 :]))
    index = link.index
    (at,) = np.flatnonzero(np.diff(index) != 1)
    missing = int(index[at + 1] - index[at] - 1)
    assert missing > 0
    if link.name not in UNNUMBERED:
        assert link.lost == {int(at) + 1: missing}
        assert link.driver.counters.link_lost_samples == missing
    if link.has_clock:
        behind = next(block for block in link.blocks if block.lost)
        assert behind.start == pytest.approx(index[at + 1] / link.fs, abs=2e-6)


@pytest.mark.parametrize("name", TELLS_LEAD_OFF)
def test_lead_off_is_told_and_over(link):
    link.play(96)
    heard = len(link.blocks)
    link.play(48, lead_off=link.last_off)
    assert [block.lead_off for block in link.blocks[heard:]][-1] == link.last_off
    assert sum(len(block) for block in link.blocks[heard:] if block.lead_off[-1]) == 48 - link.held
    heard = len(link.blocks)
    link.play(48)
    assert [block.lead_off for block in link.blocks[heard:]][-1] == link.all_on


@pytest.mark.parametrize("name", [name for name in SERIAL if name not in TELLS_LEAD_OFF])
def test_lead_off_is_not_known_to_others(link):
    link.play(100, lead_off=link.last_off)
    assert {block.lead_off for block in link.blocks} == {(None,) * len(link.leads)}


@pytest.mark.parametrize("name", ["bridge", "ascii"])
def test_not_measured_is_nan(link):
    link.play(100)
    heard = len(link.blocks)
    samples = np.full((100, 3), 5 * LSB, np.float32)
    samples[30:60, 1] = np.nan
    link.hear(b"".join(link.sensor.encode(samples, link.sent / link.fs, (False,) * 3)))
    out = np.concatenate([block.samples for block in link.blocks[heard:]])
    assert np.array_equal(np.isnan(out), np.isnan(samples))


@pytest.mark.parametrize("name", [name for name in SERIAL if HELD.get(name, 1)])
def test_lost_bytes_cost_samples_and_never_give_false_ones(name):
    size = len(Link(name).frames(BATCH.get(name, 1))[-1])
    for at in range(0, size, 2):
        for gap in {1, 2, 5, size - 1, size + 1}:  # the length of a frame is what nothing could tell
            link = Link(name)
            stream = b"".join(link.frames(40))
            link.hear(stream[: len(stream) // 2 + at] + stream[len(stream) // 2 + at + gap :])
            link.play(60)
            index = link.index
            assert index[0] == 0
            assert link.is_complete(index)
            steps = np.diff(index) - 1
            assert sum(steps) <= link.batch * (3 + link.held)
            if name not in UNNUMBERED:
                assert link.lost == {int(i) + 1: int(steps[i]) for i in np.flatnonzero(steps)}


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
        assert link.sensor.encode(np.zeros((50, len(link.leads)), np.float32), 0.0, link.all_on) == []


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
