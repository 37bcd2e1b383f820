"""``wearecg stream --ppg-to-ecg`` as users have it: a sensor on a pseudo-terminal, a second process, every output."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "models"))

from tiny_pulse import write_pulse_model

import wearecg
from wearecg.formats import read_recording

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")

WEARECG = [sys.executable, "-m", "wearecg"]
MEASURES = {"RR_REGULAR", "RR_IRREGULAR", "NOT_SCORED"}
SPEED, SECONDS = 1, 50
# A sensor that plays faster states another rate than comes, and gets no heart rate.


@pytest.fixture
def run(tmp_path):
    """Play a synthetic person through `simulate`, `stream` it; the JSON records, the text and the WFDB folder."""
    running = []

    def start(leads, *arguments, model=None, seed=1):
        port = tmp_path / "ttySENSOR"
        command = [*WEARECG, "simulate", "--leads", leads, "--link", port, "--seed", seed, "--fs", 250]
        command += ["--speed", SPEED]
        running.append(
            subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        deadline = time.monotonic() + 30
        while not port.exists():
            assert time.monotonic() < deadline, "the virtual sensor did not start"
            time.sleep(0.02)
        out = tmp_path / "events.jsonl"
        command = [*WEARECG, "stream", "--port", port, "--ppg-to-ecg", "--record", tmp_path / "record"]
        command += ["--to", f"jsonl:{out}", "--to", "live:", "--duration", SECONDS, *arguments]
        command += ["--ppg-model", model or write_pulse_model(tmp_path)]
        ran = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stderr
        return [json.loads(line) for line in out.read_text().splitlines()], ran.stdout, tmp_path / "record"

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


def of(records, kind):
    return [r for r in records if r["type"] == kind]


def pulse_beats(records):
    return [b for b in of(records, "beat") if b["lead"] == "II*"]


def true_rate(seed=1):
    beats = wearecg.Person(seed=seed, fs=250).beats_between(5, 45)
    return 60 / np.median(np.diff([b.time for b in beats]))


def check(records, text, folder):
    """What must hold in every output."""
    rates = [r["bpm"] for r in of(records, "rate") if r["stream"] == "pulse" and r["bpm"]]
    assert abs(np.median(rates) - true_rate()) < 3
    (info,) = (s for s in of(records, "stream") if s["stream"] == "pulse")
    assert (info["leads"], info["synthetic"]) == (["II*"], ["II*"])
    assert "synthetic, drawn from a pulse, basis of rate and regularity at most: II*" in text
    (header,) = (path for path in folder.glob("*_pulse.hea") if "layout" not in path.name)
    record = read_recording(header)
    assert record.leads == ("II* synthetic",)
    assert any("synthetic, drawn from a pulse" in comment for comment in record.comments)
    assert np.isfinite(record.samples).sum() > 2000
    assert header.with_suffix(".wea").stat().st_size > 20 * len(pulse_beats(records)) / 2
    return header


def test_a_pulse_alone_gives_rate_and_rhythm_and_no_r_times(run):
    records, text, folder = run("PPG", "--model", "encoder")
    header = check(records, text, folder)
    assert len(pulse_beats(records)) > 20
    assert {b["lag"] for b in pulse_beats(records)} == {None}
    assert {f["code"] for f in of(records, "finding")} <= MEASURES
    assert "RR_REGULAR" in {f["code"] for f in of(records, "finding")}
    assert b"R time unknown" in header.with_suffix(".wea").read_bytes()
    assert "(≈II*)" in text
    # Scored again, the recording still is no ECG, whatever it is asked for.
    for arguments in ((), ("--leads", "II* synthetic"), ("--model", "rhythm1")):
        scored = wearecg_score(header, *arguments)
        assert {f["code"] for f in of(scored, "finding")} == {"NOT_SCORED"}
        assert "drawn from a pulse is no ECG" in of(scored, "finding")[0]["reason"]


def wearecg_score(path, *arguments):
    command = [*WEARECG, "score", str(path), "--to", "jsonl:-", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_with_an_ecg_the_lag_is_measured_and_the_ecg_alone_is_scored(run):
    records, text, folder = run("II,PPG", "--model", "encoder", "--twelve")
    check(records, text, folder)
    assert "by the pulse" in text
    known = [b for b in pulse_beats(records) if b["lag"] is not None]
    assert len(known) > 8
    measured = np.array([b["time"] for b in of(records, "beat") if b["lead"] == "II"])
    assert np.median([np.abs(measured - b["time"]).min() for b in known]) < 0.03
    assert any("after the R wave" in n["message"] for n in of(records, "notice"))
    for finding in of(records, "finding"):
        if "II*" in finding["leads"]:
            assert finding["code"] in MEASURES
            assert finding["leads"] == ["II*"]
    assert any(f["source"].startswith("encoder") for f in of(records, "finding"))


def command(*arguments):
    ran = subprocess.run(
        [*WEARECG, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    return ran.returncode, ran.stdout + ran.stderr


@pytest.fixture
def synthetic_csv(tmp_path):
    """A perfect lead II that is named ``II*``."""
    person = wearecg.Person(seed=1, scenario="st", fs=250)
    path = tmp_path / "synthetic.csv"
    x = person.samples(250 * 30)[:, 1:2]
    np.savetxt(path, x, delimiter=",", header="II*", comments="", fmt="%.4f")
    return path


@pytest.mark.parametrize(
    "arguments",
    [(), ("--leads", "II*"), ("--leads", "ii*"), ("--model", "rhythm1"), ("--leads", "II"), ("--twelve",)],
)
def test_no_argument_makes_a_recording_of_the_synthetic_lead_score(synthetic_csv, arguments):
    code, text = command("score", synthetic_csv, "--fs", 250, "--to", "jsonl:-", *arguments)
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert {f["code"] for f in of(found, "finding")} <= {"NOT_SCORED"}
    if code:
        assert "II" in text  # refused with the reason


@pytest.mark.parametrize(
    "lines",
    ['model = "encoder"', 'model = "rhythm1"', "twelve = true", 'leads = ["II*"]', 'ppg-lag = "model"'],
)
def test_no_configuration_makes_morphology_of_a_pulse(tmp_path, lines):
    config = tmp_path / "config.toml"
    config.write_text(
        f'{lines}\nppg-to-ecg = true\nppg-model = "{write_pulse_model(tmp_path)}"\nduration = 40\n'
    )
    person = wearecg.Person(seed=1, scenario="st", fs=250)
    path = tmp_path / "pulse.csv"
    np.savetxt(path, person.samples(250 * 40)[:, -1:], delimiter=",", header="PPG", comments="", fmt="%.4f")
    code, text = command("stream", f"{path}?speed=max", "--fs", 250, "--config", config, "--to", "jsonl:-")
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert {f["code"] for f in of(found, "finding")} <= MEASURES
    assert code == 0, text
    assert len(pulse_beats(found)) > 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--ppg-to-ecg", "--ppg-lag", "soon"), "'soon' is no lag"),
        (("--ppg-to-ecg", "--ppg-lag", "3"), "'3' is no lag"),
        (("--ppg-lag", "0.3"), "give both"),
        (("--ppg-to-ecg", "--ppg-model", "encoder"), "does not draw from a pulse"),
    ],
)
def test_what_cannot_be_is_refused_in_words(arguments, words):
    code, text = command("stream", "simulate:sinus", *arguments)
    assert code
    assert words in text


def test_the_shipped_model_draws_and_finds_the_rate(run):
    records, text, folder = run("PPG", model="ppg2ecg")
    check(records, text, folder)
    assert len(pulse_beats(records)) > 20
