"""A tiny model made by hand: the same contract as a shipped one, without training."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import numpy as np

from wearecg.ecg.leads import TWELVE
from wearecg.models import golden, sealed
from wearecg.models.card import (
    Card,
    CardStatement,
    DataSet,
    GoldenFile,
    Group,
    Input,
    ModelFile,
    Outputs,
    Quantisation,
    Training,
)
from wearecg.models.preprocess import Preprocessing

EMBEDDING = 4


def make_card(**changes) -> Card:
    statements = tuple(
        CardStatement(code, code.lower(), 1.0, 0.0, 0.5, reported=True) for code in ("NORM", "MI")
    )
    card = Card(
        name="tiny",
        version="1.0.0",
        task="for tests",
        input=Input(100.0, 10.0, TWELVE, "mV", 50.0, 1, Preprocessing()),
        outputs=Outputs(EMBEDDING, (Group("superclass", statements),)),
        files=(),
        golden=GoldenFile("tiny.golden.npz", 0, 0, "none"),
        calibration="none",
        training=Training((DataSet("none", "none", "none", "none"),), "none", 1, 1, 0.1, "none"),
        measured=(),
        quantisation=Quantisation("none", "macro AUROC", False, False, 0.005, ()),
        parameters=1,
        mmac=0.1,
        limits=("Not a medical device.",),
    )
    return dataclasses.replace(card, **changes)


def field(number: int, value: bytes | str | int) -> bytes:
    """One field of a protobuf message: the tests need no onnx package."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    payload = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def node(kind: str, inputs: list[str], output: str, attributes: bytes = b"") -> bytes:
    names = b"".join(field(1, name) for name in inputs)
    return field(1, names + field(2, output) + field(4, kind) + attributes)


def matrix(name: str, values: np.ndarray) -> bytes:
    dims = b"".join(field(1, n) for n in values.shape)
    return field(5, dims + field(2, 1) + field(8, name) + field(9, values.astype("<f4").tobytes()))


def tensor(name: str, *shape: int) -> bytes:
    dims = field(1, field(2, "N")) + b"".join(field(1, field(1, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def make_onnx(stamp: dict[str, str], statements: int = 2, unlike: bool = False) -> bytes:
    """Embedding: mean absolute value of leads I, II, III, V6; logits: those of I and II; ``unlike``: that of I."""
    pick = np.zeros((12, EMBEDDING))
    pick[[0, 1, 2, 11], range(EMBEDDING)] = 1
    head = np.hstack([np.eye(EMBEDDING, statements), np.eye(EMBEDDING, int(unlike))])
    last_axis = field(5, field(1, "axes") + field(8, 2) + field(20, 7))
    drop_it = field(5, field(1, "keepdims") + field(3, 0) + field(20, 2))
    graph = (
        node("Abs", ["signal"], "magnitude")
        + node("ReduceMean", ["magnitude"], "mean", last_axis + drop_it)
        + node("Mul", ["mean", "mask"], "shown")
        + node("MatMul", ["shown", "pick"], "embedding")
        + node("MatMul", ["embedding", "head"], "logits")
        + field(2, "tiny")
        + matrix("pick", pick)
        + matrix("head", head)
        + field(11, tensor("signal", 12, 1000))
        + field(11, tensor("mask", 12))
        + field(12, tensor("embedding", EMBEDDING))
        + field(12, tensor("logits", head.shape[1]))
    )
    props = b"".join(field(14, field(1, key) + field(2, value)) for key, value in stamp.items())
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13)) + props


def listing(content: bytes, path: str, precision: str, runtime: str = "onnx") -> ModelFile:
    return ModelFile(path, precision, runtime, len(content), hashlib.sha256(content).hexdigest())


def write_model(folder, card: Card | None = None, pairs: bool = True, **kwargs) -> Card:
    """Write a card, its two files and their golden pairs into ``folder``; return the card."""
    card = card or make_card()
    files = []
    for precision in ("fp32", "int8"):
        content = make_onnx(card.stamp(precision), **kwargs)
        name = f"{card.name}.{precision}.onnx"
        (folder / name).write_bytes(content)
        files.append(listing(content, name, precision))
    card = dataclasses.replace(card, files=tuple(files))
    if pairs:
        signal = np.random.default_rng(6).normal(size=(2, 12, 1000)).astype(np.float32)
        made = golden.make(card, folder, signal, np.ones((2, 12), np.float32))
        card = dataclasses.replace(card, golden=golden.write(made, folder / f"{card.name}.golden.npz"))
    card.write(folder / f"{card.name}.json")
    return card


def edit_card(path, change, reseal: bool = False) -> None:
    """Change a card's JSON by hand; ``reseal`` does what only wearecg's own writer should do."""
    body = json.loads(path.read_text())
    change(body)
    if reseal:
        body.pop("seal")
        body["seal"] = sealed.digest(body)
    path.write_text(json.dumps(body))
