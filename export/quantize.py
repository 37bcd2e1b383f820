"""Static int8 in both formats: int8 weights per channel, 8-bit activations, ranges from real windows.

Convolutions become int8, except the first one or two and the last. 256 steps over +-5 mV are 39 uV each, too coarse
for a P wave; and the output of the first layer for one lead is small compared with that for twelve: quantising the
input of the second layer makes two thirds of the whole error and saves a seventh of the time. An output with 256
steps gives equal scores to different windows. Sums and pooling also stay in floating point: int8 sums cost up to
0.04 macro AUROC with a single lead. So do fully connected layers: they are a hundredth of the work, and converting
to int8 and back takes longer.

The clipping of activations is a trade-off between the step size for a window with one lead and the extremes of one
with artefacts: with plain minimum and maximum, lead I lost up to 0.005.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

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

from export.to_tflite import WEIGHTED, Graph, quiet, read_graph

Array = NDArray[np.float32]

SIGNATURE = "serving_default"
FIRST = 2
"""How many layers after the inputs stay in floating point by default."""


class Node(NamedTuple):
    """One node of a graph of either format."""

    name: str
    weighted: bool
    reads: set[Any]
    writes: set[Any]


class Windows(CalibrationDataReader):  # type: ignore[misc]
    """Feeds calibration windows one by one."""

    def __init__(self, signal: Array, mask: Array) -> None:
        self._feeds: Iterator[dict[str, Array]] = iter(
            [{"signal": s[None], "mask": m[None]} for s, m in zip(signal, mask, strict=True)]
        )

    def get_next(self) -> dict[str, Array] | None:
        """Return the next feed, None at the end."""
        return next(self._feeds, None)


LAYOUT = ("Reshape", "Transpose", "Squeeze", "Unsqueeze")
"""Operators that only move numbers: the layer that computes an output may be before them."""


def quantize_onnx(
    fp32: Path,
    int8: Path,
    signal: Array,
    mask: Array,
    percentile: float,
    first: int = FIRST,
    per_channel: bool = True,
) -> None:
    """Write the int8 form of an ONNX model, calibrated on prepared windows ``[n, 12, length]``.

    uint8 activations and int8 weights: signed activations are four times slower on x86. ``reduce_range``
    keeps the sums of products inside 16 bits on processors without VNNI, where they would saturate silently.

    Parameters
    ----------
    percentile : float
        Of all values of an activation; what lies beyond is clipped.
    first : int
        How many layers after the inputs stay in floating point.
    """
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
            per_channel=per_channel,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # With ReLU, a convolution's output goes straight to the range that its ReLU leaves.
            op_types_to_quantize=["Conv", "Relu"],
            nodes_to_exclude=first_and_last(graph, first),
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": percentile},
        )


def first_and_last(graph: onnx.GraphProto, first: int = FIRST) -> list[str]:
    """Name the layers that stay in floating point."""
    nodes = [Node(n.name, n.op_type in ("Conv", "Gemm"), {*n.input}, {*n.output}) for n in graph.node]
    wanted, last = {output.name for output in graph.output}, []
    for node in reversed(graph.node):
        if not wanted.isdisjoint(node.output):
            if node.op_type in LAYOUT:
                wanted.add(node.input[0])
            last.append(node.name)
    return _first(nodes, {i.name for i in graph.input}, first) + last


def quantize_tflite(
    fp32: Path,
    int8: Path,
    signal: Array,
    mask: Array,
    percentile: float,
    first: int = FIRST,
    per_channel: bool = True,
) -> None:
    """Write the int8 form of a .tflite model, calibrated on prepared windows ``[n, 12, length]``.

    Parameters
    ----------
    percentile : float
        Of the windows, by their largest (and smallest) value of an activation; what lies beyond is clipped.
        The quantiser's own calibration is a moving average over the windows, which clips most of them.
    first : int
        How many layers after the inputs stay in floating point.
    """
    with quiet():
        from ai_edge_quantizer import algorithm_manager, calibrator, qtyping, quantizer
        from ai_edge_quantizer.utils import qsv_utils

        content = fp32.read_bytes()
        name, granularity = qtyping.TFLOperationName, qtyping.QuantGranularity
        job = quantizer.Quantizer(bytearray(content))
        for kind in (name.CONV_2D, name.DEPTHWISE_CONV_2D):
            job.add_static_config(
                ".*", kind, 8, 8, granularity.CHANNELWISE if per_channel else granularity.TENSORWISE
            )
        for tensor in first_and_last_tflite(read_graph(content), first):
            job.update_quantization_recipe(
                f"^{re.escape(tensor)};$",
                name.ALL_SUPPORTED,
                algorithm_key=algorithm_manager.AlgorithmName.NO_QUANTIZE,
            )
        calibration = calibrator.Calibrator(content, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
        extremes = []
        for s, m in zip(signal, mask, strict=True):
            calibration.reset_model_qsvs()
            feed = {"args_0": s[None], "args_1": m[None]}
            calibration.calibrate({SIGNATURE: [feed]}, job._recipe_manager)
            extremes.append(calibration.get_model_qsvs())
        result = job.quantize(_ranges(extremes, percentile), enable_progress_report=False)
    int8.write_bytes(bytes(result.quantized_model))


def first_and_last_tflite(graph: Graph, first: int = FIRST) -> list[str]:
    """Name the outputs of the layers that stay in floating point."""
    nodes = [
        Node(graph.names[op.outputs[0]], op.kind in WEIGHTED, {*op.inputs}, {*op.outputs})
        for op in graph.operators
    ]
    last = [node.name for node in nodes if node.writes & {*graph.outputs}]
    return _first(nodes, {*graph.inputs}, first) + last


def _first(nodes: Sequence[Node], inputs: set[Any], first: int) -> list[str]:
    """Name the layers with at most ``first - 1`` other layers between them and the inputs."""
    depth = dict.fromkeys(inputs, 0)
    names = []
    for node in nodes:
        above = [depth[tensor] for tensor in node.reads if tensor in depth]
        if not above:
            continue
        here = max(above) + node.weighted
        depth |= dict.fromkeys(node.writes, here)
        if node.weighted and here <= first:
            names.append(node.name)
    return names


def _ranges(
    extremes: list[dict[str, dict[str, NDArray[np.floating]]]], percentile: float
) -> dict[str, dict[str, NDArray[np.floating]]]:
    """Smallest and largest value of each tensor over the windows, without the most extreme windows."""
    ranges = {}
    for tensor, first in extremes[0].items():
        if not first:
            ranges[tensor] = first
            continue
        low, high = (np.stack([window[tensor][end] for window in extremes]) for end in ("min", "max"))
        ranges[tensor] = {
            "min": np.percentile(low, 100 - percentile, axis=0).astype(np.float32),
            "max": np.percentile(high, percentile, axis=0).astype(np.float32),
        }
    return ranges
