# ruff: noqa: E402 (the check for the extra comes before its imports)
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")
onnx = pytest.importorskip("onnx", reason="the export extra is not installed")
import onnxruntime as ort
from torch import nn

from export.quantize import first_and_last, quantize
from export.to_onnx import to_onnx


class Tiny(nn.Module):
    """Convolutions, pooling, an embedding with a ReLU behind it: the shape of the trap."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv2d(12, 8, (1, 9), stride=(1, 8))
        self.second = nn.Conv2d(8, 8, (1, 3))
        self.embed, self.hidden, self.head = nn.Linear(8, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, signal, mask):
        x = torch.relu(self.first((signal * mask.unsqueeze(-1)).unsqueeze(2)))
        embedding = self.embed(torch.relu(self.second(x)).mean(dim=(2, 3)))
        return embedding, self.head(torch.relu(self.hidden(torch.relu(embedding))))


def made(tmp_path):
    fp32, int8 = tmp_path / "a.onnx", tmp_path / "b.onnx"
    to_onnx(Tiny().eval(), fp32, 12, 1000, ["embedding", "superclass"])
    rng = np.random.default_rng(2)
    signal = rng.normal(size=(100, 12, 1000)).astype(np.float32)
    mask = (rng.random((100, 12)) < 0.7).astype(np.float32)
    signal *= mask[..., None]
    quantize(fp32, int8, signal, mask)
    return fp32, int8, signal, mask


def test_int8_follows_fp32_and_keeps_the_negative_half_of_the_embedding(tmp_path):
    fp32, int8, signal, mask = made(tmp_path)
    feed = {"signal": signal, "mask": mask}
    a, b = (ort.InferenceSession(p, providers=["CPUExecutionProvider"]).run(None, feed) for p in (fp32, int8))
    assert a[0].min() < -0.05
    for x, y in zip(a, b, strict=True):
        assert np.corrcoef(x.ravel(), y.ravel())[0, 1] > 0.99
        assert np.abs(x - y).max() < 0.15 * np.ptp(x)


def test_layers_that_stay_in_floating_point(tmp_path):
    fp32, int8, _, _ = made(tmp_path)
    graph = onnx.load(fp32).graph
    kinds = {node.name: node.op_type for node in graph.node}
    assert sorted(kinds[name] for name in first_and_last(graph)).count("Conv") == 1
    quantised = onnx.load(int8).graph
    weights = {i.name for i in quantised.initializer}
    assert any("first.weight" in name for name in weights)
    kept = next(n for n in quantised.node if n.op_type == "Conv")
    assert kept.input[1] in weights  # not behind a DequantizeLinear
    assert sum(n.op_type == "Conv" for n in quantised.node) == 2
    assert any(i.data_type == onnx.TensorProto.INT8 for i in quantised.initializer)
