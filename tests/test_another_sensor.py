"""A sensor that comes back with other leads or another rate: its streams begin anew, in a new recording."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wearecg
from tests.sinks.test_live import picture
from wearecg.block import (
    ECG,
    Beat,
    ClockFit,
    Event,
    Finding,
    HeartRate,
    Notice,
    SignalBlock,
    Statement,
    StreamId,
    StreamInfo,
    Summary,
    Trace,
    Window,
)
from wearecg.errors import LeadError, SignalError
from wearecg.findings import Board
from wearecg.pipeline.engine import Engine
from wearecg.pipeline.observer import About, Observer, Windows
from wearecg.scoring import ScoringThread
from wearecg.session import Session
from wearecg.sinks.encode import Encoder
from wearecg.transports.base import Item, Source

PPG = StreamId("ppg")


class Looker(Observer):
    """Says of each window how long it is."""

    source = "looker@1"
    wants = (Windows(100, 5),)
    slow = True

    def feed(self, item: object, about: About) -> Sequence[Event]:
        assert isinstance(item, Window)
        return [Statement("LONG", "long", item.start, item.end, 0.5, self.source, stream=about.info.stream)]


def seconds(
    fs: float, leads: tuple[str, ...], count: int, stream: StreamId = ECG, arrival: float = 100.0
) -> Iterator[tuple[SignalBlock, float]]:
    """Yield blocks of a second on the sensor's clock, as they arrive."""
    person = wearecg.Person(seed=3, scenario="sinus", fs=fs)
    x = person.samples(round(fs) * count)[:, [person.leads.index(lead) for lead in leads]]
    for second in range(count):
        part = x[round(second * fs) : round((second + 1) * fs)]
        yield SignalBlock(part, fs, leads, float(second), stream=stream), arrival + second + 1


FIRST = list(seconds(250, ("II",), 12))
SECOND = list(seconds(500, ("II", "V1"), 9, arrival=120.0))


def run(engine: Engine, blocks: Sequence[tuple[SignalBlock, float]]) -> list[Event]:
    return [event for block, arrival in blocks for event in engine.feed(block, arrival)]


def only(events: Sequence[Event], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


# -- the engine ---------------------------------------------------------------------------------------------------


def test_the_stream_begins_anew_and_says_so() -> None:
    engine = Engine("board", wall_offset=1000.0)
    events = run(engine, FIRST + SECOND) + engine.finish()
    before, after = only(events, StreamInfo)
    assert (before.fs, before.leads, before.epoch) == (250, ("II",), 1100.0)
    assert (after.fs, after.leads, after.epoch) == (500, ("II", "V1"), 1120.0)
    (notice,) = only(events, Notice)
    assert notice.message == "board has become II V1 at 500 Hz, and was II at 250 Hz: ecg begins anew"
    assert events.index(notice) == events.index(after) - 1
    blocks = [event for event in events[events.index(after) :] if isinstance(event, SignalBlock)]
    assert [(block.start, block.leads) for block in blocks] == [(float(n), ("II", "V1")) for n in range(9)]


def test_what_is_found_is_what_each_sensor_alone_would_give() -> None:
    engine = Engine("board")
    events = run(engine, FIRST + SECOND) + engine.finish()
    cut = events.index(only(events, StreamInfo)[1])
    for part, alone in ((events[:cut], FIRST), (events[cut:], SECOND)):
        other = Engine("board")
        expected = run(other, alone) + other.finish()
        for kind in (Beat, HeartRate):
            assert only(part, kind) == only(expected, kind)
            assert only(part, kind)


def test_there_is_one_account_of_both() -> None:
    engine = Engine("board", [Looker()])
    events = run(engine, FIRST + SECOND) + engine.finish()
    (summary,) = only(events, Summary)
    assert events[-1] is summary
    assert summary.duration == pytest.approx(21.0, abs=0.01)
    assert summary.samples == 12 * 250 + 9 * 500
    assert summary.beats == len(only(events, Beat))


def test_a_lead_that_is_gone_is_told_and_the_stream_waits_for_it() -> None:
    engine = Engine("board", leads=("II",))
    other = list(seconds(250, ("V1",), 3, arrival=120.0))
    back = [(replace(block, start=block.start + 30), arrival + 30) for block, arrival in FIRST[:3]]
    events = run(engine, FIRST) + run(engine, other + other) + run(engine, back) + engine.finish()
    (notice,) = only(events, Notice)
    assert notice.level == "warning"
    assert "board does not have lead II; it has V1" in notice.message
    assert notice.message.endswith("; nothing of this sensor is taken until it fits")
    assert len(only(events, StreamInfo)) == 1
    assert only(events, Summary)[0].samples == 15 * 250


def test_a_rate_that_nothing_can_be_found_at_is_told_and_refused_only_at_the_start() -> None:
    slow = SignalBlock(np.zeros((20, 1), np.float32), 20.0, ("II",), 0.0)
    with pytest.raises(SignalError, match="fs = 20"):
        Engine("board").feed(slow, 100.0)
    engine = Engine("board")
    events = run(engine, [*FIRST, (slow, 120.0), (slow, 121.0), *SECOND])
    refused, begun = only(events, Notice)
    assert "fs = 20" in refused.message
    assert "begins anew" in begun.message
    with pytest.raises(LeadError):
        Engine("board", leads=("V9",)).feed(*FIRST[0])


def test_what_a_model_can_do_nothing_with_goes_on_without_it() -> None:
    class Picky(Looker):
        def begin(self, about: About) -> Observer:
            if about.info.fs > 250:
                raise LeadError("picky@1 takes 250 Hz at most")
            return self

    with pytest.raises(LeadError):
        run(Engine("board", [Picky()]), SECOND)
    engine = Engine("board", [Picky()])
    events = run(engine, FIRST + SECOND) + engine.finish()
    assert [notice.message.partition("; ")[0] for notice in only(events, Notice)][:1] == [
        "picky@1 takes 250 Hz at most"
    ]
    assert len(only(events, StreamInfo)) == 2
    assert only(events, Summary)[0].samples == 12 * 250 + 9 * 500


# -- what is said -------------------------------------------------------------------------------------------------


def said(end: float, stream: StreamId = ECG) -> Statement:
    return Statement("AFIB", "", end - 10, end, 0.9, "m@1", stream=stream)


def test_findings_end_with_their_stream_and_others_hold() -> None:
    board = Board()
    first = StreamInfo(ECG, "board", 250.0, ("II",), (0.0,), 0.0)
    assert board.feed(first) == [first]
    for end in (100.0, 101.0):
        board.feed(said(end))
        board.feed(said(end, PPG))
    again = replace(first, fs=500.0)
    ended, event = board.feed(again)
    assert event is again
    assert isinstance(ended, Finding)
    assert (ended.change, ended.code, ended.stream, ended.seen) == ("ends", "AFIB", "ecg", 101.0)
    (begun,) = board.feed(said(10.0))
    assert isinstance(begun, Finding)
    assert (begun.change, begun.since) == ("begins", 0.0)
    (held,) = board.feed(said(102.0, PPG))
    assert isinstance(held, Finding)
    assert held.change == "holds"


class Swapped(Source):
    """Gives what it is told, a block a turn."""

    name = "board"

    def __init__(self, blocks: Sequence[tuple[SignalBlock, float]], realtime: bool) -> None:
        self.realtime = realtime
        self._items: list[Item] = list(blocks)

    def open(self) -> None:
        pass

    def read(self, timeout: float) -> list[Item] | None:
        return [self._items.pop(0)] if self._items else None

    def close(self) -> None:
        pass


@pytest.mark.parametrize("realtime", [False, True])
def test_what_a_slow_observer_says_of_the_time_before_comes_before(realtime: bool) -> None:
    events = list(Session(Swapped(FIRST + SECOND, realtime), [Looker()]))
    cut = events.index(only(events, StreamInfo)[1])
    findings = [finding for finding in only(events[:cut], Finding) if finding.code == "LONG"]
    assert [finding.change for finding in findings] == ["begins", *["holds"] * (len(findings) - 2), "ends"]
    assert findings[-2].end == 12.0
    after = [finding for finding in only(events[cut:], Finding) if finding.code == "LONG"]
    assert (after[0].change, after[0].end) == ("begins", 5.0)
    (summary,) = only(events, Summary)
    assert summary.windows_scored == len(only(events, Window))


def test_settling_waits_for_what_is_being_scored() -> None:
    class Late(Looker):
        go = threading.Event()

        def feed(self, item: object, about: About) -> Sequence[Event]:
            self.go.wait(5)
            return super().feed(item, about)

    thread = ScoringThread()
    info = StreamInfo(ECG, "board", 250.0, ("II",), (0.0,), 0.0)
    quality = wearecg.Quality(0.0, 5.0, ())
    about = About(info, lambda start, end: (), lambda start, end: quality)
    for start in range(3):
        thread.submit(
            Late(), Window(np.zeros((500, 1), np.float32), 100.0, ("II",), start, (True,), quality), about
        )
    threading.Timer(0.2, Late.go.set).start()
    ((_, said),) = thread.turn([], last=True)
    assert len(said) == 3
    thread.close()


# -- outputs ------------------------------------------------------------------------------------------------------


def test_each_has_its_recording(tmp_path: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    rest = np.zeros((100, 1), np.float32)
    ppg = [(SignalBlock(rest[:50], 50.0, ("PPG",), float(n), stream=PPG), 101.0 + n) for n in range(12)]
    both = [item for pair in zip(FIRST, ppg, strict=True) for item in pair]
    after = [(replace(block, fs=100.0, samples=rest), arrival + 20) for block, arrival in ppg]
    both += [item for pair in zip(SECOND, after[: len(SECOND)], strict=True) for item in pair]
    list(Session(Swapped(both, True), sinks=[f"wfdb:{tmp_path}"]))
    records = sorted(path.name.removesuffix("_0001.dat") for path in tmp_path.glob("*_0001.dat"))
    assert len(records) == 4
    first, first_ppg, second, second_ppg = (wfdb.rdrecord(str(tmp_path / name)) for name in records)
    assert (records[1], records[3]) == (f"{records[0]}_ppg", f"{records[2]}_ppg")
    assert [(r.fs, r.sig_len, r.sig_name) for r in (first, second)] == [
        (250, 3000, ["II"]),
        (500, 4500, ["II", "V1"]),
    ]
    assert [(r.fs, r.sig_len) for r in (first_ppg, second_ppg)] == [(50, 600), (100, 900)]
    assert (second.base_datetime - first.base_datetime).total_seconds() == pytest.approx(20.0, abs=0.01)


def test_wall_times_are_of_the_stream_as_it_is() -> None:
    encoder = Encoder()
    info = StreamInfo(ECG, "board", 250.0, ("II",), (0.0,), 1_795_000_000.0, host=100.0)
    encoder.encode(info)
    encoder.encode(ClockFit(50.0, 1.0, 1.0, 0.0, rate=250.0, host=150.0))
    encoder.encode(replace(info, fs=500.0, epoch=info.epoch + 60, host=160.0))
    record = encoder.encode(Beat(1.0, "II"))
    assert record
    assert record["wall"] == "2026-11-18T11:07:41.000Z"


def test_the_live_view_follows() -> None:
    old = StreamInfo(ECG, "board", 250.0, ("I", "II", "V1"), (0.0,) * 3, 0.0)
    new = StreamInfo(ECG, "other board", 250.0, ("V1", "II", "I"), (0.0,) * 3, 60.0)

    def drawn(info: StreamInfo, column: int, start: float) -> Trace:
        x = np.zeros((500, 3), np.float32)
        x[::50, column] = 1.0
        return Trace(x, 250.0, info.leads, start)

    before = [
        old,
        HeartRate(50.0, 80.0),
        Beat(49.5, "II"),
        *(drawn(old, 1, float(t)) for t in range(30, 60, 2)),
    ]
    after = [new, HeartRate(2.0, 60.0), drawn(new, 1, 0.0)]
    assert picture([*before, *after]) == picture(after)


def test_plain_lines_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    from wearecg.sinks.live import LiveSink

    sink = LiveSink()
    info = StreamInfo(ECG, "board", 250.0, ("II",), (0.0,), 0.0)
    for number, event in enumerate(
        (info, HeartRate(50.0, 80.0), replace(info, fs=500.0), HeartRate(2.0, 61.0))
    ):
        sink.write(event)
        sink.tick(2.0 * number)
    sink.close()
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "bpm" in line] == ["00:00:50  80 bpm", "00:00:02  61 bpm"]


def test_json_lines_name_it_again(tmp_path: Path) -> None:
    list(Session(Swapped(FIRST + SECOND, True), sinks=[f"jsonl:{tmp_path / 'o'}"]))
    lines = [json.loads(line) for line in (tmp_path / "o").read_text().splitlines()]
    assert [line["fs"] for line in lines if line["type"] == "stream"] == [250, 500]
    assert len([line for line in lines if line["type"] == "summary"]) == 1
