import pytest

pytest.importorskip("psutil")
pytest.importorskip("wfdb")
from benchmarks import soak


def test_a_short_soak_with_every_fault_balances(tmp_path, monkeypatch):
    monkeypatch.setattr(soak, "UNPLUG_EVERY_S", 40)
    monkeypatch.setattr(soak, "UNPLUG_S", 5)
    monkeypatch.setattr(soak, "RESET_EVERY_S", 70)
    monkeypatch.setattr(soak, "FRAME_LOSS", 0.01)
    monkeypatch.setattr(soak, "FRAME_FLIP", 0.01)
    monkeypatch.setattr(soak, "CLOCK_STEP_EVERY_S", 60)
    ledger = soak.soak(100, tmp_path)
    assert ledger["balanced"], ledger
    assert set(ledger["lost_by_reason"]) >= {"link", "unplugged"}
    assert ledger["beat_error_p50_ms"] < 4
    assert abs(ledger["drift_ms"]) < 10
