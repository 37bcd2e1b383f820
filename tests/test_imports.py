import subprocess
import sys

import pytest

HEAVY = ("torch", "scipy", "matplotlib", "pandas", "wfdb", "rich", "serial", "onnxruntime", "bleak")


def modules_after(statement):
    code = f"{statement}; import sys; print('\\n'.join(sys.modules))"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_import_is_light():
    loaded = modules_after("import wearecg")
    assert "wearecg.block" in loaded
    assert not set(HEAVY) & set(loaded)


def test_scoring_never_loads_what_belongs_to_training():
    loaded = modules_after("import numpy; from wearecg import load_model; load_model('encoder')")
    assert "onnxruntime" in loaded
    assert not {"torch", "scipy", "matplotlib", "pandas", "wfdb"} & set(loaded)


def test_public_names_are_what_is_documented():
    import wearecg

    for name in wearecg.__all__:
        assert getattr(wearecg, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = wearecg.nonsense
