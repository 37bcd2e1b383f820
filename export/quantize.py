"""Static int8 by ONNX Runtime: QDQ, uint8 activations, int8 weights per channel, reduced range.

``reduce_range`` keeps the sums of products inside 16 bits on processors without VNNI, where they
would saturate silently. Signed activations would be four times slower on x86.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

PERCENTILE = 99.99
"""Activations beyond this share are clipped. With min-max the extremes of a few windows with artefacts
take most of the 256 steps, and a window with a single lead, whose activations are small, is left with
few: it cost lead II up to 0.007 macro AUROC on fold 9."""

METHOD = (
    f"ONNX Runtime quantize_static: QDQ of Conv and Gemm, uint8 activations, int8 weights per channel, "
    f"reduced range, {PERCENTILE} % percentile over {{windows}} training windows with random lead subsets; "
    "the first convolution, the sums, the pooling and the output layers stay in floating point"
)


class Windows(CalibrationDataReader):  # type: ignore[misc]
    """Feeds calibration windows one by one."""

    def __init__(self, signal: NDArray[np.float32], mask: NDArray[np.float32]) -> None:
        self._feeds: Iterator[dict[str, NDArray[np.float32]]] = iter(
            [{"signal": s[None], "mask": m[None]} for s, m in zip(signal, mask, strict=True)]
        )

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next feed, None at the end."""
        return next(self._feeds, None)


def quantize(fp32: Path, int8: Path, signal: NDArray[np.float32], mask: NDArray[np.float32]) -> None:
    """Write the int8 form of a model, calibrated on prepared windows ``[n, 12, length]``."""
    # The quantiser reports its progress with print.
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(fp32, prepared, skip_symbolic_shape=True)
        graph = onnx.load(prepared).graph
        quantize_static(
            prepared,
            int8,
            Windows(signal, mask),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Gemm"],
            nodes_to_exclude=first_and_last(graph),
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": PERCENTILE},
        )


def first_and_last(graph: onnx.GraphProto) -> list[str]:
    """Name the layers that read the model's inputs and those that write its outputs.

    256 steps over +-5 mV are 39 uV each, coarser than a P wave deserves. An output in 256 steps ties
    scores that differ; worse, when a ReLU reads an output too (the embedding), the quantiser does not
    count the graph's output as a reader, gives the tensor the ReLU's range, and cuts its negative half.
    All of them are a small part of the work.
    """
    readers = {i.name for i in graph.input}
    first: list[str] = []
    for node in graph.node:
        if readers & set(node.input):
            first.append(node.name)
            if node.op_type not in ("Conv", "Gemm", "MatMul"):
                readers |= set(node.output)
    outputs = {output.name for output in graph.output}
    return first + [node.name for node in graph.node if outputs & set(node.output)]
