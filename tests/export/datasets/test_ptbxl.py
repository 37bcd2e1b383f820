from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from export.datasets import ptbxl
from wearecg.errors import SourceError


def test_signals_are_microvolts_in_standard_order(data, ptbxl_root):
    raw = np.fromfile(ptbxl_root / "records100/00007_lr.dat", "<i2").reshape(1000, 12)
    np.testing.assert_array_equal(data.signals[7], raw.T)
    np.testing.assert_allclose(data.millivolts(np.array([7]))[0], raw.T / 1000, atol=1e-6)


def test_statements_count_whatever_their_likelihood(data):
    row = 2  # inferior infarction, sinus rhythm
    said = {
        group: [code for code, yes in zip(data.statements[group], labels[row], strict=True) if yes]
        for group, labels in data.labels.items()
    }
    assert said == {"superclass": ["MI"], "subclass": ["IMI"], "form": [], "rhythm": ["SR"]}


def test_a_statement_can_belong_to_two_groups(data):
    row = 1  # NDT is a diagnosis and a form statement
    assert data.labels["superclass"][row, list(data.statements["superclass"]).index("STTC")]
    assert data.labels["form"][row, list(data.statements["form"]).index("NDT")]


def test_missing_samples_are_nan(data, ptbxl_root, tmp_path):
    import shutil

    shutil.copytree(ptbxl_root, tmp_path / "copy")
    path = tmp_path / "copy/records100/00000_lr.dat"
    raw = np.fromfile(path, "<i2").reshape(1000, 12)
    raw[5, 3] = -32768
    raw.tofile(path)
    x = ptbxl.load(tmp_path / "copy", tmp_path / "cache").millivolts(np.array([0]))[0]
    assert np.argwhere(np.isnan(x)).tolist() == [[3, 5]]


def test_gain_and_baseline_of_the_header_are_used():
    assert ptbxl._gain("200(12)/mV", "0") == (200.0, 12.0)
    assert ptbxl._gain("1000.0/mV", "7") == (1000.0, 7.0)


def test_the_cache_is_used_again(ptbxl_root, tmp_path):
    first = ptbxl.load(ptbxl_root, tmp_path)
    (cached,) = tmp_path.iterdir()
    before = cached.stat().st_mtime_ns
    again = ptbxl.load(ptbxl_root.parent, tmp_path)
    assert cached.stat().st_mtime_ns == before
    np.testing.assert_array_equal(first.signals, again.signals)


def test_a_folder_without_the_set_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"no ptbxl_database\.csv in"):
        ptbxl.load(tmp_path, tmp_path)


def test_the_label_sets_have_the_benchmarks_sizes(tmp_path):
    root = os.environ.get("WEARECG_DATA")
    if not root or not (Path(root) / "ptbxl").is_dir():
        pytest.skip("WEARECG_DATA has no ptbxl")
    base = Path(root) / "ptbxl"
    groups = ptbxl._statements(ptbxl._table(base / "scp_statements.csv"))
    assert {name: len(columns) for name, (columns, _) in groups.items()} == {
        "superclass": 5,
        "subclass": 23,
        "form": 19,
        "rhythm": 12,
    }
    import wfdb

    record = wfdb.rdrecord(str(base / "records100/00000/00001_lr"))
    np.testing.assert_allclose(
        ptbxl._record(base / "records100/00000/00001_lr").T / 1000, record.p_signal, atol=0.0006
    )
