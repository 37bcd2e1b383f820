"""What every Bluetooth driver owes the rest of wearecg, checked against its own simulated counterpart."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from wearecg.block import RRIntervals, SignalBlock
from wearecg.devices import device, names, simulated
from wearecg.devices.ble_base import BleDevice
from wearecg.errors import SourceError
from wearecg.person import Person

BLUETOOTH = [name for name in names() if issubclass(device(name), BleDevice)]
WITH_SIGNAL = [name for name in BLUETOOTH if name != "heart-rate"]
ON_THE_CLOCK = [name for name in WITH_SIGNAL if name not in ("ganglion", "npg")]
STEP = {"polar-verity": 1 / 50_000, "movesense": 0.000381469726563, "ganglion": 2e-5}
"""What is added from sample to sample: one count, for the Ganglion (which is off by one count) ten."""
SIZE = {"polar-verity": 50_000.0}
"""Units out for one in."""
WRAP = 2000
"""The smallest ADC has 12 bits."""


class Link:
    """A driver and its simulated sensor, and everything that came out."""

    def __init__(self, name, seed=0):
        kind = simulated(name)
        self.fs = kind.rate or 250.0
        self.step = STEP.get(name, 0.001)
        options = {"lsb": self.step} if name == "npg" else {}
        self.driver = device(name)(**options)
        self.sensor = kind(("ECG",), self.fs, self.step)
        self.size = SIZE.get(name, 1.0)
        self.now, self.sent, self.blocks, self.arrivals = 100.0, 0, [], []
        self.connect()

    def connect(self):
        self.sensor.linked(False)
        self.sensor.linked(True)
        self.driver.connected(self.now)
        for _ in range(20):
            self.talk()
            if self.sensor.running:
                break
            self.now += 0.5
            self.driver.poll(self.now)

    def talk(self):
        while self.driver.outgoing:
            write = self.driver.outgoing.pop(0)
            for answer in self.sensor.write(write.characteristic, write.value):
                self.hear([answer])

    def hear(self, notifications):
        for uuid, data in notifications:
            for measured, arrival in self.driver.feed(uuid, data, self.now):
                assert arrival <= self.now
                if isinstance(measured, SignalBlock):
                    self.blocks.append(measured)
                    self.arrivals.append(arrival)

    def notifications(self, n, cut=17):
        """What the sensor says about the next ``n`` samples. Sample i is i steps, modulo `WRAP`."""
        out = []
        for at in range(0, n, cut):
            k = min(cut, n - at)
            index = np.arange(self.sent, self.sent + k) % WRAP
            samples = (index * self.step).astype(np.float32)[:, None]
            out += self.sensor.encode(samples, self.sent / self.fs, (False,))
            self.sent += k
        return out

    def play(self, n):
        for notification in self.notifications(n):
            self.now += 0.01
            self.hear([notification])
        self.talk()

    @property
    def index(self):
        """Numbers of the samples received, wrapped."""
        samples = np.concatenate([block.samples for block in self.blocks])[:, 0]
        return np.rint(samples / (self.step * self.size)).astype(int)

    @property
    def data(self):
        return self.driver.needs[-1]


@pytest.fixture(params=WITH_SIGNAL)
def link(request):
    return Link(request.param)


def missing_in(index):
    steps = np.diff(index) % WRAP
    return steps[steps != 1] - 1


def test_sensor_runs_after_the_handshake(link):
    assert link.sensor.running
    assert not link.driver.outgoing


def test_samples_arrive(link):
    link.play(1500)
    index = link.index
    assert len(missing_in(index)) == 0
    assert index[0] == 0
    assert len(index) > 1500 - 100
    assert all(block.lost == 0 for block in link.blocks)
    counters = link.driver.counters
    assert (counters.bad_frames, counters.link_lost_samples, counters.duplicates) == (0, 0, 0)
    assert counters.frames > 0
    assert counters.bytes > 0


def test_blocks_say_what_they_are(link):
    link.play(1000)
    assert len({(block.fs, block.leads, block.stream, block.lsb) for block in link.blocks}) == 1
    for block in link.blocks:
        assert block.samples.dtype == np.float32
        assert block.fs == pytest.approx(link.fs, rel=1e-5)
        assert len(block.lsb) == len(block.leads) == len(block.lead_off) == block.samples.shape[1]
        assert all(step > 0 for step in block.lsb)
    assert link.driver.rate_note


@pytest.mark.parametrize("cut", [1, 7, 73, 400])
@pytest.mark.parametrize("name", WITH_SIGNAL)
def test_what_the_sensor_says_does_not_depend_on_how_it_is_played(name, cut):
    one, other = Link(name), Link(name)
    said = [(uuid, data) for uuid, data in one.notifications(1200, cut) if uuid == one.data]
    again = [(uuid, data) for uuid, data in other.notifications(1200) if uuid == other.data]
    if name == "bridge-ble":  # frames end where it is given samples
        one.hear(said)
        other.hear(again)
        assert one.index.tolist() == other.index.tolist()
    else:
        assert said == again


@pytest.mark.parametrize("name", ON_THE_CLOCK)
def test_time_stamps_are_those_of_the_samples(name):
    link = Link(name)
    link.play(2000)
    starts = np.array([block.start for block in link.blocks])
    firsts = np.cumsum([0] + [len(block) for block in link.blocks[:-1]])
    assert (np.diff(starts) > 0).all()
    # A Movesense counts whole milliseconds.
    tolerance = 1.1e-3 if name == "movesense" else 5e-5
    assert np.abs(starts - starts[0] - firsts / link.fs).max() < tolerance


def test_lost_notifications_are_a_gap(link):
    link.play(1000)
    said = [n for n in link.notifications(1000) if n[0] == link.data]
    middle = len(said) // 2
    link.hear(said[:middle] + said[middle + 2 :])
    (missing,) = missing_in(link.index)
    assert missing > 0
    assert sum(block.lost for block in link.blocks) == missing
    assert link.driver.counters.link_lost_samples == missing
    (at,) = [i for i, block in enumerate(link.blocks) if block.lost]
    if np.isfinite(link.blocks[at].start):
        hole = link.blocks[at].start - link.blocks[at - 1].end
        assert hole * link.fs == pytest.approx(missing, abs=0.6)


def test_what_comes_twice_counts_once(link):
    """As after a reconnection that left the old client behind."""
    link.play(1000)
    for notification in link.notifications(1000):
        link.hear([notification, notification])
    assert len(missing_in(link.index)) == 0
    assert link.driver.counters.duplicates > 0
    assert link.driver.counters.link_lost_samples == 0


def test_garbage_raises_nothing_and_is_counted(link):
    rng = np.random.default_rng(0)
    link.play(800)
    counters = link.driver.counters
    before = counters.bad_frames + counters.unknown_frames
    heard = len(link.blocks)
    for uuid in (
        *link.driver.needs,
        *link.driver.wants,
        *link.driver.reads,
        "00000000-0000-0000-0000-000000000000",
    ):
        for length in (0, 1, 2, 3, 5, 9, 10, 20, 229):
            link.driver.feed(uuid, rng.bytes(length), link.now)
    link.driver.outgoing.clear()
    assert counters.bad_frames + counters.unknown_frames > before
    link.connect()
    link.play(1500)
    assert len(link.blocks) > heard
    assert link.blocks[-1].fs == link.blocks[0].fs


def test_a_fresh_link_starts_over(link):
    link.play(1000)
    lost = link.driver.counters.link_lost_samples
    link.notifications(333)  # nobody hears it
    link.connect()
    heard = len(link.blocks)
    link.play(1000)
    assert len(link.blocks) > heard
    assert link.blocks[heard].lost == 0
    assert link.driver.counters.link_lost_samples == lost
    assert len(missing_in(link.index)) == 1


def test_stop_stops_what_was_started(link):
    link.play(300)
    for write in link.driver.stop():
        link.sensor.write(write.characteristic, write.value)
    assert not link.sensor.running
    assert [n for n in link.notifications(500) if n[0] == link.data] == []


def test_commands_that_are_not_answered_are_repeated(link):
    link.driver.connected(0.0)
    asked = list(link.driver.outgoing)
    link.driver.outgoing.clear()
    for step in range(1, 40):
        link.driver.poll(step * 0.1)
    assert asked
    assert link.driver.outgoing
    assert link.driver.outgoing[0].characteristic == asked[0].characteristic


@pytest.mark.parametrize("name", BLUETOOTH)
def test_diagnose_is_one_line(name):
    driver = device(name)()
    driver.connected(0.0)
    for data in (b"", b"\x55" * 100, bytes(range(200)), b"hello\n" * 20):
        driver.feed(driver.needs[-1], data, 0.1)
        assert len(driver.diagnose()) > 20
        assert "\n" not in driver.diagnose()


@pytest.mark.parametrize("name", BLUETOOTH)
def test_memory_is_bounded(name):
    driver = device(name)()
    driver.connected(0.0)
    for second in range(300):
        for uuid in driver.needs:
            for data in (
                b"\x00" * 20,
                b"\x02\x64" + bytes(30),
                bytes(229),
                b"\xf0\x01\x00\x00\x01" + bytes(15),
            ):
                driver.feed(uuid, data, float(second))
        driver.poll(float(second))
        driver.outgoing.clear()
        driver.notes.clear()
    assert len(pickle.dumps(driver)) < 20_000


@pytest.mark.parametrize("name", [n for n in WITH_SIGNAL if n != "polar-verity"])
def test_a_person_keeps_the_size_of_his_ecg(name):
    link = Link(name)
    if name != "npg":
        link.step = 0.001
    person = Person(1, "sinus", link.fs)
    true = person.samples(round(8 * link.fs))[:, [person.leads.index("II")]]
    link.hear(link.sensor.encode(true, 0.0, (False,)))
    out = np.concatenate([block.samples for block in link.blocks])[:, 0]
    assert np.abs(out - true[: len(out), 0]).max() < 0.01
    assert 0.3 < np.ptp(out) < 5


def test_a_stream_that_is_not_offered_is_named():
    with pytest.raises(SourceError, match=r"polar-h10 has no stream 'eeg'; it has ecg, acc"):
        device("polar-h10")(streams=["eeg"])


def test_a_strap_without_a_waveform():
    strap, driver = simulated("heart-rate")(("II",), 100.0), device("heart-rate")()
    strap.linked(True)
    driver.connected(0.0)
    measured = []
    for second in range(1, 11):
        strap.beat(second - 0.5)
        for uuid, data in strap.encode(np.zeros((100, 1), np.float32), second - 1.0, (False,)):
            measured += [m for m, _ in driver.feed(uuid, data, float(second))]
    assert all(isinstance(m, RRIntervals) and m.alone for m in measured)
    assert [rr for m in measured for rr in m.rr] == [1.0] * 9
    assert (measured[-1].bpm, measured[-1].contact) == (60.0, True)
    off = strap.encode(np.zeros((100, 1), np.float32), 10.0, (True,))
    (last,) = driver.feed(*off[0], 11.0)
    assert (last[0].bpm, last[0].contact, last[0].rr) == (None, False, ())
