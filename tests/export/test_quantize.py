"""The quantisers' known traps, in both formats, on a network with the shape of the encoder."""

# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
onnx = pytest.importorskip("onnx", reason="the export extra is not installed")
pytest.importorskip("litert_torch", reason="the export extra is not installed")
import onnxruntime as ort
from ai_edge_litert.interpreter import Interpreter
from onnx import numpy_helper
from torch import nn

from export import gate
from export.errors import GateError
from export.layers import fold
from export.quantize import first_and_last, first_and_last_tflite, quantize_onnx, quantize_tflite
from export.to_onnx import to_onnx
from export.to_tflite import WEIGHTED, dynamic_range, quiet, read_graph, stamp, to_tflite
from wearecg.models.runner import TRAILER

RNG = np.random.default_rng(2)
MASK = (RNG.random((100, 12)) < 0.7).astype(np.float32)
SIGNAL = RNG.normal(size=(100, 12, 1000)).astype(np.float32) * MASK[..., None]
SIGNAL[0] *= 3  # one loud window


class Tiny(nn.Module):
    """Convolutions with batch norm, pooling, an embedding with a ReLU behind it: the shape of the traps."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.bn = nn.Conv2d(12, 8, (1, 9), stride=(1, 8)), nn.BatchNorm2d(8)
        self.conv1, self.bn1 = nn.Conv2d(8, 8, (1, 3)), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 8, (1, 3)), nn.BatchNorm2d(8)
        self.embed, self.hidden, self.head = nn.Linear(8, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, signal, mask):
        x = torch.relu(self.bn(self.conv((signal * mask.unsqueeze(-1)).unsqueeze(2))))
        x = torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))
        embedding = self.embed(x.mean(dim=(2, 3)))
        return embedding, self.head(torch.relu(self.hidden(torch.relu(embedding))))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of ``fp32`` and ``int8`` of both formats."""
    folder = tmp_path_factory.mktemp("tiny")
    net = Tiny().train()
    net(torch.from_numpy(SIGNAL), torch.from_numpy(MASK))
    net = fold(net)
    to_onnx(net, folder / "fp32.onnx", 12, 1000, ["embedding", "superclass"])
    to_tflite(net, folder / "fp32.tflite", 12, 1000)
    quantize_onnx(folder / "fp32.onnx", folder / "int8.onnx", SIGNAL, MASK, 100.0)
    quantize_tflite(folder / "fp32.tflite", folder / "int8.tflite", SIGNAL, MASK, 100.0)
    return folder


def run(path) -> list[np.ndarray]:
    if path.suffix == ".onnx":
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        return session.run(None, {"signal": SIGNAL, "mask": MASK})
    runner = Interpreter(str(path), num_threads=1).get_signature_runner()
    rows = [runner(args_0=s[None], args_1=m[None]) for s, m in zip(SIGNAL, MASK, strict=True)]
    return [np.concatenate([row[f"output_{i}"] for row in rows]) for i in range(2)]


@pytest.mark.parametrize("runtime", ["onnx", "tflite"])
def test_int8_follows_fp32_and_keeps_the_negative_half_of_the_embedding(made, runtime):
    a, b = run(made / f"fp32.{runtime}"), run(made / f"int8.{runtime}")
    assert a[0].min() < -0.05
    for x, y in zip(a, b, strict=True):
        assert np.corrcoef(x.ravel(), y.ravel())[0, 1] > 0.99
        assert np.abs(x - y).max() < 0.15 * np.ptp(x)


def test_both_formats_are_the_same_network(made):
    for a, b in zip(run(made / "fp32.onnx"), run(made / "fp32.tflite"), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_onnx_int8_has_unsigned_activations_and_weights_of_reduced_range(made):
    graph = onnx.load(made / "int8.onnx").graph
    constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    readers = {n.output[0]: n for n in graph.node if n.op_type == "DequantizeLinear"}
    convs = [n for n in graph.node if n.op_type == "Conv" and n.input[1] in readers]
    assert len(convs) == 1
    for conv in convs:
        weights = constants[readers[conv.input[1]].input[0]]
        assert weights.dtype == np.int8
        # Eight bits would saturate on x86 without VNNI.
        assert np.abs(weights).max() <= 64
        assert constants[readers[conv.input[1]].input[1]].size == len(weights)
        assert constants[readers[conv.input[0]].input[2]].dtype == np.uint8


def test_onnx_layers_that_stay_in_floating_point(made):
    graph = onnx.load(made / "fp32.onnx").graph
    kinds = Counter(n.op_type for n in graph.node if n.name in first_and_last(graph))
    assert kinds == {"Conv": 2, "Gemm": 2}  # the first two convolutions, embedding and head
    kinds = Counter(n.op_type for n in onnx.load(made / "int8.onnx").graph.node)
    assert kinds["QuantizeLinear"] == 2  # into the third convolution, and out of it behind its ReLU


def test_tflite_layers_that_stay_in_floating_point(made):
    graph = read_graph((made / "int8.tflite").read_bytes())
    kept = Counter(
        op.kind for op in graph.operators if op.kind in WEIGHTED and graph.types[op.inputs[1]] == "FLOAT32"
    )
    # The converter computes the embedding twice, with its ReLU and without.
    assert kept == {"CONV_2D": 2, "FULLY_CONNECTED": 4}
    fp32 = read_graph((made / "fp32.tflite").read_bytes())
    assert len(first_and_last_tflite(fp32)) == 4
    assert [graph.types[i] for i in (*graph.inputs, *graph.outputs)] == ["FLOAT32"] * 4


def test_tflite_is_calibrated_on_extremes_and_not_on_a_moving_average(made, tmp_path):
    """The loud first window would be forgotten; without it, int8 is off on it."""
    quantize_tflite(made / "fp32.tflite", tmp_path / "quiet.tflite", SIGNAL[1:], MASK[1:], 100.0)
    loud = [np.abs(run(p)[0][0] - run(made / "fp32.tflite")[0][0]).max() for p in
            (made / "int8.tflite", tmp_path / "quiet.tflite")]  # fmt: skip
    assert loud[0] < 0.5 * loud[1]


def test_a_percentile_clips_the_extreme_windows(made, tmp_path):
    quantize_tflite(made / "fp32.tflite", tmp_path / "clipped.tflite", SIGNAL, MASK, 90.0)
    fp32 = run(made / "fp32.tflite")[0]
    whole, clipped = (
        np.abs(run(p)[0] - fp32).max(axis=1) for p in (made / "int8.tflite", tmp_path / "clipped.tflite")
    )
    assert clipped[0] > 2 * whole[0]
    assert np.median(clipped[1:]) < np.median(whole[1:])


def test_batch_norms_are_folded_and_few_tensors_are_turned(made):
    kinds = Counter(op.kind for op in read_graph((made / "fp32.tflite").read_bytes()).operators)
    assert kinds["CONV_2D"] == 3
    assert kinds["TRANSPOSE"] <= 2
    assert sum(kinds.values()) < 20
    assert "BatchNormalization" not in {n.op_type for n in onnx.load(made / "fp32.onnx").graph.node}


def test_dynamic_range_files_are_told_and_refused(made, tmp_path):
    with quiet():
        from ai_edge_quantizer import quantizer, recipe

        job = quantizer.Quantizer(bytearray((made / "fp32.tflite").read_bytes()), recipe.dynamic_wi8_afp32())
        content = bytes(job.quantize(enable_progress_report=False).quantized_model)
    assert dynamic_range(read_graph(content))
    path = tmp_path / "dynamic.tflite"
    path.write_bytes(content)
    with pytest.raises(GateError, match=r"has dynamic-range layers .*quantise statically"):
        gate.check_file(path)
    for precision in ("fp32", "int8"):
        gate.check_file(made / f"{precision}.tflite")


def test_a_stamp_behind_a_tflite_file_does_not_change_it(made, tmp_path):
    path = tmp_path / "stamped.tflite"
    path.write_bytes((made / "int8.tflite").read_bytes())
    stamp(path, {"wearecg.model": "a@1"})
    assert path.read_bytes().endswith(TRAILER)
    for a, b in zip(run(path), run(made / "int8.tflite"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_file_names_a_path(made):
    for path in made.iterdir():
        assert not gate.LOCAL.search(path.read_bytes())
