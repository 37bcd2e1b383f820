"""The C device in conversation: with the Python host's driver, and with hosts and links that behave badly."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

import firmware_bridge
from firmware_bridge.c.tests.native import Native
from firmware_bridge.codec import FrameDecoder, decode_body, encode_body, encode_frame
from firmware_bridge.messages import Ack, Data, Event, Hello, HelloRequest, Packing, Start, Status, Stop
from wearecg.devices.bridge import Bridge

C = Path(firmware_bridge.__file__).parent / "c"
TICK = 4000
ECG, PPG = 0, 1


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    for tool in ("make", "cc"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} here")
    build = tmp_path_factory.mktemp("c_device")
    subprocess.run(
        ["make", "-C", str(C), f"BUILD={build}", f"{build}/libtest.so"], check=True, capture_output=True
    )
    return build / "libtest.so"


class Board:
    """The C device, its clock, and a host's decoder on the other end."""

    def __init__(self, library, packing=Packing.INT16):
        self.c = Native(library)
        assert self.c.device(packing)
        self.now = 1_000_000
        self.decoder = FrameDecoder()
        self.made = 0

    def hear(self, room=1 << 16):
        return self.decoder.feed(self.c.poll(self.now, room))

    def tell(self, message):
        self.c.receive(encode_frame(message))

    def sample(self, n=1, off=0, valid=3, stream=ECG):
        for _ in range(n):
            self.now += TICK
            self.c.sample(stream, self.now, [self.made, -self.made], off, valid)
            self.made += 1

    def started(self):
        self.hear()
        self.tell(Start(seq=1))
        assert [type(m) for m in self.hear()] == [Ack]
        return self


@pytest.fixture
def board(library):
    return Board(library)


@pytest.fixture
def running(board):
    return board.started()


def data(messages):
    return [m for m in messages if isinstance(m, Data)]


class TestConversation:
    def test_after_power_up_it_says_who_it_is_and_waits(self, board):
        raw = board.c.poll(board.now)
        hello, status = board.decoder.feed(raw)
        assert raw[0] == 0
        assert isinstance(hello, Hello)
        assert isinstance(status, Status)
        assert (hello.name, hello.firmware, hello.serial, hello.running) == ("shim", "1.0", "A7", False)
        assert [(s.id, s.fs, [lead.name for lead in s.leads]) for s in hello.streams] == [
            (0, 250.0, ["II", "V1"]),
            (5, 100.0, ["PPG"]),
        ]
        assert hello.t_us == status.t_us == board.now
        assert (status.battery, status.flags) == (None, 0)
        board.sample(100)
        assert board.hear() == []

    @pytest.mark.parametrize("packing", list(Packing))
    def test_the_python_host_receives_what_was_sampled(self, library, packing):
        board, host = Board(library, packing), Bridge()
        host.connected(0.0)
        blocks = []
        rng = np.random.default_rng(0)
        counts = rng.integers(-3000, 3000, (500, 2))
        for tick, (a, b) in enumerate(counts):
            board.now += TICK
            board.c.sample(ECG, board.now, [int(a), int(b)], off=1)
            board.c.receive(bytes(host.outgoing))
            host.outgoing.clear()
            blocks += host.feed(board.c.poll(board.now), tick * TICK * 1e-6)
            host.poll(tick * TICK * 1e-6)
        got = np.concatenate([block.samples for block in blocks if block.stream == "ecg"])
        assert len(got) >= 480
        start = round((blocks[0].start * 1e6 - 1_000_000) / TICK) - 1
        expected = counts[start : start + len(got)].astype(np.float32) * np.float32(0.001)
        np.testing.assert_allclose(got, expected, atol=1e-6)
        assert blocks[0].lead_off == (True, False)
        assert (host.counters.bad_frames, host.counters.link_lost_samples) == (0, 0)

    def test_start_names_streams(self, board):
        board.hear()
        for streams, status, runs in ((1, 0, 1), (0x20, 0, 0x20), (0, 0, 0), (0x21, 0, 0x21), (2, 2, 0x21)):
            board.tell(Start(seq=7, streams=streams))
            [ack] = board.hear()
            assert (ack.command, ack.command_seq, ack.status) == (2, 7, status)
            assert board.c.running == runs

    def test_hello_request_of_any_version_does_not_disturb(self, running):
        running.sample(9)
        body = bytes([9, 1, 1, 0, 42])
        running.c.receive(running.c.cobs(body + struct.pack("<I", zlib.crc32(body))))
        hello, status = running.hear()
        assert hello.running
        assert status.flags == 1
        running.sample(1)
        [frame] = data(running.hear())
        assert (frame.seq, frame.n) == (0, 10)

    def test_answers_go_before_waiting_data(self, running):
        running.sample(30)
        running.tell(HelloRequest(seq=2))
        running.tell(Stop(seq=3))
        kinds = [type(m) for m in running.hear()]
        assert kinds[:3] == [Ack, Hello, Status]
        assert kinds[3:] == [Data] * 3

    def test_what_is_no_command_is_left_alone(self, running):
        for message in (Ack(command=2, command_seq=1), Hello(t_us=0, streams=())):
            running.tell(message)
        running.c.receive(b"\x11\x22garbage\x00" + b"\xff" * 3000 + b"\x00")
        body = bytes([1, 2, 0, 0, 1, 0])
        running.c.receive(running.c.cobs(body + struct.pack("<I", zlib.crc32(body))))
        assert running.hear() == []
        assert running.c.running == 0x21
        running.tell(Start(seq=5, extra=b"later"))
        assert [m.command_seq for m in running.hear()] == [5]

    def test_more_commands_than_can_be_answered_are_not_done(self, running):
        for seq in range(6):
            running.tell(Start(seq=seq, streams=seq & 1))
        assert [m.command_seq for m in running.hear(1 << 16)] == [0, 1, 2, 3]
        assert running.c.running == 1

    def test_seq_goes_on_after_stop(self, running):
        running.sample(15)
        running.tell(Stop(seq=2))
        running.sample(5)
        assert [m.n for m in data(running.hear())] == [10, 5]
        running.tell(Start(seq=3))
        running.hear()
        running.sample(10)
        assert [m.seq for m in data(running.hear())] == [2]

    def test_event(self, running):
        text = b"pressed"
        assert running.c.event(running.now, 1, text)
        assert not running.c.event(running.now, 1, text)
        [event] = running.hear()
        assert isinstance(event, Event)
        assert (event.t_us, event.number, event.text) == (running.now, 1, "pressed")


class TestFrames:
    def test_time_and_samples(self, running):
        running.sample(20)
        first, second = data(running.hear())
        assert second.t_us - first.t_us == 10 * TICK
        assert first.t_us == running.now - 19 * TICK
        assert second.samples().tolist() == [[i, -i] for i in range(10, 20)]
        assert (first.lead_off_known, first.lead_off, first.valid) == (3, 0, 3)

    def test_a_frame_is_cut_where_a_bit_changes(self, running):
        running.sample(4)
        running.sample(3, off=2)
        running.sample(8, valid=1)
        frames = data(running.hear())
        running.sample(5, valid=1)
        frames += data(running.hear())
        assert [(m.n, m.lead_off, m.valid, m.seq) for m in frames] == [
            (4, 0, 3, 0),
            (3, 2, 3, 1),
            (10, 0, 1, 2),
        ]

    def test_a_count_that_does_not_fit_is_no_measurement(self, running):
        running.c.sample(ECG, running.now, [40000, 5], valid=3)
        running.sample(1)
        [frame] = data(running.hear())
        assert (frame.n, frame.valid) == (1, 2)

    def test_streams_take_turns(self, running):
        for _ in range(3):
            running.sample(10)
            running.sample(4, stream=PPG)
        assert [m.stream for m in data(running.hear())] == [0, 5] * 3

    def test_seq_wraps(self, library):
        board = Board(library)
        board.c.age(0, 65535)
        board.started().sample(20)
        assert [m.seq for m in data(board.hear())] == [65535, 0]


class TestLosses:
    def test_a_full_ring_drops_whole_frames_and_tells(self, running):
        running.sample(100)
        messages = running.hear()
        # The ring holds seven whole frames; three were made and not kept.
        assert [m.seq for m in data(messages)] == list(range(7))
        running.sample(10)
        messages += running.hear()
        running.sample(10)
        messages += running.hear()
        assert [m.seq for m in data(messages)] == [*range(7), 10, 11]
        told = [m for m in messages if isinstance(m, Status)]
        assert [(s.streams[0].dropped_frames, s.streams[0].dropped_samples) for s in told] == [(3, 30)]

    def test_late_frames_are_not_sent(self, running):
        running.sample(20)
        assert running.hear(room=10) == []
        running.sample(10)
        running.now += 1_000_000
        running.sample(10)
        got = running.hear()
        # The first had begun to go out and is finished; the others are older than a second.
        assert [m.seq for m in data(got)] == [0, 3]
        status = next(m for m in got if isinstance(m, Status))
        assert status.streams[0].dropped_samples == 20

    def test_samples_that_were_not_taken(self, running):
        running.sample(5)
        running.c.missed(ECG, 7)
        running.now += 7 * TICK
        running.sample(10)
        got = running.hear()
        assert [(m.seq, m.n) for m in data(got)] == [(0, 5), (2, 10)]
        entry = next(m for m in got if isinstance(m, Status)).streams[0]
        assert (entry.dropped_frames, entry.dropped_samples, entry.overruns) == (0, 7, 1)

    def test_counters_stay_at_the_top(self, library):
        board = Board(library)
        board.c.age(0xFFFFFFFE, 0)
        board.started().sample(100)
        board.hear()
        board.tell(HelloRequest(seq=9))
        status = [m for m in board.hear() if isinstance(m, Status)][-1]
        assert status.streams[0].dropped_frames == 0xFFFFFFFF

    def test_status_every_five_seconds(self, running):
        times = []
        for _ in range(5000):
            running.sample()
            times += [m.t_us for m in running.hear() if isinstance(m, Status)]
        assert np.diff(times).max() <= 5_000_000
        assert len(times) == 5

    def test_the_host_tells_device_from_link(self, library):
        board, host = Board(library), Bridge()
        host.connected(0.0)
        for tick in range(2000):
            board.sample()
            board.c.receive(bytes(host.outgoing))
            host.outgoing.clear()
            raw = board.c.poll(board.now, 0 if 500 <= tick < 700 else 1 << 16)
            if tick in range(1000, 1010):
                raw = b""
            host.feed(raw, tick * TICK * 1e-6)
            host.poll(tick * TICK * 1e-6)
        # 200 ticks: what is in the ring and in the sender comes late, the rest is dropped.
        assert 110 <= host.counters.device_dropped_samples <= 140
        assert host.counters.link_lost_samples == 10


class TestPackets:
    @pytest.fixture
    def radio(self, library):
        native = Native(library)
        assert native.device(Packing.INT24, packets=True)
        return native

    @staticmethod
    def bodies(raw):
        out = []
        while raw:
            (size,) = struct.unpack_from("<I", raw)
            out.append(decode_body(raw[4 : 4 + size]))
            raw = raw[4 + size :]
        return out

    def test_one_body_in_a_packet_as_it_is(self, radio):
        assert [type(m) for m in self.bodies(radio.poll(0))] == [Hello, Status]
        radio.receive(encode_body(Start(seq=1))[:-1] + b"\0", packet=True)
        radio.receive(b"\1", packet=True)
        assert radio.poll(0) == b""
        radio.receive(encode_body(Start(seq=1)), packet=True)
        for i in range(10):
            radio.sample(ECG, i * TICK, [i, 0])
        assert [type(m) for m in self.bodies(radio.poll(40_000))] == [Ack, Data]

    def test_a_connection_that_ends_stops_it(self, radio):
        radio.poll(0)
        radio.receive(encode_body(Start(seq=1)), packet=True)
        for i in range(40):
            radio.sample(ECG, i * TICK, [i, 0])
        radio.poll(160_000, room=20)
        radio.disconnected()
        assert radio.running == 0
        assert radio.poll(170_000) == b""
        radio.receive(encode_body(HelloRequest(seq=2)), packet=True)
        hello, status = self.bodies(radio.poll(180_000))
        assert not hello.running
        assert status.streams[0].dropped_samples == 40


def test_a_board_that_cannot_be_described_does_not_start(library):
    native = Native(library)
    assert native.device(Packing.INT16)
    assert not native.device(Packing.INT16, sending=60)
