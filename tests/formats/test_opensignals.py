from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from wearecg.errors import WearECGError
from wearecg.formats import read_recording

COLUMNS = ["nSeq", "I1", "I2", "O1", "O2", "A1"]


def opensignals(folder: Path, rows: str = "", devices: int = 1, **said: object) -> Path:
    told = {
        "sensor": ["ECG"],
        "column": COLUMNS,
        "sampling rate": 200,
        "resolution": [4, 1, 1, 1, 1, 10],
    } | said
    header = json.dumps({f"00:0{k}": told for k in range(devices)})
    path = folder / "opensignals.txt"
    path.write_text(f"# OpenSignals Text File Format. Version 1\n# {header}\n# EndOfHeader\n{rows}")
    return path


ROWS = "".join(f"{k % 16}\t0\t0\t0\t1\t{512 + k}\t\n" for k in range(40))


def test_the_header_says_the_rate_the_column_and_the_scale(tmp_path: Path) -> None:
    got = read_recording(opensignals(tmp_path, ROWS))
    assert (got.fs, got.leads, got.remarks) == (200, ("ECG",), ())
    assert got.lsb == pytest.approx((3300 / 1024 / 1100,))
    np.testing.assert_allclose(got.samples[:, 0], np.arange(40) * got.lsb[0], rtol=1e-5)
    assert read_recording(opensignals(tmp_path, ROWS), leads="II").leads == ("II",)


def test_a_scale_that_is_not_known_is_told_and_can_be_given(tmp_path: Path) -> None:
    path = opensignals(tmp_path, ROWS, resolution=[4, 1, 1, 1, 1, 16])
    got = read_recording(path)
    assert got.uncalibrated == ("ECG",)
    assert got.remarks == (
        "ECG: its unit 'counts of 16 bits' is not known; no statement that needs millivolts rests on it",
    )
    given = read_recording(path, lsb=0.001)
    assert (given.uncalibrated, given.lsb) == ((), (0.001,))
    assert np.diff(given.samples[:, 0]) == pytest.approx(0.001, rel=0.01)


def test_other_sensors_keep_their_names(tmp_path: Path) -> None:
    rows = ROWS.replace("\t\n", "\t7\n")
    got = read_recording(
        opensignals(
            tmp_path, rows, sensor=["ECG", "EDA"], column=[*COLUMNS, "A2"], resolution=[4, 1, 1, 1, 1, 10, 10]
        )
    )
    assert got.leads == ("ECG", "EDA")


def test_a_biosignalsplux_has_its_bits_by_signal_and_its_date(tmp_path: Path) -> None:
    rows = "".join(f"{k}\t0\t{32768 + k}\t\n" for k in range(40))
    path = opensignals(
        tmp_path,
        rows,
        column=["nSeq", "DI", "CH1"],
        resolution=[16],
        date="2017-1-17",
        time="14:50:32.316",
    )
    got = read_recording(path)
    assert (got.leads, got.uncalibrated, got.epoch) == (("ECG",), ("ECG",), 1484664632.0)
    assert got.samples[:, 0].tolist() == list(range(40))


def test_a_last_row_that_was_cut(tmp_path: Path) -> None:
    got = read_recording(opensignals(tmp_path, ROWS + "3\t0\t0"))
    assert (len(got), got.remarks) == (40, ("row 44, the last, was cut short and is left out",))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"devices": 2}, "is of 2 devices; export each by itself"),
        ({"devices": 0}, "header of this OpenSignals file is damaged"),
        ({"resolution": [10, 10]}, "6 columns and 2 resolutions"),
        ({"sampling rate": 0}, "give the samples per second"),
        ({"column": None}, "header of this OpenSignals file is damaged"),
    ],
)
def test_headers_that_cannot_be_read(tmp_path: Path, said: dict[str, object], words: str) -> None:
    with pytest.raises(WearECGError, match=words) as told:
        read_recording(opensignals(tmp_path, ROWS, **said))  # type: ignore[arg-type]
    assert "\n" not in str(told.value)


def test_rows_that_are_not_those_of_the_header(tmp_path: Path) -> None:
    for rows in ("x\ty\n1\t2\n", ""):
        with pytest.raises(WearECGError):
            read_recording(opensignals(tmp_path, rows))


def test_a_text_file_of_another_kind_is_a_table(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text("I\tII\n1\t2\n3\t4\n")
    assert read_recording(path, 100).samples.tolist() == [[1, 2], [3, 4]]
