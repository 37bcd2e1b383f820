"""Whatever a decoder hears: no exception, no growth, sound blocks. The long run is `benchmarks.fuzz_decoders`."""

from __future__ import annotations

import pickle
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_decoders import MOST_STATE, Target
from wearecg.devices import names

target = cache(Target)


@st.composite
def damaged(draw, inputs):
    """Bytes at random, or what the sensor said with some of it changed, cut out or doubled."""
    data = bytearray(draw(st.one_of(st.binary(min_size=1, max_size=200), st.sampled_from(inputs))))
    for _ in range(draw(st.integers(0, 3))):
        at, to = sorted(draw(st.integers(0, len(data))) for _ in range(2))
        data[at:to] = draw(st.one_of(st.binary(max_size=4), st.just(bytes(2 * data[at:to]))))
    return bytes(data) or b"\0"


@pytest.mark.parametrize("name", names())
@settings(max_examples=25, deadline=None)
@given(data=st.data(), begun=st.booleans())
def test_no_input_is_too_strange(name, data, begun):
    it = target(name)
    driver, now = it.fresh(begun), 1000.0
    # In order, so that streams go on between what is damaged.
    inputs = it.inputs()
    for number in range(data.draw(st.integers(1, 12))):
        it.feed(driver, inputs[number % len(inputs)], now)
        it.feed(driver, data.draw(damaged(inputs)), now)
        now += 0.1
    assert len(pickle.dumps(driver)) < MOST_STATE
    assert driver.diagnose()
