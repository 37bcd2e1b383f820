"""EmbracePlus: Avro files as its cloud hands them out, made with fastavro."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.formats import read_recording

fastavro = pytest.importorskip("fastavro")
START_US = 1_700_000_000_000_000


def record(name: str, *fields: tuple[str, object]) -> dict[str, object]:
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields]}


def array(items: str) -> dict[str, str]:
    return {"type": "array", "items": items}


BVP = record("Bvp", ("timestampStart", "long"), ("samplingFrequency", "float"), ("values", array("float")))
PEAKS = record("Peaks", ("peaksTimeNanos", array("long")))
SCHEMA = record(
    "empatica.Session",
    ("timezone", "int"),
    ("rawData", record("Raw", ("bvp", BVP), ("systolicPeaks", PEAKS))),
)


def embrace(
    folder: Path, *parts: tuple[float, np.ndarray], fs: float = 64.0, peaks: tuple[int, ...] = ()
) -> Path:
    records = [
        {
            "timezone": 7200,
            "rawData": {
                "bvp": {
                    "timestampStart": START_US + round(1e6 * since),
                    "samplingFrequency": fs,
                    "values": values.tolist(),
                },
                "systolicPeaks": {"peaksTimeNanos": list(peaks)},
            },
        }
        for since, values in parts
    ]
    path = folder / "1-1-1_1700000000.avro"
    with path.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(SCHEMA), records)
    return path


WAVE = np.sin(np.arange(640) / 8).astype(np.float32)


def test_the_pulse_and_what_is_between_its_parts(tmp_path: Path) -> None:
    got = read_recording(embrace(tmp_path, (20.0, WAVE), (0.0, 2 * WAVE)))
    assert (got.leads, got.fs, got.epoch, len(got)) == (("PPG",), 64, START_US / 1e6, 30 * 64)
    np.testing.assert_array_equal(got.samples[:, 0], np.concatenate([2 * WAVE, np.full(640, np.nan), WAVE]))


def test_peaks_alone_are_intervals_and_a_long_one_is_none(tmp_path: Path) -> None:
    peaks = tuple(START_US * 1000 + round(1e9 * t) for t in (0.0, 0.8, 1.6, 9.0, 9.75))
    got = read_recording(embrace(tmp_path, (0.0, WAVE[:0]), peaks=peaks)).intervals
    assert got
    np.testing.assert_allclose(got.times, [0, 0.8, 1.6, 9.0, 9.75])
    np.testing.assert_allclose(got.rr, [np.nan, 0.8, 0.8, np.nan, 0.75])


@pytest.mark.parametrize(
    ("parts", "fs", "words"),
    [
        (((0.0, WAVE[:0]),), 64.0, "holds no ECG and no pulse"),
        (((0.0, WAVE), (5.0, WAVE)), 64.0, "its parts overlap"),
        (((0.0, WAVE),), 0.0, "no rate"),
        (((0.0, WAVE), (1e6, WAVE)), 64.0, "lasts 12 days"),
    ],
)
def test_what_cannot_be_read(
    tmp_path: Path, parts: tuple[tuple[float, np.ndarray], ...], fs: float, words: str
) -> None:
    with pytest.raises(wearecg.WearECGError, match=words):
        read_recording(embrace(tmp_path, *parts, fs=fs))


def test_damage_ends_in_one_line(tmp_path: Path) -> None:
    path = embrace(tmp_path, (0.0, WAVE))
    data = path.read_bytes()
    for cut in range(0, len(data), 97):
        path.write_bytes(data[:cut])
        with pytest.raises(wearecg.WearECGError) as told:
            read_recording(path)
        assert "\n" not in str(told.value)
