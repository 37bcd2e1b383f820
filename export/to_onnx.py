"""From torch to ONNX, without traces of the machine in the file."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import torch
from torch import nn

OPSET = 18


def to_onnx(net: nn.Module, path: Path, leads: int, length: int, outputs: Sequence[str]) -> None:
    """Export a folded network, ``signal [N, leads, length]`` and ``mask [N, leads]`` in, any N."""
    example = (torch.zeros(2, leads, length), torch.ones(2, leads))
    batch = torch.export.Dim("N", min=1)
    # It logs every torchvision operator that it cannot register; none is used here.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # From torch's own exporter; a caller cannot avoid them.
        warnings.filterwarnings("ignore", message="# The axis name: N will not be used")
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        program = torch.onnx.export(
            net.eval(),
            example,
            dynamo=True,
            opset_version=OPSET,
            input_names=["signal", "mask"],
            output_names=list(outputs),
            dynamic_shapes=({0: batch}, {0: batch}),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    strip(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def strip(model: onnx.ModelProto) -> None:
    """Remove stack traces and paths, which torch writes to the metadata of every node."""
    del model.metadata_props[:]
    model.doc_string = ""
    graph = model.graph
    del graph.metadata_props[:]
    for item in [*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer]:
        del item.metadata_props[:]
        item.doc_string = ""


def stamp(path: Path, props: Mapping[str, str]) -> None:
    """Write a card's stamp to a model file, in place of the existing metadata."""
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(props))
    onnx.save(model, path)
