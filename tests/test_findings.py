from __future__ import annotations

from dataclasses import replace

import pytest

from wearecg.block import ECG, RR, Beat, Finding, HeartRate, Measure, Notice, Statement, StreamId, Summary
from wearecg.findings import Active, Board
from wearecg.statement import NOTHING

SECOND_STRAP = StreamId("rr", 2)


def said(code: str, end: float, **more: object) -> Statement:
    return replace(Statement(code, code.lower(), end - 10, end, 0.9, "m@1"), **more)


def told(board: Board, *statements: Statement) -> list[tuple[str, str, float]]:
    findings = [finding for one in statements for finding in board.feed(one)]
    return [(f.change, f.code, f.since) for f in findings if isinstance(f, Finding)]


def test_a_finding_begins_holds_and_ends_a_round_late() -> None:
    board = Board()
    assert told(board, said("AFIB", 10), said("MI", 10)) == [("begins", "AFIB", 0), ("begins", "MI", 0)]
    assert told(board, said("AFIB", 11)) == [("holds", "AFIB", 0)]
    (ends, holds) = board.feed(said("AFIB", 12))
    assert isinstance(ends, Finding)
    assert (ends.change, ends.code, ends.end, ends.seen) == ("ends", "MI", 10, 12)
    assert isinstance(holds, Finding)
    assert (holds.change, holds.end, holds.seen) == ("holds", 12, 12)


def test_it_holds_since_its_first_stretch_if_each_reaches_back_to_the_last() -> None:
    board = Board()
    assert [since for _, _, since in told(board, *(said("X", t) for t in (10, 11, 12)))] == [0, 0, 0]
    assert told(board, said("X", 60)) == [("begins", "X", 50)]


def test_sources_and_streams_do_not_end_each_other() -> None:
    board = Board()
    told(
        board,
        said("AFIB", 10),
        said("PAUSE", 10.5, source="rule@1"),
        said("AFIB", 10, stream=StreamId("ecg", 2)),
    )
    changes = told(board, said("AFIB", 11), said("AFIB", 12))
    assert [change for change, _, _ in changes] == ["holds", "holds"]


def test_two_straps_with_the_same_rule_do_not_flicker() -> None:
    """One regular, one not: each keeps its own finding."""
    board, changes = Board(), []
    for second in range(10, 200, 5):
        changes += told(
            board,
            said("RR_REGULAR", second, source="episodes@1", stream=RR),
            said("RR_IRREGULAR", second + 0.4, source="episodes@1", stream=SECOND_STRAP),
        )
    assert [change for change, _, _ in changes if change != "holds"] == ["begins", "begins"]


def test_a_reason_with_another_number_in_it_is_no_news_and_another_reason_is() -> None:
    board = Board()
    counting = [
        said("NOT_SCORED", 10 + i, probability=None, why="short", reason=f"{i} intervals") for i in range(5)
    ]
    assert [change for change, _, _ in told(board, *counting)] == ["begins"] + ["holds"] * 4
    other = said("NOT_SCORED", 15, probability=None, why="unusable", reason="noise")
    assert told(board, other) == [("begins", "NOT_SCORED", 0)]


def test_what_may_be_absent_for_a_while_has_not_ended() -> None:
    board = Board()
    told(board, said("AFIB", 10, hold=3.0), said("SR", 11), said("SR", 12))
    assert told(board, said("SR", 13), said("AFIB", 13, hold=3.0)) == [
        ("holds", "SR", 1),
        ("holds", "AFIB", 0),
    ]
    changes = told(board, *(said("SR", t) for t in range(14, 20)))
    assert [(change, code) for change, code, _ in changes if change != "holds"] == [("ends", "AFIB")]


def measure(name: str, start: float, end: float, value: float = 1.0, **more: object) -> Measure:
    return replace(Measure(name, value, "ms", "waves@1", start, end), **more)


def test_measures_that_overlap_become_evidence_beside_its_own() -> None:
    board = Board()
    for one in (
        measure("qt", 2, 3, 400),
        measure("qt", 4, 5, 410),
        measure("pr", 30, 31),
        measure("qrs", 4, 5, stream=StreamId("ecg", 2)),
        measure("st", 4, 5, 7.0),
    ):
        assert board.feed(one) == [one]
    own = measure("st", 0, 10, 1.5)
    (finding,) = board.feed(said("MI", 10, evidence=(own,)))
    assert isinstance(finding, Finding)
    assert {one.key: one.value for one in finding.evidence} == {"st_ms": 1.5, "qt_ms": 410}


def test_a_rule_without_a_probability_keeps_its_evidence_and_what_is_not_scored_has_none() -> None:
    board = Board()
    own = measure("st", 0, 10)
    (rule,) = board.feed(said("RR_REGULAR", 10, probability=None, evidence=(own,)))
    (none,) = board.feed(said("NOT_SCORED", 10, probability=None, why="unlike", evidence=(own,)))
    assert isinstance(rule, Finding)
    assert isinstance(none, Finding)
    assert (rule.evidence, none.evidence) == ((own,), ())


def test_everything_else_passes() -> None:
    notice = Notice("x")
    assert Board().feed(notice) == [notice]


def test_what_holds_now_likeliest_first() -> None:
    board, active = Board(), Active()
    rounds = [
        [said("A", 10, probability=0.2), said("B", 10, probability=0.8), said("C", 10, probability=0.5)],
        [said("A", 11, probability=0.3), said("B", 11)],
        [said("A", 12, probability=0.95)],
    ]
    shown = []
    for one in rounds:
        for statement in one:
            for finding in board.feed(statement):
                assert isinstance(finding, Finding)
                active.feed(finding)
        shown.append([finding.code for finding in active])
    assert shown == [["B", "C", "A"], ["B", "C", "A"], ["A", "B"]]


@pytest.mark.parametrize("kind", ["ecg-raw", "ppg", "acc2"])
def test_a_stream_is_what_it_carries_and_the_number_of_its_sensor(kind: str) -> None:
    stream = StreamId(kind, 3)
    assert (str(stream), stream.kind, stream.sensor) == (f"{kind}-3", kind, 3)
    assert stream.sibling("pulse") == "pulse-3"


@pytest.mark.parametrize("kind", ["", "ECG", "ecg-2", "../x", "ecg raw", "-ecg", "é"])
def test_a_stream_that_cannot_name_a_file_is_refused_with_words(kind: str) -> None:
    with pytest.raises(ValueError, match="no name of a stream"):
        StreamId(kind)


def settling(code: str, end: float, **more: object) -> Statement:
    return said(code, end, settle=30.0, hold=30.0, **more)


def test_what_a_model_says_of_windows_begins_when_most_of_them_say_it_and_since_the_first() -> None:
    board = Board()
    assert told(board, *(settling("AFIB", end) for end in range(10, 23))) == []
    assert told(board, settling("AFIB", 23), settling("AFIB", 24))[:1] == [("begins", "AFIB", 0)]


def test_single_windows_neither_begin_nor_end_it() -> None:
    board, changes = Board(), []
    for end in range(10, 300):
        stated = end % 7 == 0 if end < 100 else end % 7 != 0
        changes += told(board, settling("AFIB", end) if stated else said(NOTHING, end))
    assert [(change, code) for change, code, _ in changes if change != "holds"] == [("begins", "AFIB")]


def test_it_has_ended_when_most_windows_leave_it_out_and_held_until_the_last_that_stated_it() -> None:
    board = Board()
    told(board, *(settling("AFIB", end) for end in range(10, 61)))
    ended = [f for end in range(61, 200) for f in board.feed(said(NOTHING, end)) if isinstance(f, Finding)]
    assert [(f.change, f.code, f.end) for f in ended] == [("ends", "AFIB", 60)]
    assert ended[0].seen < 85


def test_windows_that_could_not_be_judged_are_not_among_most_of_them() -> None:
    board = Board()
    told(board, *(settling("AFIB", end) for end in range(10, 41)))
    refused = [said("NOT_SCORED", end, probability=None, why="unusable") for end in range(41, 60)]
    assert ("ends", "AFIB", 0) not in told(board, *refused)
    assert told(board, settling("AFIB", 60)) == [("holds", "AFIB", 0)]


def test_in_a_stream_that_is_too_short_to_settle_most_windows_decide_at_its_end() -> None:
    def ends_at(end: float, *codes: str) -> list[tuple[str, str, float]]:
        board = Board()
        for at, code in enumerate(codes):
            told(board, settling(code, 10 + at) if code != NOTHING else said(code, 10 + at))
        summary = Summary(ECG, end, 1, {}, 0, 0, 0, 0)
        *begun, last = board.feed(summary)
        assert last is summary
        return [(f.change, f.code, f.since) for f in begun if isinstance(f, Finding)]

    assert ends_at(10, "AFIB") == [("begins", "AFIB", 0)]
    assert ends_at(13, "AFIB", "AFIB", "AFIB", NOTHING) == [("begins", "AFIB", 0)]
    assert ends_at(13, "AFIB", NOTHING, "AFIB", NOTHING) == []


def rates(
    board: Board, bpm: float, rr: tuple[float, ...], end: float = 10.0
) -> list[tuple[float | None, str]]:
    for k, one in enumerate(rr):
        board.feed(Beat(end - len(rr) + k, "II", one))
    return [
        (event.bpm, event.reason)
        for event in board.feed(HeartRate(end + 1, bpm))
        if isinstance(event, HeartRate)
    ]


@pytest.mark.parametrize(
    ("code", "bpm", "rr", "known"),
    [
        ("STACH", 60.0, (1.0,) * 6, False),
        ("STACH", 130.0, (0.46,) * 6, True),
        ("SBRAD", 120.0, (0.5,) * 6, False),
        ("SBRAD", 48.0, (1.25,) * 6, True),
        ("BIGU", 38.0, (1.6,) * 6, False),
        ("BIGU", 75.0, (0.5, 1.1) * 3, True),
        ("AFIB", 75.0, (0.8,) * 6, True),
        ("ASYS", 75.0, (0.8,) * 6, False),
    ],
)
def test_a_rate_that_a_finding_contradicts_is_unknown(
    code: str, bpm: float, rr: tuple[float, ...], known: bool
) -> None:
    board = Board()
    board.feed(said(code, 10))
    expected = (bpm, "") if known else (None, f"it contradicts {code.lower()}")
    assert rates(board, bpm, rr) == [expected]


def test_only_what_was_found_lately_on_this_stream_contradicts_a_rate() -> None:
    board = Board()
    board.feed(said("STACH", 10))
    board.feed(said("STACH", 100, stream=SECOND_STRAP))
    board.feed(said("STACH", 100, why="too short", source="rule@1"))
    assert rates(board, 60.0, (1.0,), end=100) == [(60.0, "")]


def test_an_unknown_rate_is_no_evidence() -> None:
    board = Board()
    own = tuple(Measure(name, 75.0, "", "rr@1", 0, 10) for name in ("heart_rate", "rr_irregularity", "qt"))
    for bpm, names in ((75.0, 3), (None, 1), (75.0, 3)):
        board.feed(HeartRate(10, bpm))
        (finding,) = board.feed(said("SR", 10, evidence=own))
        assert isinstance(finding, Finding)
        assert len(finding.evidence) == names
