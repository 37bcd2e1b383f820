"""A runtime whose import ends the process, as onnxruntime 1.21.0 did on a Raspberry Pi 4."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from wearecg.models import runtimes
from wearecg.models.runtimes import DeadRuntimeError, check_runtime, probe

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ends a process by a signal")

DIES = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"
LOAD = """
import wearecg
from wearecg.models.runtimes import DeadRuntimeError
for open_it in (lambda: wearecg.load_model("encoder"), lambda: wearecg.open_observer("auto")):
    try:
        open_it()
    except DeadRuntimeError as error:
        print(error)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "wearecg" / "runtimes.json"


def package(folder, code, name="onnxruntime"):
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(code)
    return folder


def python(folder, *command):
    paths = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *command], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True
    )


def test_loading_a_model_is_an_error_and_not_the_end(tmp_path):
    ran = python(package(tmp_path / "bad", DIES), "-c", LOAD)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("importing onnxruntime ")
        assert "ends the process (SIGILL) on this processor: pip install 'onnxruntime!=" in line


def test_doctor_names_it(tmp_path):
    ran = python(package(tmp_path / "bad", DIES), "-m", "wearecg", "doctor", "--json", "--directory", "/tmp")
    assert ran.returncode == 1, ran.stderr
    checks = {check["name"]: check for check in json.loads(ran.stdout)}
    assert checks["runtime onnxruntime"]["verdict"] == "problem"
    assert "SIGILL" in checks["runtime onnxruntime"]["found"]
    assert "pip install" in checks["runtime onnxruntime"]["remedy"]
    assert "SIGILL" in checks["model encoder"]["found"]


def test_a_good_one_is_tried_once_for_each_build(tmp_path, monkeypatch, cache):
    tried = []
    monkeypatch.setattr(runtimes, "probe", lambda name: tried.append(name) or "")
    folder = package(tmp_path / "good", "", "pretty")
    monkeypatch.syspath_prepend(folder)
    check_runtime("pretty")
    check_runtime("pretty")
    assert tried == ["pretty"]
    (folder / "pretty" / "__init__.py").write_text("# another build")
    check_runtime("pretty")
    monkeypatch.setattr(runtimes, "_processor", lambda: ["cpu part: 0xd08"])
    check_runtime("pretty")
    assert tried == ["pretty"] * 3
    for broken in ("{", '{"a": 1}', "[1]"):
        cache.write_text(broken)
        check_runtime("pretty")
    assert len(tried) == 6


def test_where_nothing_can_be_remembered_it_is_tried_each_time(tmp_path, monkeypatch, cache):
    cache.parent.parent.touch()  # a file in the folder's place
    monkeypatch.syspath_prepend(package(tmp_path / "good", "", "pretty"))
    check_runtime("pretty")
    assert not cache.exists()


def test_one_that_hangs_and_one_that_merely_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(runtimes, "PATIENCE_S", 0.5)
    folder = package(tmp_path / "bad", "import time\ntime.sleep(60)\n", "slow")
    monkeypatch.setenv("PYTHONPATH", str(package(folder, "raise ImportError('no NumPy')", "broken")))
    monkeypatch.syspath_prepend(folder)
    assert "hangs for 0.5 s" in probe("slow")
    with pytest.raises(DeadRuntimeError, match="reinstall slow"):
        check_runtime("slow")
    assert probe("broken") == ""
    check_runtime("absent")
