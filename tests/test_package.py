"""What the package needs, and what its tests need."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
WITHOUT_EXPORT = """
import sys
for name in ("torch", "litert_torch", "onnxscript", "ai_edge_quantizer"):
    sys.modules[name] = None
import pytest
sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:xdist", "tests/export", "tests/models", "wearecg"]))
"""


def test_nothing_is_required_that_is_not_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    modules = {"pyserial": "serial"}
    required = [re.split(r"[<>=!\[ ]", line)[0] for line in project["dependencies"]]
    sources = [path for folder in ("wearecg", "firmware_bridge") for path in (ROOT / folder).rglob("*.py")]
    code = "\n".join(path.read_text() for path in sources)
    for name in required:
        module = modules.get(name, name)
        assert re.search(rf"^\s*(import|from) {module}\b", code, re.MULTILINE) or f'"{module}"' in code, name
    assert "scipy" not in required
    assert not re.search(r"^\s*(import|from) scipy", code, re.MULTILINE)


def test_without_the_export_extra_the_tests_are_collected(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXPORT], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:]
