"""The same model as ONNX and as .tflite gives the same numbers behind the same call."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tiny_model import listing, make_card, make_onnx

from wearecg.errors import ModelError
from wearecg.models.card import load_card
from wearecg.models.runner import TRAILER, Runner

if not (find_spec("ai_edge_litert") or find_spec("tflite_runtime")):
    pytest.skip("no .tflite runtime is installed", allow_module_level=True)

TINY = (Path(__file__).parent / "data" / "tiny.tflite").read_bytes()


def with_trailer(model: bytes, stamp: dict[str, str]) -> bytes:
    text = json.dumps(stamp).encode()
    return model + text + len(text).to_bytes(4, "little") + TRAILER


def write(folder, content: bytes):
    onnx = make_onnx(make_card().stamp("fp32"))
    (folder / "tiny.fp32.onnx").write_bytes(onnx)
    (folder / "tiny.fp32.tflite").write_bytes(content)
    files = (listing(onnx, "tiny.fp32.onnx", "fp32"), listing(content, "tiny.fp32.tflite", "fp32", "tflite"))
    make_card(files=files).write(folder / "tiny.json")
    return load_card(folder / "tiny.json")


def test_both_runtimes_give_the_same(tmp_path):
    card = write(tmp_path, with_trailer(TINY, make_card().stamp("fp32")))
    rng = np.random.default_rng(4)
    signal = rng.normal(size=(3, 12, 1000)).astype(np.float32)
    mask = (rng.random((3, 12)) < 0.5).astype(np.float32)
    lite = Runner(card, tmp_path, "fp32", "tflite")
    a, b = lite.run(signal, mask), Runner(card, tmp_path, "fp32", "onnx").run(signal, mask)
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-4, atol=1e-6)
    assert lite.engine.split()[0] in ("ai_edge_litert", "tflite_runtime")


@pytest.mark.parametrize(
    "content", [TINY, with_trailer(TINY, make_card(version="9.9.9").stamp("fp32"))], ids=["none", "other"]
)
def test_a_tflite_file_of_no_card_or_another_is_refused(tmp_path, content):
    card = write(tmp_path, content)
    with pytest.raises(ModelError, match=r"does not belong to the card of tiny@1\.0\.0"):
        Runner(card, tmp_path, "fp32", "tflite")


def test_what_is_no_tflite_model_is_refused(tmp_path):
    card = write(tmp_path, b"nothing" * 10)
    with pytest.raises(ModelError, match="cannot be loaded by its runtime"):
        Runner(card, tmp_path, "fp32", "tflite")
