from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from export.datasets import nstdb
from wearecg.errors import SourceError


def write(root: Path, samples: np.ndarray) -> None:
    """Write the three records, format 212, as the publisher does."""
    first, second = (np.asarray(x) & 0xFFF for x in samples)
    raw = np.stack([first & 0xFF, first >> 8 | second >> 8 << 4, second & 0xFF], axis=1).astype(np.uint8)
    for kind in nstdb.KINDS:
        raw.tofile(root / f"{kind}.dat")


def test_samples_are_unpacked_with_their_sign(tmp_path):
    samples = np.array([[0, 1, -1, 2047, -2048, 300], [5, -5, 2047, -2048, 0, -300]])
    write(tmp_path, samples)
    np.testing.assert_allclose(nstdb._record(tmp_path / "em"), samples / 200)


def test_noise_comes_in_millivolts_at_the_rate_of_the_models(tmp_path):
    t = np.arange(3600) / 360
    write(tmp_path, np.rint([200 * np.sin(2 * np.pi * 5 * t), 100 * np.sin(2 * np.pi * 5 * t)]).astype(int))
    noise = nstdb.load(tmp_path)
    assert noise.shape == (6, 1000)
    np.testing.assert_allclose(noise[:, 200:800].max(axis=1), [1, 0.5] * 3, rtol=0.03)
    train, measure = nstdb.halves(noise)
    assert train.shape == measure.shape == (6, 500)


def test_a_folder_without_the_records_is_named(tmp_path):
    with pytest.raises(SourceError, match="give the NSTDB folder"):
        nstdb.load(tmp_path)


def test_the_publishers_files_are_read_as_wfdb_reads_them():
    wfdb = pytest.importorskip("wfdb")
    root = Path(os.environ.get("WEARECG_DATA", "")) / "nstdb"
    if not (root / "em.dat").is_file():
        pytest.skip("WEARECG_DATA has no nstdb/")
    expected = wfdb.rdrecord(str(root / "em"), sampto=20_000).p_signal
    np.testing.assert_allclose(nstdb._record(root / "em")[:, :20_000].T, expected, atol=1e-9)
