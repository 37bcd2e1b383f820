"""The account of a session: what is counted, merged and told."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import wearecg
from wearecg.account import Account
from wearecg.account.beats import interval
from wearecg.account.spread import Spread
from wearecg.account.text import clock, describe, label, number, share
from wearecg.block import (
    ECG,
    Beat,
    BeatClass,
    Event,
    Finding,
    Gap,
    HeartRate,
    LeadQuality,
    Measure,
    Notice,
    Quality,
    StreamInfo,
    Summary,
)
from wearecg.formats import Recording
from wearecg.session import Session
from wearecg.transports.replay import replay

INFO = StreamInfo(ECG, "a recording", 250.0, ("II", "V1"), (0.0, 0.0), epoch=0.0)


def finding(
    code: str, since: float, end: float, change: str = "begins", p: float = 0.9, **more: object
) -> Finding:
    source = str(more.pop("source", "m@1"))
    made = Finding(code, code.lower(), end - 10, end, p, source, since=since, change=change, seen=end)  # type: ignore[arg-type]
    return replace(made, **more)  # type: ignore[arg-type]


def account(*events: Event) -> Account:
    made = Account()
    for event in (INFO, *events):
        made.feed(event)
    return made


def told(*events: Event) -> list[str]:
    return [line.strip() for line in describe(account(*events), "rec").splitlines()]


def beats(codes: str, rr: float = 0.8) -> list[Event]:
    times = [round(1 + rr * i, 3) for i in range(len(codes))]
    made: list[Event] = [Beat(t, "II", rr if i else None) for i, t in enumerate(times)]
    made += [BeatClass(t, code, 0.9, "c@1") for t, code in zip(times, codes, strict=True) if code != "?"]
    return made


def test_an_episode_is_told_once_whatever_it_said_meanwhile() -> None:
    lines = told(
        finding("AFIB", 0, 30),
        *(finding("AFIB", 0, end, "holds", 0.8 + end / 1000) for end in range(31, 100)),
        finding("AFIB", 0, 99, "ends"),
        Summary(ECG, 200.0, 1, {}, 0, 0, 1, 0),
    )
    assert [line for line in lines if "AFIB" in line] == ["#1   AFIB   afib, 1:39 from 0:00, p 0.90"]


def test_several_of_a_kind_share_a_line_and_keep_their_numbers_in_time() -> None:
    events = [
        finding("AFIB", 0, 40),
        finding("AFIB", 0, 40, "ends"),
        finding("PVC", 50, 60),
        finding("PVC", 50, 60, "ends"),
        finding("AFIB", 100, 200),
    ]
    lines = told(*events, *(Quality(t, t + 1, (LeadQuality("II", "good"),)) for t in range(200)))
    (af,) = [line for line in lines if "AFIB" in line]
    assert af == "#1 #3 AFIB   afib, 2:20 (70 %), 2 times, the longest 1:40 from 1:40, p 0.90"
    main = account(*events).main
    assert main
    assert [(number, kind.code, one.since) for number, kind, one in main.numbered] == [
        (1, "AFIB", 0),
        (2, "PVC", 50),
        (3, "AFIB", 100),
    ]


def test_classes_are_given_to_their_beats_and_rows_of_them_are_runs() -> None:
    main = account(*beats("NNVNVVNVVVVN?N")).main
    assert main
    assert main.beats.counts == {"N": 6, "V": 7}
    assert [run.beats for run in main.beats.rows("V")] == [1, 2, 4]
    assert main.beats.rows("V")[-1].rate == pytest.approx(75)
    assert main.beats.between(0.9, 2.7) == [(1.0, "N"), (1.8, "N"), (2.6, "V")]


def test_a_break_in_the_beats_is_no_run() -> None:
    events = [Beat(1, "II", None), Beat(1.5, "II", 0.5), Beat(9, "II", None), Beat(9.5, "II", 0.5)]
    events += [BeatClass(one.time, "V", 0.9, "c@1") for one in events]
    main = account(*events).main
    assert main
    assert [run.beats for run in main.beats.rows("V")] == [2, 2]


def test_what_was_worn_and_what_of_it_could_be_read() -> None:
    good, bad = LeadQuality("II", "good"), LeadQuality("II", "unusable", "lead off")
    lines = told(
        *(Quality(t, t + 1, (good if t < 90 else bad,)) for t in range(100)),
        Gap(100, 20.0, 5000, "link"),
        *(HeartRate(t, 60.0 + t % 3) for t in range(100)),
        Summary(ECG, 120.0, 1, {}, 1, 0, 0, 0),
        Notice("said", "info"),
        Notice("mind this", "warning"),
    )
    assert lines == [
        "rec: 2:00 from 1970-01-01 00:00:00 UTC, II V1",
        "readable 1:30 (75 %): II 90 % good (lead off); 1 gap of 20.00 s at 1:40",
        "heart rate 61 bpm (median), 60 to 62",
        "warning: mind this",
    ]


def test_windows_that_were_not_judged_are_counted_by_their_reason() -> None:
    refused = [
        finding("NOT_SCORED", 0, 10 + i, "begins" if i == 0 else "holds", why="unlike", reason=str(i))
        for i in range(5)
    ]
    assert "not judged: 5 of 100 windows (5 unlike any ECG)" in told(
        *refused, Summary(ECG, 120.0, 1, {}, 0, 0, 100, 0)
    )


def test_a_rule_of_rhythm_speaks_for_the_windows_of_a_model() -> None:
    rhythm = finding("AFIB", 0, 60, source="episodes@1")
    windows = [finding("SR", 0, 60), finding("AFIB", 0, 60), finding("CLBBB", 0, 60)]
    main = account(*windows, rhythm).main
    assert main
    assert {(kind.code, kind.source) for kind in main.kinds} == {("AFIB", "episodes@1"), ("CLBBB", "m@1")}
    alone = account(*windows).main
    assert alone
    assert {kind.code for kind in alone.kinds} == {"SR", "AFIB", "CLBBB"}


def test_a_stream_that_begins_anew_goes_on_at_its_place_in_time() -> None:
    later = replace(INFO, epoch=600.0)
    main = account(Beat(1, "II", None), Summary(ECG, 60, 1, {}, 0, 1, 0, 0), later, Beat(2, "II", None)).main
    assert main
    assert list(main.beats.times) == [1, 602]


def test_intervals_are_told_with_their_error() -> None:
    measures = [Measure("qt", 390.0 + i, "ms", "w@1", i, i + 10, error=8.0) for i in range(5)]
    assert "QT 392 ± 8 ms" in told(*measures)


@pytest.mark.parametrize(
    ("value", "unit", "error", "told"),
    [
        (112.889, "ms", 13.2, "113 ± 13 ms"),
        (0.0846176, "mV", 0.0041, "0.0846 ± 0.0041 mV"),
        (97.71, "bpm", 0.52, "97.71 ± 0.52 bpm"),
        (90.2, "bpm", None, "90.2 bpm"),
        (0.037, "", None, "0.037"),
        (1_136_000.0, "", None, "1136000"),
    ],
)
def test_a_measure_has_no_more_digits_than_are_known(
    value: float, unit: str, error: float | None, told: str
) -> None:
    assert number(Measure("some", value, unit, "a@1", 0.0, 10.0, error)) == told


def test_a_measure_is_called_by_its_name_and_st_by_its_lead_too() -> None:
    assert label("qtc_bazett", ("II",)) == "QTc (Bazett)"
    assert label("st60", ("V2",)) == "ST at J+60 ms, V2"
    assert label("rr_irregularity", ()) == "rr irregularity"


def test_how_values_spread() -> None:
    spread = Spread(1.0)
    for at, value in enumerate((61.2, 58.7, 90.4, 60.1)):
        spread.add(value, at)
    assert (spread.least, spread.at_least, spread.most, spread.at_most) == (58.7, 1, 90.4, 2)
    assert spread.median == 60
    assert Spread(1.0).median != Spread(1.0).median


def test_the_interval_of_a_share() -> None:
    """Against the values of Newcombe (Stat Med 17:857, 1998), method 3."""
    low, high = interval(81, 263)
    assert (low, high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    assert interval(0, 20) == (pytest.approx(0.0), pytest.approx(0.1611, abs=1e-4))


def test_words() -> None:
    assert (clock(59.9), clock(3600)) == ("0:59", "1:00:00")
    assert (share(1, 2000), share(1, 3), share(1, 30)) == ("under 0.1 %", "33 %", "3.3 %")


@pytest.mark.parametrize("end", [2.0, 2.95])
def test_the_rest_of_a_second_that_nobody_judged_is_not_called_unreadable(end: float) -> None:
    good = LeadQuality("II", "good")
    seconds = [Quality(t, t + 1, (good,)) for t in range(2)]
    assert told(*seconds, Summary(ECG, end, 0, {}, 1, 0, 0, 0))[1] == "readable 0:02 (100 %): II 100 % good"
    lost = Gap(2.0, end, 500, "link")
    assert told(*seconds, lost, Summary(ECG, 2 + end, 0, {}, 1, 0, 0, 0))[1].startswith(
        f"readable 0:02 ({200 / (2 + end):.0f} %)"
    )


@pytest.mark.parametrize("longest_s", [0.2, 16.0])
def test_rows_that_are_missing_are_a_gap_however_long_the_blocks(longest_s: float) -> None:
    person = wearecg.Person(seed=1, scenario="sinus", fs=250)
    samples = person.samples(5000)[:, [person.leads.index("II")]]
    samples[1000:1750] = np.nan
    recording = Recording(samples, 250.0, ("II",), "r")
    found = Account()
    for event in Session(replay(recording, math.inf, longest_s)):
        found.feed(event)
    assert (
        describe(found, "r").splitlines()[1]
        == "  readable 0:17 (85 %): II 85 % good (gap); 1 gap of 3.00 s at 0:04"
    )
