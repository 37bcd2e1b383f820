"""No output is written over a file of another kind: a recording is never lost by its own name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.cli import main
from wearecg.errors import SinkError
from wearecg.models import Profile
from wearecg.overwrite import check
from wearecg.virtual_sensor.sensor import open_truth

FS = 250


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    person = wearecg.Person(seed=1, scenario="sinus", fs=FS)
    samples = person.samples(40 * FS)
    path = tmp_path / "x.csv"
    head = ",".join(("time", *person.leads))
    table = np.column_stack([np.arange(len(samples)) / FS, samples])
    np.savetxt(path, table, "%.4f", ",", header=head, comments="")
    return path


def test_a_recording_named_as_jsonl_is_left_alone(recording: Path) -> None:
    before = recording.read_bytes()
    assert main(["score", str(recording), "--model", "none", "--to", f"jsonl:{recording}"]) == 5
    assert recording.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"\x00\x01" * 50, b"plain 1 250 5000\na.dat 16\n", b'{"resourceType": "Observation"}\n']
)
def test_json_lines_go_to_no_other_file(tmp_path: Path, recording: Path, content: bytes) -> None:
    other = tmp_path / "other"
    other.write_bytes(content)
    assert main(["score", str(recording), "--model", "none", "--to", f"jsonl:{other}"]) == 5
    assert other.read_bytes() == content


def test_json_lines_are_appended_to_json_lines(tmp_path: Path, recording: Path) -> None:
    out = tmp_path / "out.jsonl"
    for size in (1, 2):
        assert main(["score", str(recording), "--model", "none", "--to", f"jsonl:{out}"]) == 0
        assert out.read_text().count('{"type":"schema"') == size
    out.write_bytes(b'{"type"')  # a run that was killed
    assert main(["score", str(recording), "--model", "none", "--to", f"jsonl:{out}"]) == 0


def test_a_profile_replaces_profiles_alone(tmp_path: Path, recording: Path) -> None:
    before = recording.read_bytes()
    fit = [
        "calibrate",
        "--reference",
        str(recording),
        "--leads",
        "II,V1,V5",
        "--twelve-model",
        "lead12-linear",
        "--out",
    ]
    assert main([*fit, str(recording)]) == 5
    assert recording.read_bytes() == before
    for _ in range(2):
        assert main([*fit, str(tmp_path / "profile.json")]) == 0


def test_true_beats_replace_true_beats_alone(tmp_path: Path) -> None:
    header, truth = tmp_path / "plain.hea", tmp_path / "truth.jsonl"
    header.write_text("plain 1 250 5000\n")
    with pytest.raises(SinkError, match="is there already"):
        open_truth(header)
    assert header.read_text() == "plain 1 250 5000\n"
    for _ in range(2):
        with open_truth(truth) as file:
            assert not truth.read_text()
            file.write('{"time": 0.4, "device_time": 0.4, "boot": 0, "kind": "N"}\n')


@pytest.mark.parametrize("suffix", ["html", "json", "pdf"])
def test_a_report_replaces_reports_alone(
    tmp_path: Path, recording: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wearecg.report.printing.browser", lambda: "true")
    other = tmp_path / f"other.{suffix}"
    other.write_text('{"model": 1}' if suffix == "json" else "<!doctype html><title>Mine</title>")
    before = other.read_bytes()
    assert main(["report", str(recording), "--model", "none", "-o", str(other)]) == 5
    assert other.read_bytes() == before


def test_a_report_is_written_anew(tmp_path: Path, recording: Path) -> None:
    for suffix in ("html", "json"):
        for _ in range(2):
            assert (
                main(["report", str(recording), "--model", "none", "-o", str(tmp_path / f"r.{suffix}")]) == 0
            )


def test_a_proof_draws_over_no_recording(recording: Path) -> None:
    before = recording.read_bytes()
    assert main(["prove", str(recording), "--model", "none", "--finding", "1", "-o", str(recording)]) == 5
    assert recording.read_bytes() == before


def test_a_drawing_is_drawn_anew(tmp_path: Path, recording: Path) -> None:
    drawing = tmp_path / "one.svg"
    for _ in range(2):
        assert main(["prove", str(recording), "--finding", "1", "-o", str(drawing)]) in (0, 1)
        assert drawing.read_bytes().startswith(b"<svg")


def test_what_is_no_regular_file_is_not_looked_at(tmp_path: Path) -> None:
    check(tmp_path, (b"{",), "a profile")
    check(Path("/dev/null"), (b"{",), "a profile")


def test_profile_write_refuses_another_file(tmp_path: Path, recording: Path) -> None:
    profile = Profile("m@1", ("II",), ("V1",), ((0.0,) * 10,), (1.0,), (1.0,), "2026-12-01", "r", 10.0)
    with pytest.raises(SinkError):
        profile.write(recording)
