from __future__ import annotations

import math
import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wearecg.block import Gap, LinkState, SignalBlock
from wearecg.ecg.wavelet import BRIDGE_S
from wearecg.errors import LeadError, SourceError
from wearecg.formats import Recording, Stored
from wearecg.session import Session
from wearecg.transports.base import Source
from wearecg.transports.replay import ReplaySource


def recording(n: int = 1000, fs: float = 250.0) -> Recording:
    samples = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    return Recording(samples, fs, ("I", "II"), "rec", (0.005, 0.001))


def play(source: Source, seconds: float = 10.0) -> tuple[list[tuple[SignalBlock, float]], list[LinkState]]:
    blocks, states = [], []
    end = time.monotonic() + seconds
    with source:
        while (items := source.read(0.2)) is not None and time.monotonic() < end:
            for item in items:
                if isinstance(item, tuple):
                    blocks.append(item)
                else:
                    assert isinstance(item, LinkState)
                    states.append(item)
    return blocks, states


def rebuilt(blocks: list[tuple[SignalBlock, float]]) -> np.ndarray:
    """The recording as the blocks tell it, NaN where they say lost."""
    parts = []
    for block, _ in blocks:
        parts += [np.full((block.lost, len(block.leads)), np.nan, np.float32), block.samples]
        assert sum(map(len, parts)) == round(block.end * block.fs), "start counts lost samples too"
    return np.concatenate(parts)


def test_as_fast_as_possible_gives_every_sample_once() -> None:
    rec = recording(1010)
    blocks, states = play(ReplaySource(rec, math.inf))
    np.testing.assert_array_equal(rebuilt(blocks), rec.samples)
    assert [s.state for s in states] == ["live", "closed"]
    assert {b.leads for b, _ in blocks} == {("I", "II")}
    assert {b.lsb for b, _ in blocks} == {(0.005, 0.001)}
    arrivals = [arrival - states[0].at for _, arrival in blocks]
    np.testing.assert_allclose(arrivals, [block.end for block, _ in blocks])


def test_real_time_is_paced_in_small_blocks() -> None:
    rec = recording(125)
    began = time.monotonic()
    blocks, _ = play(ReplaySource(rec))
    assert 0.5 <= time.monotonic() - began < 0.9
    assert {len(b) for b, _ in blocks} <= {10, 5}
    np.testing.assert_array_equal(rebuilt(blocks), rec.samples)


def test_arrival_is_on_an_absolute_schedule_in_the_time_of_the_signal() -> None:
    source = ReplaySource(recording(2500), speed=10)
    with source:
        first = source.read(0.1)
        assert first is not None
        assert isinstance(first[0], LinkState)
        began = first[0].at
        time.sleep(0.12)  # A slow reader shifts nothing.
        while (items := source.read(0.1)) is not None:
            for item in items:
                if isinstance(item, tuple):
                    assert item[1] == pytest.approx(began + item[0].end, abs=1e-6)
                    assert began + item[0].end / 10 <= time.monotonic()


def test_waiting_ends_at_the_timeout() -> None:
    source = ReplaySource(recording(), speed=0.1)
    with source:
        source.read(0.1)
        began = time.monotonic()
        assert source.read(0.05) == []
        assert 0.04 < time.monotonic() - began < 0.15


@settings(max_examples=40, deadline=None)
@given(
    gaps=st.lists(st.tuples(st.integers(0, 999), st.integers(1, 400)), max_size=5),
    holes=st.lists(st.tuples(st.integers(0, 999), st.integers(1, 50)), max_size=3),
    speed=st.sampled_from([math.inf, 400.0]),
)
def test_gaps_stay_gaps(gaps: list[tuple[int, int]], holes: list[tuple[int, int]], speed: float) -> None:
    rec = recording()
    for at, n in gaps:
        rec.samples[at : at + n] = np.nan
    for at, n in holes:
        rec.samples[at : at + n, 1] = np.nan
    source = ReplaySource(rec, speed)
    blocks, _ = play(source)
    np.testing.assert_array_equal(rebuilt(blocks), rec.samples)
    missing = "".join("x" if m else "." for m in np.isnan(rec.samples).all(axis=1))
    assert sum(b.lost for b, _ in blocks) == sum(map(len, re.findall(r"x{6,}", missing)))
    assert {b.reason for b, _ in blocks} == {"recording"}


def test_chosen_leads_in_the_order_wanted() -> None:
    rec = recording()
    blocks, _ = play(ReplaySource(rec, math.inf, leads=["II", "mli"]))
    np.testing.assert_array_equal(rebuilt(blocks), rec.samples[:, [1, 0]])
    assert blocks[0][0].leads == ("II", "I")
    assert blocks[0][0].lsb == (0.001, 0.005)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(LeadError, match="rec does not have lead V1"):
        ReplaySource(recording(), leads=["V1"])
    for speed in (0, -1, math.nan):
        with pytest.raises(SourceError, match="speed of"):
            ReplaySource(recording(), speed)


def test_closed_means_over() -> None:
    source = ReplaySource(recording())
    source.open()
    source.close()
    source.close()
    assert source.read(1) is None


@settings(max_examples=60, deadline=None)
@given(
    holes=st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 60)), max_size=8),
    piece=st.integers(1, 700),
    one=st.booleans(),
)
def test_read_in_pieces_it_is_the_same_as_in_memory(holes, piece, one) -> None:
    rec = recording(1500)
    for first, length in holes:
        rec.samples[first : first + length, 0 if one else slice(None)] = np.nan
    read: list[int] = []

    def pieces(first: int, last: int) -> np.ndarray:
        read.append(last - first)
        return rec.samples[first:last]

    empty = Recording(rec.samples[:0], rec.fs, rec.leads, rec.name, rec.lsb)
    whole, _ = play(ReplaySource(rec, math.inf))
    parts, _ = play(ReplaySource(Stored(empty, 1500, pieces, piece), math.inf))
    assert max(read) <= max(piece, 250) + 2 * (int(BRIDGE_S * rec.fs) + 1)
    assert len(whole) == len(parts)
    for (one_block, _), (other, _) in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one_block.samples, other.samples)
        assert (one_block.start, one_block.lost) == (other.start, other.lost)


@pytest.mark.parametrize("longest_s", [0.5, 1.0, 7.0, 16.0, 60.0])
def test_a_gap_is_as_long_however_long_blocks_are(longest_s: float) -> None:
    samples = np.full((8000, 1), np.nan, np.float32)
    samples[:3000] = samples[5000:] = np.random.default_rng(1).normal(size=(3000, 1))
    source = ReplaySource(Recording(samples, 250.0, ("II",), "r"), float("inf"), longest_s=longest_s)
    events = list(Session(source))
    gaps = [event for event in events if isinstance(event, Gap)]
    assert [(gap.start, gap.duration, gap.reason) for gap in gaps] == [(12.0, 8.0, "recording")]
    assert events[-1].duration == 32.0  # type: ignore[union-attr]
