from __future__ import annotations

import threading
import time

import pytest

from wearecg.block import Event, HeartRate, Notice, SignalBlock, Trace
from wearecg.errors import SinkError
from wearecg.sinks.base import Sink
from wearecg.sinks.threaded import OutputGoneError, ThreadedSink


class Recorder(Sink):
    def __init__(self, lossless: bool = False) -> None:
        super().__init__()
        self.lossless = lossless
        self.go = threading.Event()
        self.go.set()
        self.got: list[Event] = []
        self.ticks: list[float] = []
        self.closed = 0
        self.threads: set[int] = set()
        self.fault: Exception | None = None

    def write(self, event: Event) -> None:
        self.threads.add(threading.get_ident())
        self.go.wait(20)
        if self.fault:
            raise self.fault
        self.got.append(event)

    def tick(self, now: float) -> None:
        self.ticks.append(now)

    def close(self) -> None:
        self.closed += 1


def rate(number: int) -> HeartRate:
    return HeartRate(float(number), 60.0)


def until(condition: object, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_events_arrive_in_order_in_one_other_thread_and_close_drains() -> None:
    sink = Recorder()
    threaded = ThreadedSink(sink)
    events = [rate(i) for i in range(500)]
    for event in events:
        threaded.write(event)
    threaded.close()
    threaded.close()
    assert sink.got == events
    assert sink.closed == 1
    assert sink.threads.isdisjoint({threading.get_ident()})
    assert not threaded.alive
    assert threaded.error is None


def test_ticks_come_without_events() -> None:
    sink = Recorder()
    threaded = ThreadedSink(sink)
    assert until(lambda: len(sink.ticks) >= 5)
    threaded.close()
    assert max(b - a for a, b in zip(sink.ticks[:5], sink.ticks[1:5], strict=False)) < 0.2


def test_a_lossless_sink_makes_the_caller_wait() -> None:
    sink = Recorder(lossless=True)
    sink.go.clear()
    threaded = ThreadedSink(sink, capacity=5)
    done = threading.Event()
    events = [rate(i) for i in range(50)]

    def produce() -> None:
        for event in events:
            threaded.write(event)
        done.set()

    threading.Thread(target=produce, daemon=True).start()
    assert not done.wait(0.2)
    sink.go.set()
    assert done.wait(5)
    threaded.close()
    assert sink.got == events
    assert threaded.skipped == 0


def test_any_other_sink_loses_its_oldest_events_and_is_told() -> None:
    sink = Recorder()
    sink.go.clear()
    threaded = ThreadedSink(sink, name="slow:", capacity=5)
    threaded.write(rate(-1))
    assert until(lambda: sink.threads)  # the first is being written
    for i in range(50):
        threaded.write(rate(i))
    assert threaded.skipped == 45
    sink.go.set()
    threaded.close()
    assert [e.time for e in sink.got if isinstance(e, HeartRate)] == [-1, 45, 46, 47, 48, 49]
    (notice,) = [e for e in sink.got if isinstance(e, Notice)]
    assert notice.message == "slow: is too slow: 45 events were skipped"


@pytest.mark.parametrize("fault", [SinkError("the disk is gone"), RuntimeError("a bug")])
def test_a_fault_ends_the_sink_not_the_stream(fault: Exception) -> None:
    sink = Recorder(lossless=True)
    threaded = ThreadedSink(sink, name="x:", capacity=3)
    sink.fault = fault
    for i in range(100):
        threaded.write(rate(i))  # neither raises nor waits for ever
    assert until(lambda: not threaded.alive)
    threaded.close()
    assert isinstance(threaded.error, SinkError)
    assert str(fault) in str(threaded.error)
    assert sink.closed == 1


def test_a_reader_that_left_is_no_fault() -> None:
    sink = Recorder()
    sink.fault = OutputGoneError("gone")
    threaded = ThreadedSink(sink)
    threaded.write(rate(0))
    assert until(lambda: not threaded.alive)
    threaded.close()
    assert threaded.error is None


def test_close_leaves_a_sink_that_hangs() -> None:
    sink = Recorder()
    sink.go.clear()
    threaded = ThreadedSink(sink, name="stuck:")
    threaded.write(rate(0))
    begin = time.monotonic()
    threaded.close(timeout=0.1)
    assert time.monotonic() - begin < 2
    assert "stuck: did not take its last events" in str(threaded.error)
    sink.go.set()


def test_ignored_kinds_do_not_fill_the_queue_and_notices_come_back() -> None:
    class Choosy(Recorder):
        ignores = (SignalBlock, Trace)

    import numpy as np

    sink = Choosy()
    sink.notices.append(Notice("disk full", "error"))
    threaded = ThreadedSink(sink)
    threaded.write(SignalBlock(np.zeros((1, 1), np.float32), 250, ("II",)))
    threaded.write(rate(1))
    threaded.close()
    assert sink.got == [rate(1)]
    assert threaded.drain() == [Notice("disk full", "error")]
    assert threaded.drain() == []
