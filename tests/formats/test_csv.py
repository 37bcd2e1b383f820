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
    got = read_recording(csv(tmp_path, "time;II (mV)\n" + rows))
    assert got.fs == fs
    np.testing.assert_array_equal(got.samples[:, 0], np.arange(5000))


def test_missing_rows_are_a_gap_and_blanks_are_missing(tmp_path: Path) -> None:
    kept = [k for k in range(300) if not 100 <= k < 150]
    rows = "".join(f"{k / 100:.2f},{'' if k == 20 else k},{k}\n" for k in kept)
    got = read_recording(csv(tmp_path, "\ufefftime,I (mV),II (mV)\n" + rows))
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
        ("I,II\n1,2\n", 0, SignalError, "fs is 0"),
        ("time,I\n0,1\n0,2\n", None, SourceError, "must rise"),
        ("time,I\n0,1\n", None, SourceError, "at least two rows"),
        ("time\n0\n1\n", None, SourceError, "time column and no lead"),
        ("0.1,0.2\n0.3,0.4\n", 100, SourceError, "starts with numbers"),
        ("I,II\n1,2\n3,x\n5,6\n", 100, SourceError, "row 3: could not convert string to float: 'x'"),
        ("I,II\n1,2\n3\n5,6\n", 100, SourceError, "row 3: 1 cells, the rows before have 2"),
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


def test_the_last_row_may_be_cut_short(tmp_path: Path) -> None:
    for end in ("3", "3,", "3,-", "3,0.2e"):
        got = read_recording(csv(tmp_path, f"I,II\n1,2\n2,3\n{end}"), fs=100)
        if end == "3,":
            assert np.isnan(got.samples[2, 1])
            continue
        assert len(got) == 2
        assert got.remarks == ("row 4, the last, was cut short and is left out",)


@pytest.mark.parametrize(
    ("header", "scale"),
    [("II (uV)", 1e-3), ("ECG [\u00b5V]", 1e-3), ("II[mV]", 1.0), ("II (V)", 1e3), ("II", 1.0)],
)
def test_units_in_the_header(tmp_path: Path, header: str, scale: float) -> None:
    got = read_recording(csv(tmp_path, f"Time (ms),{header}\n0,5\n4,9\n8,10\n"))
    assert got.fs == 250
    np.testing.assert_allclose(got.samples[:, 0], np.array([5, 9, 10]) * scale, rtol=1e-6)


def test_a_unit_that_is_not_known_is_told(tmp_path: Path) -> None:
    got = read_recording(csv(tmp_path, "II (furlong)\n1\n2\n"), fs=100)
    assert got.uncalibrated == ("II",)
    assert "no statement that needs millivolts" in got.remarks[0]


def test_decimal_commas(tmp_path: Path) -> None:
    got = read_recording(csv(tmp_path, "time;II\n0,000;0,005\n0,005;-1,5\n0,010;2\n"))
    assert got.fs == 200
    np.testing.assert_allclose(got.samples[:, 0], [0.005, -1.5, 2], rtol=1e-6)


def test_columns_named_and_scaled_by_the_user(tmp_path: Path) -> None:
    text = "Counter,Channel1,Channel2\n0,480,100\n1,481,200\n"
    got = read_recording(csv(tmp_path, text), 200, ",II,V1", 0.005)
    assert (got.leads, got.lsb) == (("II", "V1"), (0.005, 0.005))
    np.testing.assert_allclose(got.samples, [[2.4, 0.5], [2.405, 1.0]], rtol=1e-6)
    with pytest.raises(SourceError, match="has the columns Counter, Channel1, Channel2; name each"):
        read_recording(csv(tmp_path, text), 200, "II,V1")


def rows_at(times: np.ndarray) -> str:
    return "time,II (mV)\n" + "".join(f"{t:.6f},{k}\n" for k, t in enumerate(times))


@pytest.mark.parametrize("kind", ["jitter", "late", "bursts", "milliseconds", "rounded"])
def test_uneven_times_move_no_row(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(1)
    even = np.arange(3000) / 250
    times = {
        "jitter": np.sort(even + rng.uniform(-0.0019, 0.0019, 3000) + 1),
        "late": np.maximum.accumulate(even + rng.exponential(0.002, 3000)),
        "bursts": np.ceil(even * 10 + 1e-9) / 10,
        "milliseconds": even * 1000,
        "rounded": np.round(even, 2),
    }[kind]
    got = read_recording(csv(tmp_path, rows_at(times)))
    assert got.fs == pytest.approx(250, rel=2e-3)
    np.testing.assert_array_equal(got.samples[:, 0], np.arange(3000))


@pytest.mark.parametrize("missing", [1, 3, 250, 5000])
def test_a_gap_in_uneven_times_is_as_long_as_it_was(tmp_path: Path, missing: int) -> None:
    even = np.arange(3000 + missing) / 250 + np.random.default_rng(2).uniform(-0.0012, 0.0012, 3000 + missing)
    times = np.delete(even, range(1500, 1500 + missing))
    got = read_recording(csv(tmp_path, rows_at(times + 1)))
    assert got.fs == 250
    assert len(got) == pytest.approx(3000 + missing, abs=1)
    gap = np.flatnonzero(np.isnan(got.samples[:, 0]))
    assert (gap[0], len(gap)) == (1500, pytest.approx(missing, abs=1))


@pytest.mark.parametrize("fs", [130, 250, 360, 512])
@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.3])
@pytest.mark.parametrize("kind", ["exact", "milliseconds", "late"])
def test_rows_lost_at_random_are_gaps_where_they_were(
    tmp_path: Path, fs: int, share: float, kind: str
) -> None:
    rng = np.random.default_rng(3)
    even = np.arange(6000) / fs
    times = {
        "exact": even,
        "milliseconds": np.round(even, 3),
        "late": even + rng.uniform(0, 0.3 / fs, 6000),
    }[kind]
    there = rng.random(6000) > share
    there[[0, -1]] = True
    rows = "".join(f"{times[k]:.6f},{k}\n" for k in np.flatnonzero(there))
    got = read_recording(csv(tmp_path, "time,II (mV)\n" + rows))
    assert got.fs == fs
    np.testing.assert_array_equal(got.samples[:, 0], np.where(there, np.arange(6000), np.nan))


@pytest.mark.parametrize("fs", [80, 95, 700, 900])
def test_times_that_are_coarse_are_no_losses(tmp_path: Path, fs: int) -> None:
    digits = 2 if fs < 100 else 3
    rows = "".join(f"{k / fs:.{digits}f},{k}\n" for k in range(5000))
    got = read_recording(csv(tmp_path, "time,II (mV)\n" + rows))
    assert got.fs == fs
    np.testing.assert_array_equal(got.samples[:, 0], np.arange(5000))


def test_a_clock_that_jumps_by_years_is_refused(tmp_path: Path) -> None:
    times = np.arange(200) / 250
    times[100:] += 1e9
    with pytest.raises(SourceError, match=r"row 102: the time column jumps by 1e\+09 s"):
        read_recording(csv(tmp_path, rows_at(times)))


def test_a_rate_beside_the_time_column_is_held_against_it(tmp_path: Path) -> None:
    text = rows_at(np.arange(500) / 250)
    assert not read_recording(csv(tmp_path, text), fs=250).remarks
    assert "250 Hz, not 500 Hz" in read_recording(csv(tmp_path, text), fs=500).remarks[0]


def test_many_jumps_are_refused_as_one_is(tmp_path: Path) -> None:
    times = np.arange(1000) / 250
    for row in range(100, 900, 8):
        times[row:] += 80000
    with pytest.raises(SourceError, match=r"jumps by 80000 s, and by 8e\+06 s in all"):
        read_recording(csv(tmp_path, rows_at(times)))


@pytest.mark.parametrize(
    ("header", "factor"),
    [("time", 1e6), ("time", 1e9), ("timestamp_ms", 1e3), ("t_us", 1e6), ("millis", 1e3), ("Time [\u03bcs]", 1e6),
     ("Elapsed time", 1)],
)  # fmt: skip
def test_units_of_the_time_column(tmp_path: Path, header: str, factor: float) -> None:
    text = rows_at(1e9 / factor + np.arange(1000) / 250 * factor).replace("time", header, 1)
    got = read_recording(csv(tmp_path, text))
    assert (got.fs, len(got)) == (250, 1000)
    assert any("seconds" in remark for remark in got.remarks) == (header == "time")


def test_a_column_of_time_that_counts_rows(tmp_path: Path) -> None:
    text = rows_at(np.delete(np.arange(1000.0), slice(500, 700)))
    got = read_recording(csv(tmp_path, text), fs=200)
    assert (got.fs, len(got), got.remarks) == (200, 1000, ())
    assert np.isnan(got.samples[500:700]).all()
    with pytest.raises(SourceError, match=r"it may count the rows, or milliseconds; give the rate"):
        read_recording(csv(tmp_path, text))
    named = read_recording(csv(tmp_path, text.replace("time", "time_ms", 1)))
    assert (named.fs, named.remarks) == (1000, ())


def test_times_of_day_and_units_in_a_row_of_their_own(tmp_path: Path) -> None:
    rows = "".join(f"'0:{k / 250:06.3f}',{k % 50},500\n" for k in range(1000))
    got = read_recording(csv(tmp_path, f"'Elapsed time','MLII','V5'\n'hh:mm:ss.mmm','mV','uV'\n{rows}"))
    assert (got.fs, got.leads, len(got), got.remarks) == (250, ("II", "V5"), 1000, ())
    np.testing.assert_allclose(got.samples[7], [7, 0.5], rtol=1e-6)


def test_dates(tmp_path: Path) -> None:
    rows = "".join(f"2020-01-01T00:00:{k / 250:06.3f}Z;{k % 50};\n" for k in range(1000))
    got = read_recording(csv(tmp_path, f"time;II (mV);\n{rows}"))
    assert (got.fs, got.leads, len(got)) == (250, ("II",), 1000)


def test_what_comes_before_the_names_is_a_comment(tmp_path: Path) -> None:
    got = read_recording(csv(tmp_path, "Device: strap\nName,\x1b[2J,3\n\nI,II\n1,2\n3,4\n"), fs=100)
    assert (got.leads, got.samples.tolist()) == (("I", "II"), [[1, 2], [3, 4]])
    assert got.comments == ("Device: strap", r"Name,\x1b[2J,3")


def test_a_row_that_is_half_numbers_is_not_taken_for_names(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="row 2: could not convert string to float: 'NA'"):
        read_recording(csv(tmp_path, "I,II\nNA,2\n3,4\n"), fs=100)


def test_columns_without_a_name_are_left_out(tmp_path: Path) -> None:
    got = read_recording(csv(tmp_path, ",II,\n0,1,\n1,2,\n"), fs=100)
    assert (got.leads, got.samples.tolist()) == (("II",), [[1], [2]])
    assert got.remarks == ("column 1 has no name and is left out",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_texts_as_spreadsheets_write_them(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes("II (\u00b5V)\r\n5\r\n6\r\n".encode(encoding))
    np.testing.assert_allclose(read_recording(path, 100).samples[:, 0], [0.005, 0.006], rtol=1e-6)


def test_names_that_say_nothing_are_told_and_an_ecg_may_be_given_its_place(tmp_path: Path) -> None:
    got = read_recording(csv(tmp_path, "Counter,Channel1\n0,1\n1,2\n"), fs=100)
    assert got.remarks == (
        "Counter, Channel1: no names of leads; say what each column is, or leave one empty: --leads II,,V1",
    )
    assert read_recording(csv(tmp_path, "ECG\n1\n2\n"), 100, "II").leads == ("II",)
    assert read_recording(csv(tmp_path, "PPG\n1\n2\n"), 100, "II").leads == ("PPG",)


def test_numbers_too_large_for_millivolts_are_told(tmp_path: Path) -> None:
    counts = "II\n" + "".join(f"{480 + 240 * (k % 50 == 0)}\n" for k in range(500))
    got = read_recording(csv(tmp_path, counts), fs=100)
    assert (got.uncalibrated, float(np.ptp(got.samples))) == (("II",), 240.0)
    assert "give the mV of a count (--lsb MV)" in got.remarks[0]
    scaled = read_recording(csv(tmp_path, counts), fs=100, lsb=0.005)
    assert (scaled.uncalibrated, scaled.remarks, scaled.lsb) == ((), (), (0.005,))
    assert float(np.ptp(scaled.samples)) == pytest.approx(1.2)


def test_without_a_row_of_names_the_user_gives_them(tmp_path: Path) -> None:
    rows = "".join(f"{k / 100:.2f},{k % 10},7\n" for k in range(300))
    got = read_recording(csv(tmp_path, rows), leads="time,II,")
    assert (got.fs, got.leads, len(got), got.remarks) == (100, ("II",), 300, ())
    with pytest.raises(SourceError, match="name its columns in its first row, or with --leads"):
        read_recording(csv(tmp_path, rows))
    with pytest.raises(SourceError, match="names 2 columns and has 3"):
        read_recording(csv(tmp_path, rows), leads="time,II")


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e308", "1e36"])
def test_what_is_no_number_of_a_signal_is_missing(tmp_path: Path, cell: str) -> None:
    rows = "".join(f"{cell if k % 100 == 7 else k % 50 / 50}\n" for k in range(1000))
    got = read_recording(csv(tmp_path, f"II\n{rows}"), fs=250)
    assert np.flatnonzero(np.isnan(got.samples[:, 0])).tolist() == list(range(7, 1000, 100))
    assert not got.uncalibrated


def test_a_cell_in_a_message_is_short(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        read_recording(csv(tmp_path, "II\n1\n" + "x" * 10_000 + "\n2\n"), fs=250)
    assert len(str(caught.value)) < 250


def test_columns_that_no_heart_is_in_are_left_out_and_told(tmp_path: Path) -> None:
    rows = "".join(f"{k},75,{np.sin(k / 9):.3f},0\n" for k in range(1000))
    got = read_recording(csv(tmp_path, f"sample,HR,II,V1\n{rows}"), fs=250)
    assert got.leads == ("II", "V1")
    assert sorted(got.remarks) == [
        "column HR stays the same, and is left out",
        "column sample only rises: it is a clock or a counter, and is left out",
    ]
