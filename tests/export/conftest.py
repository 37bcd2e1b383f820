from __future__ import annotations

import numpy as np
import pytest

from export.datasets import pulses
from export.datasets.pulses import ECG_SD, FS, Pair

HEADER = "scp_codes,patient_id,strat_fold,filename_lr\n"  # a few of the publisher's columns
STATEMENTS = """,description,diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass
NDT,non-diagnostic T abnormalities,1.0,1.0,,STTC,STTC
NORM,normal ECG,1.0,,,NORM,NORM
IMI,inferior myocardial infarction,1.0,,,MI,IMI
LVH,left ventricular hypertrophy,1.0,,,HYP,LVH
CLBBB,complete left bundle branch block,1.0,,,CD,CLBBB
PVC,ventricular premature complex,,1.0,,,
SR,sinus rhythm,,,1.0,,
AFIB,atrial fibrillation,,,1.0,,
"""
DIAGNOSES = ("NORM", "NDT", "IMI", "LVH", "CLBBB")
LEADS = ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"]
RECORDS = 160
PULSE_LAG = 0.42


def write_ptbxl(root) -> None:
    """A small set in the publisher's layout, whose labels can be seen in its signals."""
    root.mkdir()
    (root / "scp_statements.csv").write_text(STATEMENTS)
    (root / "records100").mkdir()
    rng = np.random.default_rng(7)
    rows = [HEADER]
    t = np.arange(1000) / 100
    for i in range(RECORDS):
        kind, af = i % len(DIAGNOSES), i % 3 == 0
        codes = {DIAGNOSES[kind]: 0.0, "AFIB" if af else "SR": 0.0}
        name = f"records100/{i:05d}_lr"
        # Two records a patient, as in the real set; a patient stays in one fold.
        rows.append(f'"{codes}",{i // 2}.0,{i // 2 % 10 + 1},{name}\n')
        x = 0.5 * np.sin(2 * np.pi * (1 + 2 * kind) * t) + (0.5 * np.sin(2 * np.pi * 17 * t) if af else 0)
        x = x[:, None] * np.linspace(0.5, 1.5, 12) + rng.normal(scale=0.02, size=(1000, 12))
        np.rint(x * 1000).astype("<i2").tofile(root / f"{name}.dat")
        lines = [f"{i:05d}_lr 12 100 1000"]
        lines += [f"{i:05d}_lr.dat 16 1000.0(0)/mV 16 0 0 0 0 {lead}" for lead in LEADS]
        (root / f"{name}.hea").write_text("\n".join(lines) + "\n")
    (root / "ptbxl_database.csv").write_text("".join(rows))


@pytest.fixture(scope="session")
def ptbxl_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "ptbxl"
    write_ptbxl(root)
    return root


@pytest.fixture
def stopped_and_resumed(tmp_path, monkeypatch):
    """Return a function that stops a training after its first epoch, goes on, and returns the checkpoint."""
    from export.errors import ExportError
    from export.loop import Run

    def run(training, data, recipe, name):
        save = Run._save

        def stop_after_the_first(run):
            save(run)
            raise KeyboardInterrupt

        monkeypatch.setattr(Run, "_save", stop_after_the_first)
        with pytest.raises(KeyboardInterrupt):
            training.train(data, tmp_path, recipe)
        with pytest.raises(ExportError, match="1 of 2 epochs done"):
            training.load(tmp_path / f"{name}.pt")
        monkeypatch.setattr(Run, "_save", save)
        return training.train(data, tmp_path, recipe)

    return run


@pytest.fixture(scope="session")
def data(ptbxl_root, tmp_path_factory):
    from export.datasets import ptbxl

    return ptbxl.load(ptbxl_root, tmp_path_factory.mktemp("cache"))


def person(seed: int, seconds: float = 60.0, part: pulses.Part = "train") -> Pair:
    """A spike for every beat in the ECG, a hump for it in the pulse, `PULSE_LAG` later at the steepest."""
    rng = np.random.default_rng(seed)
    beats = 0.5 + np.cumsum(rng.uniform(0.7, 0.9, int(seconds)))
    beats = beats[beats < seconds - 1]
    t = np.arange(round(seconds * FS)) / FS
    fine = np.arange(2 * len(t)) / (2 * FS)
    ppg = sum(np.exp(-0.5 * ((t - b - PULSE_LAG - 0.12) / 0.12) ** 2) for b in beats)
    ecg = sum(np.exp(-0.5 * ((fine - b) / 0.012) ** 2) for b in beats)
    ecg = (ecg - ecg.mean()) / ecg.std() * ECG_SD
    found = pulses.find_pulses(ppg - ppg.mean(), FS)
    lag, agreement = pulses.find_lag(beats, found)
    name = f"p{seed}"
    return Pair(
        "bidmc",
        name,
        name,
        part,
        ppg.astype(np.float32),
        ecg.astype(np.float32),
        beats,
        found,
        lag,
        agreement,
    )


@pytest.fixture(scope="session")
def people():
    return [person(seed) for seed in range(3)] + [person(9, part="test"), person(10, part="test")]
