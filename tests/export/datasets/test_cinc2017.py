from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from export.datasets import cinc2017
from export.datasets.cache import MISSING
from export.datasets.folds import fold
from wearecg.errors import SourceError

FS = 300
SECONDS = {"A00001": 30, "A00002": 9, "A00003": 60.9, "A00004": 12}
CLASSES = "NAO~"


def write(root: Path, seconds: dict[str, float] = SECONDS) -> Path:
    """Write recordings of a 5 Hz sine of 1 mV, as MATLAB files behind a header of 24 bytes as published."""
    root.mkdir(parents=True)
    for name, length in seconds.items():
        n = round(length * FS)
        x = np.rint(1000 * np.sin(2 * np.pi * 5 * np.arange(n) / FS)).astype("<i2")
        (root / f"{name}.mat").write_bytes(bytes(24) + x.tobytes())
        (root / f"{name}.hea").write_text(
            f"{name} 1 {FS} {n}\n{name}.mat 16+24 1000/mV 16 0 {x[0]} 0 0 ECG\n"
        )
    rows = (f"{name},{label}\n" for name, label in zip(seconds, CLASSES, strict=False))
    (root / cinc2017.LABELS).write_text("".join(rows))
    return root


def test_recordings_keep_their_length_and_class(tmp_path):
    data = cinc2017.load(write(tmp_path / "training2017").parent, tmp_path / "cache")
    assert data.length.tolist() == [3000, 900, 6090, 1200]
    assert data.label.tolist() == [0, 1, 2, 3]
    assert data.signals.shape == (4, 1, cinc2017.LENGTH)
    assert (data.signals[1, 0, 900:] == MISSING).all()
    expected = np.sin(2 * np.pi * 5 * np.arange(3000) / cinc2017.FS)
    np.testing.assert_allclose(data.millivolts(0)[0, 50:-50], expected[50:-50], atol=0.003)


def test_every_recording_has_one_fold_that_does_not_depend_on_the_others(tmp_path):
    data = cinc2017.load(write(tmp_path / "all"), tmp_path / "cache")
    fewer = cinc2017.load(write(tmp_path / "few", {"A00004": 12}), tmp_path / "cache")
    assert fewer.fold[0] == data.fold[3]
    parts = [data.rows(f) for f in (cinc2017.TRAIN_FOLDS, cinc2017.CHOOSE_FOLDS, cinc2017.HELD_OUT_FOLDS)]
    assert sorted(np.concatenate(parts)) == [0, 1, 2, 3]


def test_the_folds_are_fixed_and_of_like_size():
    assert [fold(f"A0000{i}") for i in range(1, 6)] == [3, 7, 2, 10, 5]
    sizes = np.bincount([fold(f"A{i:05d}") for i in range(8528)], minlength=11)[1:]
    assert sizes.min() > 750
    assert sizes.max() < 950


def test_a_folder_without_the_set_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"no REFERENCE-v3\.csv in"):
        cinc2017.load(tmp_path, tmp_path)


def test_a_recording_that_is_no_hand_held_one_is_refused(tmp_path):
    with pytest.raises(SourceError, match="A00001: 1 leads and 62 s"):
        cinc2017.load(write(tmp_path / "set", {"A00001": 62}), tmp_path / "cache")


def test_the_published_set_is_read_as_wfdb_reads_it():
    wfdb = pytest.importorskip("wfdb")
    base = Path(os.environ.get("WEARECG_DATA", "")) / "cinc2017" / "training2017"
    if not (base / cinc2017.LABELS).is_file():
        pytest.skip("WEARECG_DATA has no cinc2017/")
    from scipy.signal import resample_poly

    name = (base / cinc2017.LABELS).read_text().partition(",")[0]
    expected = resample_poly(wfdb.rdrecord(str(base / name)).p_signal[:, 0], 1, 3)
    got = cinc2017._record(base / name)[0] / 1000
    assert len(got) == len(expected)
    assert np.corrcoef(got[50:-50], expected[50:-50])[0, 1] > 0.995
