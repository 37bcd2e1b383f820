from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.sinks.scenario import finding, recorder
from wearecg.block import ECG, Beat, Gap, SignalBlock, StreamInfo
from wearecg.errors import SignalError, SourceError
from wearecg.formats import open_recording, read_recording, wfdb_record

wfdb = pytest.importorskip("wfdb")

FS = 250.0


def write(
    folder: Path, name: str, millivolts: np.ndarray, leads: tuple[str, ...] = ("I", "II"), **more: object
) -> None:
    wfdb.wrsamp(
        name,
        fs=FS,
        units=["mV"] * len(leads),
        sig_name=list(leads),
        p_signal=millivolts.astype(np.float64),
        fmt=["16"] * len(leads),
        adc_gain=[1000.0] * len(leads),
        baseline=[0] * len(leads),
        write_dir=str(folder),
        **more,
    )


@pytest.fixture
def signal() -> np.ndarray:
    return np.round(np.random.default_rng(1).normal(0, 0.5, (500, 2)), 3)


@pytest.mark.parametrize("suffix", ["", ".hea", ".dat"])
def test_reads_what_was_written(tmp_path: Path, signal: np.ndarray, suffix: str) -> None:
    signal[100:110, 1] = np.nan
    write(
        tmp_path,
        "r1",
        signal,
        ("MLII", "v5"),
        comments=["age: 50"],
        base_datetime=datetime(2020, 1, 2, 3, 4, 5),
    )
    wfdb.wrann(
        "r1", "atr", np.array([10, 200]), ["N", "+"], aux_note=["", "(AFIB"], fs=FS, write_dir=str(tmp_path)
    )
    got = read_recording(tmp_path / f"r1{suffix}")
    np.testing.assert_allclose(got.samples, signal, atol=1e-6)
    assert got.samples.dtype == np.float32
    assert (got.fs, got.leads, got.name, got.lsb) == (FS, ("II", "V5"), "r1", (0.001, 0.001))
    assert got.comments == ("age: 50",)
    assert got.epoch == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
    assert got.annotations is not None
    np.testing.assert_allclose(got.annotations.times, [0.04, 0.8])
    assert got.annotations.symbols == ("N", "+")
    assert got.annotations.notes == ("", "(AFIB")
    assert got.duration == 2.0


def test_annotations_of_our_own_are_read_where_there_are_none_of_an_expert(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    sink.write(StreamInfo(ECG, "x", FS, ("II",), (0.001,), 1.8e9))
    sink.write(SignalBlock(np.zeros((500, 1), np.float32), FS, ("II",), 0.0, lead_off=(True,)))
    for event in (
        Beat(0.5, "II"),
        finding("AFIB", 1.0, 0.93),
        Beat(1.3, "II", 0.8),
        Gap(2.0, 1.0, 250, "link"),
    ):
        sink.write(event)
    sink.close()
    (record,) = sink.records
    found = read_recording(record).annotations
    assert found
    assert list(zip(found.times.tolist(), found.symbols, found.notes, strict=True)) == [
        (0.004, "~", "II lead off"),
        (0.5, "Q", ""),
        (1.0, '"', "AFIB p=0.93 since=0.0s m@1"),
        (1.3, "Q", ""),
        (2.0, "~", "gap 1.000 s, 250 samples: link"),
        (3.0, "~", "gap ends"),
    ]
    own = record.with_name(f"{record.name}.wea")
    own.write_bytes(own.read_bytes()[:-30])  # as a power cut may leave it
    found = read_recording(record).annotations
    assert found
    assert found.symbols == ("~", "Q", '"', "Q")
    wfdb.wrann(record.name, "atr", np.array([10]), ["N"], fs=FS, write_dir=str(tmp_path))
    found = read_recording(record).annotations
    assert found
    assert found.symbols == ("N",)
    assert read_recording(record).intervals is None


def test_a_record_without_signals_is_the_intervals_between_its_beats(tmp_path: Path) -> None:
    (tmp_path / "nn.hea").write_text("nn 0 128\n")
    beats = np.array([64, 160, 260, 300, 356])
    wfdb.wrann("nn", "atr", beats, ["N", "N", "V", "+", "N"], fs=128, write_dir=str(tmp_path))
    got = read_recording(tmp_path / "nn")
    assert (got.fs, got.leads, got.samples.shape) == (128.0, (), (357, 0))
    assert got.intervals
    np.testing.assert_allclose(got.intervals.times, np.array([64, 160, 260, 356]) / 128)
    np.testing.assert_allclose(got.intervals.rr, [np.nan, 0.75, 0.78125, 0.75])


def test_a_record_with_neither_signals_nor_beats(tmp_path: Path) -> None:
    (tmp_path / "r.hea").write_text("r 0 128 1000\n")
    with pytest.raises(SignalError, match="r has neither samples nor beats"):
        read_recording(tmp_path / "r")


def test_microvolts_become_millivolts(tmp_path: Path, signal: np.ndarray) -> None:
    wfdb.wrsamp("r", fs=FS, units=["uV", "uV"], sig_name=["I", "II"], p_signal=signal * 1000, fmt=["16", "16"],
                adc_gain=[1.0, 1.0], baseline=[0, 0], write_dir=str(tmp_path))  # fmt: skip
    got = read_recording(tmp_path / "r")
    np.testing.assert_allclose(got.samples, signal, atol=1e-6)
    assert got.lsb == (0.001, 0.001)


def test_null_segments_are_gaps(tmp_path: Path, signal: np.ndarray) -> None:
    write(tmp_path, "a", signal)
    write(tmp_path, "b", -signal)
    (tmp_path / "m_layout.hea").write_text(
        "m_layout 2 250 0\n~ 0 1000(0)/mV 16 0 0 0 0 I\n~ 0 1000(0)/mV 16 0 0 0 0 II\n"
    )
    (tmp_path / "m.hea").write_text("m/4 2 250 1300\nm_layout 0\na 500\n~ 300\nb 500\n")
    got = read_recording(tmp_path / "m")
    assert len(got) == 1300
    np.testing.assert_allclose(got.samples[:500], signal, atol=1e-6)
    assert np.isnan(got.samples[500:800]).all()
    np.testing.assert_allclose(got.samples[800:], -signal, atol=1e-6)
    assert got.leads == ("I", "II")


def test_a_record_of_30_hz_reads(tmp_path: Path, signal: np.ndarray) -> None:
    wfdb.wrsamp(
        "slow",
        fs=30,
        units=["mV"],
        sig_name=["II"],
        p_signal=signal[:, :1],
        fmt=["16"],
        write_dir=str(tmp_path),
    )
    assert read_recording(tmp_path / "slow").fs == 30


def test_missing_record(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no such recording: .*gone\.hea"):
        read_recording(tmp_path / "gone")
    with pytest.raises(SourceError, match="folder does not exist"):
        read_recording(tmp_path / "nowhere" / "gone.hea")


def test_header_that_names_a_missing_signal_file(tmp_path: Path, signal: np.ndarray) -> None:
    write(tmp_path, "r", signal)
    (tmp_path / "r.dat").unlink()
    with pytest.raises(SourceError, match=r"r\.hea names r\.dat, which is not beside it"):
        read_recording(tmp_path / "r")
    (tmp_path / "m.hea").write_text("m/2 2 250 800\nzz 500\n~ 300\n")
    with pytest.raises(SourceError, match=r"names zz\.hea"):
        read_recording(tmp_path / "m")


def test_truncated_signal_file(tmp_path: Path, signal: np.ndarray) -> None:
    write(tmp_path, "r", signal)
    (tmp_path / "r.dat").write_bytes((tmp_path / "r.dat").read_bytes()[:100])
    recording = read_recording(tmp_path / "r")
    np.testing.assert_allclose(recording.samples, signal[:25], atol=1e-6)
    assert "the last 1.9 s are missing" in recording.remarks[0]


def test_header_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "r.hea").write_bytes(b"\x00\xff\xfe not a header")
    with pytest.raises(SourceError, match=r"r\.hea is no WFDB header"):
        read_recording(tmp_path / "r")


@pytest.mark.parametrize("length", ["", " 0"])
def test_zero_length_record(tmp_path: Path, length: str) -> None:
    (tmp_path / "r.hea").write_text(f"r 1 250{length}\nr.dat 16 1000 16 0 0 0 0 II\n")
    (tmp_path / "r.dat").write_bytes(b"")
    with pytest.raises(SignalError, match="has no samples"):
        read_recording(tmp_path / "r")


def test_record_without_any_measurement(tmp_path: Path) -> None:
    (tmp_path / "r.hea").write_text("r 1 250 4\nr.dat 16 1000 16 0 0 0 0 II\n")
    (tmp_path / "r.dat").write_bytes(b"\x00\x80" * 4)
    with pytest.raises(SignalError, match="all 4 samples are marked as missing"):
        read_recording(tmp_path / "r")


def test_a_rate_that_contradicts_the_header(tmp_path: Path, signal: np.ndarray) -> None:
    write(tmp_path, "r", signal)
    with pytest.raises(SourceError, match="says 250 Hz; leave out the rate of 500 Hz"):
        read_recording(tmp_path / "r", fs=500)


def test_unknown_suffix(tmp_path: Path) -> None:
    (tmp_path / "r.xyz").write_text("")
    with pytest.raises(SourceError, match=r"'\.xyz' are not known; `wearecg formats` lists"):
        read_recording(tmp_path / "r.xyz")


def data(name: str) -> Path:
    root = os.environ.get("WEARECG_DATA")
    if not root or not (Path(root) / f"{name}.hea").is_file():
        pytest.skip(f"set WEARECG_DATA to a folder with {name}")
    return Path(root) / name


def test_mitdb_record() -> None:
    got = read_recording(data("mitdb/101"))
    assert (got.fs, got.leads, len(got)) == (360.0, ("II", "V1"), 650000)
    assert got.annotations is not None
    assert sum(symbol == "N" for symbol in got.annotations.symbols) == 1860


def test_ptbxl_record() -> None:
    got = read_recording(data("ptbxl/records100/00000/00001_lr"))
    assert got.fs == 100
    assert got.leads == ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
    assert len(got) == 1000
    limb = got.samples[:, 1] - got.samples[:, 0] - got.samples[:, 2]
    assert np.abs(limb).max() < 0.012


def test_a_record_is_read_piece_by_piece(
    tmp_path: Path, signal: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal[100:110, 1] = np.nan
    write(tmp_path, "r1", signal)
    whole = read_recording(tmp_path / "r1")
    monkeypatch.setattr(wfdb_record, "PIECE_S", 0.3)
    np.testing.assert_array_equal(read_recording(tmp_path / "r1").samples, whole.samples)
    stored = open_recording(tmp_path / "r1")
    assert (len(stored.recording), stored.length, stored.piece) == (0, 500, 75)
    for first, last in ((0, 500), (0, 1), (90, 131), (499, 500)):
        np.testing.assert_array_equal(stored.read(first, last), whole.samples[first:last])


def test_pieces_of_a_record_of_several_segments(tmp_path: Path, signal: np.ndarray) -> None:
    write(tmp_path, "s1", signal[:200])
    write(tmp_path, "s2", signal[200:, :1], ("II",))
    (tmp_path / "layout.hea").write_text("layout 2 250 0\n~ 0 1/mV 0 0 0 0 0 I\n~ 0 1/mV 0 0 0 0 0 II\n")
    (tmp_path / "all.hea").write_text("all/4 2 250 600\nlayout 0\ns1 200\n~ 100\ns2 300\n")
    whole = read_recording(tmp_path / "all").samples
    assert np.isnan(whole[200:300]).all()
    assert np.isnan(whole[300:, 0]).all()
    np.testing.assert_allclose(whole[300:, 1], signal[200:, 0], atol=1e-6)
    stored = open_recording(tmp_path / "all")
    for first, last in ((0, 600), (150, 250), (199, 201), (210, 290), (290, 350), (599, 600)):
        np.testing.assert_array_equal(stored.read(first, last), whole[first:last])


def test_damage_far_behind_the_beginning_is_told_when_it_is_opened(
    tmp_path: Path, signal: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "r1", signal)
    monkeypatch.setattr(wfdb_record, "PIECE_S", 0.3)
    assert open_recording(tmp_path / "r1").recording.remarks == ()
    data = bytearray((tmp_path / "r1.dat").read_bytes())
    data[-3] ^= 1
    (tmp_path / "r1.dat").write_bytes(data)
    (remark,) = open_recording(tmp_path / "r1").recording.remarks
    assert "checksums or first values of" in remark
