"""Everything that the command line does, from Python alone, as in a notebook."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import wearecg

FS = 250


@pytest.fixture(scope="module")
def person() -> wearecg.Person:
    return wearecg.Person(seed=1, scenario="af", fs=FS)


@pytest.fixture(scope="module")
def samples(person: wearecg.Person) -> np.ndarray:
    return person.samples(FS * 30)


def test_stream_record_and_read_back(tmp_path: Path) -> None:
    pytest.importorskip("wfdb", reason="the extra formats is not installed")
    record, lines = tmp_path / "rec", tmp_path / "events.jsonl"
    events = list(
        wearecg.stream(
            f"simulate:af?seed=1&fs={FS}&speed=max",
            leads="II,V1,V5",
            observe=("encoder", "rhythm1", "lead12"),
            to=(f"wfdb:{record}", f"jsonl:{lines}"),
            duration=45,
        )
    )
    findings = [event for event in events if isinstance(event, wearecg.Finding)]
    begun = {(one.source.partition("@")[0], one.code) for one in findings if one.change == "begins"}
    assert ("encoder", "AFIB") in begun
    assert any(source == "rhythm1" for source, _ in begun)
    kinds = {json.loads(line)["type"] for line in lines.read_text().splitlines()}
    assert {"stream", "beat", "rate", "quality", "finding", "summary"} <= kinds
    (header,) = (
        path for path in record.glob("*.hea") if path.stem.count("_") == 1 and "layout" not in path.stem
    )
    recording = wearecg.read_recording(header)
    assert recording.leads == ("II", "V1", "V5")
    assert recording.duration == pytest.approx(45, abs=1)
    beats = sum(isinstance(event, wearecg.Beat) for event in events)
    assert recording.annotations is not None
    assert recording.annotations.symbols.count("Q") == beats
    assert any("AFIB" in note for note in recording.annotations.notes)


def test_a_source_is_told_its_leads_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr("wearecg.sources.open_port", lambda *arguments: told.append(arguments[-1]))
    for leads in ("II, V1", ["II", "V1"]):
        wearecg.open_source("/dev/ttyNONE", "ascii", leads=leads)
    assert told == [("II", "V1")] * 2


def test_twelve_leads_out_of_three(person: wearecg.Person, samples: np.ndarray) -> None:
    columns = [person.leads.index(lead) for lead in ("II", "V1", "V5")]
    twelve = wearecg.load_model("lead12")(samples[:, columns], fs=FS, leads="II,V1,V5")
    assert twelve.mean.shape[1] == 12
    assert twelve.known.mean() > 0.5
    linear = wearecg.load_model("lead12-linear")(samples[:, columns], fs=FS, leads="II,V1,V5")
    assert linear.mean.shape == twelve.mean.shape


def test_a_lead_drawn_from_a_pulse(person: wearecg.Person, samples: np.ndarray) -> None:
    drawn = wearecg.load_model("ppg2ecg")(samples[:, person.leads.index("PPG")], fs=FS)
    true = len(person.beats_between(2, 28))
    assert true - 4 <= len(drawn.beats) <= true + 8


@pytest.mark.parametrize("name", ["encoder", "rhythm1"])
def test_the_other_runtime_and_the_other_precision(
    name: str, person: wearecg.Person, samples: np.ndarray
) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
    x = samples[:, [1]]
    forms = [
        wearecg.load_model(name, precision=precision, runtime=runtime)(x, fs=FS, leads="II")
        for precision, runtime in (("int8", "onnx"), ("int8", "tflite"), ("fp32", "tflite"))
    ]
    af = [next(p for codes in form.probabilities.values() for p in codes.values()) for form in forms]
    assert max(af) - min(af) < 0.2
    report = wearecg.score(x, FS, "II", observe=f"{name}?runtime=tflite&precision=fp32")
    assert {finding.source.partition("@")[0] for finding in report.findings} == {name}


def test_many_recordings_at_once(samples: np.ndarray) -> None:
    encoder = wearecg.load_model("encoder")
    parts = [samples[: FS * 12, [1]], samples[FS * 5 :, [1]]]
    together = encoder.batch(parts, fs=FS, leads="II")
    for scores, part in zip(together, parts, strict=True):
        alone = encoder(part, fs=FS, leads="II")
        assert scores.probabilities["rhythm"]["AFIB"] == pytest.approx(
            alone.probabilities["rhythm"]["AFIB"], abs=1e-5
        )


def test_a_report_without_any_model(samples: np.ndarray) -> None:
    report = wearecg.score(samples[:, [1]], FS, "II", observe=())
    assert not report.findings
    assert len(report.beats) > 20


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: wearecg.score(np.zeros((2500, 1)), 250, None), wearecg.LeadError),
        (lambda: wearecg.score(np.zeros((2500, 1)), 250, [1]), wearecg.LeadError),
        (lambda: wearecg.score(np.zeros((2500, 1)), 250, "II", observe=3), TypeError),
        (lambda: wearecg.open_observer(None), TypeError),
        (lambda: wearecg.open_source(3), TypeError),
    ],
)
def test_what_is_no_name_is_refused_in_words(call, error):
    with pytest.raises(error, match=r"give names|no name|it takes str"):
        call()
