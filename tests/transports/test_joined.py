import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearecg.block import LinkState, SignalBlock
from wearecg.transports.base import joined

FS = 250.0


def block(first, n, lost=0, stream="ecg", clocked=True):
    samples = np.arange(first, first + n, dtype=np.float32)[:, None]
    return SignalBlock(samples, FS, ("II",), first / FS if clocked else float("nan"), lost, stream=stream)


@given(
    parts=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20), st.sampled_from(["ecg", "ppg"]))),
    clocked=st.booleans(),
)
def test_samples_losses_and_order_stay(parts, clocked):
    at, items, want = {"ecg": 0, "ppg": 0}, [], {"ecg": [], "ppg": []}
    for i, (lost, n, stream) in enumerate(parts):
        at[stream] += lost
        items.append((block(at[stream], n, lost, stream, clocked), float(i)))
        want[stream] += [(at[stream] + k, lost if k == 0 else 0) for k in range(n)]
        at[stream] += n
    out = joined(items)
    for stream, expected in want.items():
        got = [
            (int(value), b.lost if k == 0 else 0)
            for b, _ in out
            if b.stream == stream
            for k, value in enumerate(b.samples[:, 0])
        ]
        assert got == expected
    for b, _ in out:
        assert not clocked or b.samples[0, 0] == pytest.approx(b.start * FS)


def test_what_follows_on_becomes_one_block_with_the_last_arrival():
    ((whole, arrival),) = joined([(block(0, 5), 1.0), (block(5, 5), 2.0), (block(10, 5), 3.0)])
    assert len(whole) == 15
    assert arrival == 3.0


def test_nothing_is_joined_across_news_of_the_link_or_a_jump_in_time():
    lost = LinkState("lost", "unplugged", 0.0)
    assert len(joined([(block(0, 5), 1.0), lost, (block(5, 5), 2.0)])) == 3
    assert len(joined([(block(0, 5), 1.0), (block(6, 5), 2.0)])) == 2
