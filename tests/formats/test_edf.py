"""EDF and BDF, with and without a plus: rates, units, gaps, annotations, and files that are damaged."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import wearecg
from tests.formats.files import write_edf
from wearecg.formats import edf as edf_format
from wearecg.formats import open_recording, read_recording
from wearecg.session import Session
from wearecg.transports.replay import replay

COUNTS = np.random.default_rng(1).integers(-2000, 2000, 1000)
RESP = np.arange(100)


def test_rates_units_and_the_time_of_the_start(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "r.edf", [("ECG II", "mV", COUNTS), ("Resp", "", RESP)], (100, 10))
    got = read_recording(path)
    assert (got.fs, got.leads, got.duration, got.epoch) == (100, ("II",), 10, 1796121000.0)
    assert got.lsb == pytest.approx((0.0001,))
    np.testing.assert_allclose(got.samples[:, 0], COUNTS * 0.0001, atol=1e-7)
    assert got.remarks == ("RESP is left out: it has 10 Hz, II has 100 Hz",)


@pytest.mark.parametrize(("unit", "scale"), [("uV", 1e-3), ("\u00b5V", 1e-3), ("V", 1e3), ("mV", 1)])
@pytest.mark.parametrize("bits", [16, 24])
def test_units_and_bits(tmp_path: Path, unit: str, scale: float, bits: int) -> None:
    counts = COUNTS * (1 if bits == 16 else 4000)
    path = write_edf(tmp_path / "r.edf", [("EKG", unit, counts)], (100,), bits=bits)
    got = read_recording(path)
    step = 6.5535 / ((1 << bits) - 1)
    np.testing.assert_allclose(
        got.samples[:, 0], ((counts + (1 << (bits - 1))) * step - 3.2768) * scale, atol=1e-6 * scale
    )
    assert got.leads == ("ECG",)


def test_a_unit_that_is_not_known_is_told_and_the_user_may_give_it(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "r.edf", [("ECG", "", COUNTS)], (100,), limits=(-32768, 32767))
    got = read_recording(path)
    assert (got.uncalibrated, got.lsb) == (("ECG",), (0.0,))
    assert "its unit is not given" in got.remarks[0]
    np.testing.assert_allclose(got.samples[:, 0], COUNTS, atol=1e-3)
    given = read_recording(path, leads="II", lsb=0.002)
    assert (given.leads, given.lsb, given.uncalibrated) == (("II",), (0.002,), ())
    np.testing.assert_allclose(given.samples[:, 0], COUNTS * 0.002, atol=1e-5)


@pytest.mark.parametrize("kind", ["EDF+C", "EDF+D"])
def test_annotations(tmp_path: Path, kind: str) -> None:
    onsets = np.arange(10) + 0.25
    notes = ((2.25, 0.0, "AF begins"), (3.5, 1.0, "noise"))
    path = write_edf(
        tmp_path / "r.edf", [("II", "mV", COUNTS)], (100,), kind=kind, onsets=onsets.tolist(), notes=notes
    )
    got = read_recording(path)
    assert got.annotations
    assert (got.annotations.times.tolist(), got.annotations.notes) == ([2.0, 3.25], ("AF begins", "noise"))
    assert (got.epoch, len(got)) == (1796121000.25, 1000)


def test_time_between_records_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edf_format, "RECORDS_AT_A_TIME", 2)
    onsets = [0, 1, 2, 3, 4, 64.5, 65.5, 66.5, 70, 71]
    path = write_edf(tmp_path / "r.edf", [("II", "mV", COUNTS)], (100,), kind="EDF+D", onsets=onsets)
    got = read_recording(path)
    assert got.duration == 72
    for record, onset in enumerate(onsets):
        part = got.samples[round(onset * 100) : round(onset * 100) + 100, 0]
        np.testing.assert_allclose(part, COUNTS[record * 100 : record * 100 + 100] * 0.0001, atol=1e-7)
    assert np.isfinite(got.samples).sum() == 1000
    stored = open_recording(path)
    for first, last in ((0, 7200), (450, 6500), (6449, 6451), (600, 700), (7199, 7200), (0, 1)):
        np.testing.assert_array_equal(stored.read(first, last), got.samples[first:last])
    events = Session(replay(stored, float("inf")))
    gaps = [event for event in events if isinstance(event, wearecg.Gap)]
    assert [(gap.start, gap.duration) for gap in gaps] == [(5, 59.5), (67.5, 2.5)]


def test_a_gap_that_was_filled_is_one(tmp_path: Path) -> None:
    path = write_edf(
        tmp_path / "r.edf", [("II", "mV", COUNTS)], (100,), kind="EDF+C", notes=[(3.5, 2.0, "Recording gap")]
    )
    got = read_recording(path)
    assert np.flatnonzero(np.isnan(got.samples[:, 0])).tolist() == list(range(350, 550))


def test_what_is_whole_of_a_file_that_was_cut(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "r.edf", [("II", "mV", COUNTS)], (100,))
    path.write_bytes(path.read_bytes()[:-650])
    got = read_recording(path)
    assert (len(got), got.remarks) == (600, ("r.edf: the last 4 s are missing, the file was cut short",))


def test_a_file_that_was_never_closed_says_no_number_of_records(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "r.edf", [("II", "mV", COUNTS)], (100,))
    octets = path.read_bytes()
    path.write_bytes(octets[:236] + b"-1      " + octets[244:])
    got = read_recording(path)
    assert (len(got), got.remarks) == (1000, ())


@pytest.mark.parametrize(
    ("at", "text", "words"),
    [
        (252, b"none", "is no number of signals"),
        (252, b"9999", "is cut short"),
        (244, b"0       ", "records of 0 s"),
        (236, b"many    ", "is no number of records"),
        (256 + 216, b"0       ", "of 0 bytes are none|records of"),
    ],
)
def test_headers_that_cannot_be(tmp_path: Path, at: int, text: bytes, words: str) -> None:
    path = write_edf(tmp_path / "r.edf", [("II", "mV", COUNTS)], (100,))
    octets = path.read_bytes()
    path.write_bytes(octets[:at] + text + octets[at + len(text) :])
    with pytest.raises(wearecg.WearECGError, match=words) as told:
        read_recording(path)
    assert "\n" not in str(told.value)


def test_records_that_overlap_and_holes_of_years_are_refused(tmp_path: Path) -> None:
    for onsets, words in (
        ([0, 0.5], "begins before the one before it ends"),
        ([0, 1e7], "days of it are missing"),
    ):
        path = write_edf(
            tmp_path / "r.edf", [("II", "mV", COUNTS[:200])], (100,), kind="EDF+D", onsets=onsets
        )
        with pytest.raises(wearecg.SourceError, match=words):
            read_recording(path)


def test_what_holds_no_ecg_says_so(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "r.edf", [("EEG Fpz-Cz", "uV", COUNTS), ("EMG", "uV", COUNTS)], (100, 100))
    with pytest.raises(wearecg.SignalError, match="holds no ECG: it has EEG Fpz-Cz, EMG"):
        read_recording(path)
    path.write_bytes(path.read_bytes().replace(b"EMG  ", b"E\nG  "))
    with pytest.raises(wearecg.SignalError, match=r"it has EEG Fpz-Cz, E\\nG"):
        read_recording(path)


def test_damage_ends_in_one_line(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "r.edf", [("II", "mV", COUNTS)], (100,), kind="EDF+D", notes=[(1, 0, "x")])
    octets = path.read_bytes()
    rng = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(octets[: rng.integers(1, len(octets))] if rng.random() < 0.3 else octets)
        for at in rng.integers(0, min(len(damaged), 800), rng.integers(1, 6)):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged)
        with suppress(wearecg.WearECGError):
            read_recording(path)


def test_another_reader_finds_the_same(tmp_path: Path) -> None:
    edfio = pytest.importorskip("edfio")
    rng = np.random.default_rng(5)
    signals = [
        edfio.EdfSignal(rng.normal(0, 300, 2560), 256, label="ECG V1", physical_dimension="uV"),
        edfio.EdfSignal(rng.normal(0, 300, 2560), 256, label="ECG II", physical_dimension="uV"),
    ]
    edfio.Edf(signals, annotations=[edfio.EdfAnnotation(1.5, None, "hello")]).write(tmp_path / "r.edf")
    got = read_recording(tmp_path / "r.edf")
    theirs = edfio.read_edf(tmp_path / "r.edf")
    assert got.leads == ("V1", "II")
    for column, signal in enumerate(theirs.signals):
        np.testing.assert_allclose(
            got.samples[:, column] * 1000, signal.data, atol=0.5 * got.lsb[column] * 1000
        )
    assert got.annotations
    assert (got.annotations.times.tolist(), got.annotations.notes) == ([1.5], ("hello",))
