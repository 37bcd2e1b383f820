from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from benchmarks import kills


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_after_kill_9_every_reader_finds_what_was_recorded(tmp_path: Path) -> None:
    for package in ("edfio", "pyedflib", "mne"):
        pytest.importorskip(package)
    assert kills.main(["--kills", "2", "--seconds", "2", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "kills.json").read_text())
    assert set(result["refused"]) == {"wearecg", "edfio", "pyedflib", "mne"}
    assert len(result["lost_s"]) == 2


def test_what_lies_in_the_gap_was_not_measured() -> None:
    low, high = kills.GAP
    assert [kills.measured(n) for n in (0, low, low + 5, high, high + 7)] == [0, low, low, low, low + 7]


def test_a_reader_that_finds_something_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        kills, "READERS", {"wrong": lambda path: kills.np.ones(2000), "none": Path.read_bytes}
    )
    found = kills.asked(tmp_path / "nothing.edf")
    assert found["wrong"] == "other values than were written"
    assert str(found["none"]).startswith("FileNotFoundError")
