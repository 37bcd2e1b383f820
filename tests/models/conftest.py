from __future__ import annotations

import sys
from pathlib import Path

import pytest

# pytest's importlib mode puts no test folder on the path; these tests share ``tiny_model``.
sys.path.append(str(Path(__file__).parent))

from tiny_model import write_model

collect_ignore = ["make_tflite.py"]
"""Made ``data/tiny.tflite``, with the export extra; no test needs it."""


@pytest.fixture
def tiny(tmp_path):
    """Folder with a tiny model; the card is ``tiny.json``."""
    write_model(tmp_path)
    return tmp_path
