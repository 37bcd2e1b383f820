from __future__ import annotations

import math

import numpy as np
import pytest

from wearecg.block import LinkState, SignalBlock
from wearecg.errors import LeadError, SourceError
from wearecg.person import Person
from wearecg.transports.simulate import SimulateSource


def blocks(source: SimulateSource, reads: int) -> list[SignalBlock]:
    with source:
        items = [item for _ in range(reads) for item in source.read(0.1) or []]
    return [item[0] for item in items if isinstance(item, tuple)]


def test_the_source_is_the_person() -> None:
    found = blocks(SimulateSource("af", seed=3, fs=250, speed=math.inf), 3)
    ecg = np.concatenate([b.samples for b in found if b.stream == "ecg"])
    ppg = np.concatenate([b.samples for b in found if b.stream == "ppg"])
    truth = Person(3, "af", 250).samples(len(ecg))
    np.testing.assert_array_equal(np.column_stack([ecg, ppg]), truth)
    assert found[0].leads[:2] == ("I", "II")
    assert found[1].leads == ("PPG",)
    starts = [b.start for b in found if b.stream == "ecg"]
    assert starts == pytest.approx(np.arange(len(starts)).tolist())


def test_chosen_leads_and_electrodes_off() -> None:
    found = blocks(SimulateSource("lead-off", fs=100, leads=["V2", "II"], speed=math.inf), 2)
    assert {b.stream for b in found} == {"ecg"}
    off = {b.lead_off for b in found if 3 <= b.start < 6.9}
    assert off == {(True, False)}
    assert {b.lead_off for b in found if b.start < 2} == {(False, False)}


def test_live_at_once_and_without_end() -> None:
    source = SimulateSource(speed=1)
    with source:
        first = source.read(0.1)
        assert first is not None
        assert isinstance(first[0], LinkState)
        second = source.read(0.5)
        assert second is not None
        block, arrival = second[0]  # type: ignore[misc]
        assert len(block) == 20
        assert arrival == pytest.approx(first[0].at + 0.04)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(SourceError, match="no scenario 'love'"):
        SimulateSource("love")
    with pytest.raises(LeadError, match="no lead 'V9'"):
        SimulateSource(leads=["V9"])
