"""Files that once were refused, misread or ended in a traceback, given to ``wearecg score``; made anew here."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from wearecg.cli import main

pytest.importorskip("wfdb")

FS, SECONDS = 250, 12
T = np.arange(FS * SECONDS) / FS
WAVE = 1.2 * np.exp(-(((T - 0.1) % 0.8 - 0.4) ** 2) / 2 / 0.012**2)
WAVE += np.random.default_rng(2).normal(0, 0.01, len(T))
"""75 beats a minute, in mV."""
COUNTS = np.rint(1000 * WAVE).astype("<i2")


def right(said: str, seconds: float = SECONDS) -> bool:
    """Whether the length and the rate are told; the first and the last beat may be missed."""
    found = re.search(rf"{seconds:.1f} s, (\d+) beats, heart rate 75 bpm", said)
    return found is not None and 13 <= int(found[1]) <= 30


@pytest.fixture
def score(tmp_path, capsys, monkeypatch):
    """Return what scores a file without a model: its exit code and all that was said."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, *options: str) -> tuple[int, str]:
        code = main(["score", name, "--model", "none", "--windows", *options])
        out, err = capsys.readouterr()
        return code, out + err

    return run


def record(header: str, counts: np.ndarray = COUNTS, name: str = "r", suffix: str = ".dat") -> None:
    Path(name).with_suffix(suffix).write_bytes(counts.astype("<i2").tobytes())
    Path(f"{name}.hea").write_text(header, encoding="utf-8")


SIGNAL = "r.dat 16 1000/mV 16 0 0 0 0 II"


@pytest.mark.parametrize(
    ("header", "told"),
    [
        pytest.param("r 1 250 3000\nr.dat 16 1/uv 16 0 0 0 0 II", "", id="unit_uv"),
        pytest.param("r 1 250 3000\nr.dat 16 1/UV 16 0 0 0 0 II", "", id="uvcase"),
        pytest.param("r 1 250 3000\nr.dat 16 1/\u00b5V 16 0 0 0 0 II", "", id="muV"),
        pytest.param("r 1 250 3000\nr.dat 16 1000/mV 16 0 0 0 0", "", id="nodesc"),
        pytest.param("r 1 250\nr.dat 16", "ECG: not calibrated (no gain in the header)", id="minimal"),
        pytest.param(
            "r 1 250 3000\nr.dat 16 0(0)/mV 16 0 0 0 0 II", "no statement that needs millivolts", id="gain0"
        ),
        pytest.param(f"r 1 250 3250\n{SIGNAL}", "the last 1.0 s are missing", id="short"),
        pytest.param(f"r 1 250 3000 2020\n{SIGNAL}", "", id="year"),
        pytest.param(f"r.mat 1 250 3000 05-May-2020 09:49:17\n{SIGNAL}", "", id="recname"),
        pytest.param("r 1 250 3000\nr.dat 16 1000/mV 16 0 77 123 0 II", "do not fit the signal file", id="badsum"),
    ],
)  # fmt: skip
def test_records_that_are_read(score, header: str, told: str) -> None:
    record(header)
    code, said = score("r")
    assert (code, right(said), "baseline" in said) == (0, True, False)
    assert ("warning" in said) == bool(told)
    assert told in said


@pytest.mark.parametrize(
    ("header", "code", "told"),
    [
        pytest.param(f"r 1 0 3000\n{SIGNAL}", 3, "a rate of 0 Hz is none", id="fs0"),
        pytest.param("r 0 250", 6, "neither samples nor beats", id="cnt0"),
        pytest.param("r/1 1 500 3000\nseg 3000", 3, "the two contradict each other", id="multifs"),
    ],
)
def test_records_that_are_refused_in_one_line(score, header: str, code: int, told: str) -> None:
    record(f"seg 1 250 3000\n{SIGNAL.replace('r.dat', 'seg.dat')}", name="seg")
    record(header)
    got, said = score("r")
    assert (got, told in said, said.count("\n")) == (code, True, 1)


def test_a_null_segment_is_a_gap_flatnull(score) -> None:
    record(f"seg 1 250 3000\n{SIGNAL.replace('r.dat', 'seg.dat')}", name="seg")
    Path("r.hea").write_text("r/3 1 250 8000\nseg 3000\n~ 2000\nseg 3000\n")
    code, said = score("r")
    assert (code, right(said, 32)) == (0, True)
    assert "gap 12.00 s for 8.00 s (recording)" in said


def test_several_samples_a_frame_multirate125(score) -> None:
    fast = np.rint(1000 * np.interp(np.arange(0, 12, 1 / 500), T, WAVE)).astype("<i2").reshape(-1, 4)
    record(
        "r 2 125 1500\nr.dat 16x4 1000/mV 16 0 0 0 0 II\nr.dat 16 1000/l 16 0 0 0 0 RESP\n",
        np.hstack([fast, fast[:, :1] * 0 + 5]),
    )
    code, said = score("r")
    assert (code, right(said)) == (0, True)
    assert "RESP is left out: it has 125 Hz, II has 500 Hz" in said


def table(header: str, times: np.ndarray | None = None, *, scale: float = 1.0, between: str = ",") -> str:
    columns = [np.round(WAVE * scale, 4)] if times is None else [times, np.round(WAVE * scale, 4)]
    rows = [between.join(map(str, row)) for row in np.column_stack(columns)]
    return "\n".join([header, *rows]) + "\n"


JITTER = np.random.default_rng(1).uniform(-0.002, 0.002, len(T))


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        pytest.param(table("time,II", np.sort(T + JITTER).round(6)), (), "", id="jittered-time, timejitter"),
        pytest.param(table("time,II", np.ceil(T * 100) / 100), (), "", id="jittered-time, late"),
        pytest.param(table("time,II", T) + "12.0", (), "the last, was cut short", id="last-line-cut"),
        pytest.param(table("Time (s),ECG [uV]", T, scale=1000), (), "", id="units-in-header"),
        pytest.param(table("II (uV)", scale=1000), ("--fs", "250"), "", id="units_in_header"),
        pytest.param(table("time;II", T, between=";").replace(".", ","), (), "", id="decimal-comma"),
        pytest.param(
            table("Counter,Channel1", np.arange(len(T)), scale=200),
            ("--fs", "250", "--leads", ",II", "--lsb", "0.005"), "", id="adc-counts-channels",
        ),
    ],
)  # fmt: skip
def test_tables_that_are_read(score, text: str, options: tuple[str, ...], told: str) -> None:
    Path("r.csv").write_text(text, encoding="utf-8")
    code, said = score("r.csv", *options)
    assert (code, right(said), "gap" in said) == (0, True, False)
    assert ("warning" in said) == bool(told)
    assert told in said


def test_counts_without_names_are_told_how_to_name_them(score) -> None:
    Path("r.csv").write_text(table("Counter,Channel1", np.arange(len(T)), scale=200))
    code, said = score("r.csv", "--fs", "250")
    assert code == 0
    assert "Channel1: no names of leads; say what each column is" in said


def test_a_clock_that_jumps_by_years_is_refused_timejump(score) -> None:
    Path("r.csv").write_text(table("time,II", np.where(T < 0.4, T, T + 1e9)))
    code, said = score("r.csv")
    assert (code, "row 102: the time column jumps by 1e+09 s" in said, said.count("\n")) == (3, True, 1)


def test_opensignals(score) -> None:
    counts = np.rint(WAVE / (3300 / 1024 / 1100) + 512).astype(int)
    said = '{"00:00": {"sensor": ["ECG"], "column": ["nSeq", "A1"], "sampling rate": 250, "resolution": [4, 10]}}'
    rows = "".join(f"{k % 16}\t{count}\n" for k, count in enumerate(counts))
    Path("r.txt").write_text(f"# OpenSignals Text File Format. Version 1\n# {said}\n# EndOfHeader\n{rows}")
    code, said = score("r.txt")
    assert (code, right(said), "warning" in said) == (0, True, False)
