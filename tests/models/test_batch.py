"""Many recordings together give what each gives alone."""

from __future__ import annotations

import numpy as np
import pytest

import wearecg
from wearecg.errors import LeadError, SignalError
from wearecg.models import load_model

LEADS = "II,V1"
SCENARIOS = ("sinus", "af", "pvc", "bigeminy+noise")


def people(fs: float = 100.0, shortest: int = 10, each: int = 7) -> list[np.ndarray]:
    """Two leads each, [n, 2], of lengths that differ; together more windows than go through a network at once."""
    made = []
    for seed in range(8):
        person = wearecg.Person(seed, SCENARIOS[seed % 4], fs)
        columns = [person.leads.index(lead) for lead in LEADS.split(",")]
        made.append(person.samples(round((shortest + each * seed) * fs))[:, columns])
    return made


def numbers(scores) -> np.ndarray:
    """Everything that is said of a recording and its windows."""
    parts = [
        [*(p for group in one.probabilities.values() for p in group.values()), *one.embedding]
        for one in (scores, *scores.windows)
    ]
    return np.array(parts)


@pytest.mark.parametrize("runtime", ["onnx", "tflite"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("fs", [100.0, 250.0])
def test_the_same_numbers_as_one_by_one(runtime, precision, fs):
    if runtime == "tflite":
        pytest.importorskip("ai_edge_litert", reason="no .tflite runtime is installed")
    model = load_model("encoder", precision, runtime)
    recordings = people(fs)
    recordings[3][round(10 * fs) : round(20 * fs)] = np.nan
    together = model.batch(recordings, fs, LEADS)
    alone = [model(x, fs, LEADS) for x in recordings]
    for one, other in zip(together, alone, strict=True):
        assert (one.skipped, one.leads, one.unlike) == (other.skipped, other.leads, other.unlike)
        assert [(w.start, w.end) for w in one.windows] == [(w.start, w.end) for w in other.windows]
        a, b = numbers(one), numbers(other)
        if precision == "int8":
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
    assert together[3].skipped[0][0] == 10.0


def test_one_lead_wherever_and_windows_that_overlap():
    model = load_model("rhythm1")
    recordings = [x[:, :1] for x in people(shortest=30)]
    together = model.batch(iter(recordings), 100, "ECG", hop_s=10)
    for one, x in zip(together, recordings, strict=True):
        np.testing.assert_array_equal(numbers(one), numbers(model(x, 100, "ECG", hop_s=10)))


def test_an_array_of_recordings_and_none_at_all():
    model = load_model("encoder")
    recordings = np.stack([x[:1000] for x in people()])
    assert len(model.batch(recordings, 100, LEADS)) == len(recordings)
    assert model.batch([], 100, LEADS) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:900], r"^recording 2: 900 samples at 100 Hz are 9\.00 s"),
        (lambda x: x[:, :1], r"^recording 2: samples have shape \(\d+, 1\) for 2 leads"),
        (lambda x: x * 1000, r"^recording 2: lead .* spans \d+: that is no ECG in mV"),
        (lambda x: np.zeros_like(x), r"^recording 2: nothing to score in 24\.0 s: .* or flat"),
        (lambda x: [["a", "b"]], r"^recording 2: samples are not numbers"),
    ],
)
def test_a_recording_that_cannot_be_scored_is_told_by_its_index(change, message):
    recordings = people()
    recordings[2] = change(recordings[2])
    with pytest.raises(SignalError, match=message):
        load_model("encoder").batch(recordings, 100, LEADS)


def test_what_is_wrong_with_all_names_none():
    model = load_model("encoder")
    with pytest.raises(SignalError, match=r"^a rate of 20 Hz is too low"):
        model.batch(people(), 20, LEADS)
    with pytest.raises(SignalError, match=r"^hop_s is 0"):
        model.batch(people(), 100, LEADS, hop_s=0)
    with pytest.raises(LeadError, match="does not know lead 'V9'"):
        model.batch(people(), 100, "II,V9")


def live(x: np.ndarray, start: float, leads: tuple[str, ...]) -> wearecg.Window:
    quality = wearecg.Quality(start, start + 10, ())
    return wearecg.Window(x[:1000, : len(leads)], 100.0, leads, start, (True,) * len(leads), quality)


def test_live_windows_together_say_what_each_says_alone():
    model = load_model("encoder")
    windows = [
        live(x, float(second), (("II", "V1"), ("II",), ("II", "PPG"), ("PPG",))[second % 4])
        for second, x in enumerate(people())
    ]
    together = model.score_windows(windows)
    assert together == [model.score_window(window) for window in windows]
    assert {said.why for found in together for said in found} >= {None, "leads"}
    assert model.score_windows([]) == []
