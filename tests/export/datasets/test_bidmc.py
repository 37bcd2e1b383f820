from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("wfdb", reason="wfdb is not installed")
from export.datasets import bidmc
from wearecg.errors import SourceError


@pytest.fixture(scope="module")
def root() -> Path:
    folder = os.environ.get("WEARECG_DATA")
    if not folder or not (Path(folder) / "bidmc").is_dir():
        pytest.skip("WEARECG_DATA names no folder with bidmc/")
    return Path(folder)


def test_records_have_a_pulse_and_lead_ii_and_subjects_do_not_cross(root):
    records = bidmc.load(root)
    assert {len(r.ppg) for r in records} == {len(r.ecg) for r in records} == {60001}
    held = {r.subject for r in records if r.held_out}
    assert 0 < len(held) < len({r.subject for r in records}) / 2
    assert not held & {r.subject for r in records if not r.held_out}


def test_a_folder_without_the_set_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"no bidmc01\.hea in"):
        bidmc.load(tmp_path)
