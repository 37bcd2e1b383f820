"""What comes in a flood is told once, then counted."""

from __future__ import annotations

import io
import json
import random
from itertools import pairwise
from pathlib import Path

from rich.console import Console

from wearecg.block import ECG, Gap, HeartRate, Notice, StreamInfo
from wearecg.fanout import Fanout
from wearecg.floods import FIRST_S, LONGEST_S, MOST, Floods
from wearecg.sinks.journal import JournalSink
from wearecg.sinks.live import LiveSink


def told(times_and_texts: list[tuple[float, str]]) -> list[tuple[float, str]]:
    floods, found = Floods(), []
    for now, text in times_and_texts:
        found += [(now, notice.message) for notice in floods.feed([Notice(text)], now)]
    return found + [(-1.0, notice.message) for notice in floods.flush()]


def test_a_flood_is_told_once_and_counted_ever_more_seldom() -> None:
    lines = told([(n * 0.04, f"clock set; {n * 0.01:.2f} s missing") for n in range(25 * 3600)])
    assert lines[0] == (0.0, "clock set; 0.00 s missing")
    assert lines[1][1] == "clock set; 2.49 s missing (one of 249 like it since last told)"
    assert len(lines) < 15
    waits = [after - before for (before, _), (after, _) in pairwise(lines[1:-1])]
    assert max(waits) <= LONGEST_S + 0.1
    assert 1 + sum(int(text.split("(one of ")[1].split()[0]) for _, text in lines[1:]) == 25 * 3600


def test_what_comes_now_and_then_is_told_each_time() -> None:
    events = [(n * (FIRST_S + 1), f"the clock was set by {n} s") for n in range(1, 20)]
    assert told(events) == events


def test_one_more_is_told_as_it_is() -> None:
    assert told([(0.0, "set by 1 s"), (5.0, "set by 2 s")]) == [(0.0, "set by 1 s"), (-1.0, "set by 2 s")]


def test_what_differs_in_more_than_numbers_is_told() -> None:
    events = [
        (0.0, text)
        for text in ("lead V1 is cut off at 3 mV", "lead V2 is cut off at 3 mV", "ecg-2 lost", "ecg-3 lost")
    ]
    assert told(events) == events
    floods = Floods()
    assert floods.feed([Notice("full", "warning")], 0.0) != floods.feed([Notice("full", "error")], 0.0) != []


def test_a_flood_of_ever_other_texts_is_counted_too() -> None:
    rng = random.Random(1)
    events = [(n * 0.01, "".join(rng.choices("abcdefgh", k=30))) for n in range(5000)]
    lines = told(events)
    assert lines[:MOST] == events[:MOST]
    assert len(lines) < 8 * MOST


def test_every_output_is_spared(tmp_path: Path) -> None:
    outputs = Fanout([f"jsonl:{tmp_path / 'o'}"])
    for n in range(224):
        outputs.write(Notice(f"the sensor's clock was set; {n} s are missing"))
    outputs.close()
    outputs.close()
    lines = [json.loads(line)["message"] for line in (tmp_path / "o").read_text().splitlines()[1:]]
    assert lines == [
        "the sensor's clock was set; 0 s are missing",
        "the sensor's clock was set; 223 s are missing (one of 223 like it since last told)",
    ]


def test_short_gaps_have_no_line_each() -> None:
    live, journal = io.StringIO(), io.StringIO()
    for sink in (LiveSink(Console(file=live, force_terminal=False)), JournalSink(journal)):
        sink.write(StreamInfo(ECG, "board", 250.0, ("II",), (0.0,), 0.0))
        for second in range(10):
            for n in range(25):
                sink.write(Gap(second + n * 0.04, 0.02, 5, "link"))
            sink.write(Gap(second + 20.0, 2.0, 500, "unplugged")) if second == 5 else None
            sink.write(HeartRate(second + 1.0, 60.0))
            sink.tick(float(second))
        sink.close()
    lines = live.getvalue().splitlines()
    assert len(lines) == 2 + 10 + 1
    assert lines[2] == "00:00:01  60 bpm  25 short gaps, 0.50 s together"
    assert len(journal.getvalue().splitlines()) == 3
