from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from firmware_bridge import delta

INT24 = st.integers(-(2**23), 2**23 - 1)
SHAPES = st.tuples(st.integers(1, 70), st.integers(1, 12))


@given(SHAPES.flatmap(lambda shape: hnp.arrays(np.int64, shape, elements=INT24)))
def test_round_trip_of_anything(samples):
    packed = delta.pack(samples)
    n, leads = samples.shape
    assert delta.length(packed + b"more", n, leads) == len(packed)
    assert np.array_equal(delta.unpack(packed, n, leads), samples)


@given(st.integers(2, 70), st.integers(1, 6), st.data())
def test_round_trip_of_steps_of_any_width(n, leads, data):
    bits = data.draw(st.integers(0, 24))
    low = -(2 ** (bits - 1)) if bits else 0
    steps = hnp.arrays(np.int64, (n, leads), elements=st.integers(low, -low - 1 if bits else 0))
    samples = (np.cumsum(data.draw(steps), axis=0) + 2**23) % 2**24 - 2**23
    packed = delta.pack(samples)
    blocks = -(-(n - 1) // delta.BLOCK)
    assert len(packed) <= 3 * leads + blocks * 2 + (n - 1) * leads * bits / 8
    assert np.array_equal(delta.unpack(packed, n, leads), samples)


def test_extremes_wrap():
    samples = np.array([[2**23 - 1], [-(2**23)], [2**23 - 1], [0]])
    packed = delta.pack(samples)
    assert np.array_equal(delta.unpack(packed, 4, 1), samples)
    # The first two steps are 1 and -1 modulo 2**24; the last takes the full width.
    assert packed[3] == 24


@given(st.binary(max_size=80), st.integers(1, 70), st.integers(1, 8))
def test_any_bytes_unpack_or_are_refused(payload, n, leads):
    try:
        size = delta.length(payload, n, leads)
    except ValueError:
        return
    out = delta.unpack(payload[:size], n, leads)
    assert out.shape == (n, leads)
    assert np.abs(out.astype(np.int64)).max() <= 2**23


def test_width_is_shared_by_the_block_only():
    samples = np.zeros((1 + 2 * delta.BLOCK, 1), np.int64)
    samples[-1] = 1000
    packed = delta.pack(samples)
    assert packed[3] == 0
    assert packed[4] == 11
    assert len(packed) == 3 + 1 + 1 + 11 * delta.BLOCK // 8


@pytest.mark.parametrize("values", [[0, -1, 1, 2**23 - 1, -(2**23)]])
def test_int24(values):
    raw = delta.pack_int24(np.array(values, np.int64))
    assert raw == b"".join(v.to_bytes(3, "little", signed=True) for v in values)
    assert delta.unpack_int24(raw).tolist() == values
