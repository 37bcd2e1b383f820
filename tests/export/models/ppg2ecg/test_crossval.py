"""Strangers' lag."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.models.ppg2ecg import crossval
from export.models.ppg2ecg import train as ppg2ecg


def test_every_subject_is_left_out_once(people, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(crossval, "FOLDS", 2)
    monkeypatch.setattr(crossval, "RECIPE", ppg2ecg.Recipe(epochs=1, batch=8))
    crossval.crossval(people, tmp_path)
    head, network, floor, gain = capsys.readouterr().out.splitlines()[-4:]
    assert head.startswith("BIDMC, 5 recordings, 5 subjects, 2 folds")
    assert "ppg2ecg, stage one" in network
    assert "upslope" in floor
    assert gain.startswith("gain in raw F1")
    assert {folder.name for folder in tmp_path.iterdir()} == {"fold1", "fold2"}
