from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from export.datasets import ludb
from wearecg.ecg.leads import TWELVE
from wearecg.errors import SourceError

wfdb = pytest.importorskip("wfdb", reason="the export extra is not installed")

N = 5000


def write(root: Path, names: tuple[str, ...] = ("2", "10")) -> Path:
    """Write records whose headers scale every lead to 1 mV, as the published ones do."""
    root.mkdir(parents=True)
    t = np.arange(N) / 500
    x = np.rint(200 * np.outer(np.sin(2 * np.pi * 5 * t), np.arange(1, 13))).astype(np.int16)
    for name in names:
        x.astype("<i2").tofile(root / f"{name}.dat")
        lines = [f"{name} 12 500 {N}"]
        lines += [
            f"{name}.dat 16 {200 * (k + 1)}(6)/mV 0 0 0 0 0 {lead.lower()}" for k, lead in enumerate(TWELVE)
        ]
        (root / f"{name}.hea").write_text("\n".join(lines) + "\n")
        for k, lead in enumerate(TWELVE):
            # The second QRS has its peak before its onset, as some of the published ones.
            samples = np.array([100, 120, 140, 160, 180, 200, 300, 330, 360, 600, 610, 650]) + k
            symbols = list("(p)(N)(t)N()")
            wfdb.wrann(name, "lead", samples, symbols, fs=500, write_dir=str(root))
            (root / f"{name}.lead").rename(root / f"{name}.{lead.lower()}")
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ludb")
    write(folder / "data")
    return ludb.load(folder, folder / "cache")


def test_samples_are_microvolts_whatever_the_headers_gain(data):
    assert data.names == ("2", "10")
    assert data.signals.shape == (2, 12, 1000)
    x = data.millivolts(np.array([0]))[0]
    np.testing.assert_allclose(x[:, 100:900].max(axis=1), 0.2 * np.arange(1, 13), rtol=0.01)


def test_waves_are_read_lead_by_lead_in_seconds(data):
    for k in range(12):
        np.testing.assert_allclose(data.waves[1]["P"][k], [[0.2 + k / 500, 0.24 + k / 500, 0.28 + k / 500]])
        np.testing.assert_allclose(data.waves[1]["T"][k] - k / 500, [[0.6, 0.66, 0.72]])


def test_an_edge_that_is_not_beside_its_peak_is_unknown(data):
    qrs = data.waves[0]["QRS"][0]
    np.testing.assert_allclose(qrs[0], [0.32, 0.36, 0.40])
    np.testing.assert_allclose(qrs[1], [np.nan, 1.2, np.nan])


def test_a_lead_without_a_wave_has_an_empty_array():
    assert ludb._spans(np.array([0.2]), ["N"], "p").shape == (0, 3)


def test_a_folder_without_the_set_is_refused(tmp_path):
    with pytest.raises(SourceError, match="no LUDB records"):
        ludb.load(tmp_path, tmp_path)


def test_einthovens_law_holds_in_the_published_set(tmp_path):
    base = Path(os.environ.get("WEARECG_DATA", "")) / "ludb" / "data"
    if not (base / "1.avf").is_file():
        pytest.skip("WEARECG_DATA has no ludb/")
    x = ludb._record(ludb.FS, base / "1").astype(int)
    assert np.abs(x[0] + x[2] - x[1]).max() <= 3  # with the header's gains it would not hold
    waves = ludb._waves(base / "1")
    assert {len(spans) for spans in waves["QRS"]} == {len(waves["QRS"][0])}
    widths = np.concatenate(waves["QRS"]) @ [-1, 0, 1]
    assert 0.06 < np.median(widths) < 0.14
