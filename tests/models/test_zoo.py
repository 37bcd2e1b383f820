"""The shipped encoder on real recordings: a bar that no change may lower."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from wearecg.models import load_model

RECORDS = 250


@pytest.fixture(scope="module")
def records():
    """The first records of fold 9: [(samples [1000, 12] mV, lead names, codes)]."""
    base = Path(os.environ.get("WEARECG_DATA", "")) / "ptbxl"
    if "WEARECG_DATA" not in os.environ or not (base / "ptbxl_database.csv").is_file():
        pytest.skip("WEARECG_DATA has no ptbxl")
    wfdb = pytest.importorskip("wfdb", reason="the formats extra is not installed")
    with (base / "ptbxl_database.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["strat_fold"] == "9"][:RECORDS]
    found = []
    for row in rows:
        record = wfdb.rdrecord(str(base / row["filename_lr"]))
        found.append((record.p_signal, record.sig_name, row["scp_codes"]))
    return found


@pytest.mark.parametrize(
    ("precision", "runtime"), [("fp32", "onnx"), ("int8", "onnx"), ("fp32", "tflite"), ("int8", "tflite")]
)
@pytest.mark.parametrize(
    ("code", "group", "leads", "bar"),
    [
        ("NORM", "superclass", None, 0.93),
        ("NORM", "superclass", ["II"], 0.87),
        ("SR", "rhythm", None, 0.93),
        ("AFIB", "rhythm", ["II"], 0.95),
    ],
)
def test_normal_sinus_and_af_are_told_apart(records, precision, runtime, code, group, leads, bar):
    if runtime == "tflite":
        pytest.importorskip("ai_edge_litert", reason="no .tflite runtime is installed")
    model = load_model("encoder", precision, runtime)
    scores, truth = [], []
    for samples, names, codes in records:
        names = [name.replace("AV", "aV") for name in names]
        use = [names.index(name) for name in leads or names]
        said = model(samples[:, use], 100, [names[i] for i in use])
        scores.append(said.probabilities[group][code])
        truth.append(f"'{code}'" in codes)
    scores, truth = np.array(scores), np.array(truth)
    assert truth.sum() >= 5
    pairs = scores[truth][:, None] - scores[~truth][None]
    assert ((pairs > 0) + 0.5 * (pairs == 0)).mean() >= bar
