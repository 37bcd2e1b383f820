"""A tiny model of the kind of ``ppg2ecg``, made by hand: its outputs are simple functions of the pulse."""

from __future__ import annotations

import dataclasses

import numpy as np
from tiny_model import field, listing, make_card, matrix, node, tensor

from wearecg.models.card import Card, Input, Outputs, SignalOutput
from wearecg.models.preprocess import PULSE, Preprocessing

LAG_S = 0.55
SIGNALS = (
    SignalOutput("ecg", (1000,), "mV"),
    SignalOutput("beats", (1000,), "logit"),
    SignalOutput("lag", (2,), "s, log s^2"),
)
POINTS = {"beats": 0.38}
PULSE_INPUT = Input(100.0, 10.0, ("PPG",), "arbitrary", 25.0, 1, Preprocessing(name=PULSE))


def make_pulse_onnx(stamp: dict[str, str]) -> bytes:
    """``ecg``: a fifth of the pulse; ``beats``: its slope; ``lag``: always the same."""

    def ints(name: str, *values: int) -> bytes:
        return field(5, field(1, name) + b"".join(field(8, value) for value in values) + field(20, 7))

    flat = ints("axes", 1) + field(5, field(1, "keepdims") + field(3, 0) + field(20, 2))
    graph = (
        node("Mul", ["signal", "fifth"], "small")
        + node("ReduceMean", ["small"], "ecg", flat)
        + node("Conv", ["signal", "slope", "least"], "steep", ints("pads", 1, 1))
        + node("ReduceMean", ["steep"], "beats", flat)
        + node("MatMul", ["mask", "usual"], "lag")
        + field(2, "tiny")
        + matrix("fifth", np.full((1,), 0.2))
        + matrix("slope", np.array([[[-20.0, 0.0, 20.0]]]))
        + matrix("least", np.array([-3.0]))
        + matrix("usual", np.array([[LAG_S, -6.0]]))
        + field(11, tensor("signal", 1, 1000))
        + field(11, tensor("mask", 1))
        + field(12, tensor("ecg", 1000))
        + field(12, tensor("beats", 1000))
        + field(12, tensor("lag", 2))
    )
    props = b"".join(field(14, field(1, key) + field(2, value)) for key, value in stamp.items())
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13)) + props


def make_pulse_card(**changes: object) -> Card:
    card = make_card(name="tinypulse", input=PULSE_INPUT, outputs=Outputs(0, (), SIGNALS, points=POINTS))
    return dataclasses.replace(card, **changes)


def write_pulse_model(folder, card: Card | None = None):
    """Write a card and its two files into ``folder``; return the path of the card."""
    card = card or make_pulse_card()
    files = []
    for precision in ("fp32", "int8"):
        content = make_pulse_onnx(card.stamp(precision))
        name = f"{card.name}.{precision}.onnx"
        (folder / name).write_bytes(content)
        files.append(listing(content, name, precision))
    path = folder / f"{card.name}.json"
    dataclasses.replace(card, files=tuple(files)).write(path)
    return path
