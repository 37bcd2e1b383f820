"""A recording of several rates: each ECG and each pulse of it is a stream of its own."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.formats.files import write_edf
from wearecg.block import Notice, SignalBlock
from wearecg.formats import open_recording
from wearecg.session import Session
from wearecg.stream_info import Summary
from wearecg.transports.replay import TOGETHER_S, replay

SECONDS = 40


def counts(fs: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1000, 1000, SECONDS * fs)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    signals = [
        ("ECG II", "mV", counts(500, 1)), ("ECG V1", "mV", counts(250, 2)), ("Pleth", "", counts(100, 3)),
        ("Resp", "", counts(25, 4)), ("EKG slow", "mV", counts(10, 5)),
    ]  # fmt: skip
    return write_edf(tmp_path / "r.edf", signals, (500, 250, 100, 25, 10))


@pytest.mark.parametrize("longest_s", [1.0, TOGETHER_S])
def test_each_is_a_stream_of_its_own_in_step_with_the_others(path: Path, longest_s: float) -> None:
    stored = open_recording(path)
    blocks: dict[str, list[SignalBlock]] = {}
    latest: dict[str, float] = {}
    told = []
    with replay(stored, math.inf, longest_s) as source:
        while (items := source.read(1.0)) is not None:
            for item in items:
                if isinstance(item, tuple):
                    block = item[0]
                    assert isinstance(block, SignalBlock)
                    blocks.setdefault(block.stream, []).append(block)
                    latest[block.stream] = block.end
                    if len(latest) == 3:
                        assert max(latest.values()) - min(latest.values()) <= longest_s + 1e-9
                elif isinstance(item, Notice):
                    told.append(item.message)
    assert {stream: (found[0].fs, found[0].leads) for stream, found in blocks.items()} == {
        "ecg": (500, ("II",)),
        "ecg-2": (250, ("V1",)),
        "ppg": (100, ("PPG",)),
    }
    for stream, place, fs in (("ecg", 1, 500), ("ecg-2", 2, 250)):
        samples = np.concatenate([block.samples for block in blocks[stream]])[:, 0]
        np.testing.assert_allclose(samples, counts(fs, place) * 1e-4, atol=1e-6)
        assert [block.start for block in blocks[stream]] == pytest.approx(
            [sum(len(block) for block in blocks[stream][:k]) / fs for k in range(len(blocks[stream]))]
        )
    assert told == [
        "RESP is left out: it has 25 Hz, II has 500 Hz",
        "ECG is left out: it has 10 Hz, II has 500 Hz",
    ]


def test_all_are_looked_at(path: Path) -> None:
    events = list(Session(replay(open_recording(path), math.inf)))
    assert {event.stream for event in events if isinstance(event, Summary)} == {"ecg", "ecg-2", "ppg"}


def test_a_gap_at_the_end_of_one_of_them_is_told(tmp_path: Path) -> None:
    fast, slow = counts(500, 1), counts(250, 2)
    path = write_edf(tmp_path / "r.edf", [("ECG II", "mV", fast), ("ECG V1", "mV", slow)], (500, 250))
    stored = open_recording(path)
    (other,) = stored.others

    def holed(first: int, last: int) -> np.ndarray:
        samples = other.read(first, last)
        samples[max(0, 30 * 250 - first) :] = np.nan
        return samples

    stored = replace(stored, others=(replace(other, read=holed),))
    lost = 0
    with replay(stored, math.inf) as source:
        while (items := source.read(1.0)) is not None:
            blocks = [item[0] for item in items if isinstance(item, tuple)]
            lost += sum(b.lost for b in blocks if isinstance(b, SignalBlock) and b.stream == "ecg-2")
    assert lost == 10 * 250
