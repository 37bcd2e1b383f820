"""``wearecg models verify``: what it lets pass and what it does not."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tiny_model import make_card, write_model

from wearecg.cli import main
from wearecg.errors import ModelError
from wearecg.models import available, golden, load_card
from wearecg.models.runner import Runner
from wearecg.models.verify import verify


def rewrite(folder, change) -> None:
    """Exchange what the golden pairs of the tiny model expect."""
    card = load_card(folder / "tiny.json")
    pairs = golden.read(card, folder)
    expected = {form: {name: x.copy() for name, x in out.items()} for form, out in pairs.expected.items()}
    change(expected)
    entry = golden.write(dataclasses.replace(pairs, expected=expected), folder / "tiny.golden.npz")
    dataclasses.replace(card, golden=entry).write(folder / "tiny.json")


def checks(folder):
    return {check.file: check for check in verify(folder / "tiny.json")}


def test_an_honest_machine_agrees(tiny, capsys):
    assert main(["models", "verify", str(tiny / "tiny.json")]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["file", "engine", "max", "difference", "of", "allowed", "verdict"]
    assert [row.split()[0] for row in rows] == ["tiny.fp32.onnx", "tiny.int8.onnx"]
    assert all("onnxruntime" in row and row.endswith("agrees") for row in rows)


def test_pairs_read_back_as_they_were_made(tiny):
    card = load_card(tiny / "tiny.json")
    pairs = golden.read(card, tiny)
    again = golden.make(card, tiny, pairs.signal, pairs.mask)
    assert set(again.expected) == {"fp32_onnx", "int8_onnx"}
    for form, out in again.expected.items():
        for name, values in out.items():
            np.testing.assert_array_equal(values, pairs.expected[form][name])


def test_fp32_may_not_differ(tiny, capsys):
    def change(expected):
        expected["fp32_onnx"]["embedding"][1, 2] += 2e-4

    rewrite(tiny, change)
    assert main(["models", "verify", str(tiny / "tiny.json")]) == 4
    assert "DISAGREES" in capsys.readouterr().out
    assert checks(tiny)["tiny.fp32.onnx"].difference == pytest.approx(2e-4, rel=0.01)
    assert checks(tiny)["tiny.int8.onnx"].ok


@pytest.mark.parametrize(("moved", "off", "ok"), [(0.2, 0.3, True), (0.2, 0.5, False), (0.2, np.nan, False)])
def test_int8_may_differ_by_twice_what_quantisation_has_moved_it(tiny, moved, off, ok):
    def change(expected):
        # This machine gives ``truth``, the publisher's int8 gave ``truth + off``, ``moved`` away from fp32.
        for name, truth in expected["int8_onnx"].items():
            expected["int8_onnx"][name] = truth + np.float32(off)
            expected["fp32_onnx"][name] = truth + np.float32(off - moved)

    rewrite(tiny, change)
    assert checks(tiny)["tiny.int8.onnx"].ok is ok


def test_one_bad_pair_is_not_hidden_by_the_others(tiny):
    def change(expected):
        for name, truth in expected["int8_onnx"].items():
            expected["fp32_onnx"][name] = truth + np.array([[10.0], [0.01]], np.float32)
        for form in ("fp32_onnx", "int8_onnx"):
            expected[form]["superclass"][1] += 0.5

    rewrite(tiny, change)
    assert not checks(tiny)["tiny.int8.onnx"].ok


def test_a_damaged_file_is_named_and_the_others_are_checked(tiny, capsys):
    path = tiny / "tiny.fp32.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["models", "verify", str(tiny / "tiny.json")]) == 4
    first, second = capsys.readouterr().out.splitlines()[1:]
    assert "cut short or exchanged" in first
    assert second.endswith("agrees")


def test_damaged_pairs_are_refused(tiny, capsys):
    path = tiny / "tiny.golden.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert main(["models", "verify", str(tiny / "tiny.json")]) == 4
    assert "tiny.golden.npz is not the one its card describes" in capsys.readouterr().err


def test_pairs_that_lack_a_file_are_refused(tmp_path):
    card = write_model(tmp_path)
    pairs = golden.read(card, tmp_path)
    expected = {"fp32_onnx": pairs.expected["fp32_onnx"]}
    entry = golden.write(dataclasses.replace(pairs, expected=expected), tmp_path / "tiny.golden.npz")
    with pytest.raises(ModelError, match=r"golden pairs .*int8_onnx\.embedding"):
        golden.read(dataclasses.replace(card, golden=entry), tmp_path)


def test_the_golden_windows_are_always_the_same_and_fill_the_range():
    signal, mask = golden.windows(make_card().input)
    again, _ = golden.windows(make_card().input)
    np.testing.assert_array_equal(signal, again)
    assert mask.sum(axis=1).tolist() == [len(leads) for _, leads, _ in golden.CASES]
    assert np.abs(signal[-1]).max() == make_card().input.preprocessing.clip_mv


def test_every_engine_of_this_machine_agrees_with_the_shipped_models(capsys):
    assert main(["models", "verify"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert len(rows) == 6 * len(available())  # two ONNX files, two .tflite files in two engines each
    for row in rows:
        engine = row.split()[1]
        assert row.endswith("agrees" if find_spec(engine) else "not installed")


def test_litert_is_preferred_and_named():
    pytest.importorskip("ai_edge_litert", reason="no LiteRT")
    card = load_card("encoder")
    folder = Path(golden.__file__).parent / "zoo"
    runner = Runner(card, folder, "int8", "tflite")
    assert runner.engine.startswith("ai_edge_litert ")


def test_two_names_are_a_wrong_use(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["models", "verify", "a", "b"])
    assert stop.value.code == 2
    assert "one model at a time" in capsys.readouterr().err


def test_the_card_is_printed_with_its_tables(capsys):
    assert main(["models", "encoder"]) == 0
    out = capsys.readouterr().out
    for word in (
        "subclass",
        "form",
        "II+V1+V5",
        "I+II",
        "int8 tflite",
        "largest loss",
        "Not a medical device",
    ):
        assert word in out
