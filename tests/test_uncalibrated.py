"""Leads of no known size: their beats and their rhythm are found, and what is recorded stays as it came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.formats import Recording
from wearecg.session import Session
from wearecg.transports.replay import replay

FS = 250
ECG = wearecg.Person(seed=1, scenario="sinus", fs=FS).samples(FS * 20)[:, [1, 6]]


def recording(factor: float, middle: float) -> Recording:
    samples = (ECG * factor + middle).astype(np.float32)
    samples[FS * 8 : FS * 8 + 20] = np.nan
    return Recording(samples, FS, ("II", "V1"), "r", uncalibrated=("II", "V1"))


@pytest.mark.parametrize(("factor", "middle"), [(200, 0), (1e5, 3e4), (1e-4, 0), (1, -300)])
def test_beats_and_rhythm_of_leads_of_any_size(factor: float, middle: float) -> None:
    events = list(
        Session(replay(recording(factor, middle), float("inf")), [wearecg.open_observer("encoder")])
    )
    beats = [event.time for event in events if isinstance(event, wearecg.Beat)]
    expected = [
        event.time
        for event in Session(replay(recording(1, 0), float("inf")))
        if isinstance(event, wearecg.Beat)
    ]
    assert beats == pytest.approx(expected, abs=0.01)
    assert {event.code for event in events if isinstance(event, wearecg.Finding)} == {"SR"}
    verdicts = {
        lead.verdict for event in events if isinstance(event, wearecg.Quality) for lead in event.leads
    }
    assert "unusable" not in verdicts


def test_what_is_recorded_are_the_numbers_of_the_file(tmp_path: Path) -> None:
    given = recording(1e5, 3e4)
    list(Session(replay(given, float("inf")), sinks=[f"wfdb:{tmp_path}"]))
    (header,) = tmp_path.glob("*.hea")
    pytest.importorskip("wfdb")
    again = wearecg.read_recording(header)
    assert again.uncalibrated == ("II", "V1")
    np.testing.assert_allclose(again.samples, given.samples, atol=100)
