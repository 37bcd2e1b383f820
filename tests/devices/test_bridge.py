from __future__ import annotations

import struct
import zlib
from itertools import pairwise

import numpy as np
import pytest
from cobs import cobs
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.codec import FrameDecoder, encode_frame
from firmware_bridge.messages import (
    Ack,
    Data,
    Event,
    Hello,
    HelloRequest,
    Kind,
    Lead,
    Packing,
    Start,
    Status,
    Stream,
    StreamStatus,
    Unit,
    pack_samples,
)
from wearecg.devices.bridge import Bridge, SimulatedBridge
from wearecg.devices.track import Continuity
from wearecg.errors import SourceError
from wearecg.transports.base import trouble

ECG = Stream(id=0, rate_num=250, leads=(Lead(name="II", lsb=2**-10),))


def hello(*streams, t=0.0, running=False):
    return encode_frame(
        Hello(t_us=round(t * 1e6), streams=streams or (ECG,), flags=int(running), name="demo")
    )


def data(seq, t, n=10, stream=0, leads=1, **more):
    counts = np.arange(n)[:, None] + 100 * np.arange(leads)
    payload = pack_samples(counts, Packing.INT16)
    shape = {"stream": stream, "packing": Packing.INT16, "leads": leads, "n": n}
    return encode_frame(Data(seq=seq % 65536, t_us=round(t * 1e6), payload=payload, **shape, **more))


def framed(body):
    return cobs.encode(body + zlib.crc32(body).to_bytes(4, "little")) + b"\0"


def status(dropped, t=0.0):
    entry = StreamStatus(stream=0, dropped_frames=dropped // 10, dropped_samples=dropped)
    return encode_frame(Status(t_us=round(t * 1e6), streams=(entry,)))


@pytest.fixture
def bridge():
    driver = Bridge()
    driver.connected(0.0)
    driver.feed(hello() + status(0), 0.1)
    driver.outgoing.clear()
    return driver


def sent(driver):
    messages = FrameDecoder().feed(bytes(driver.outgoing))
    driver.outgoing.clear()
    return [type(m) for m in messages]


class TestHandshake:
    def test_asks_until_answered_then_starts_until_data_come(self):
        driver = Bridge()
        driver.connected(10.0)
        assert driver.outgoing[0] == 0
        assert sent(driver) == [HelloRequest]
        driver.poll(10.9)
        assert sent(driver) == []
        driver.poll(11.0)
        assert sent(driver) == [HelloRequest]
        driver.feed(hello(), 11.1)
        assert sent(driver) == [Start]
        driver.poll(11.9)
        assert sent(driver) == []
        driver.poll(12.2)
        assert sent(driver) == [Start]
        driver.feed(data(0, 0.0), 12.3)
        driver.poll(14.0)
        assert sent(driver) == []

    def test_asks_again_after_silence(self, bridge):
        bridge.feed(data(0, 0.0), 1.0)
        bridge.poll(2.9)
        assert sent(bridge) == []
        bridge.poll(3.1)
        assert sent(bridge) == [HelloRequest]
        (block,) = bridge.feed(data(1, 0.04), 3.2)
        assert block.lost == 0

    def test_mid_stream(self):
        driver = Bridge()
        driver.connected(0.0)
        assert driver.feed(data(500, 20.0)[5:] + data(501, 20.04), 0.1) == []
        assert driver.early_frames == 1
        (block,) = driver.feed(hello(t=20.1, running=True) + data(502, 20.08), 0.2)
        assert (block.start, block.lost) == (pytest.approx(20.08), 0)

    def test_scale_is_asked_for_again_on_a_fresh_link(self, bridge):
        bridge.feed(data(0, 0.0), 0.2)
        bridge.connected(5.0)
        assert bridge.feed(data(100, 4.0), 5.1) == []
        (block,) = bridge.feed(hello(t=4.1) + data(101, 4.04), 5.2)
        assert block.lost == 0
        assert bridge.counters.link_lost_samples == 0

    def test_refused_start_is_told_once(self, bridge):
        refused = encode_frame(Ack(command=Start.code, command_seq=1, status=3))
        bridge.feed(refused + refused, 0.2)
        assert len(bridge.notes) == 1
        assert "status 3" in bridge.notes[0]
        assert "status 3" in bridge.diagnose()
        bridge.poll(2.0)
        assert sent(bridge) == [Start]

    def test_options_are_refused(self):
        with pytest.raises(SourceError, match=r"states that itself: leave out fs"):
            Bridge(fs=250.0)

    def test_events_reach_the_user(self, bridge):
        bridge.feed(encode_frame(Event(t_us=1_500_000, number=1)), 0.2)
        bridge.feed(encode_frame(Event(t_us=1_600_000, number=2, text="ADC reset")), 0.2)
        assert bridge.notes == ["demo at 1.500 s: event 1", "demo at 1.600 s: ADC reset"]


class TestBlocks:
    def test_scale_units_and_masks(self):
        leads = (Lead(name="AVR", lsb=0.5), Lead(name="PPG", lsb=1.0, unit=Unit.ARBITRARY))
        driver = Bridge()
        driver.connected(0.0)
        frame = data(0, 3.0, n=2, leads=2, lead_off=3, lead_off_known=1, valid=0xFFFFFFFD)
        (block,) = driver.feed(hello(Stream(id=0, rate_num=125, rate_den=2, leads=leads)) + frame, 0.1)
        assert (block.leads, block.lsb, block.fs, block.start) == (("aVR", "PPG"), (0.5, 1.0), 62.5, 3.0)
        assert block.lead_off == (True, None)
        assert block.samples[:, 0].tolist() == [0.0, 0.5]
        assert np.isnan(block.samples[:, 1]).all()

    def test_frames_in_a_row_share_a_block(self, bridge):
        frames = [data(i, i * 0.04) for i in range(50)]
        (block,) = bridge.feed(b"".join(frames), 0.2)
        assert (len(block), block.start) == (500, 0.0)

    def test_a_mask_that_changes_starts_a_block(self, bridge):
        blocks = bridge.feed(data(0, 0.0) + data(1, 0.04, lead_off=1, lead_off_known=1) + data(2, 0.08), 0.2)
        assert [block.lead_off for block in blocks] == [(None,), (True,), (None,)]
        assert [block.start for block in blocks] == pytest.approx([0.0, 0.04, 0.08])

    def test_several_streams(self):
        ppg = Lead(name="PPG", lsb=1.0, unit=Unit.ARBITRARY)
        streams = [ECG] + [
            Stream(id=i, rate_num=100, leads=(ppg,), kind=k) for i, k in ((1, Kind.PPG), (2, 2), (3, 99))
        ]
        driver = Bridge()
        driver.connected(0.0)
        frames = b"".join(data(j, j * 0.04, stream=i) for j in range(3) for i in range(4) if not (i and j))
        blocks = driver.feed(hello(*streams) + frames, 0.1)
        assert sorted((b.stream, len(b), b.fs) for b in blocks) == [
            ("ecg", 30, 250.0),
            ("other", 10, 100.0),
            ("ppg", 10, 100.0),
            ("ppg2", 10, 100.0),
        ]

    def test_data_that_do_not_fit_the_descriptor(self, bridge):
        assert bridge.feed(data(0, 0.0, leads=2) + data(0, 0.0, stream=7), 0.2) == []
        assert (bridge.counters.bad_frames, bridge.counters.unknown_frames) == (1, 1)
        assert "HELLO does not describe" in bridge.diagnose()

    @pytest.mark.parametrize("packing", [None, *Packing])
    @pytest.mark.parametrize("amplitude", [3.0, 8000.0])
    def test_every_packing_carries_the_same(self, packing, amplitude):
        if packing == Packing.INT16 and amplitude > 32:
            pytest.skip("does not fit int16")
        driver, sensor = Bridge(), SimulatedBridge(("I", "II"), 500.0, packing=packing)
        driver.connected(0.0)
        driver.feed(b"".join(sensor.receive(bytes(driver.outgoing))), 0.0)
        sensor.receive(bytes(driver.outgoing))
        samples = (np.random.default_rng(0).normal(size=(2000, 2)) * amplitude / 4).astype(np.float32)
        blocks = driver.feed(b"".join(sensor.encode(samples, 0.0, (False, False))), 1.0)
        out = np.concatenate([b.samples for b in blocks])
        assert np.abs(out - samples).max() <= 0.000501 + amplitude * 1e-6


class TestLosses:
    def test_frames_of_any_length_are_counted_exactly(self, bridge):
        sizes = [10, 25, 3, 255, 7, 10, 10, 1, 40]
        starts = np.cumsum([0, *sizes]) / 250
        frames = [data(i, starts[i], n) for i, n in enumerate(sizes)]
        blocks = bridge.feed(b"".join(frames[i] for i in (0, 1, 4, 5, 8)), 0.2)
        assert [block.lost for block in blocks] == [0, 3 + 255, 10 + 1]
        assert bridge.counters.link_lost_samples == 269

    @pytest.mark.parametrize("off_by", [-0.04, -0.02, 0.02, 0.04])
    def test_exact_for_a_sensor_off_its_rate(self, bridge, off_by):
        """ADS1292-like: the oscillator of the converter, not of the clock, makes the rate."""
        period = 0.004 * (1 + off_by)
        keep = [*range(100), *range(150, 160)]
        blocks = [b for i in keep for b in bridge.feed(data(i, i * 10 * period), 0.2)]
        assert sum(block.lost for block in blocks) == 500

    def test_sequence_wraps(self, bridge):
        frames = [data(65530 + i, i * 0.04) for i in range(20)]
        blocks = bridge.feed(b"".join(frames[:4] + frames[8:]), 0.2)
        assert [(block.lost, len(block)) for block in blocks] == [(0, 40), (40, 120)]

    def test_repeated_frames_are_dropped(self, bridge):
        frames = [data(i, i * 0.04) for i in range(6)]
        blocks = bridge.feed(b"".join(f + f for f in frames) + frames[1], 0.2)
        assert sum(len(block) for block in blocks) == 60
        assert bridge.counters.duplicates == 7
        assert bridge.counters.link_lost_samples == 0

    def test_what_the_device_dropped_is_told_from_the_link(self, bridge):
        bridge.feed(data(0, 0.0) + data(5, 0.2), 0.2)
        assert bridge.counters.link_lost_samples == 40
        bridge.feed(status(30), 0.3)
        assert (bridge.counters.link_lost_samples, bridge.counters.device_dropped_samples) == (10, 30)
        # The next report comes before the frame behind the hole.
        bridge.feed(status(50), 0.4)
        assert (bridge.counters.link_lost_samples, bridge.counters.device_dropped_samples) == (0, 50)
        bridge.feed(data(9, 0.36), 0.5)
        assert (bridge.counters.link_lost_samples, bridge.counters.device_dropped_samples) == (20, 50)

    def test_drops_before_we_came_do_not_count(self):
        driver = Bridge()
        driver.connected(0.0)
        driver.feed(hello() + status(1000) + data(0, 0.0) + status(1010), 0.1)
        assert driver.counters.device_dropped_samples == 10

    def test_simulated_drops(self):
        driver, sensor = Bridge(), SimulatedBridge(("II",), 250.0)
        driver.connected(0.0)
        driver.feed(b"".join(sensor.receive(bytes(driver.outgoing))), 0.0)
        sensor.receive(bytes(driver.outgoing))
        quiet = np.zeros((250, 1), np.float32)
        driver.feed(b"".join(sensor.encode(quiet, 0.0, (False,))), 1.0)
        sensor.drop(3)
        frames = sensor.encode(quiet, 1.0, (False,))
        del frames[6]
        blocks = driver.feed(b"".join(frames), 2.0)
        assert [block.lost for block in blocks if block.lost] == [24, 8]
        assert driver.counters.device_dropped_samples == 24
        assert driver.counters.link_lost_samples == 8

    @pytest.mark.parametrize("boot", [b"", hello()], ids=["unseen", "hello"])
    def test_a_reset_loses_nothing_we_can_count(self, bridge, boot):
        bridge.feed(b"".join(data(i, i * 0.04) for i in range(100)) + status(30), 0.2)
        blocks = bridge.feed(boot + status(0) + data(0, 0.1) + data(1, 0.14), 0.3)
        assert [(block.lost, block.start) for block in blocks] == [(0, pytest.approx(0.1))]
        assert bridge.counters.link_lost_samples == 0
        assert bridge.counters.device_dropped_samples == 30

    def test_a_reset_right_after_a_reset_is_no_repetition(self, bridge):
        assert len(bridge.feed(data(0, 0.0) + data(1, 0.04) + hello() + data(0, 0.0), 0.2)) == 2
        assert bridge.counters.duplicates == 0

    @pytest.mark.parametrize("tick", [0, -1, 2500])
    def test_a_clock_that_stands_still_or_races_breaks_nothing(self, tick):
        continuity = Continuity(1000.0)
        for i in range(3000):
            assert continuity.missing(i, 10_000 + tick * i, 1) == 0
        assert continuity.period_us == 1000.0
        assert continuity.missing(3010, 10_000 + tick * 3000, 1) == 0

    @pytest.mark.parametrize("jump", [-3.0, 3600.0])
    def test_a_clock_that_jumps_shows_in_the_stamps_only(self, bridge, jump):
        blocks = bridge.feed(data(0, 10.0) + data(1, 10.04 + jump) + data(4, 20.16 + 2 * jump), 0.2)
        assert [block.lost for block in blocks] == [0, 0, 0]
        assert blocks[1].start == pytest.approx(10.04 + jump)

    @given(
        st.lists(st.tuples(st.integers(1, 255), st.booleans()), min_size=2, max_size=60),
        st.integers(0, 65535),
    )
    @settings(deadline=None)
    def test_whatever_is_missing_the_account_is_right(self, frames, first):
        continuity, at, total, lost = Continuity(250.0), 0, 0, 0
        heard = [i for i, (_, arrives) in enumerate(frames) if arrives]
        for i, (n, arrives) in enumerate(frames):
            if arrives:
                lost += continuity.missing((first + i) % 65536, at * 4000, n)
                total += n
            at += n
        if heard:
            span = sum(n for n, _ in frames[heard[0] : heard[-1] + 1])
            assert total + lost == span


def steps(order, n=10):
    """The wire of frames with these numbers, whose samples go on from frame to frame."""
    wire = []
    for seq in order:
        payload = pack_samples(np.arange(n)[:, None] + n * seq, Packing.INT16)
        shape = {"stream": 0, "packing": Packing.INT16, "leads": 1, "n": n}
        wire.append(encode_frame(Data(seq=seq, t_us=seq * n * 4000, payload=payload, **shape)))
    return b"".join(wire)


class TestMixedUp:
    """A radio that mixes up the order of frames."""

    def samples(self, blocks):
        return np.rint(np.concatenate([block.samples[:, 0] for block in blocks]) * 1024).tolist()

    def test_swapped_in_pairs(self, bridge):
        swapped = [k ^ 1 for k in range(40)]
        blocks = bridge.feed(steps(swapped), 1.0)
        # Frame 0 came behind 1, before anything was known of the link.
        assert self.samples(blocks) == [*range(10, 400)]
        assert [block.lost for block in blocks] == [0] * len(blocks)
        assert (bridge.counters.late_frames, bridge.counters.link_lost_samples) == (1, 0)
        assert bridge.notes == [
            "the link to demo mixes up the order of frames: one came late and is left out; "
            "from here on up to 4 are waited for"
        ]

    def test_a_first_late_frame_is_a_gap(self, bridge):
        blocks = bridge.feed(steps([0, 1, 3, 2, 4]), 1.0)
        assert self.samples(blocks) == [*range(20), *range(30, 50)]
        assert [block.lost for block in blocks] == [0, 10]
        assert bridge.counters.link_lost_samples == 10

    @given(st.data())
    @settings(deadline=None)
    def test_any_order_within_reach_and_any_loss(self, chosen):
        bridge = Bridge()
        bridge.connected(0.0)
        bridge.feed(hello() + status(0), 0.1)
        bridge.feed(steps([1, 0]), 0.2)  # now it is known
        lost = chosen.draw(st.sets(st.integers(2, 60), max_size=20))
        late = chosen.draw(st.lists(st.sampled_from([0.0, 0.5, 1.5, 2.5]), min_size=64, max_size=64))
        order = sorted((seq for seq in range(2, 66) if seq not in lost), key=lambda seq: seq + late[seq - 2])
        wire = steps([*order, *range(66, 70)])
        cut = chosen.draw(st.integers(0, len(wire)))
        blocks = bridge.feed(wire[:cut], 1.0) + bridge.feed(wire[cut:], 1.1)
        heard = [10 * seq + k for seq in range(2, 70) if seq not in lost for k in range(10)]
        assert self.samples(blocks) == heard
        assert sum(block.lost for block in blocks) == 10 * len(lost)
        assert bridge.counters.late_frames == 1

    def test_later_than_anyone_waits(self, bridge):
        blocks = bridge.feed(steps([1, 0, 2, 4, 5, 6, 7, 8, 3, 9]), 1.0)
        assert self.samples(blocks) == [*range(10, 30), *range(40, 100)]
        assert (sum(block.lost for block in blocks), bridge.counters.late_frames) == (10, 2)


@pytest.mark.parametrize("seed", range(3))
def test_a_tenth_of_the_frames_lost_at_random(bridge, seed):
    heard = np.flatnonzero(np.random.default_rng(seed).random(400) > 0.1).tolist()
    blocks = bridge.feed(steps(heard), 1.0)
    holes = [b - a - 1 for a, b in pairwise(heard) if b - a > 1]
    assert [block.lost for block in blocks if block.lost] == [10 * hole for hole in holes]


class TestDiagnose:
    def test_wrong_baud_rate(self):
        driver = Bridge()
        driver.connected(0.0)
        driver.feed(bytes(range(1, 161)) * 12, 1.0)
        assert driver.diagnose() == (
            "1920 bytes at 921600 baud but no valid frame: wrong baud rate or not a wearecg bridge; "
            "try --device ascii"
        )

    def test_text(self):
        driver = Bridge()
        driver.connected(0.0)
        driver.feed(b"512\r\n513\r\n", 1.0)
        assert "lines of text; try --device ascii" in driver.diagnose()

    def test_no_hello(self):
        driver = Bridge()
        driver.connected(0.0)
        driver.feed(data(0, 0.0), 1.0)
        assert "no HELLO" in driver.diagnose()

    def test_no_data(self, bridge):
        assert bridge.diagnose() == "demo answers but does not start sending: reset it"

    def test_a_hello_that_breaks_the_rules_is_named(self):
        driver = Bridge()
        driver.connected(0.0)
        body = bytearray(cobs.decode(hello()[:-1])[:-4])
        at = body.index(b"II\0") + 10
        body[at : at + 4] = struct.pack("<f", float("nan"))
        driver.feed(framed(bytes(body)) + data(0, 0.0), 1.0)
        told = trouble(driver)
        assert "the device's HELLO breaks the protocol" in told
        assert "1 frames refused, the last one: Hello is malformed: lead II: lsb nan" in told

    def test_wrong_crcs_are_named(self, bridge):
        for number in range(7):
            body = cobs.decode(data(number, number * 0.04)[:-1])
            bridge.feed(cobs.encode(body[:-1] + bytes([body[-1] ^ 1])) + b"\0", 1.0)
        assert trouble(bridge).endswith("(7 frames refused, the last one: the CRC does not match)")

    def test_newer_protocol(self):
        body = b"\x02\x81\0\0"
        driver = Bridge()
        driver.connected(0.0)
        driver.feed(framed(body), 1.0)
        assert "(1 frames refused, the last one: protocol version 2; " in trouble(driver)
