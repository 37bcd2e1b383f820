"""A pause is one only if the signal shows it."""

from __future__ import annotations

import numpy as np
import pytest

from wearecg import SignalBlock
from wearecg.ecg.quiet import Quiet

FS = 250


def is_quiet(blocks: list[SignalBlock], start: float, end: float) -> bool:
    return Quiet().shows(blocks, start, end)


def ecg(beats: dict[float, float], seconds: float = 8.0) -> np.ndarray:
    """Triangles of 80 ms at these times, with these heights (mV), on a little noise."""
    t = np.arange(round(seconds * FS)) / FS
    x = 0.01 * np.random.default_rng(0).normal(size=len(t))
    for time, height in beats.items():
        x += height * np.clip(1 - np.abs(t - time) / 0.04, 0, None)
    return x[:, None].astype(np.float32)


def blocks(x: np.ndarray, length: int = 100) -> list[SignalBlock]:
    return [SignalBlock(x[i : i + length], FS, ("II",), i / FS) for i in range(0, len(x), length)]


@pytest.mark.parametrize(("height", "quiet"), [(0.0, True), (0.1, True), (0.5, False), (1.0, False)])
def test_a_beat_that_was_missed_is_no_pause(height, quiet):
    assert is_quiet(blocks(ecg({2.0: 1.0, 4.5: height, 6.0: 1.0})), 2.0, 6.0) is quiet


def test_it_does_not_depend_on_how_the_signal_came():
    x = ecg({2.0: 1.0, 6.0: 1.0})
    assert {is_quiet(blocks(x, length), 2.0, 6.0) for length in (7, 100, 2000)} == {True}


def test_what_did_not_come_is_not_quiet():
    x = ecg({2.0: 1.0, 6.0: 1.0})
    whole = blocks(x)
    assert not is_quiet([*whole[:8], *whole[12:]], 2.0, 6.0)
    assert not is_quiet(whole[:10], 2.0, 6.0)
    assert not is_quiet([], 2.0, 6.0)
    x[900:1000] = np.nan
    assert not is_quiet(blocks(x), 2.0, 6.0)


def test_each_lead_must_be_quiet_and_others_do_not_count():
    x = np.hstack([ecg({2.0: 1.0, 6.0: 1.0}), ecg({2.0: 1.0, 4.0: 1.0, 6.0: 1.0})])
    for leads, quiet in ((("II", "V1"), False), (("II", "PPG"), True)):
        assert is_quiet([SignalBlock(x, FS, leads, 0.0)], 2.0, 6.0) is quiet
