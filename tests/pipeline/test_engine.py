from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wearecg
from wearecg.block import Beat, Gap, HeartRate, Quality, SignalBlock, StreamInfo, Summary, Trace, Window
from wearecg.errors import LeadError
from wearecg.pipeline.engine import Engine
from wearecg.pipeline.observer import Observer, Windows

FS = 250
LEADS = ("II", "V1")
LOST = range(2600, 2850)


class Looker(Observer):
    source = "looker@1"
    wants = (Windows(100, 10),)

    def feed(self, item, about):
        return ()


@pytest.fixture(scope="module")
def signal():
    person = wearecg.Person(seed=5, scenario="sinus", fs=FS)
    x = person.samples(FS * 18)[:, [person.leads.index(lead) for lead in LEADS]]
    x[1200:1230, 1] = np.nan
    return x


def blocks(x, edges):
    """Cut at ``edges``; `LOST` is missing."""
    lost = 0
    for a, b in pairwise(edges):
        if a in LOST:
            lost += b - a
            continue
        yield SignalBlock(x[a:b], FS, LEADS, a / FS, lost), 100 + b / FS
        lost = 0


def run(x, edges):
    engine = Engine("test", [Looker()], trace=True)
    edges = sorted({0, LOST.start, LOST.stop, len(x), *edges})
    events = [e for block, arrival in blocks(x, edges) for e in engine.feed(block, arrival)]
    return [e for e in events + engine.finish() if not isinstance(e, StreamInfo)]


def only(events, kind):
    return [e for e in events if isinstance(e, kind)]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, FS * 18 - 1), max_size=300))
def test_any_chunking_gives_the_same(signal, cuts):
    compare(signal, cuts)


def test_one_sample_at_a_time_gives_the_same(signal):
    compare(signal, range(len(signal)))


def compare(signal, cuts):
    whole, cut = run(signal, []), run(signal, cuts)
    for kind in (Beat, Gap, HeartRate):
        assert only(cut, kind) == only(whole, kind)
    assert [(q.start, q.end) for q in only(cut, Quality)] == [(q.start, q.end) for q in only(whole, Quality)]
    for a, b in zip(only(cut, Quality), only(whole, Quality), strict=True):
        assert [(q.lead, q.verdict, q.reason) for q in a.leads] == [
            (q.lead, q.verdict, q.reason) for q in b.leads
        ]
    for a, b in zip(only(cut, Window), only(whole, Window), strict=True):
        assert (a.start, a.usable, a.lost) == (b.start, b.usable, b.lost)
        np.testing.assert_allclose(a.samples, b.samples, atol=1e-5)
    traces = [np.concatenate([t.samples for t in only(events, Trace)]) for events in (cut, whole)]
    np.testing.assert_allclose(*traces, atol=1e-5)
    (a,), (b,) = only(cut, Summary), only(whole, Summary)
    assert replace(a, clock=None) == replace(b, clock=None)


def test_every_sample_is_received_or_lost(signal):
    (summary,) = only(run(signal, range(0, len(signal), 20)), Summary)
    assert summary.samples == len(signal) - len(LOST)
    assert sum(summary.lost.values()) == len(LOST)
    assert summary.duration == pytest.approx(len(signal) / FS)


def test_the_streams_of_one_source_are_kept_apart(signal):
    engine = Engine("test")
    ecg = SignalBlock(signal[:500], FS, LEADS, 0.0)
    ppg = SignalBlock(np.zeros((128, 1), np.float32), 64, ("PPG",), 0.0, stream="ppg")
    events = engine.feed(ecg, 2.0) + engine.feed(ppg, 2.0)
    assert [(i.stream, i.fs) for i in only(events, StreamInfo)] == [("ecg", FS), ("ppg", 64)]


def test_a_trace_only_where_one_is_shown(signal):
    for shown in (True, False):
        engine = Engine("test", trace=shown)
        events = engine.feed(SignalBlock(signal[:50], FS, LEADS, 0.0), 1.0) + engine.finish()
        assert bool(only(events, Trace)) == shown


def test_leads_are_picked_in_the_order_asked_for(signal):
    engine = Engine("test", leads=("V1",))
    (info, block, *_) = engine.feed(SignalBlock(signal[:50], FS, LEADS, 0.0), 1.0)
    assert info.leads == block.leads == ("V1",)
    np.testing.assert_array_equal(block.samples[:, 0], signal[:50, 1])
    with pytest.raises(LeadError, match="does not have lead V6; it has II, V1"):
        Engine("test", leads=("V6",)).feed(SignalBlock(signal[:50], FS, LEADS, 0.0), 1.0)


def test_a_recordings_own_date_is_kept(signal):
    engine = Engine("test", epoch=1.5e9)
    info = engine.feed(SignalBlock(signal[:50], FS, LEADS, 0.0), 1.0)[0]
    assert info.epoch == 1.5e9
