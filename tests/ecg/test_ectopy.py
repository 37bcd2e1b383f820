"""Beats out of place: what the codes of beats and the intervals between them say."""

from __future__ import annotations

import pytest

from wearecg.ecg.ectopy import Ectopy


def told(codes: str, rr: float | list[float] = 0.8, seen: bool = True) -> list[tuple[str, int, int]]:
    """What is told of beats with these codes: code, first and last beat by number."""
    rules, times, found = Ectopy(lambda start, end: seen), [], []
    steps = [rr] * len(codes) if isinstance(rr, float) else rr
    for i, (code, step) in enumerate(zip(codes, steps, strict=True)):
        times.append((times[-1] if times else 0.0) + (step or 30.0))
        found += rules.feed(times[-1], step if i else None, code.replace("-", ""))
    found += rules.flush()
    return [(one.code, times.index(one.start), times.index(one.end)) for one in found]


def codes(found: list[tuple[str, int, int]]) -> list[str]:
    return list(dict.fromkeys(code for code, _, _ in found))


def test_single_beats_and_couplets():
    assert told("NNNNNVNNN") == [("PVC", 5, 5)]
    assert told("NNNNNVVNNN") == [("COUPLET", 5, 6)]
    assert told("NNNNNNSNNN") == [("PAC", 6, 6)]
    assert told("NNNNNNNN") == []
    assert told("NNFNNQNN-N") == []


def test_three_ventricular_beats_are_a_tachycardia_if_they_are_fast_enough():
    run = [0.8] * 5 + [0.5] * 4 + [0.9] * 3
    assert told("NNNNNVVVVNNN", run) == [("VT", 5, 7), ("VT", 5, 8)]
    slow = [0.8] * 5 + [1.0] * 4 + [0.9] * 3
    assert codes(told("NNNNNVVVVNNN", slow)) == ["IVR"]
    # 99 and 100 a minute: three beats have two intervals.
    assert codes(told("NVVVN", [0.8, 0.8, 60 / 99, 60 / 99, 0.8])) == ["IVR"]
    assert codes(told("NVVVN", [0.8, 0.8, 60 / 100, 60 / 100, 0.8])) == ["VT"]


def test_a_gap_ends_a_run():
    assert told("NNNVVVVN", [0.8, 0.8, 0.8, 0.5, 0.5, None, 0.5, 0.8]) == [
        ("COUPLET", 3, 4),
        ("COUPLET", 5, 6),
    ]


def test_bigeminy_and_trigeminy_from_the_third_cycle_on():
    assert ("BIGU", 2, 7) in told("NNNVNVNVNN")
    assert "BIGU" not in codes(told("NNNVNVNN"))
    assert ("TRIGU", 1, 9) in told("NNNVNNVNNVNN")
    assert "BIGU" not in codes(told("NNNVNNVNNVNN"))
    assert codes(told("NNVNNNVNNNVNNNVN")) == ["PVC"]


def test_supraventricular_beats_are_early_only_in_a_steady_rhythm():
    steady = [0.8] * 6 + [0.5, 0.5, 0.5, 1.0, 0.8]
    assert codes(told("NNNNNNSSSNN", steady)) == ["SVRUN"]
    fibrillating = [0.5, 0.9, 0.6, 1.1, 0.7, 0.9, 0.5, 0.5, 0.5, 1.0, 0.8]
    assert told("NNNNNNSSSNN", fibrillating) == []
    assert told("NNNNNNSNNNN", fibrillating) == []


@pytest.mark.parametrize(("rr", "code"), [(1.9, []), (2.0, ["PAUSE"]), (3.9, ["PAUSE"]), (4.5, ["ASYS"])])
def test_a_pause_is_told_where_the_signal_was_good(rr, code):
    assert codes(told("NNNN", [0.8, 0.8, rr, 0.8])) == code
    assert told("NNNN", [0.8, 0.8, rr, 0.8], seen=False) == []
    assert told("NNNN", [0.8, 0.8, None, 0.8]) == []  # a gap


def test_no_beat_for_four_seconds_is_told_before_the_next_one():
    rules = Ectopy(lambda start, end: True)
    assert rules.waiting(100.0) == []  # no beat yet
    rules.feed(10.0, None, "N")
    assert rules.waiting(13.9) == []
    (one,) = rules.waiting(14.5)
    assert (one.code, one.start, one.end) == ("ASYS", 10.0, 14.5)
    assert Ectopy(lambda start, end: False).waiting(99.0) == []
