import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ecg.signals import ecg
from wearecg.block import Beat, ClockFit, Gap, HeartRate, Notice, SignalBlock
from wearecg.pipeline.clock import MinimumDelayClock
from wearecg.pipeline.engine import Engine
from wearecg.pipeline.timeline import Timeline

FS = 250.0


def block(n, start=float("nan"), lost=0, first_value=0.0):
    samples = (first_value + np.arange(n, dtype=np.float32))[:, None]
    return SignalBlock(samples, FS, ("II",), start, lost)


def place(timeline, blocks):
    placed = [p for b, arrival in blocks for p in timeline.feed(b, arrival)] + timeline.flush()
    return [p for p in placed if isinstance(p, SignalBlock)], [p for p in placed if isinstance(p, Gap)]


def test_contiguous_blocks_have_no_gap_and_start_at_zero():
    blocks, gaps = place(Timeline(), [(block(25, 7.0 + i * 0.1), 100 + i * 0.1) for i in range(20)])
    assert not gaps
    assert [b.start for b in blocks] == pytest.approx([i * 0.1 for i in range(20)])
    assert all(b.lost == 0 for b in blocks)


def test_missing_samples_follow_from_the_time_stamps():
    blocks, gaps = place(Timeline(), [(block(25, 0.0), 100.0), (block(25, 0.128), 100.2)])
    assert [(g.start, g.samples, g.reason) for g in gaps] == [(0.1, 7, "device")]
    assert blocks[-1].start == pytest.approx(0.128)
    assert blocks[-1].lost == 7


def test_a_loss_that_the_decoder_counted_is_the_links():
    _, gaps = place(Timeline(), [(block(25, 0.0), 100.0), (block(25, 0.14, lost=10), 100.2)])
    assert [(g.samples, g.reason) for g in gaps] == [(10, "link")]


def test_unplugged_for_five_seconds_with_the_sensor_running_on():
    timeline = Timeline()
    place(timeline, [(block(25, i * 0.1), 50 + i * 0.1) for i in range(30)])
    timeline.link_lost()
    blocks, gaps = place(timeline, [(block(25, 8.0 + i * 0.1), 58.0 + i * 0.1) for i in range(10)])
    assert [(g.start, g.duration, g.reason) for g in gaps] == [(3.0, 5.0, "unplugged")]
    assert blocks[0].start == 8.0


@pytest.mark.parametrize("new_start", [0.0, 1e6])
def test_a_clock_that_jumps_is_joined_by_the_host_clock(new_start):
    rng = np.random.default_rng(0)
    delay = lambda: 0.005 + rng.exponential(0.01)  # noqa: E731
    timeline = Timeline()
    place(timeline, [(block(25, i * 0.1), 100.1 + i * 0.1 + delay()) for i in range(300)])
    after = [(block(25, new_start + i * 0.1), 134.1 + i * 0.1 + delay()) for i in range(30)]
    placed = [p for b, a in after for p in timeline.feed(b, a)]
    gaps = [p for p in placed if isinstance(p, Gap)]
    assert len(gaps) == 1
    assert gaps[0].reason == "clock"
    assert gaps[0].duration == pytest.approx(4.0, abs=0.01)
    assert any(isinstance(p, Notice) for p in placed)
    blocks = [p for p in placed if isinstance(p, SignalBlock) and len(p)]
    assert sum(len(b) for b in blocks) == 30 * 25
    assert np.diff([b.start for b in blocks]) == pytest.approx(0.1)


def test_without_a_clock_a_delay_is_not_a_loss():
    timeline = Timeline()
    on_time = [(block(25), 10 + i * 0.1) for i in range(50)]
    stalled = [(block(25), 17.2 + i * 1e-3) for i in range(22)]
    blocks, gaps = place(timeline, on_time + stalled + [(block(25), 17.3 + i * 0.1) for i in range(20)])
    assert not gaps
    assert sum(len(b) for b in blocks) == 92 * 25


def test_without_a_clock_a_silence_is_a_gap_of_that_length():
    timeline = Timeline()
    place(timeline, [(block(25), 10 + i * 0.1) for i in range(50)])
    timeline.link_lost()
    _, gaps = place(timeline, [(block(25), 20.0 + i * 0.1) for i in range(20)])
    assert [g.reason for g in gaps] == ["unplugged"]
    assert gaps[0].duration == pytest.approx(5.0, abs=0.02)


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 40), min_size=5, max_size=60),
    drops=st.sets(st.integers(1, 50), max_size=8),
    clocked=st.booleans(),
)
def test_every_sample_keeps_its_place_however_blocks_are_cut(cuts, drops, clocked):
    timeline, position, blocks, dropped, lost = Timeline(), 0, [], 0, 0
    for i, n in enumerate(cuts):
        if i in drops:
            dropped += n
            lost += n
        else:
            start = position / FS if clocked else float("nan")
            blocks.append((block(n, start, lost, first_value=position), 10 + (position + n) / FS))
            lost = 0
        position += n
    placed, gaps = place(timeline, blocks)
    for b in placed:
        if len(b):
            assert b.start * FS == pytest.approx(b.samples[0, 0])
    assert sum(g.samples for g in gaps) == dropped - lost
    assert sum(len(b) for b in placed) + dropped == position


def test_clock_finds_rate_and_time_through_jitter_and_stalls():
    rng = np.random.default_rng(1)
    clock, ppm = MinimumDelayClock(), 40.0
    errors = []
    for i in range(3600):
        sensor = i * 0.5
        host = 1000 + sensor * (1 - ppm * 1e-6) + 0.02
        stall = rng.uniform(0.3, 3) if rng.random() < 0.01 else 0
        clock.observe(sensor, host + rng.uniform(0, 0.045) + stall)
        if i > 240:
            errors.append(abs(clock.to_host(sensor) - host))
    assert np.percentile(errors, 99) < 0.003
    fit = clock.fit(1800.0)
    assert fit.ppm == pytest.approx(ppm, abs=10)
    assert fit.error < 0.01


def test_clock_says_none_before_it_knows():
    clock = MinimumDelayClock()
    clock.observe(0.0, 5.0)
    assert clock.fit(0.0).ppm is None


def test_no_ppm_is_reported_before_a_slope_was_fitted():
    clock = MinimumDelayClock()
    seen = []
    for i in range(60):
        clock.observe(i * 0.5, 10 + i * 0.5 * (1 - 150e-6))
        seen.append(clock.fit(i * 0.5).ppm)
    assert all(ppm is None or ppm == pytest.approx(150, abs=20) for ppm in seen)
    assert seen[-1] is not None


def test_a_sensor_that_does_not_keep_its_rate_is_told_once():
    timeline = Timeline()
    placed = [p for i in range(1300) for p in timeline.feed(block(25, i * 0.101), 100 + i * 0.101)]
    notices = [p.message for p in placed if isinstance(p, Notice)]
    assert len(notices) == 1
    assert "247.5" in notices[0]
    assert "1.0%" in notices[0]


def test_what_rounding_leaves_over_is_carried_to_the_next_gap():
    timeline, start = Timeline(), 0.0
    for number in range(1200):
        timeline.feed(block(25, start), 10 + start)
        start += 0.1 + (10.4 / FS if number % 3 == 0 else 0.0)  # a sensor that begins anew at another phase
    placed, _ = place(timeline, [(block(25, start), 10 + start)])
    assert placed[-1].start == pytest.approx(start, abs=0.6 / FS)


@pytest.mark.parametrize("clocked", [True, False])
@pytest.mark.parametrize("real", [125.0, 237.5, 262.5, 500.0])
@pytest.mark.parametrize("jitter", [0.0, 0.03])
def test_a_wrong_rate_is_never_told_first(clocked, real, jitter):
    """The samples are a heart's of 75 a minute, 250 of them a second are stated, and others come."""
    late = np.random.default_rng(1)
    x = ecg(FS, 40)[0]
    engine, events, step = Engine("liar"), [], 10
    for i in range(0, len(x), step):
        start = i / FS if clocked else float("nan")
        arrival = 10 + (i + step) / real + jitter * late.exponential()
        events += engine.feed(SignalBlock(x[i : i + step, None], FS, ("II",), start), arrival)
    assert [e for e in events if isinstance(e, HeartRate) and e.bpm is not None] == []
    assert [e for e in events if isinstance(e, Beat) and e.rr is not None] == []
    assert f"{FS:g} samples a second are stated" in next(e.message for e in events if isinstance(e, Notice))


@pytest.mark.parametrize(("clocked", "settled"), [(True, 8.0), (False, 35.0)])
def test_beats_are_told_in_true_seconds(clocked, settled):
    x, peaks = ecg(FS, 60)
    engine, events, slow = Engine("slow"), [], 1.02
    for i in range(0, len(x), 25):
        start = i / FS * slow if clocked else float("nan")
        samples = x[i : i + 25, None]
        events += engine.feed(SignalBlock(samples, FS, ("II",), start), 10 + (i + 25) / FS * slow)
    beats = [e for e in events if isinstance(e, Beat) and e.time > settled]
    true = slow * np.diff(peaks)[-len(beats) :]
    assert [beat.rr for beat in beats] == pytest.approx(true.tolist(), abs=0.009)
    assert np.mean([beat.rr for beat in beats]) == pytest.approx(true.mean(), rel=1e-3)
    (rate,) = [e.bpm for e in events if isinstance(e, HeartRate)][-1:]
    assert rate == pytest.approx(60 / np.median(true[-8:]), rel=0.02)
    clock = [e for e in events if isinstance(e, ClockFit)][-1]
    assert clock.rate == pytest.approx(FS / slow, rel=1e-4)
    assert clock.host == pytest.approx(10 + slow * clock.time, abs=1e-3)


def played(stated, real, stamps, seconds=40, n=10, jitter=0.01):
    """Events of a sensor that states one rate, samples at another, and stamps (None: not) by a third."""
    rng = np.random.default_rng(0)
    x, peaks = ecg(real, seconds)
    engine, events = Engine("liar"), []
    for i in range(0, len(x) - n, n):
        start = float("nan") if stamps is None else i / stamps
        block = SignalBlock(x[i : i + n, None], stated, ("II",), start)
        events += engine.feed(block, 100 + (i + n) / real + rng.exponential(jitter))
    return events + engine.finish(), 60 / np.mean(np.diff(peaks))


@pytest.mark.parametrize(
    ("stated", "real", "stamps"),
    [
        (500, 250, 500),  # rate and stamps are wrong alike
        (250, 500, 250),
        (250, 237.5, 250),
        (250, 275, 250),
        (500, 250, 250),  # the stamps are right
        (250, 237.5, None),
    ],
)
def test_a_rate_that_is_not_kept_is_told_once_and_no_heart_rate_rests_on_it(stated, real, stamps):
    events, true = played(float(stated), float(real), stamps)
    (told,) = [e for e in events if isinstance(e, Notice)]
    words = told.message.split()
    assert told.message.startswith(f"{stated} samples a second are stated, but ")
    assert float(words[7]) == pytest.approx(real, rel=0.01)
    rates = [e for e in events if isinstance(e, HeartRate)]
    assert not [e for e in rates if e.bpm and abs(e.bpm / true - 1) > 0.05]
    assert "are stated" in rates[-1].reason
    assert all(e.rr is None for e in events if isinstance(e, Beat) and e.time > 12)
    assert sum(isinstance(e, Gap) for e in events) <= 5


@pytest.mark.parametrize("stamps", [250, None])
@pytest.mark.parametrize("real", [250.0, 245.0])
@pytest.mark.parametrize("jitter", [0.002, 0.05])
def test_a_rate_that_is_about_kept_is_not_doubted(stamps, real, jitter):
    events, true = played(250.0, real, stamps, jitter=jitter)
    assert not [e for e in events if isinstance(e, Notice)]
    last = [e for e in events if isinstance(e, HeartRate)][-1]
    assert last.bpm == pytest.approx(true, rel=0.1)


@pytest.mark.parametrize("waited", [0.0, 3.0])
@pytest.mark.parametrize("stall", [0.0, 3.0, 8.0])
def test_what_waited_or_was_held_up_is_no_wrong_rate(waited, stall):
    timeline, told = Timeline(), []
    for i in range(1200):
        true = (i + 1) * 0.04
        late = max(0.0, waited - true) + (max(0.0, 20 + stall - true) if true > 20 else 0.0)
        told += timeline.feed(block(10, i * 0.04), 100 + true + late)
        assert not timeline.trouble
    assert not [p for p in told if isinstance(p, Notice | Gap)]


def test_a_clock_that_runs_backwards_is_told_and_not_used():
    timeline, placed = Timeline(), []
    for i in range(500):
        placed += timeline.feed(block(10, 1000 - i * 0.04), 100 + i * 0.04)
    placed += timeline.flush()
    told = [p.message for p in placed if isinstance(p, Notice)]
    assert len(told) == 3
    assert "set or started anew" in told[0]
    assert "jumps all the time" in told[1]
    assert "like it since last told" in told[2]
    blocks = [p for p in placed if isinstance(p, SignalBlock)]
    assert sum(map(len, blocks)) == 5000
    assert blocks[-1].end == pytest.approx(20, abs=0.3)


def test_what_waits_for_us_is_not_judged_by_when_it_arrives():
    for realtime in (True, False):
        timeline = Timeline(realtime=realtime)
        for i in range(60):
            block = SignalBlock(np.zeros((250, 1), np.float32), 250.0, ("II",), float("nan"))
            timeline.feed(block, 100.0 + 2 * i)
        assert bool(timeline.trouble) == realtime
