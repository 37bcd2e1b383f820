import json

import numpy as np

from wearecg.block import StreamId, Trace
from wearecg.web.frames import HEADER, MISSING, pack
from wearecg.web.history import History
from wearecg.web.hub import LENGTH, Hub
from wearecg.web.outbox import Outbox


def drained(outbox):
    messages = []
    while (message := outbox.take()) is not None:
        messages.append(message)
    return messages


def test_samples_are_whole_microvolts_and_a_gap_stays_one():
    trace = Trace(np.array([[0.0012, -1.0], [np.nan, 40.0]], np.float32), 250, ("I", "II"), 3.5)
    message = pack(trace, 7)
    assert HEADER.unpack_from(message) == (7, 2, 2, 250.0, 3.5)
    assert np.frombuffer(message, "<i2", offset=HEADER.size).tolist() == [1, -1000, MISSING, 32767]


def test_who_comes_later_is_told_what_holds_and_the_newest_seconds():
    hub = Hub()
    hub.hold(("rate", "ecg"), "60")
    hub.hold(("rate", "ecg"), "61")
    hub.hold(("finding", "ecg", "AFIB"), "AF begins")
    hub.release(("finding", "ecg", "AFIB"), "AF ends")
    for second in range(60):
        hub.tell(f"{second}".encode(), (second, second + 1))
    messages = drained(hub.join())
    assert messages[0] == "61"
    assert "AF begins" not in messages
    assert messages[-2] == b"59"
    assert b"45" not in messages


def test_a_slow_browser_costs_nobody_anything():
    outbox = Outbox(most=1000)
    for second in range(100):
        outbox.put(bytes([second]) * 100)
    assert outbox.lost
    assert outbox.skipped > 80
    assert sum(map(len, drained(outbox))) <= 1000


def test_history_forgets_the_oldest():
    history = History(most=10_000)
    for second in range(100):
        history.add(b"x" * 800, second, second + 1)
    first, last = history.span
    assert last == 100
    assert 80 <= first < 100
    assert len(history.between(first, last)) <= 20


def test_a_stretch_of_history_comes_in_pieces():
    hub = Hub()
    hub.tell(b"samples", (0.0, 1.0))
    hub.tell('{"type":"beat"}', (0.5, 0.5))
    data, pieces = hub.stretch(0.0, 1.0), []
    while data:
        length, text = LENGTH.unpack_from(data)
        pieces.append((bool(text), data[LENGTH.size : LENGTH.size + length]))
        data = data[LENGTH.size + length :]
    assert json.loads(pieces[0][1]) == {"type": "span", "start": 0.0, "end": 1.0}
    assert pieces[1:] == [(False, b"samples"), (True, b'{"type":"beat"}')]


def test_what_holds_of_a_stream_ends_when_it_begins_anew():
    hub = Hub()
    hub.hold(("rate", StreamId("ecg")), "60")
    hub.hold(("rate", StreamId("ecg", 2)), "70")
    hub.tell(b"samples", (0.0, 1.0))
    hub.begin_anew(StreamId("ecg"))
    assert "60" not in drained(hub.join())
    assert hub.span == (0.0, 0.0)
