from __future__ import annotations

import json
import sys

import pytest

from benchmarks import archive
from wearecg.formats import read_recording

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_the_day_is_a_record_that_can_be_read(tmp_path):
    record = read_recording(archive.make_record(tmp_path, 0.02))
    assert (record.leads, record.fs, record.duration, record.remarks) == (archive.LEADS, 250.0, 72.0, ())


@linux
def test_a_run_of_this_build_alone(tmp_path, capsys):
    archive.main(["--hours", "0.01", "--out", str(tmp_path)])
    assert "this" in capsys.readouterr().out
    runs = json.loads((tmp_path / "archive.json").read_text())["runs"]
    assert [(run["build"], run["what"]) for run in runs] == [("this", "encoder"), ("this", "unasked")]
    assert all(run["cpu_s"] > 0 and run["rss_mb"] > 20 for run in runs)


@pytest.mark.parametrize("arguments", [["--hours", "x"], ["--hours", "0"], ["--against", "no.whl"]])
def test_what_cannot_be_run_is_refused_at_once(arguments, capsys):
    with pytest.raises(SystemExit):
        archive.main(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_the_ratio_is_of_the_same_length():
    runs = [
        archive.Run("earlier", "encoder", 1.0, 10.0, 100.0),
        archive.Run("this", "encoder", 1.0, 4.0, 90.0),
        archive.Run("this", "unasked", 6.0, 20.0, 95.0),
    ]
    rows = archive.table(runs).splitlines()
    assert rows[2].endswith("2.50")
    assert rows[3].split() == ["6", "this", "unasked", "20.00", "0.926", "95.0"]
