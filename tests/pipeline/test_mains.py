from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ecg.signals import cuts, ecg
from wearecg.block import Beat, HeartRate, Quality, SignalBlock
from wearecg.pipeline.frontend import FrontEnd

RATES = (100.0, 125.0, 130.0, 250.0, 360.0, 500.0, 1000.0)


def hum(n, fs, hz, mv, drift=0.0):
    t = np.arange(n) / fs
    swing = drift * 20 / (2 * np.pi) * np.sin(2 * np.pi * t / 20)
    total = np.zeros(n)
    for order, share in ((1, 1.0), (2, 0.08), (3, 0.2)):
        if order == 1 or order * (hz + drift) < fs / 2:
            total += share * mv * np.sin(2 * np.pi * order * (hz * t + swing) + order)
    return total


def run(x, fs, sizes=(60,), leads=("II",)):
    front = FrontEnd(fs, leads)
    x = (x if x.ndim == 2 else x[:, None]).astype(np.float32)
    events, clean = [], []
    for cut in cuts(len(x), list(sizes)):
        events += front.feed(SignalBlock(x[cut], fs, leads, cut.start / fs))
        clean.append(front.clean)
    return events + front.flush(), np.concatenate(clean), front


def times(events):
    return np.array([event.time for event in events if isinstance(event, Beat)])


@pytest.mark.parametrize("fs", RATES)
@pytest.mark.parametrize("hz", [50.0, 60.0])
@pytest.mark.parametrize(("mv", "drift"), [(0.5, 0.0), (2.0, 0.5)])
def test_every_beat_behind_two_millivolts_of_hum(fs, hz, mv, drift):
    x, peaks = ecg(fs, 40, seed=3)
    events, clean, front = run(x + hum(len(x), fs, hz, mv, drift), fs)
    found = times(events)
    expected = peaks[peaks > 1.2]
    assert np.mean([np.abs(found - peak).min() < 0.02 for peak in expected]) >= 0.995
    assert len(found) <= len(peaks)
    assert front.mains_hz == pytest.approx(hz if hz <= fs / 2 else fs - hz, abs=0.6)
    late = round(2 * fs)
    assert all(
        lead.verdict == "good" or (drift and lead.verdict == "poor")
        for q in events
        if isinstance(q, Quality) and q.start >= 3
        for lead in q.leads
    )
    assert np.std(clean[late:, 0] - x[late:]) < 0.035


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 600), min_size=1, max_size=5),
    fs=st.sampled_from([100.0, 250.0, 360.0]),
    gap=st.sampled_from([0, 7, 900]),
)
def test_same_events_behind_the_notch_for_any_chunking(sizes, fs, gap):
    x, _ = ecg(fs, 12, noise=0.02)
    x = np.stack((x, np.arange(len(x)) % 9, -0.5 * x), axis=1)
    x[:, [0, 2]] += hum(len(x), fs, 50, 0.7, 0.4)[:, None]
    x[round(8 * fs) :, [0, 2]] -= hum(len(x), fs, 50, 0.7, 0.4)[round(8 * fs) :, None]
    x[300:320, 0] = np.nan
    leads, first = ("II", "PPG", "V5"), round(4.3 * fs)

    def events(sizes):
        front = FrontEnd(fs, leads)
        found, clean = [], []
        for part, start in ((x[:first], 0), (x[first:], first + gap)):
            for cut in cuts(len(part), sizes):
                samples = part[cut].astype(np.float32)
                found += front.feed(SignalBlock(samples, fs, leads, (start + cut.start) / fs))
                clean.append(front.clean)
        return found + front.flush(), np.concatenate(clean)

    whole, expected = events([len(x)])
    got, clean = events(sizes)
    assert got == whole
    np.testing.assert_array_equal(clean, expected)


def test_hum_that_begins_ends_and_has_gaps():
    fs = 250.0
    x, peaks = ecg(fs, 60)
    dirty = x + np.where(np.arange(len(x)) < 20 * fs, 0.0, hum(len(x), fs, 60, 1.0))
    dirty[round(45 * fs) :] = x[round(45 * fs) :]
    front, events = FrontEnd(fs, ("II",)), []
    for first in range(0, len(x), 25):
        if first % 500 == 250 and first > 6250:
            continue  # one block in twenty is lost
        block = dirty[first : first + 25, None].astype(np.float32)
        events += front.feed(SignalBlock(block, fs, ("II",), first / fs))
        if 22 * fs < first < 44 * fs:
            assert front.mains_hz is not None
    found = times(events)
    assert np.mean([np.abs(found - peak).min() < 0.02 for peak in peaks[peaks > 1.2]]) > 0.9
    assert all(abs(r.bpm - 70) < 5 for r in events if isinstance(r, HeartRate) and r.bpm and r.time > 3)
    assert front.mains_hz is None
    assert front.clean is not None
    assert len(front.clean) == 25


def test_without_hum_nothing_is_filtered():
    x, _ = ecg(250.0, 10, noise=0.2)
    _, clean, front = run(x, 250.0)
    np.testing.assert_array_equal(clean[:, 0], x)
    assert front.mains_hz is None


def test_noise_is_no_hum():
    x = np.random.default_rng(0).normal(0, 0.3, 250 * 30)
    events, _, front = run(x, 250.0)
    assert front.mains_hz is None
    assert [event for event in events if isinstance(event, HeartRate)][-1].reason == "signal unusable: noise"


def test_a_lead_that_is_off_keeps_its_samples():
    fs = 250.0
    x, _ = ecg(fs, 6)
    both = np.stack((x, x), axis=1) + hum(len(x), fs, 50, 1.0)[:, None]
    both[:, 1] = 2.0
    front = FrontEnd(fs, ("I", "II"))
    for first in range(0, len(x), 250):
        samples = both[first : first + 250].astype(np.float32)
        front.feed(SignalBlock(samples, fs, ("I", "II"), first / fs, lead_off=(False, True)))
    np.testing.assert_array_equal(front.clean[:, 1], 2.0)
    assert np.std(front.clean[:, 0] - x[-250:]) < 0.03
