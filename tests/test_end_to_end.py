"""The real thing: `wearecg simulate` on a pseudo-terminal, `wearecg stream` reading it, wfdb reading the record."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

wfdb = pytest.importorskip("wfdb", reason="wfdb is not installed: pip install 'wearecg[formats]'")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")

WEARECG = [sys.executable, "-m", "wearecg"]


def record_path(name):
    data = os.environ.get("WEARECG_DATA")
    if not data or not Path(data, name + ".hea").exists():
        pytest.skip(f"no recording {name}: set WEARECG_DATA to a folder that holds it")
    return str(Path(data, name))


@pytest.fixture
def sensor(tmp_path):
    """Start a virtual sensor with the given arguments; its port."""
    running = []

    def start(*arguments):
        port = tmp_path / "ttySENSOR"
        command = [*WEARECG, "simulate", "--device", "bridge", "--link", str(port), *arguments]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + 20
        while not port.exists():
            assert time.monotonic() < deadline, "the virtual sensor did not start"
            time.sleep(0.02)
        return port

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


def events(path, kind):
    return [r for r in map(json.loads, Path(path).read_text().splitlines()) if r["type"] == kind]


def the_record(folder):
    masters = [p for p in Path(folder).glob("*.hea") if p.stem.endswith("Z")]
    assert len(masters) == 1
    return str(masters[0].with_suffix(""))


def stream(port, tmp_path, seconds, *arguments):
    out = tmp_path / "events.jsonl"
    command = [*WEARECG, "stream", "--port", str(port), "--record", str(tmp_path / "record")]
    command += ["--to", f"jsonl:{out}", "--duration", str(seconds), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return out, ran


@pytest.mark.parametrize("name", ["mitdb/119", "ptbxl/records100/00000/00001_lr"])
def test_a_real_record_is_found_and_recorded_as_it_was(name, sensor, tmp_path):
    source = wfdb.rdrecord(record_path(name))
    port = sensor("--from", record_path(name), "--duration", "60")
    out, _ = stream(port, tmp_path, 24)
    findings = events(out, "finding")
    assert any(f["code"] in ("SR", "NORM", "CD") for f in findings)
    kept = wfdb.rdrecord(the_record(tmp_path / "record")).p_signal
    n = len(kept)
    assert n >= min(len(source.p_signal), 20 * source.fs)
    lsb = 1 / np.array(source.adc_gain)
    assert np.abs(kept - source.p_signal[:n]).max() <= lsb.max() / 2
    beats = wfdb.rdann(the_record(tmp_path / "record"), "wea")
    assert len(beats.sample) >= len(events(out, "beat"))


def test_unplugged_and_replugged_the_time_base_holds(sensor, tmp_path):
    truth = tmp_path / "truth.jsonl"
    port = sensor("--scenario", "sinus", "--fs", "250", "--fault", "unplug@5/5", "--truth", str(truth))
    out, ran = stream(port, tmp_path, 17)
    (gap,) = events(out, "gap")
    assert gap["reason"] == "unplugged"
    assert gap["duration"] == pytest.approx(5, abs=0.5)
    assert [r["state"] for r in events(out, "link")].count("lost") == 1
    assert "unplugged" in ran.stdout
    true = np.array([json.loads(line)["time"] for line in truth.read_text().splitlines()])
    after = [b["time"] for b in events(out, "beat") if b["time"] > gap["start"] + gap["duration"]]
    assert len(after) >= 4
    assert max(np.abs(true - t).min() for t in after) <= 0.02
    kept = wfdb.rdrecord(the_record(tmp_path / "record"))
    missing = np.isnan(kept.p_signal[:, 0])
    assert missing.sum() == gap["samples"]
    assert np.flatnonzero(missing)[0] == round(gap["start"] * 250)


def test_killed_in_the_middle_all_but_the_last_second_is_there(sensor, tmp_path):
    port = sensor("--scenario", "sinus", "--fs", "250")
    command = [*WEARECG, "stream", "--port", str(port), "--record", str(tmp_path / "record"), "--to"]
    with subprocess.Popen([*command, "jsonl:-"], stdout=subprocess.PIPE, text=True) as process:
        started = None
        for line in process.stdout:
            record = json.loads(line)
            started = started or (time.monotonic() if record["type"] == "stream" else None)
            if started and time.monotonic() - started > 6:
                break
        process.send_signal(signal.SIGKILL)
        lasted = time.monotonic() - started
    kept = wfdb.rdrecord(the_record(tmp_path / "record"))
    assert len(kept.p_signal) / 250 >= lasted - 1.0
    assert not np.isnan(kept.p_signal).any()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number, sensor, tmp_path):
    port = sensor("--scenario", "sinus", "--fs", "250")
    out = tmp_path / "events.jsonl"
    command = [*WEARECG, "stream", "--port", str(port), "--to", f"jsonl:{out}", "--to", "jsonl:-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if json.loads(line)["type"] == "beat":
                break
        process.send_signal(number)
        rest, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert json.loads(rest.splitlines()[-1])["type"] == "summary"
    assert "samples, lost none" in errors
    assert events(out, "summary")[0]["samples"] > 0
