from __future__ import annotations

from wearecg.block import Finding
from wearecg.sinks.changes import FindingChanges


def finding(code: str, end: float, since: float = 0.0, source: str = "m@1", p: float = 0.9) -> Finding:
    return Finding(code, code.lower(), since, end - 10, end, p, source)


def run(changes: FindingChanges, *findings: Finding) -> list[tuple[str, str, float]]:
    return [(what, f.code, f.end) for one in findings for what, f in changes.feed(one)]


def test_repeats_are_no_change_and_ends_come_a_round_late() -> None:
    changes = FindingChanges()
    assert run(changes, finding("AFIB", 10), finding("MI", 10)) == [
        ("begins", "AFIB", 10),
        ("begins", "MI", 10),
    ]
    assert run(changes, finding("AFIB", 11)) == []
    assert [f.code for f in changes.active] == ["AFIB"]
    assert run(changes, finding("AFIB", 12)) == [("ends", "MI", 10)]


def test_another_since_begins_anew() -> None:
    changes = FindingChanges()
    run(changes, finding("AFIB", 10, since=1))
    assert run(changes, finding("AFIB", 11, since=1)) == []
    assert run(changes, finding("AFIB", 12, since=12)) == [("begins", "AFIB", 12)]


def test_sources_do_not_end_each_other() -> None:
    changes = FindingChanges()
    run(changes, finding("AFIB", 10), finding("PAUSE", 10.5, source="rule"))
    assert run(changes, finding("AFIB", 11), finding("AFIB", 12)) == []
    assert {f.code for f in changes.active} == {"AFIB", "PAUSE"}


def test_active_is_sorted_by_probability() -> None:
    changes = FindingChanges()
    run(changes, finding("A", 10, p=0.2), finding("B", 10, p=0.8), finding("C", 10, p=0.5))
    assert [f.code for f in changes.active] == ["B", "C", "A"]
