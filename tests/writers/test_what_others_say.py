"""What validators and other readers say of the files that are written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.formats import Annotations, Recording, Stored, open_recording, read_recording
from wearecg.writers import writer_of

FS, EPOCH = 250.0, 1_795_000_000.25
LEADS = ("II", "V1")


def recording(n: int = 8000, epoch: float | None = EPOCH) -> Recording:
    x = (np.random.default_rng(0).integers(-3000, 3000, (n, 2)) * 0.001).astype(np.float32)
    x[3000:3300] = np.nan
    x[5000:5100, 1] = np.nan
    notes = Annotations(
        np.array([2.0, 4.0, 8.0, 24.0]),
        ("N", "V", '"', '"'),
        ("", "", "AFIB p=0.93 since=3.0s encoder@0.1.0", "AFIB ends encoder@0.1.0"),
    )
    return Recording(x, FS, LEADS, "r", (0.001,) * 2, notes, ("a comment",), epoch)


def write(path: Path, stored: Stored, target: str = "") -> list[str]:
    writer, _, options = writer_of(target or path.name)
    return [*writer.lost(stored, options), *writer.write(stored, path, options)]


@pytest.fixture(scope="session")
def dciodvfy() -> str:
    found = shutil.which("dciodvfy")
    if not found and os.environ.get("CI") == "true" and shutil.which("apt-get"):
        pytest.fail("dciodvfy is missing: tests/packages.sh installs it")
    return found or pytest.skip("needs dciodvfy of dicom3tools")


@pytest.mark.parametrize("kind", ["ambulatory", "general"])
@pytest.mark.parametrize("epoch", [EPOCH, None])
def test_dciodvfy_finds_no_error(tmp_path: Path, dciodvfy: str, kind: str, epoch: float | None) -> None:
    pytest.importorskip("pydicom")
    path = tmp_path / "r.dcm"
    write(path, Stored.of(recording(epoch=epoch)), f"dicom:r.dcm?kind={kind}")
    said = subprocess.run([dciodvfy, path], capture_output=True, text=True, check=False).stderr
    assert {"ambulatory": "AmbulatoryECG", "general": "GeneralECG"}[kind] in said
    assert "Error" not in said
    assert read_recording(path).epoch == epoch


def test_two_rates_of_an_ecg_are_two_groups(tmp_path: Path, dciodvfy: str) -> None:
    pytest.importorskip("pydicom")
    slow = Recording(np.ones((16000, 1), np.float32), 500.0, ("V6",), "r", (0.001,), epoch=EPOCH)
    stored = replace(Stored.of(recording()), others=(Stored.of(slow),))
    assert write(tmp_path / "r.dcm", stored) == []
    said = subprocess.run([dciodvfy, tmp_path / "r.dcm"], capture_output=True, text=True, check=False).stderr
    assert "GeneralECG" in said
    assert "Error" not in said
    got = open_recording(tmp_path / "r.dcm")
    assert {got.recording.fs, *(other.recording.fs for other in got.others)} == {250.0, 500.0}


def test_pydicom_reads_the_same_values(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    write(tmp_path / "r.dcm", Stored.of(recording()))
    values = pydicom.dcmread(tmp_path / "r.dcm").waveform_array(0)
    x = recording().samples
    held = np.isfinite(x)
    np.testing.assert_allclose(values[held], x[held] * 1000, atol=1e-3)


@pytest.mark.parametrize("version", ["R4", "R5"])
@pytest.mark.parametrize("epoch", [EPOCH, None])
def test_fhir_resources_accepts_the_bundle(tmp_path: Path, version: str, epoch: float | None) -> None:
    pytest.importorskip("fhir.resources")
    if version == "R4":
        from fhir.resources.R4B.bundle import Bundle
    else:
        from fhir.resources.bundle import Bundle
    path = tmp_path / "r.json"
    breath = Recording(np.ones((800, 1), np.float32), 25.0, ("RESP",), "r", (0.01,), units=("Ohm",))
    stored = replace(Stored.of(recording(epoch=epoch)), others=(Stored.of(breath),))
    write(path, stored, f"fhir:r.json?version={version}")
    bundle = Bundle.model_validate_json(path.read_text())
    kinds = [entry.resource.get_resource_type() for entry in bundle.entry]
    assert kinds == ["Observation"] * 8 + ["DiagnosticReport"]
    report = bundle.entry[-1].resource
    assert report.status == "preliminary"
    assert report.conclusion.startswith("atrial fibrillation, probability 0.93, by encoder@0.1.0")
    assert report.conclusionCode[0].coding[0].code == "164889003"
    referred = [reference.reference for reference in report.result]
    assert len(referred) == 6  # strips from 3 to 24 s, of both rates
    assert set(referred) <= {entry.fullUrl for entry in bundle.entry}
    got = read_recording(path)
    np.testing.assert_allclose(got.samples, recording().samples, atol=1e-6)
    assert got.epoch == epoch


def test_missing_samples_are_e_and_leads_have_their_codes(tmp_path: Path) -> None:
    write(tmp_path / "r.json", Stored.of(recording()))
    first = json.loads((tmp_path / "r.json").read_text())["entry"][1]["resource"]
    two, one = (part["valueSampledData"]["data"].split() for part in first["component"])
    assert (two[499], two[500:800], two[800]) == (two[499], ["E"] * 300, two[800])
    assert "E" not in (two[499], two[800], one[800])
    codes = [part["code"]["coding"][0]["code"] for part in first["component"]]
    assert codes == ["131330", "131331"]
    assert first["component"][0]["valueSampledData"]["period"] == 4


def test_the_example_of_hl7_is_read(tmp_path: Path) -> None:
    # The shape of HL7's own R4 example: another system, values of 2048 for 0.
    digits = "2041 2043 2037 E 2047 2060 U 2062"
    text = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "urn:oid:2.16.840.1.113883.6.24", "code": "131328"}]},
        "effectiveDateTime": "2015-02-19T09:30:35+01:00",
        "component": [
            {
                "code": {
                    "coding": [
                        {"system": "urn:oid:2.16.840.1.113883.6.24", "code": code, "display": f"MDC_{lead}"}
                    ]
                },
                "valueSampledData": {
                    "origin": {"value": 2048}, "period": 10, "factor": 1.612, "lowerLimit": -3300,
                    "upperLimit": 3300, "dimensions": 1, "data": digits,
                },
            }
            for code, lead in (("131329", "I"), ("131330", "II"))
        ],
    }  # fmt: skip
    (tmp_path / "ekg.json").write_text(json.dumps(text))
    got = read_recording(tmp_path / "ekg.json")
    assert (got.fs, got.leads, got.uncalibrated) == (100, ("I", "II"), ("I", "II"))
    assert got.epoch == 1424334635.0
    assert np.isnan(got.samples[[3, 6], 0]).all()
    assert got.samples[0, 0] == pytest.approx(2041 * 1.612 + 2048)


def test_parquet_has_nulls_and_a_fixed_schema(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    write(tmp_path / "r.parquet", Stored.of(recording()))
    table = parquet.read_table(tmp_path / "r.parquet")
    assert [(field.name, field.type) for field in table.schema] == [
        ("time", pa.float64()), ("II", pa.float32()), ("V1", pa.float32()),
    ]  # fmt: skip
    assert (table.column("II").null_count, table.column("V1").null_count) == (300, 400)
    assert table.column("time")[-1].as_py() == pytest.approx(7999 / 250)


@pytest.mark.parametrize("name", ["r.parquet", "r.json", "r.xml", "r.csv"])
def test_without_a_start_none_is_invented(tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    write(tmp_path / name, Stored.of(recording(epoch=None)))
    got = read_recording(tmp_path / name)
    assert got.epoch is None
    np.testing.assert_allclose(got.samples, recording().samples, atol=1e-6)


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({"resourceType": "Bundle"}, "holds no ECG: no Observation of it has SampledData"),
        ({"resourceType": "Bundle", "entry": [{}]}, "cannot be read as FHIR: 'resource'"),
        (
            {
                "resourceType": "Observation",
                "code": {"text": "II"},
                "valueSampledData": {"origin": {}, "period": 0, "data": "1"},
            },
            "a sample each 0 s",
        ),
        (
            {
                "resourceType": "Observation",
                "code": {"text": "II"},
                "valueSampledData": {"origin": {}, "period": 4, "data": "one"},
            },
            "cannot be read as FHIR",
        ),
    ],
)
def test_fhir_that_cannot_be_read_says_why(tmp_path: Path, resource: dict[str, object], words: str) -> None:
    (tmp_path / "r.json").write_text(json.dumps(resource))
    with pytest.raises(wearecg.WearECGError, match=words) as told:
        read_recording(tmp_path / "r.json")
    assert "\n" not in str(told.value)


def test_what_is_found_live_arrives_as_a_report(tmp_path: Path) -> None:
    list(wearecg.stream("simulate:af?speed=max&seed=1", leads="II", to=f"edf:{tmp_path}", duration=60))
    (source,) = tmp_path.glob("*Z.edf")
    wearecg.convert(source, tmp_path / "r.json")
    entries = [one["resource"] for one in json.loads((tmp_path / "r.json").read_text())["entry"]]
    reports = [one for one in entries if one["resourceType"] == "DiagnosticReport"]
    assert {one["conclusionCode"][0]["coding"][0]["code"] for one in reports} == {"164889003"}
