"""Twelve leads from the command line: calibrate, score and stream with --twelve."""

from __future__ import annotations

import json

import numpy as np
import pytest

import wearecg
from wearecg.cli import main
from wearecg.ecg.leads import TWELVE
from wearecg.models import sealed


@pytest.fixture
def told(capsys):
    def run(*arguments):
        code = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def record(tmp_path):
    """A 12-lead CSV of 12 s at 250 Hz."""
    made = wearecg.Person(seed=4, scenario="sinus", fs=250)
    x = made.samples(250 * 12)
    columns = [made.leads.index(lead) for lead in TWELVE]
    path = tmp_path / "me.csv"
    np.savetxt(path, x[:, columns], delimiter=",", header=",".join(TWELVE), comments="", fmt="%.4f")
    return path


def test_a_profile_is_fitted_and_used(told, record, linear_path, tmp_path):
    profile = tmp_path / "p.json"
    code, out, _ = told(
        "calibrate", "--reference", record, "--fs", 250, "--leads", "V1,II,v5", "--twelve-model", linear_path,
        "--out", profile,
    )  # fmt: skip
    assert code == 0
    assert "lead12-linear@0.0.1 from II, V1, V5" in out
    assert [line.split()[0] for line in out.splitlines() if "->" in line] == ["I", "V2", "V3", "V4", "V6"]
    use = ("--twelve", "--twelve-model", linear_path, "--profile", profile)
    scored = ("score", record, "--fs", 250, "--leads")
    lines = tmp_path / "out.jsonl"
    code, out, _ = told(*scored, "II,V1,V5", *use, "--to", f"jsonl:{lines}")
    assert code == 0
    assert "no basis of any finding" in out
    known = {line.split()[0]: line.split()[2] for line in out.splitlines() if " known " in line}
    assert known == {
        lead: "0%" if lead == "V3" else "100%" for lead in TWELVE if lead not in ("II", "V1", "V5")
    }
    streams = [r for r in map(json.loads, lines.read_text().splitlines()) if r["type"] == "stream"]
    assert [r["reconstructed"] for r in streams] == [[], [lead for lead in TWELVE if lead in known]]
    findings = [r for r in map(json.loads, lines.read_text().splitlines()) if r["type"] == "finding"]
    assert findings
    assert all(set(r["leads"]) <= {"II", "V1", "V5"} for r in findings)
    code, _, err = told(*scored, "I,II", *use)
    assert code == 6
    assert "is for leads II, V1, V5, not I, II" in err


def test_a_stream_has_its_twelve_leads(told, record, linear_path, tmp_path):
    code, out, err = told(
        "stream", "simulate:sinus?seed=1&speed=max", "--leads", "II,V1,V5", "--duration", 21, "--model", "none",
        "--twelve", "--twelve-model", linear_path, "--record", tmp_path / "rec",
    )  # fmt: skip
    assert code == 0
    assert "reconstructed, no basis of any finding: I III aVR aVL aVF V2 V3 V4 V6" in out
    assert "twelve: 2" in err
    (header,) = (tmp_path / "rec").glob("*_twelve.hea")
    assert "V2 reconstructed" in header.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--twelve", "--twelve-model", "encoder"), 4, "does not reconstruct"),
        (("--twelve", "--twelve-model", "nonsense"), 4, "no model 'nonsense'"),
    ],
)
def test_what_cannot_be_is_said(told, record, arguments, code, words):
    found, _, err = told("score", record, "--fs", 250, *arguments)
    assert found == code
    assert words in err


@pytest.mark.parametrize("verb", [("score", "x"), ("stream", "simulate:sinus")])
@pytest.mark.parametrize("argument", [("--profile", "p.json")])
def test_a_profile_without_twelve_is_wrong_usage(told, verb, argument):
    with pytest.raises(SystemExit, match="2"):
        told(*verb, *argument)


def test_a_profile_for_another_model_and_a_recording_without_the_leads(told, record, linear_path, tmp_path):
    profile = tmp_path / "p.json"
    told("calibrate", "--reference", record, "--fs", 250, "--leads", "II,V1,V5", "--twelve-model", linear_path,
         "--out", profile)  # fmt: skip
    other = sealed.read(profile)
    other["model"] = "other@1"
    sealed.write(other, profile)
    code, _, err = told(
        "score", record, "--fs", 250, "--twelve", "--twelve-model", linear_path, "--profile", profile
    )
    assert code == 4
    assert "made with other@1" in err
    few = tmp_path / "few.csv"
    np.savetxt(
        few, np.random.default_rng(1).normal(size=(3000, 2)), delimiter=",", header="II,V1", comments=""
    )
    code, _, err = told(
        "calibrate", "--reference", few, "--fs", 250, "--leads", "II", "--twelve-model", linear_path
    )
    assert code == 6
    assert "does not have lead I" in err


def test_the_page_is_drawn(told, record, linear_path, tmp_path):
    pytest.importorskip("matplotlib")
    page = tmp_path / "page.png"
    score = ("score", record, "--fs", 250, "--leads", "II,V1,V5")
    assert told(*score, "--twelve", "--twelve-model", linear_path, "--plot", page)[0] == 0
    assert page.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit, match="2"):
        told(*score, "--plot", page)
    code, _, err = told(*score, "--twelve", "--twelve-model", linear_path, "--plot", tmp_path / "page.xyz")
    assert code == 5
    assert "page.xyz" in err
