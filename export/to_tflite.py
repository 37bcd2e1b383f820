"""From torch to TFLite with litert-torch, and reading the graph of a .tflite file."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wearecg.models.runner import TRAILER

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
"""Operators with weights."""


@dataclass(frozen=True)
class Operator:
    """One node of a .tflite graph; tensors by number, -1 where an optional input is absent."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """The main graph of a .tflite file."""

    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    names: tuple[str, ...]
    """Of each tensor."""
    types: tuple[str, ...]
    """Of each tensor: ``FLOAT32``, ``INT8``, ..."""


def to_tflite(net: nn.Module, path: Path, leads: int, length: int) -> None:
    """Export a folded network, ``signal [1, leads, length]`` and ``mask [1, leads]`` in."""
    with quiet():
        import litert_torch

        model = litert_torch.convert(net.eval(), (torch.zeros(1, leads, length), torch.ones(1, leads)))
        model.export(str(path))


def stamp(path: Path, props: Mapping[str, str]) -> None:
    """Append a card's stamp to a model file; a FlatBuffer ignores bytes after its tables."""
    text = json.dumps(dict(props)).encode()
    path.write_bytes(path.read_bytes() + text + len(text).to_bytes(4, "little") + TRAILER)


def read_graph(content: bytes) -> Graph:
    """Read the main graph of a .tflite file."""
    from ai_edge_litert import schema_py_generated as schema

    kinds = _names(schema.BuiltinOperator)
    types = _names(schema.TensorType)
    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    (graph,) = model.subgraphs
    # Older files, from before there were more than 127 operators, have the code in the other field.
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    return Graph(
        tuple(
            Operator(kinds[codes[op.opcodeIndex]], tuple(map(int, op.inputs)), tuple(map(int, op.outputs)))
            for op in graph.operators
        ),
        tuple(map(int, graph.inputs)),
        tuple(map(int, graph.outputs)),
        tuple(tensor.name.decode() for tensor in graph.tensors),
        tuple(types[tensor.type] for tensor in graph.tensors),
    )


def dynamic_range(graph: Graph) -> list[str]:
    """Return the operators with integer weights and floating-point inputs.

    tflite-runtime 2.14 silently computes some of them wrong (a fully connected layer with a scale per channel: AUROC
    0.97 became 0.51).
    """
    return [
        graph.names[op.outputs[0]]
        for op in graph.operators
        if op.kind in WEIGHTED and graph.types[op.inputs[0]] != graph.types[op.inputs[1]]
    ]


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the converter's progress output and the warnings of its libraries."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        yield


def _names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}
