"""Nonsense as arguments of the public functions: every error is one of ours, in one line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import wearecg

ECG = wearecg.Person(seed=1, scenario="sinus", fs=250)
LEADS = ECG.leads
SAMPLES = ECG.samples(250 * 12)
SOURCE = "simulate:sinus?speed=max"
TWELVE = SAMPLES[:, :12]
PULSE = np.sin(np.arange(1500) / 20)

NONSENSE: dict[str, object] = {
    "None": None,
    "5": 5,
    "-1": -1,
    "nan": math.nan,
    "inf": math.inf,
    "'5'": "5",
    "''": "",
    "'x'": "x",
    "bytes": b"x",
    "True": True,
    "list": [None],
    "dict": {"a": 1},
    "object": object(),
    "array": np.array([["a", None]], dtype=object),
    "empty": np.empty((0, 0)),
    "path": Path("no/such"),
    "function": len,
}


def session(source: object = None, **more: object) -> object:
    source = wearecg.open_source(SOURCE) if source is None else source
    given = {"duration": 2, **more}
    return list(wearecg.Session(source, **given))  # type: ignore[arg-type]


def started(*args: object, **more: object) -> object:
    return list(itertools.islice(wearecg.stream(*args, **{"duration": 2, "observe": (), **more}), 3))  # type: ignore[arg-type]


ENDLESS = {("Session", "source", "None"), ("Session", "duration", "None"), ("Session", "turn", "function")}
"""What is right, goes on for ever, or fails by itself."""
CALLS: dict[str, tuple[Callable[..., object], dict[str, object]]] = {
    "load_model": (
        wearecg.load_model,
        {"name": "rhythm1", "precision": "int8", "runtime": "onnx", "profile": None},
    ),
    "hrv": (wearecg.hrv, {"beats": [0.8] * 40, "classes": (), "without": ()}),
    "open_source": (
        wearecg.open_source,
        {"spec": SOURCE, "device": None, "baud": None, "fs": None, "leads": ()},
    ),
    "open_observer": (wearecg.open_observer, {"spec": "encoder"}),
    "read_recording": (wearecg.read_recording, {"path": "none.csv", "fs": 250, "leads": (), "lsb": None}),
    "score": (
        wearecg.score,
        {"samples": SAMPLES, "fs": 250, "leads": LEADS, "observe": (), "name": "made"},
    ),
    "stream": (
        started,
        {"source": SOURCE, "device": None, "leads": (), "observe": (), "to": (), "duration": 2},
    ),
    "Session": (
        session,
        {
            "source": None,
            "observers": (),
            "sinks": (),
            "leads": (),
            "duration": 2,
            "stop": None,
            "turn": None,
        },
    ),
    "Model": (
        lambda **given: wearecg.load_model("encoder")(**given),
        {"samples": SAMPLES, "fs": 250, "leads": LEADS, "hop_s": None},
    ),
    "batch": (
        lambda **given: wearecg.load_model("encoder").batch(**given),
        {"recordings": [SAMPLES], "fs": 250, "leads": LEADS, "hop_s": None},
    ),
    "Reconstructor": (
        lambda **given: wearecg.load_model("lead12-linear")(**given),
        {"samples": SAMPLES[:, :2], "fs": 250, "leads": ("I", "II")},
    ),
    "PulseModel": (lambda **given: wearecg.load_model("ppg2ecg")(**given), {"samples": PULSE, "fs": 100}),
    "Delineator": (
        lambda **given: wearecg.load_model("waves")(**given),
        {"samples": SAMPLES[:, 1], "fs": 250, "peaks": [3.0, 4.0], "lead": "II"},
    ),
    "calibrate": (
        wearecg.calibrate,
        {
            "model": wearecg.load_model("lead12-linear"),
            "samples": SAMPLES,
            "fs": 250,
            "names": LEADS,
            "leads": ("II", "V1", "V5"),
            "reference": "made",
            "created": None,
            "ridge": 0.03,
        },
    ),
}


@pytest.mark.parametrize(
    ("name", "argument"), [(name, key) for name, (_, given) in CALLS.items() for key in given]
)
def test_every_error_is_one_of_ours(name: str, argument: str) -> None:
    call, given = CALLS[name]
    for what, value in NONSENSE.items():
        if (name, argument, what) in ENDLESS:
            continue
        said = "all is well"
        try:
            call(**{**given, argument: value})
        except wearecg.WearECGError as error:
            said = str(error)
        except Exception as error:
            pytest.fail(f"{name}({argument}={what}): {type(error).__name__}: {error}")
        assert "\n" not in said, what
        assert len(said) > 10, what


def test_masked_samples_are_missing() -> None:
    masked = np.ma.array(TWELVE.copy(), mask=False)
    masked[500:600] = np.ma.masked
    missing = TWELVE.copy()
    missing[500:600] = np.nan
    for observe in ((), "encoder"):
        ours, theirs = (wearecg.score(x, 250, LEADS[:12], observe=observe) for x in (masked, missing))
        assert (ours.beats, ours.quality, ours.findings) == (theirs.beats, theirs.quality, theirs.findings)
    model = wearecg.load_model("encoder")
    longer = [np.ma.concatenate([x] * 3) for x in (masked, np.ma.array(missing))]
    one, other = (model(x, 250, LEADS[:12]).probabilities for x in longer)
    for group in one:
        np.testing.assert_array_equal(one[group], other[group])
    assert np.isnan(wearecg.hrv(np.ma.array([0.8] * 40, mask=[True] * 40)).rmssd)
