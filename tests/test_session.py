import threading

import numpy as np
import pytest

import wearecg
from wearecg import Beat, Finding, Gap, SignalBlock, Summary
from wearecg.errors import LeadError, SignalError
from wearecg.formats import Recording
from wearecg.transports.replay import TOGETHER_S, ReplaySource


@pytest.fixture(scope="module")
def person():
    person = wearecg.Person(seed=1, scenario="af", fs=250)
    return person, person.samples(250 * 40)


def test_score_finds_what_the_person_has(person):
    person, x = person
    report = wearecg.score(x, 250, person.leads)
    codes = {f.code for f in report.findings}
    assert "AFIB" in codes
    afib = next(f for f in report.findings if f.code == "AFIB")
    assert afib.probability > 0.5
    assert next(m.value for m in afib.evidence if m.name == "rr_irregularity") > 0.1
    true = np.array([b.time for b in person.beats_between(2, 39)])
    found = np.array([b.time for b in report.beats])
    assert np.mean([np.abs(found - t).min() < 0.05 for t in true]) > 0.97
    assert report.summary.samples == len(x)


def test_live_and_offline_find_the_same(person):
    person, x = person
    offline = wearecg.score(x[:, :12], 250, person.leads[:12])
    live = list(wearecg.stream("simulate:af?seed=1&fs=250&speed=max", duration=40))
    beats = [e for e in live if isinstance(e, Beat)]
    assert [b.time for b in beats][:40] == pytest.approx([b.time for b in offline.beats][:40], abs=1e-6)
    first = next(e for e in live if isinstance(e, Finding) and e.code == "AFIB")
    same = next(f for f in offline.findings if f.code == "AFIB")
    assert first.since == same.since


def test_leads_in_any_order_are_the_same_leads(person):
    person, x = person
    order = [7, 1, 10]
    a = wearecg.score(x[:, [1, 7, 10]], 250, ["II", "V2", "V5"], observe="encoder")
    b = wearecg.score(x[:, order], 250, [person.leads[i] for i in order], observe="encoder")
    assert [(f.code, f.since) for f in a.findings] == [(f.code, f.since) for f in b.findings]


def test_a_gap_stays_a_gap(person):
    person, x = person
    x = x.copy()
    x[4000:4750] = np.nan
    report = wearecg.score(x, 250, person.leads)
    (gap,) = report.gaps
    assert (gap.start, gap.duration) == (16.0, 3.0)
    assert report.summary.samples + gap.samples == len(x)
    assert any(f.code == "NOT_SCORED" and "missing" in f.reason for f in report.findings)
    assert next(b for b in report.beats if b.time > 19).rr is None


def test_too_short_to_score_says_so(person):
    person, x = person
    report = wearecg.score(x[:2000], 250, person.leads, observe="encoder")
    (finding,) = report.findings
    assert finding.code == "NOT_SCORED"
    assert "8.0 s" in finding.reason
    assert "10 s" in finding.reason


@pytest.mark.parametrize(
    ("samples", "leads", "error", "words"),
    [
        (np.zeros(100), ["II"], SignalError, "shape"),
        (np.zeros((0, 1)), ["II"], SignalError, "0 s long"),
        (np.full((3000, 1), np.nan), ["II"], SignalError, "missing"),
        (np.zeros((3000, 2)), ["II"], SignalError, "2"),
    ],
)
def test_samples_that_cannot_be_used(samples, leads, error, words):
    with pytest.raises(error, match=words):
        wearecg.score(samples, 250, leads)


def test_unknown_lead_in_a_stream():
    with pytest.raises(LeadError, match="V9"):
        list(wearecg.stream("simulate:sinus?speed=max", leads=["V9"], duration=1))


def test_one_lead_of_many():
    events = list(wearecg.stream("simulate:sinus?speed=max", leads=["V5", "II"], duration=12))
    block = next(e for e in events if isinstance(e, SignalBlock))
    assert block.leads == ("V5", "II")
    assert any(isinstance(e, Finding) for e in events)


def test_the_account_of_a_stream_comes_last():
    events = list(wearecg.stream("simulate:sinus?speed=max", duration=12))
    ecg = [e for e in events if isinstance(e, Summary) and e.stream == "ecg"]
    assert len(ecg) == 1
    assert ecg[0].windows_scored == 3
    assert not any(isinstance(e, Gap) for e in events)


def test_a_stream_that_is_left_early_leaves_no_thread():
    before = threading.active_count()
    for _ in range(3):
        events = wearecg.stream("simulate:sinus?fs=100", duration=5)
        next(events)
        events.close()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "names", [["ECG", "ECG_2", "ECG_3", "ECG_4"], ["ECG1", "ECG2", "ECG lead 3", "ECG 4"]]
)
def test_leads_without_a_place_have_beats_and_say_why_they_are_not_scored(person, names):
    _, x = person
    report = wearecg.score(x[:, [0, 1, 6, 10]], 250, names, observe="encoder")
    assert len(report.beats) > 20
    (finding,) = report.findings
    assert (finding.code, finding.why) == ("NOT_SCORED", "leads")
    assert "not a standard lead" in finding.reason
    found = wearecg.score(x[:, :1], 250, "ECG").findings
    assert {f.source.partition("@")[0] for f in found} == {"rhythm1", "episodes"}


def test_no_ecg_at_all_is_said():
    report = wearecg.score(np.random.default_rng(0).normal(size=(4000, 1)), 250, ["PPG"])
    assert not report.beats
    assert "no ECG lead among PPG" in report.findings[0].reason


class Overhearing(wearecg.Observer):
    """Says how many windows had come when it heard of one."""

    source, wants = "overhearing@1", (wearecg.observers.Events((wearecg.Statement, wearecg.Quality)),)

    def __init__(self):
        self.seconds = 0

    def feed(self, item, about):
        if isinstance(item, wearecg.Quality):
            self.seconds += 1
            return ()
        return (wearecg.Measure("seconds", self.seconds, "s", self.source, item.start, item.end),)


def events_of(observers, duration=40):
    source = wearecg.open_source("simulate:af?seed=1&fs=250&speed=max")
    return list(
        wearecg.Session(
            source, [wearecg.open_observer("rhythm1?precision=fp32"), *observers], duration=duration
        )
    )


def test_who_hears_what_models_say_hears_it_in_time():
    said = [e for e in events_of([Overhearing()]) if isinstance(e, wearecg.Measure)]
    assert said
    assert all(measure.value - measure.end in (0, 1) for measure in said)


def test_findings_follow_their_window_whoever_listens():
    plain, heard = events_of([]), events_of([Overhearing()])

    def order(events):
        kinds = (wearecg.Window, Finding, Beat, wearecg.Quality)
        return [
            (type(e).__name__, getattr(e, "code", ""), getattr(e, "start", 0))
            for e in events
            if isinstance(e, kinds)
        ]

    assert order(plain) == order(heard)


def test_what_was_found_before_a_recording_cannot_go_on_is_told():
    class Breaks(type(wearecg.open_source("simulate:af"))):
        def read(self, timeout):
            items = super().read(timeout)
            if self._handed > 250 * 60:
                raise wearecg.SourceError("the disk went away")
            return items

    told = []
    source = Breaks("af", seed=1, fs=250, speed=float("inf"))
    with pytest.raises(wearecg.SourceError):
        told.extend(wearecg.Session(source, [wearecg.open_observer("rhythm1")]))
    windows = [e.end for e in told if isinstance(e, wearecg.Window)]
    findings = [e.end for e in told if isinstance(e, Finding)]
    assert windows
    assert max(findings) == max(windows)


def test_long_blocks_find_what_short_ones_find():
    person = wearecg.Person(3, "demo", 250)
    samples = person.samples(250 * 100)[:, [person.leads.index(lead) for lead in ("I", "II")]]
    samples[20000:20600] = samples[6500:9000] = np.nan
    recording = Recording(samples, 250.0, ("I", "II"), "rec")
    kinds = (Beat, Finding, wearecg.HeartRate, wearecg.Quality, wearecg.Gap)

    def found(longest_s):
        source = ReplaySource(recording, float("inf"), longest_s=longest_s)
        events = list(wearecg.Session(source, [wearecg.open_observer("encoder")]))
        return {kind: [event for event in events if isinstance(event, kind)] for kind in kinds}

    short = found(1.0)
    assert found(TOGETHER_S) == short
    assert all(short.values())
