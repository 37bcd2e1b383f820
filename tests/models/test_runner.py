from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
from tiny_model import edit_card, listing, make_card, make_onnx, write_model

from wearecg.errors import MissingExtraError, ModelError
from wearecg.models import load_model, runner
from wearecg.models.card import load_card
from wearecg.models.runner import Runner

RNG = np.random.default_rng(3)
SIGNAL = RNG.normal(size=(3, 12, 1000)).astype(np.float32)
MASK = np.ones((3, 12), np.float32)


def test_a_model_runs_and_names_its_outputs(tiny):
    loaded = Runner(load_card(tiny / "tiny.json"), tiny)
    out = loaded.run(SIGNAL, MASK)
    assert {name: value.shape for name, value in out.items()} == {"embedding": (3, 4), "superclass": (3, 2)}
    np.testing.assert_allclose(out["superclass"], np.abs(SIGNAL[:, :2]).mean(axis=2), rtol=1e-5)
    assert loaded.engine.startswith("onnxruntime ")


@pytest.mark.parametrize("shape", [(1, 11, 1000), (1, 12, 999), (12, 1000)])
def test_a_signal_of_another_shape_is_refused(tiny, shape):
    loaded = Runner(load_card(tiny / "tiny.json"), tiny)
    with pytest.raises(ModelError, match=r"do not fit the model: expected \(N, 12, 1000\)"):
        loaded.run(np.zeros(shape, np.float32), np.ones(shape[:2], np.float32))


def test_a_missing_file_is_named(tiny):
    (tiny / "tiny.int8.onnx").unlink()
    with pytest.raises(ModelError, match=r"tiny\.int8\.onnx of tiny@1\.0\.0 cannot be read: No such file"):
        load_model(tiny / "tiny.json")


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_a_truncated_file_is_refused(tiny, keep):
    path = tiny / "tiny.int8.onnx"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"has \d+ bytes, its card says \d+: it was cut short or exchanged"):
        load_model(tiny / "tiny.json")


def test_a_file_with_one_flipped_bit_is_refused(tiny):
    path = tiny / "tiny.int8.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is not the one its card describes: sha256"):
        load_model(tiny / "tiny.json")


def test_files_swapped_under_their_names_are_refused(tiny):
    a, b = tiny / "tiny.int8.onnx", tiny / "tiny.fp32.onnx"
    first, second = a.read_bytes(), b.read_bytes()
    assert len(first) == len(second)
    a.write_bytes(second)
    b.write_bytes(first)
    for precision in ("int8", "fp32"):
        with pytest.raises(ModelError, match="is not the one its card describes"):
            load_model(tiny / "tiny.json", precision)


def paste(folder, content: bytes) -> None:
    """Put a file in the int8 file's place and its size and hash into the card, which is sealed anew."""
    (folder / "tiny.int8.onnx").write_bytes(content)
    entry = dataclasses.asdict(listing(content, "tiny.int8.onnx", "int8"))
    edit_card(folder / "tiny.json", lambda body: body["files"][1].update(entry), reseal=True)


def test_a_file_of_another_card_is_refused_though_its_hash_was_pasted(tiny):
    paste(tiny, make_onnx(make_card(version="2.0.0").stamp("int8")))
    with pytest.raises(ModelError, match=r"does not belong to the card of tiny@1\.0\.0.*'tiny@2\.0\.0'"):
        load_model(tiny / "tiny.json")


def test_the_fp32_file_does_not_pass_for_int8(tiny):
    paste(tiny, (tiny / "tiny.fp32.onnx").read_bytes())
    with pytest.raises(ModelError, match=r"its wearecg\.precision is 'fp32', the card's 'int8'"):
        load_model(tiny / "tiny.json")


def test_a_file_without_a_stamp_is_refused(tiny):
    paste(tiny, make_onnx({}))
    with pytest.raises(ModelError, match=r"its wearecg\.model is None"):
        load_model(tiny / "tiny.json")


def test_a_file_that_is_no_model_is_refused(tiny):
    paste(tiny, b"not a model")
    with pytest.raises(ModelError, match=r"tiny\.int8\.onnx cannot be loaded by its runtime"):
        load_model(tiny / "tiny.json")


def test_a_model_with_other_outputs_than_its_card_is_refused(tmp_path):
    write_model(tmp_path, pairs=False, statements=3)
    with pytest.raises(ModelError, match=r"its card says \{'embedding': \(4,\), 'logits': \(2,\)\}"):
        load_model(tmp_path / "tiny.json")


def test_without_a_tflite_runtime_the_extra_is_named(tiny, monkeypatch):
    content = b"anything"
    (tiny / "tiny.int8.tflite").write_bytes(content)
    card = load_card(tiny / "tiny.json")
    card = dataclasses.replace(card, files=(listing(content, "tiny.int8.tflite", "int8", "tflite"),))
    for package in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'wearecg\[tflite\]'"):
        Runner(card, tiny, runtime="tflite")


def test_an_engine_that_was_asked_for_is_not_replaced(tiny):
    card = load_card(tiny / "tiny.json")
    content = b"anything"
    (tiny / "tiny.int8.tflite").write_bytes(content)
    card = dataclasses.replace(card, files=(listing(content, "tiny.int8.tflite", "int8", "tflite"),))
    with pytest.raises(MissingExtraError):
        Runner(card, tiny, runtime="tflite", engine="no_such_engine")


def test_a_tflite_runtime_that_cannot_work_with_this_numpy_says_so(tiny, monkeypatch):
    def interpreter(**kwargs):
        raise SystemError("returned a result with an exception set")

    content = b"anything"
    (tiny / "tiny.int8.tflite").write_bytes(content)
    card = load_card(tiny / "tiny.json")
    card = dataclasses.replace(card, files=(listing(content, "tiny.int8.tflite", "int8", "tflite"),))
    monkeypatch.setattr(runner, "_interpreter", lambda packages: (interpreter, "tflite_runtime 2.14.0"))
    with pytest.raises(ModelError, match=r"tflite_runtime 2\.14\.0 cannot work with NumPy .*'numpy<2'"):
        Runner(card, tiny, runtime="tflite")


@pytest.mark.parametrize("runtime", ["onnx", "tflite"])
def test_the_shipped_forms_agree(runtime):
    if runtime == "tflite":
        pytest.importorskip("ai_edge_litert", reason="no .tflite runtime is installed")
    fp32, int8 = (load_model("encoder", precision, runtime) for precision in ("fp32", "int8"))
    signal = np.cumsum(SIGNAL, axis=-1) / 20
    signal -= signal.mean(axis=-1, keepdims=True)
    a, b = fp32.runner.run(signal, MASK), int8.runner.run(signal, MASK)
    cosine = np.sum(a["embedding"] * b["embedding"], axis=1) / (
        np.linalg.norm(a["embedding"], axis=1) * np.linalg.norm(b["embedding"], axis=1)
    )
    assert cosine.min() > 0.98
    assert fp32.card == int8.card


def test_shipped_files_are_small():
    card = load_card("encoder")
    for file in card.files:
        assert file.bytes <= {"fp32": 2_000_000, "int8": 600_000}[file.precision]
    assert card.golden.bytes < 60_000
