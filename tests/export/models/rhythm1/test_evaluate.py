"""How rhythm1 is judged."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
from export.datasets import cinc2017
from export.models.rhythm1.evaluate import Windows, cut, score
from wearecg.models.preprocess import Preprocessing

SPEC = Preprocessing()


def test_windows_cover_a_recording_and_the_last_ends_with_it(data):
    windows = cut(data, np.arange(8), 10.0, SPEC)
    for k, n in enumerate(data.length[:8]):
        assert (windows.record == k).sum() == (1 if n <= 1000 else 2)
    assert windows.signal.shape == (len(windows.record), 1, 1000)
    assert windows.mask.all()
    np.testing.assert_array_equal(windows.label, data.label[:8])


def test_a_short_recording_lies_between_zeros(data):
    (row,) = np.flatnonzero(data.length < 1000)[:1]
    n, signal = data.length[row], cut(data, np.array([row]), 10.0, SPEC).signal[0, 0]
    there = np.flatnonzero(signal)
    assert there[0] >= (1000 - n) // 2
    assert there[-1] < (1000 + n + 1) // 2
    assert len(there) > 0.9 * n


def test_the_score_is_that_of_mean_logits_and_leaves_noise_out():
    record = np.array([0, 0, 1, 2, 3])
    windows = Windows(np.zeros((5, 1, 1000)), np.ones((5, 1)), record, np.arange(4), np.arange(4))
    logits = np.eye(4)[[0, 3, 1, 2, 0]] + [[2, 0, 0, 0], *([[0, 0, 0, 0]] * 4)]
    assert windows.combine(logits)[0].tolist() == [1.5, 0, 0, 0.5]
    scores = score(windows, logits)
    assert [scores[code].value for code in ("A", "O")] == [1, 1]
    assert scores["N"].value == pytest.approx(2 / 3)
    assert scores["mean"].value == pytest.approx(8 / 9)
    assert scores["mean"].low <= scores["mean"].value <= scores["mean"].high


def test_the_published_set_gives_windows_of_every_class(tmp_path):
    base = Path(os.environ.get("WEARECG_DATA", "")) / "cinc2017"
    if not (base / "training2017").is_dir():
        pytest.skip("WEARECG_DATA has no cinc2017/")
    table = (base / "training2017" / cinc2017.LABELS).read_text().split()
    few = tmp_path / "training2017"
    few.mkdir()
    chosen = [next(row for row in table if row.endswith(label)) for label in cinc2017.CLASSES]
    (few / cinc2017.LABELS).write_text("\n".join(chosen) + "\n")
    for row in chosen:
        for file in (base / "training2017").glob(row.partition(",")[0] + ".*"):
            (few / file.name).symlink_to(file)
    windows = cut(cinc2017.load(tmp_path, tmp_path / "cache"), np.arange(4), 30.0, SPEC)
    assert windows.label.tolist() == [0, 1, 2, 3]
    assert np.isfinite(windows.signal).all()
    assert (windows.signal.std(axis=(1, 2)) > 0.02).all()
