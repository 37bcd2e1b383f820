import subprocess
import sys


def modules_after(statement):
    code = f"{statement}; import sys; print('\\n'.join(sys.modules))"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_scoring_never_loads_what_belongs_to_training():
    loaded = modules_after("import numpy; from wearecg import load_model; load_model('encoder')")
    assert "onnxruntime" in loaded
    assert not {"torch", "matplotlib", "pandas", "wfdb"} & set(loaded)
