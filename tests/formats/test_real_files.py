"""Real files of many formats, against what other readers find in them (``manifest.json`` beside them).

Set WEARECG_FILES to their folder; they are not part of the repository.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wearecg
from wearecg.formats import formats, read_recording

ROOT = Path(os.environ.get("WEARECG_FILES", "/nowhere"))
MANIFEST: dict[str, Any] = (
    json.loads((ROOT / "manifest.json").read_text()) if (ROOT / "manifest.json").is_file() else {}
)
NO_RECORDING = ("info.txt", "tags.csv", ".json")

if not MANIFEST:
    pytest.skip("set WEARECG_FILES to a folder of real files with their manifest", allow_module_level=True)


def read(name: str, **told: Any) -> wearecg.Recording:
    try:
        return read_recording(ROOT / name, **told)
    except wearecg.MissingExtraError as error:
        pytest.skip(str(error))


def refused(name: str) -> str:
    with pytest.raises(wearecg.WearECGError) as told:
        read(name)
    assert "\n" not in str(told.value)
    return str(told.value)


def alone(count: int, place: int = 0) -> str:
    """Name one channel of several."""
    return ",".join("ECG" if k == place else "" for k in range(count))


@pytest.mark.parametrize(
    "name", [name for name, entry in MANIFEST.items() if "first_mV" in entry["reads_as"]]
)
def test_rate_leads_length_and_values(name: str) -> None:
    expected, got = MANIFEST[name]["reads_as"], read(name)
    unplaced = {f"Lead {k}": "ECG" if k == 1 else f"ECG_{k}" for k in (1, 2, 3)}
    assert got.leads == tuple(unplaced.get(lead, lead) for lead in expected["leads"])
    assert [got.fs] == expected["fs_hz"]
    assert [len(got)] == expected["samples"]
    assert (got.duration, got.uncalibrated) == (expected["duration_s"], ())
    for lead, values in expected["first_mV"].items():
        column = got.leads.index(unplaced.get(lead, lead))
        x, step = got.samples[:, column], got.lsb[column]
        np.testing.assert_allclose(x[: len(values)], values, atol=step / 2)
        np.testing.assert_allclose([x.min(), x.max()], expected["range_mV"][lead], atol=step / 2 + 6e-5)


@pytest.mark.parametrize("name", [name for name in MANIFEST if name.startswith("edf_bdf/")])
def test_edf_and_bdf(name: str) -> None:
    expected = MANIFEST[name]["reads_as"]
    assert "holds no ECG: it has" in refused(name)
    channels = expected["channels"]
    got = read(name, leads=alone(len(channels)))
    assert (got.fs, got.duration, got.leads) == (channels[0][1], expected["duration_s"], ("ECG",))
    np.testing.assert_allclose(got.samples[:5, 0] * 1000, expected["first"], atol=got.lsb[0] * 500)
    assert len(got.annotations.times if got.annotations else ()) == expected["annotations"]
    for place, (_, fs, unit) in enumerate(channels):
        if unit == "uV":
            assert read(name, leads=alone(len(channels), place)).fs == fs


@pytest.mark.parametrize("name", [name for name in MANIFEST if name.startswith("opensignals/")])
def test_opensignals(name: str) -> None:
    expected, got = MANIFEST[name]["reads_as"], read(name)
    assert (got.fs, len(got), got.leads) == (expected["fs_hz"], expected["samples"], ("ECG",))
    assert got.uncalibrated == ("ECG",)
    first = expected.get("first_raw") or [int(row[-1]) for row in expected["first_rows"]]
    zero = 1 << (expected["resolution"][0] - 1)
    assert got.samples[: len(first), 0].tolist() == [count - zero for count in first]


def test_acq() -> None:
    (name,) = (name for name in MANIFEST if name.startswith("biopac_acq/"))
    expected = next(one for one in MANIFEST[name]["reads_as"]["channels"] if one[0].startswith("EKG"))
    got = read(name)
    assert (got.leads, got.fs, len(got)) == (("ECG",), expected[1], expected[3])
    np.testing.assert_allclose(got.samples[:3, 0], expected[4], atol=1e-6)
    assert len(got.remarks) == 3


def test_fit() -> None:
    (name,) = (name for name in MANIFEST if name.startswith("garmin_fit/"))
    assert "holds no ECG and no RR intervals" in refused(name)


def test_bids() -> None:
    name = next(name for name in MANIFEST if name.endswith("_physio.tsv.gz"))
    expected, got = MANIFEST[name]["reads_as"], read(name)
    assert (got.fs, len(got), got.leads) == (expected["fs_hz"], expected["rows"], ("PPG", "respiratory"))
    first = [[float(cell) for cell in row.split("\t")] for row in expected["first"]]
    np.testing.assert_array_equal(got.samples[: len(first)], first)


def test_openbci() -> None:
    (name,) = (name for name in MANIFEST if name.startswith("openbci_txt/"))
    expected = MANIFEST[name]["reads_as"]
    assert "holds no ECG: it has EXG 0" in refused(name)
    got = read(name, leads=alone(expected["channels"]))
    assert (got.fs, len(got)) == (expected["fs_hz"], expected["rows"])
    assert got.samples[0, 0] == pytest.approx(33.98529)


def test_empatica() -> None:
    pulse = read("empatica_e4/BVP.csv")
    assert (pulse.leads, pulse.fs, pulse.epoch) == (("PPG",), 64, 1560279825.0)
    assert len(pulse) == MANIFEST["empatica_e4/BVP.csv"]["reads_as"]["lines"] - 2
    beats = read("empatica_e4/IBI.csv").intervals
    assert beats
    assert (len(beats.rr), beats.times[0], beats.rr[0]) == (39, 83.503822, 0.609403)
    for name in ("ACC", "EDA", "HR", "TEMP"):
        assert "holds no ECG and no pulse" in refused(f"empatica_e4/{name}.csv")


def test_a_table_of_a_pulse() -> None:
    (name,) = (name for name in MANIFEST if name.startswith("ppg_csv/"))
    got = read(name)
    assert got.fs == 100
    assert "PPG" in got.leads
    assert got.samples[:3, got.leads.index("PPG")].tolist() == [34019, 33322, 32664]


@pytest.mark.parametrize("name", [name for name in MANIFEST if name.endswith(NO_RECORDING)])
def test_what_is_no_recording_says_so(name: str) -> None:
    refused(name)


def test_every_format_is_chosen_by_its_content_alone(tmp_path: Path) -> None:
    by_name = ("acq", "csv", "bids", "empatica")
    for name in MANIFEST:
        head = (ROOT / name).read_bytes()[:4096]
        one = next((one for one in formats() if one.recognise(head, tmp_path / "x")), None)
        folder = name.partition("/")[0]
        assert one is not None or folder in (
            "biopac_acq",
            "ppg_csv",
            "bids_physio",
            "empatica_e4",
            "opensignals",
        ), name
        assert one is None or one.name not in by_name or one.name == "empatica"
