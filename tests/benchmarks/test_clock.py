from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from benchmarks.clock import Sensor, errors
from wearecg.block import SignalBlock
from wearecg.pipeline.timeline import Timeline


@pytest.mark.parametrize(("kind", "bound"), [("clock", 0.005), ("counter", 0.015)])
@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    ppm=st.floats(-100, 100),
    rate=st.floats(-0.02, 0.02),
    restarts=st.integers(0, 1),
    seed=st.integers(0, 1000),
)
def test_the_time_of_every_sample_is_known(kind, bound, ppm, rate, restarts, seed):
    off = errors(Sensor(kind, ppm, rate, restarts=restarts, seed=seed), 400.0)
    assert len(off) > 1000
    assert np.percentile(np.abs(off), 99) <= bound


@pytest.mark.parametrize(("ppm", "rate", "cut"), [(-100, -0.02, 1), (100, 0.02, 13), (7, 0.003, 24)])
def test_every_sample_has_the_same_place_however_frames_are_cut(ppm, rate, cut):
    sensor = Sensor("clock", ppm, rate, restarts=1, loss=0.01, seed=cut)
    frames = [(frame, arrival) for frame, arrival, _ in sensor.frames(120.0)]
    pieces = []
    for frame, arrival in frames:
        later = frame.start + cut / (frame.fs * (1 + rate))
        pieces.append((replace(frame, samples=frame.samples[:cut]), arrival))
        pieces.append((replace(frame, samples=frame.samples[cut:], start=later, lost=0), arrival))
    np.testing.assert_array_equal(_places(pieces), _places(frames))


def _places(frames):
    """The number on the timeline of every sample."""
    timeline = Timeline()
    placed = [p for frame, arrival in frames for p in timeline.feed(frame, arrival)] + timeline.flush()
    blocks = [p for p in placed if isinstance(p, SignalBlock)]
    return np.concatenate([round(b.start * b.fs) + np.arange(len(b)) for b in blocks])
