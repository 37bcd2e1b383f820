from __future__ import annotations

import io

from tests.sinks.scenario import placed
from wearecg.block import ECG, Event, Gap, Measure, Notice, Statement, StreamId
from wearecg.sinks.journal import JournalSink


def told(*events: Event) -> list[str]:
    out = io.StringIO()
    sink = JournalSink(out)
    for event in placed(events):
        if isinstance(event, sink.wants):
            sink.write(event)
    sink.close()
    return out.getvalue().splitlines()


def not_scored(end: float, reason: str, why: str = "short") -> Statement:
    return Statement("NOT_SCORED", "", 0.0, end, None, "m@1", why=why, reason=reason)  # type: ignore[arg-type]


def test_a_reason_is_told_once_however_its_numbers_change() -> None:
    seconds = [not_scored(float(n), f"{n} s of 10 s") for n in range(1, 10)]
    afib = [Statement("AFIB", "", n - 10.0, float(n), 0.9, "m@1") for n in range(10, 13)]
    assert told(*seconds, not_scored(9.5, "flat", "unusable"), *afib) == [
        "<5>not scored, because 1 s of 10 s",
        "<5>not scored, because flat",
        "<5>AFIB begins, p 0.90 (m@1)",
        "<5>scored again",
    ]


def test_a_rule_that_only_measures_begins_and_ends() -> None:
    rule = [
        Statement("RR_REGULAR", "regular pulse", 0.0, 30.0, None, "rr@1"),
        *(Statement("RR_IRREGULAR", "irregular pulse", 5.0, end, None, "rr@1") for end in (35.0, 40.0)),
    ]
    measure = Measure("rr_irregularity", 0.3, "", "rr@1", 5.0, 35.0)
    assert told(*rule[:1], measure, *rule[1:]) == [
        "<5>RR_REGULAR begins (rr@1)",
        "<5>RR_IRREGULAR begins (rr@1)",
        "<5>RR_REGULAR ends",
    ]


def test_a_second_sensor_is_named_and_short_gaps_are_told_together() -> None:
    second = StreamId("ecg", 2)
    lines = told(
        Statement("AFIB", "", 0.0, 10.0, 0.9, "m@1", stream=second),
        Gap(1.0, 2.0, 500, "link", second),
        Gap(3.0, 0.2, 50, "link", ECG),
        Gap(4.0, 0.3, 75, "link", ECG),
        Notice("disk\nfull", "error"),
    )
    assert lines == [
        "<5>ecg-2: AFIB begins, p 0.90 (m@1)",
        "<4>gap of 2.0 s (ecg-2): link",
        "<3>disk\\nfull",
        "<4>2 short gaps, 0.5 s together, since last told",
    ]
