from __future__ import annotations

import threading

import numpy as np
import pytest

import wearecg
from wearecg.block import ECG, Statement
from wearecg.pipeline.observer import About, Observer, Windows
from wearecg.scoring import HELD, MAX_WAITING, Scoring, ScoringThread


class Slow(Observer):
    slow, wants = True, (Windows(100, 10),)

    def __init__(self, source="slow@1"):
        self.source = source
        self.go = threading.Event()
        self.scored = []

    def feed(self, item, about):
        self.go.wait(10)
        self.scored.append(item.start)
        return [Statement("X", "x", item.start, item.end, 0.9, self.source)]


class Broken(Slow):
    def feed(self, item, about):
        raise RuntimeError("the file went away")


def window(start):
    quality = wearecg.Quality(start, start + 10, ())
    return wearecg.Window(np.zeros((1000, 1), np.float32), 100.0, ("II",), start, (True,), quality)


def about(stream=ECG):
    info = wearecg.StreamInfo(stream, "test", 250.0, ("II",), (0.0,), 0.0)
    return About(info, lambda start, end: (), lambda start, end: wearecg.Quality(start, end, ()))


def test_when_an_observer_is_too_slow_its_oldest_windows_are_skipped_and_counted():
    slow, other = Slow(), Slow("other@1")
    other.go.set()
    thread = ScoringThread()
    for i in range(20):
        thread.submit(slow, window(float(i)), about())
    thread.submit(other, window(99.0), about())
    slow.go.set()
    thread.close()
    assert thread.scored[ECG] + thread.skipped[ECG] == 21
    assert thread.skipped[ECG] >= 20 - MAX_WAITING - 1
    assert slow.scored[-MAX_WAITING:] == [16.0, 17.0, 18.0, 19.0]
    assert other.scored == [99.0]


def test_an_observer_that_fails_is_told_once_and_holds_nothing_up():
    for scoring in (ScoringThread(), Scoring()):
        for i in range(3):
            scoring.submit(Broken(), window(float(i)), about())
        scoring.close()
        ((found, (notice,)),) = scoring.turn([], last=True)
        assert found == []
        assert notice.message.startswith("slow@1 failed: RuntimeError: the file went away;")
        assert (scoring.scored[ECG], scoring.skipped[ECG]) == (0, 3)


def test_where_nobody_waits_windows_are_scored_together_and_the_order_stays():
    slow, other = Slow(), Slow("other@1")
    slow.go.set()
    other.go.set()
    scoring = Scoring(together=6)
    turns = []
    for second in range(5):
        for observer in (slow, other) if second != 1 else ():
            scoring.submit(observer, window(float(second)), about())
        new = scoring.turn([wearecg.Notice(f"second {second}")])
        assert bool(new) == (second == 3)
        turns += new
    turns += scoring.turn([wearecg.Notice("the end")], last=True)
    flat = [
        getattr(event, "message", None) or (event.source, event.start)
        for turn in turns
        for part in turn
        for event in part
    ]
    said = {second: [("slow@1", float(second)), ("other@1", float(second))] for second in (0, 2, 3, 4)}
    expected = [one for second in range(5) for one in (f"second {second}", *said.get(second, []))]
    assert flat == [*expected, "the end"]
    assert scoring.scored[ECG] == 8


class OftenBroken(Slow):
    def feed(self, item, about):
        if item.start == 1.0:
            raise ValueError("not this one")
        return super().feed(item, about)


class BrokenTogether(OftenBroken):
    def feed_together(self, items, abouts):
        return [self.feed(item, about) for item, about in zip(items, abouts, strict=True)]


class TooLittle(Slow):
    def feed_together(self, items, abouts):
        return [self.feed(items[0], abouts[0])]


def test_an_observer_that_says_nothing_of_the_rest_is_told_and_counted():
    short = TooLittle()
    short.go.set()
    scoring = Scoring()
    for second in range(3):
        scoring.submit(short, window(float(second)), about())
    ((_, said),) = scoring.turn([], last=True)
    assert [type(event).__name__ for event in said] == ["Statement", "Notice"]
    assert (scoring.scored[ECG], scoring.skipped[ECG]) == (1, 2)


def test_what_was_found_is_not_held_back_for_ever():
    slow = Slow()
    slow.go.set()
    scoring = Scoring()
    scoring.submit(slow, window(0.0), about())
    turns = []
    for second in range(HELD):
        assert not turns
        turns = scoring.turn([wearecg.Notice(f"{second}")])
    assert len(turns) == HELD
    assert len(turns[0][1]) == 1


@pytest.mark.parametrize("kind", [OftenBroken, BrokenTogether])
def test_one_window_that_cannot_be_scored_takes_no_other_with_it(kind):
    broken = kind()
    broken.go.set()
    scoring = Scoring()
    for second in range(3):
        scoring.submit(broken, window(float(second)), about())
    ((_, said),) = scoring.turn([], last=True)
    assert [type(event).__name__ for event in said] == ["Statement", "Notice", "Statement"]
    assert (scoring.scored[ECG], scoring.skipped[ECG]) == (2, 1)
