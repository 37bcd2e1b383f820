from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
from export import gate
from export.errors import GateError
from wearecg.models.card import ZOO, Loss, Quantisation

TINY = Path(__file__).parents[1] / "models" / "data" / "tiny.tflite"


def row(**changes) -> Loss:
    forms = dict.fromkeys(("torch", "fp32_onnx", "int8_onnx", "fp32_tflite", "int8_tflite"), 0.9)
    return Loss("superclass", "II", **(forms | changes))


def rule(report) -> Quantisation:
    return Quantisation("none", "macro AUROC", False, False, 0.003, tuple(report))


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ([row(), row(int8_onnx=0.8969)], r"superclass, II: int8_onnx 0\.8969 against torch 0\.9000"),
        ([row(int8_tflite=0.8969)], r"superclass, II: int8_tflite 0\.8969 against torch 0\.9000"),
        ([row(int8_tflite=float("nan"))], "int8_tflite nan"),
        ([row(fp32_onnx=0.9003)], r"fp32_onnx 0\.9003 against torch 0\.9000"),
        ([row(fp32_tflite=0.8997)], r"fp32_tflite 0\.8997 against torch 0\.9000"),
        ([], "nothing was measured"),
    ],
)
def test_the_gate_refuses(report, message):
    with pytest.raises(GateError, match=message):
        gate.check(rule(report))


def test_the_gate_lets_pass_what_the_card_allows():
    gate.check(rule([row(int8_onnx=0.8971, int8_tflite=0.8971), row(int8_onnx=0.95)]))


def test_a_rule_may_count_an_error_relative_to_its_size():
    def errors(int8):
        forms = dict.fromkeys(("torch", "fp32_onnx", "fp32_tflite", "int8_tflite"), 90.0)
        report = (Loss("reconstructed", "II+V1+V5", **forms, int8_onnx=int8),)
        return Quantisation("none", "RMSE uV", True, True, 0.02, report)

    gate.check(errors(91.7))
    assert errors(91.8).worst(errors(91.8).report[0]) == pytest.approx(0.02)
    with pytest.raises(GateError, match=r"int8_onnx 91\.9000 against torch 90\.0000"):
        gate.check(errors(91.9))


def test_a_file_that_names_the_machine_is_refused(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(TINY.read_bytes() + b"/somewhere/site-packages/torch/nn")
    with pytest.raises(GateError, match=r"a\.tflite names the machine that made it: .*site-packages"):
        gate.check_file(path)


def test_a_file_that_is_too_large_is_refused(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(bytes(600_001))
    with pytest.raises(GateError, match="has 600001 bytes, 600000 are allowed"):
        gate.check_file(path, 600_000)
    gate.check_file(path)


def test_the_shipped_files_pass():
    pytest.importorskip("ai_edge_litert", reason="the export extra is not installed")
    for path in [*ZOO.glob("*.onnx"), *ZOO.glob("*.tflite")]:
        gate.check_file(path)
