"""The last samples of a stream."""

from __future__ import annotations

import numpy as np
import pytest

from wearecg.block import Beat, SignalBlock
from wearecg.pipeline.engine import Engine
from wearecg.pipeline.observer import Events, Observer
from wearecg.pipeline.recent import KEEP_S, Recent

FS = 100
KEEP = round(KEEP_S * FS)


def ramp(first: int, last: int) -> np.ndarray:
    return np.arange(first, last, dtype=np.float32)[:, None]


@pytest.mark.parametrize("length", [1, 70, KEEP, 5 * KEEP])
def test_the_last_seconds_and_the_newest_block_can_be_looked_at(length):
    recent = Recent(FS, 1)
    for first in range(0, 10 * KEEP, length):
        recent.add(first, ramp(first, first + length))
        end = first + length
        since = max(0, min(end - KEEP, first))
        np.testing.assert_array_equal(recent.between(since, end), ramp(since, end))


def test_where_there_are_none_they_are_nan():
    recent = Recent(FS, 1)
    assert np.isnan(recent.between(-5, 5)).all()
    recent.add(0, ramp(0, 50))
    recent.add(70, ramp(70, 90))
    expected = ramp(-10, 100)
    expected[[*range(10), *range(60, 80), *range(100, 110)]] = np.nan
    np.testing.assert_array_equal(recent.between(-10, 100), expected)
    recent.add(90 + 2 * KEEP, ramp(0, 10))
    assert np.isnan(recent.between(0, 90 + 2 * KEEP)).all()
    np.testing.assert_array_equal(recent.between(90 + 2 * KEEP, 100 + 2 * KEEP), ramp(0, 10))


def test_what_was_looked_at_stays_as_it_was():
    recent = Recent(FS, 1)
    recent.add(0, ramp(0, KEEP))
    seen = recent.between(0, KEEP)
    for first in range(KEEP, 5 * KEEP, 100):
        recent.add(first, -ramp(first, first + 100))
    np.testing.assert_array_equal(seen, ramp(0, KEEP))


class Looking(Observer):
    """Looks at the second around each beat."""

    source, wants = "looking@1", (Events((Beat,)),)

    def begin(self, about):
        self.seen, self._samples = [], about.samples
        return self

    def feed(self, item, about):
        assert about.samples is self._samples
        self.seen.append((item.time, about.samples(item.time - 1.0, item.time)))
        return ()


@pytest.mark.parametrize("step", [25, 250, 10_000])
def test_an_observer_sees_them_however_the_stream_comes(step):
    from wearecg import Person

    x = Person(seed=1, scenario="sinus", fs=250).samples(5000)[:, :2]
    observer = Looking()
    engine = Engine("person", [observer])
    for at in range(0, len(x), step):
        block = SignalBlock(x[at : at + step].astype(np.float32), 250, ("I", "II"), at / 250)
        engine.feed(block, 100 + at / 250)
    engine.finish()
    assert len(observer.seen) > 15
    for time, samples in observer.seen[2:]:
        last = round(time * 250)
        np.testing.assert_array_equal(samples, x[round((time - 1.0) * 250) : last].astype(np.float32))
