"""What goes wrong for users, and what they are told."""

import fcntl
import json
import os
import pty
import shutil
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path

import numpy as np
import pytest

import wearecg.models
from wearecg.cli import main

ZOO = Path(wearecg.models.__file__).parent / "zoo"


@pytest.fixture
def told(capsys):
    def run(*arguments):
        code = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out + err

    return run


@pytest.fixture
def port():
    """A pseudo-terminal that nobody talks on; the master's descriptor and the path."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def csv(folder, name, rows, fs, leads="II"):
    path = folder / name
    times = (f"{i / fs:.4f},{','.join(str(v) for v in row)}" for i, row in enumerate(rows))
    path.write_text("\n".join([f"time,{leads}", *times]) + "\n")
    return path


def test_no_such_port(told):
    code, text = told("stream", "--port", "/dev/ttyUSB99")
    assert code == 3
    assert "no serial port /dev/ttyUSB99" in text
    assert "wearecg devices" in text


def test_port_that_another_program_uses(told, port):
    _, path = port
    with open(path, "rb+", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        code, text = told("stream", "--port", path)
    assert code == 3
    assert path in text
    assert "use" in text


def test_silent_port(told, port):
    code, text = told("stream", "--port", port[1], "--duration", 4)
    assert code == 0
    assert "opens but says nothing: check wiring, power" in text


def test_garbage_bytes(told, port):
    master, path = port
    done = threading.Event()

    def talk():
        while not done.wait(0.02):
            os.write(master, os.urandom(64))

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        code, text = told("stream", "--port", path, "--duration", 5)
    finally:
        done.set()
        thread.join()
    assert code == 0
    assert "none of them a frame" in text
    assert "wrong baud rate" in text


def test_wrong_device_name(told, port):
    code, text = told("stream", "--port", port[1], "--device", "bridg")
    assert code == 3
    assert "there is no device 'bridg'; did you mean bridge?" in text


@pytest.mark.parametrize(
    ("leads", "words"), [("V9", "there is no lead 'V9'"), ("II,V1", "does not have lead V1")]
)
def test_unknown_lead(told, tmp_path, leads, words):
    path = csv(tmp_path, "a.csv", np.zeros((2000, 1)), 100)
    code, text = told("score", path, "--leads", leads)
    assert code == 6
    assert words in text
    assert "it has II" in text


def test_recording_with_missing_samples_keeps_them_missing(told, tmp_path):
    person = wearecg.Person(seed=2, scenario="sinus", fs=250)
    x = person.samples(250 * 30)[:, [list(person.leads).index("II")]]
    x[2500:3000] = np.nan
    code, text = told("score", csv(tmp_path, "nan.csv", x, 250))
    assert code == 0
    assert "1 gap of 2.00 s at 0:10" in text


def test_recording_of_nothing_but_missing_samples(told, tmp_path):
    code, text = told("score", csv(tmp_path, "nan.csv", np.full((3000, 1), np.nan), 250))
    assert code in (3, 6)
    assert "nan.csv" in text


def test_zero_length_record(told, tmp_path):
    code, text = told("score", csv(tmp_path, "empty.csv", [], 250))
    assert code == 6
    assert "empty.csv" in text


def test_recording_that_is_not_there(told, tmp_path):
    code, text = told("score", tmp_path / "nothing.csv")
    assert code == 3
    assert "nothing.csv" in text


def test_30_hz_record(told, tmp_path):
    code, text = told("score", csv(tmp_path, "slow.csv", np.random.default_rng(0).normal(size=(900, 1)), 30))
    assert code == 6
    assert "30" in text
    assert "Hz" in text


def test_model_file_cut_short(told, tmp_path):
    shutil.copytree(ZOO, tmp_path / "zoo")
    for file in (tmp_path / "zoo").glob("*.onnx"):
        file.write_bytes(file.read_bytes()[:-100])
    path = csv(tmp_path, "a.csv", np.zeros((2000, 1)), 100)
    code, text = told("score", path, "--model", tmp_path / "zoo" / "encoder.json")
    assert code == 4
    assert ".onnx" in text


def test_card_that_somebody_edited(told, tmp_path):
    shutil.copytree(ZOO, tmp_path / "zoo")
    card = tmp_path / "zoo" / "encoder.json"
    content = json.loads(card.read_text())
    content["version"] = "9.9.9"
    card.write_text(json.dumps(content))
    path = csv(tmp_path, "a.csv", np.zeros((2000, 1)), 100)
    code, text = told("score", path, "--model", card)
    assert code == 4
    assert "edited" in text or "changed" in text


def test_no_such_model(told, tmp_path):
    code, text = told("stream", "simulate:sinus", "--model", "encodr")
    assert code == 4
    assert "encodr" in text


def test_unknown_output(told):
    code, text = told("stream", "simulate:sinus", "--to", "jsno:-")
    assert code == 5
    assert "jsonl:" in text


def test_unknown_scenario(told):
    code, text = told("stream", "simulate:sinsu")
    assert code == 3
    assert "sinsu" in text


@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")
def test_disk_full_while_recording(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    wfdb = pytest.importorskip("wfdb")
    try:
        command = [sys.executable, "-m", "wearecg", "stream", "simulate:sinus?speed=10", "--record", small]
        ran = subprocess.run([*map(str, command), "--duration", "8"], capture_output=True, text=True)
        assert ran.returncode == 5
        assert "No space left on device" in ran.stderr
        assert "No space left on device" in ran.stdout
        (record,) = (p for p in small.glob("*.hea") if p.stem.endswith("Z"))
        kept = wfdb.rdrecord(str(record.with_suffix(""))).p_signal
        assert len(kept) > 500 * 20
        assert not np.isnan(kept).any()
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_port_is_left_alone_after_the_end(port, told):
    threads = threading.active_count()
    told("stream", "--port", port[1], "--duration", 0.2)
    deadline = time.monotonic() + 2
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == threads


STREAM = [sys.executable, "-m", "wearecg", "stream", "simulate:sinus", "--model", "none"]


def shell(line, folder):
    """Run a line of sh in which "$@" is `wearecg stream` of a simulated person."""
    return subprocess.run(
        ["sh", "-c", line, "sh", *STREAM], cwd=folder, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("ignored", ["HUP", "INT"])
def test_a_signal_that_is_ignored_at_the_start_stays_so(tmp_path, ignored):
    start = f'(trap "" {ignored}; exec "$@" --record rec) >out 2>err & p=$!'
    records = "until ls rec/*.dat >/dev/null 2>&1; do sleep 0.1; done"
    ran = shell(
        f"{start}; {records}; kill -{ignored} $p; sleep 4; kill -TERM $p && wait $p && cat err", tmp_path
    )
    assert ran.returncode == 0
    assert float(ran.stdout.partition("ecg: ")[2].partition(" s;")[0]) > 3


def test_a_closed_stdout_is_one_line(tmp_path):
    for output in ((), ("--to", "jsonl:-"), ("--to", "journal:"), ("--to", "live:", "--record", "r")):
        ran = shell(f'"$@" --duration 1 {" ".join(output)} >&-', tmp_path)
        assert ran.returncode == 5
        assert len(ran.stderr.splitlines()) == 1
        assert "writes to stdout, which is closed" in ran.stderr


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_without_stdout_it_records(tmp_path, closed):
    wfdb = pytest.importorskip("wfdb")
    ran = shell(f'"$@" --duration 2 --record rec {closed}', tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "")
    (record,) = (path for path in (tmp_path / "rec").glob("*.hea") if path.stem.endswith("Z"))
    assert wfdb.rdrecord(str(record.with_suffix(""))).n_sig == 12


def test_a_closed_stderr_changes_no_exit_code(tmp_path):
    ran = shell('"$@" --record "" --to nowhere: 2>&-', tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (5, "", "")


def test_a_pipe_that_nobody_reads_is_told(told, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    code, text = told("stream", "simulate:sinus", "--duration", 1, "--to", f"jsonl:{tmp_path / 'pipe'}")
    assert code == 5
    assert text.startswith("wearecg: jsonl: nobody reads the pipe")


@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends the process")
def test_a_runtime_that_ends_the_process_does_not_keep_the_signal_from_being_recorded(tmp_path: Path) -> None:
    package = tmp_path / "dies" / "onnxruntime"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    path = os.pathsep.join([str(package.parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    source = ["simulate:sinus?speed=max", "--duration", "3"]
    command = [sys.executable, "-m", "wearecg", "stream", *source, "--record", str(tmp_path / "rec")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "onnxruntime" in done.stdout
    assert "the recording goes on without it" in done.stdout
    assert list((tmp_path / "rec").glob("*.dat"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("more", [(), ("--to", "jsonl:-")])
def test_a_full_stdout_is_one_line(tmp_path, more):
    path = csv(tmp_path, "r.csv", [[i % 50 / 50] for i in range(1000)], 250)
    command = [sys.executable, "-m", "wearecg", "score", str(path), "--model", "none", *more]
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert ran.returncode == 5
    assert ran.stderr == "wearecg: the standard output cannot be written: No space left on device\n"
