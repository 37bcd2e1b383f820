"""What is printed of a recording is counted as it comes, and says what the whole report holds."""

from __future__ import annotations

import math

import pytest

import wearecg
from wearecg.block import Beat, Gap, HeartRate, LeadQuality, Quality, StreamInfo, Summary
from wearecg.cli.overview import Overview
from wearecg.findings import report
from wearecg.formats import Recording
from wearecg.transports.replay import ReplaySource


def test_the_lines_say_what_the_report_holds():
    person = wearecg.Person(3, "demo", 250)
    columns = [person.leads.index(lead) for lead in ("I", "II")]
    samples = person.samples(250 * 180)[:, columns]
    samples[20000:20600] = math.nan
    source = ReplaySource(Recording(samples, 250.0, ("I", "II"), "rec"), math.inf)
    events = list(wearecg.Session(source, [wearecg.open_observer("encoder")]))
    overview = Overview()
    for event in events:
        overview.feed(event)
    first, *lines = overview.describe("rec").splitlines()
    whole = report(events)
    rates = sorted(rate.bpm for rate in whole.heart_rate if rate.bpm is not None)
    median = rates[len(rates) // 2]
    assert first == f"rec: 180.0 s, {len(whole.beats)} beats, heart rate {median:.0f} bpm (median)"
    assert "  gap 80.00 s for 2.40 s (recording)" in lines
    judged = [lead for quality in whole.quality for lead in quality.leads if lead.lead == "II"]
    bad = [lead for lead in judged if lead.verdict != "good"]
    assert any(line.startswith(f"  II: {len(bad)} of {len(judged)} s not good (") for line in lines)
    spans = [f"  {found.since:7.1f} - {found.end:.1f} s  " for found in whole.findings]
    assert len(spans) == sum(" - " in line for line in lines) > 3
    for span in spans:
        assert any(line.startswith(span) for line in lines)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ([], "unknown: no ECG lead"),
        ([StreamInfo(wearecg.block.ECG, "r", 250.0, ("PPG",), (0.0,), None)], "unknown: no ECG lead"),
        ([StreamInfo(wearecg.block.ECG, "r", 250.0, ("II", "PPG"), (0.0, 0.0), None)], "unknown: too short"),
        ([HeartRate(1.0, None, "lead off")], "unknown: lead off"),
        ([HeartRate(1.0, 60.0), HeartRate(2.0, 80.0), HeartRate(3.0, None, "gap")], "80 bpm"),
    ],
)
def test_a_rate_or_why_there_is_none(rates, said):
    overview = Overview()
    good = Quality(0.0, 1.0, (LeadQuality("II", "good"),))
    ends = Summary(wearecg.block.ECG, 3.0, 750, {}, 0, 1, 0, 0, None)
    for event in (*rates, Beat(0.5, "II"), good, ends, Gap(1.0, 0.5, 125, "link")):
        overview.feed(event)
    text = overview.describe("rec").splitlines()
    assert text == [f"rec: 3.0 s, 1 beats, heart rate {said} (median)", "  gap 1.00 s for 0.50 s (link)"]
