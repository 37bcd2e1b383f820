from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from export.datasets import mitdb
from wearecg.errors import SourceError

wfdb = pytest.importorskip("wfdb", reason="the export extra is not installed")

FS = 360
SECONDS = 12


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two records in the publisher's layout: format 212, beats, rhythm changes, marks that are no beats."""
    folder = tmp_path_factory.mktemp("mitdb") / "mitdb"
    folder.mkdir()
    t = np.arange(SECONDS * FS) / FS
    x = np.stack([np.sin(2 * np.pi * 3 * t), 0.5 * np.sin(2 * np.pi * 3 * t)], axis=1)
    for name, leads in (("101", ["MLII", "V1"]), ("114", ["V5", "MLII"])):
        wfdb.wrsamp(
            name, fs=FS, units=["mV"] * 2, sig_name=leads, p_signal=x, fmt=["212"] * 2, adc_gain=[200] * 2,
            baseline=[1024] * 2, write_dir=str(folder),
        )  # fmt: skip
        wfdb.wrann(
            name, "atr", np.array([18, 77, 360, 720, 900, 1080, 1440]), list("+NV~+/a"),
            aux_note=["(N", "", "", "", "(AFIB", "", ""], write_dir=str(folder),
        )  # fmt: skip
    return folder


def test_records_come_at_the_models_rate_in_microvolts(root, tmp_path):
    data = mitdb.load(root.parent, tmp_path, ("101", "114"))
    assert data.leads == (("II", "V1"), ("V5", "II"))
    assert data.signals.shape == (2, 2, mitdb.LENGTH)
    x = data.millivolts(0)
    expected = np.sin(2 * np.pi * 3 * np.arange(1000) / mitdb.FS)
    np.testing.assert_allclose(x[:, 50:1000], (expected * [[1], [0.5]])[:, 50:], atol=0.006)
    assert np.isnan(x[:, SECONDS * 100 :]).all()


def test_beats_and_rhythms_are_told_apart(root, tmp_path):
    data = mitdb.load(root, tmp_path, ("101",))
    beats, rhythms = data.beats[0], data.rhythms[0]
    np.testing.assert_allclose(beats.times, np.array([77, 360, 1080, 1440]) / FS)
    assert "".join(list(mitdb.CLASSES)[k] for k in beats.classes) == "NVQS"
    assert [r.code for r in rhythms] == ["N", "AFIB"]
    assert rhythms[0].end == rhythms[1].start == 2.5
    assert rhythms[0].start == 0.05


def test_a_folder_without_the_set_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"no 101\.atr in"):
        mitdb.load(tmp_path, tmp_path)


def test_training_records_and_paced_ones_do_not_meet():
    assert len(set(mitdb.DS1)) == 22
    assert not set(mitdb.DS1) & set(mitdb.PACED)


def test_the_published_beats_lie_on_the_published_signal(tmp_path):
    base = Path(os.environ.get("WEARECG_DATA", "")) / "mitdb"
    if not (base / "101.atr").is_file():
        pytest.skip("WEARECG_DATA has no mitdb/")
    data = mitdb.load(base, tmp_path, ("101",))
    times, classes = data.beats[0]
    assert len(times) == 1865
    assert np.bincount(classes).tolist() == [1860, 3, 0, 0, 2]
    x = data.millivolts(0)[0]
    assert not np.isnan(x).any()
    at = np.rint(times[1:-1] * mitdb.FS).astype(int)
    height = np.max([x[at + k] for k in range(-3, 4)], axis=0) - np.median(x)
    assert np.median(height) > 1.0
