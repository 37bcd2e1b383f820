from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wearecg.errors import SignalError, SourceError, WearECGError
from wearecg.formats import read_recording


def csv(folder: Path, text: str) -> Path:
    path = folder / "r.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rate_from_the_caller(tmp_path: Path) -> None:
    got = read_recording(csv(tmp_path, "# my strap\nmlii,V5\n0.1,0.2\n0.3,-1e-2\n"), fs=130)
    np.testing.assert_allclose(got.samples, [[0.1, 0.2], [0.3, -0.01]], rtol=1e-6)
    assert (got.fs, got.leads, got.name, got.comments) == (130, ("II", "V5"), "r", ("my strap",))
    assert (got.lsb, got.annotations, got.epoch) == ((0.0, 0.0), None, None)


@pytest.mark.parametrize("fs", [100, 130, 360, 512])
def test_rate_from_times_that_are_rounded(tmp_path: Path, fs: int) -> None:
    rows = "".join(f"{5 + k / fs:.3f};{k}\n" for k in range(5000))
    got = read_recording(csv(tmp_path, "time;II\n" + rows))
    assert got.fs == fs
    np.testing.assert_array_equal(got.samples[:, 0], np.arange(5000))


def test_missing_rows_are_a_gap_and_blanks_are_missing(tmp_path: Path) -> None:
    kept = [k for k in range(300) if not 100 <= k < 150]
    rows = "".join(f"{k / 100:.2f},{'' if k == 20 else k},{k}\n" for k in kept)
    got = read_recording(csv(tmp_path, "\ufefftime,I,II\n" + rows))
    assert len(got) == 300
    assert np.isnan(got.samples[100:150]).all()
    assert np.isnan(got.samples[20, 0])
    assert got.samples[20, 1] == 20
    assert got.samples[299, 0] == 299


@pytest.mark.parametrize(
    ("text", "fs", "kind", "message"),
    [
        ("", 100, SignalError, "is empty"),
        ("I,II\n", 100, SignalError, "has no samples"),
        ("time,I\n", None, SignalError, "has no samples"),
        ("I,II\n1,2\n", None, SourceError, "no time column: give its rate"),
        ("I,II\n1,2\n", 0, SourceError, "rate of 0 Hz is not possible"),
        ("time,I\n0,1\n0.1,2\n", 10, SourceError, "has a time column; leave out the rate"),
        ("time,I\n0,1\n0,2\n", None, SourceError, "must rise"),
        ("time,I\n0,1\n", None, SourceError, "at least two rows"),
        ("time\n0\n1\n", None, SourceError, "time column and no lead"),
        ("0.1,0.2\n0.3,0.4\n", 100, SourceError, "starts with numbers"),
        ("I,II\n1,2\n3,x\n", 100, SourceError, "row 3: could not convert string to float: 'x'"),
        ("I,II\n1,2\n3\n", 100, SourceError, "row 3: 1 cells, the rows before have 2"),
        ("I,II,V1\n1,2\n3,4\n", 100, SourceError, "names 3 columns and has 2"),
        ("I,II\n,\n,\n", 100, SignalError, "all 2 samples are marked as missing"),
    ],
)
def test_bad_files(
    tmp_path: Path, text: str, fs: float | None, kind: type[WearECGError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        read_recording(csv(tmp_path, text), fs)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such recording"):
        read_recording(tmp_path / "gone.csv", 100)
