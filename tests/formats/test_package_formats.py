"""Formats that a package of their own decodes: DICOM, HDF5, FIT, ACQ; and what is said where the package is missing."""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.formats import open_recording, read_recording

RNG = np.random.default_rng(8)
COUNTS = RNG.integers(-900, 900, (1000, 2))


def channel(code: str, meaning: str, factor: float | None = 2.5, unit: str = "uV", **more: object):
    from pydicom.dataset import Dataset

    one, source, units = Dataset(), Dataset(), Dataset()
    source.CodeValue, source.CodingSchemeDesignator, source.CodeMeaning = code, "MDC", meaning
    one.ChannelSourceSequence = [source]
    if factor is not None:
        one.ChannelSensitivity = factor
        units.CodeValue, units.CodingSchemeDesignator, units.CodeMeaning = unit, "UCUM", unit
        one.ChannelSensitivityUnitsSequence = [units]
    for name, value in more.items():
        setattr(one, name, value)
    return one


def group(
    channels: Sequence[object],
    counts: np.ndarray,
    *,
    fs: float = 500,
    kind: str = "SS",
    bits: int = 16,
    label: str = "RHYTHM",
    originality: str = "ORIGINAL",
):
    from pydicom.dataset import Dataset

    one = Dataset()
    one.MultiplexGroupLabel, one.WaveformOriginality, one.SamplingFrequency = label, originality, fs
    one.NumberOfWaveformChannels, one.NumberOfWaveformSamples = len(channels), len(counts)
    one.WaveformBitsAllocated, one.WaveformSampleInterpretation = bits, kind
    one.ChannelDefinitionSequence = list(channels)
    one.add_new((0x5400, 0x1010), "OW" if bits > 8 else "OB", counts.astype(f"<i{bits // 8}").tobytes())
    return one


def dicom(folder: Path, groups: Sequence[object], **more: str) -> Path:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, GeneralECGWaveformStorage, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = GeneralECGWaveformStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(folder / "r.dcm"), {}, file_meta=meta, preamble=bytes(128))
    data.AcquisitionDateTime = "20261201103000.25"
    data.WaveformSequence = list(groups)
    for name, value in more.items():
        setattr(data, name, value)
    data.save_as(folder / "r.dcm", enforce_file_format=True)
    return folder / "r.dcm"


class TestDicom:
    @pytest.fixture(autouse=True)
    def _needs(self):
        pytest.importorskip("pydicom")

    def test_scale_correction_and_a_baseline_in_the_unit(self, tmp_path: Path) -> None:
        channels = [
            channel("2:1", "Lead I (Einthoven)"),
            channel("2:64", "Lead aVF", ChannelSensitivityCorrectionFactor=2.0, ChannelBaseline=100.0),
        ]
        path = dicom(tmp_path, [group(channels, COUNTS)], TimezoneOffsetFromUTC="+0100")
        got = read_recording(path)
        assert (got.fs, got.leads, got.epoch, got.lsb) == (500, ("I", "aVF"), 1796117400.25, (0.0025, 0.005))
        np.testing.assert_allclose(got.samples[:, 0], COUNTS[:, 0] * 0.0025, atol=1e-6)
        np.testing.assert_allclose(got.samples[:, 1], COUNTS[:, 1] * 0.005 + 0.1, atol=1e-6)
        np.testing.assert_array_equal(open_recording(path).read(10, 30), got.samples[10:30])

    @pytest.mark.parametrize(("kind", "bits"), [("SB", 8), ("SS", 16), ("SL", 32)])
    def test_padding_is_no_sample(self, tmp_path: Path, kind: str, bits: int) -> None:
        counts = COUNTS[:, :1] // 10
        counts[100:110] = low = -(1 << (bits - 1))
        one = group([channel("2:2", "Lead II")], counts, kind=kind, bits=bits)
        one.add_new((0x5400, 0x100A), "OW", struct.pack("<i", low)[: max(2, bits // 8)])
        got = read_recording(dicom(tmp_path, [one]))
        assert np.flatnonzero(np.isnan(got.samples[:, 0])).tolist() == list(range(100, 110))

    def test_of_several_groups_the_original_ecg_is_read(self, tmp_path: Path) -> None:
        median = group(
            [channel("2:1", "Lead I")], COUNTS[:300, :1], label="MEDIAN BEAT", originality="DERIVED"
        )
        pulse = group([channel("X", "Pressure", unit="mm[Hg]")], COUNTS[:300, :1], fs=100, label="BLOOD")
        rhythm = group([channel("2:1", "Lead I")], COUNTS[:, 1:])
        got = read_recording(dicom(tmp_path, [median, pulse, rhythm]))
        assert len(got) == 1000
        assert got.remarks == (
            "MEDIAN BEAT is left out: RHYTHM is read",
            "Pressure is left out: it has 100 Hz, I has 500 Hz",
        )

    def test_leads_that_were_computed_are_marked(self, tmp_path: Path) -> None:
        channels = [channel("2:1", "Lead I"), channel("2:33", "Derived lead V1")]
        got = read_recording(dicom(tmp_path, [group(channels, COUNTS)]))
        assert (got.leads, got.derived) == (("I", "V1"), ("V1",))

    def test_without_a_sensitivity_the_size_is_not_known(self, tmp_path: Path) -> None:
        path = dicom(tmp_path, [group([channel("2:1", "Lead I", None)], COUNTS[:, :1])])
        assert read_recording(path).uncalibrated == ("I",)
        assert read_recording(path, lsb=0.001).lsb == (0.001,)

    def test_what_cannot_be_read(self, tmp_path: Path) -> None:
        whole = group([channel("2:1", "Lead I")], COUNTS[:, :1])
        whole.NumberOfWaveformSamples = 1200
        for groups, words in (
            ([], "it has no waveforms"),
            ([whole], "has 1000 samples of 1200: it was cut short"),
            (
                [group([channel("2:1", "I")], COUNTS[:, :1], kind="MB", bits=8)],
                "kind MB in 8 bits are not read",
            ),
            ([group([channel("2:1", "I")], COUNTS[:, :1], fs=0)], "a rate of 0 Hz is none"),
        ):
            with pytest.raises(wearecg.WearECGError, match=words) as told:
                read_recording(dicom(tmp_path, groups))
            assert "\n" not in str(told.value)
        path = dicom(tmp_path, [group([channel("2:1", "Lead I")], COUNTS[:, :1])])
        path.write_bytes(path.read_bytes()[:900])
        with pytest.raises(wearecg.WearECGError):
            read_recording(path)


class TestOpenSignalsH5:
    @pytest.fixture
    def write(self, tmp_path: Path):
        h5py = pytest.importorskip("h5py")

        def write(bits: int = 16, devices: int = 1, rows: np.ndarray | None = None, **said: object) -> Path:
            counts = np.arange(1000) % 200 + (1 << (bits - 1)) if rows is None else rows
            with h5py.File(tmp_path / "r.h5", "w") as file:
                for k in range(devices):
                    device = file.create_group(f"00:0{k}")
                    told = {
                        "sampling rate": 200,
                        "resolution": [bits],
                        "date": "2017-1-17",
                        "time": "14:50:32.3",
                    }
                    for name, value in (told | said).items():
                        device.attrs[name] = value
                    signal = device.create_dataset("raw/channel_1", data=counts[:, None])
                    signal.attrs["sensor"] = "ECG"
                    device.create_dataset("raw/nSeq", data=np.arange(len(counts))[:, None])
            return tmp_path / "r.h5"

        return write

    def test_counts_around_0_of_no_known_size(self, write) -> None:
        got = read_recording(write())
        assert (got.fs, got.leads, got.uncalibrated, got.epoch) == (200, ("ECG",), ("ECG",), 1484664632.0)
        assert got.samples[:3, 0].tolist() == [0, 1, 2]

    def test_the_scale_of_a_bitalino_is_known(self, write) -> None:
        got = read_recording(write(bits=10))
        assert got.lsb == pytest.approx((3300 / 1024 / 1100,))
        np.testing.assert_allclose(got.samples[:, 0], np.arange(1000) % 200 * got.lsb[0], rtol=1e-5)

    def test_what_cannot_be_read(self, write, tmp_path: Path) -> None:
        for options, words in (
            ({"devices": 2}, "is of 2 devices"),
            ({"devices": 0}, "is no recording of OpenSignals"),
            ({"sampling rate": 0}, "give the samples per second"),
        ):
            path = write(**options)
            with pytest.raises(wearecg.WearECGError, match=words):
                read_recording(path)
        path = write()
        path.write_bytes(path.read_bytes()[:1500])
        with pytest.raises(wearecg.SourceError, match="cannot be read as HDF5"):
            read_recording(path)


def crc(data: bytes) -> int:
    table = (0x0, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
             0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400)  # fmt: skip
    value = 0
    for octet in data:
        for half in (octet & 15, octet >> 4):
            value = (value >> 4 & 0x0FFF) ^ table[value & 15] ^ table[half]
    return value


def fit(folder: Path, messages: Sequence[tuple[str, object]]) -> Path:
    """Write records (seconds, heart rate) and intervals (ms)."""
    define = b"".join(
        bytes([0x40 | local, 0, 0]) + struct.pack("<HB", number, len(fields)) + bytes(sum(fields, ()))
        for local, number, fields in (
            (0, 0, ((0, 1, 0x00),)), (1, 20, ((253, 4, 0x86), (3, 1, 0x02))), (2, 78, ((0, 10, 0x84),)),
        )
    )  # fmt: skip
    body = define + b"\0\x04"
    for kind, value in messages:
        if kind == "record":
            seconds, bpm = value
            body += b"\1" + struct.pack("<IB", 1_100_000_000 + seconds, bpm)
        else:
            body += b"\2" + struct.pack("<5H", *value, *[0xFFFF] * (5 - len(value)))
    head = struct.pack("<BBHI4s", 14, 0x20, 2100, len(body), b".FIT")
    whole = head + struct.pack("<H", crc(head)) + body
    (folder / "r.fit").write_bytes(whole + struct.pack("<H", crc(whole)))
    return folder / "r.fit"


class TestFit:
    @pytest.fixture(autouse=True)
    def _needs(self):
        pytest.importorskip("fitdecode")

    def test_intervals_and_gaps(self, tmp_path: Path) -> None:
        path = fit(
            tmp_path,
            [("record", (0, 75)), ("hrv", [800, 810]), ("record", (2, 75)), ("hrv", [790]), ("record", (60, 75)),
             ("hrv", [700, 710])],
        )  # fmt: skip
        got = read_recording(path)
        assert got.intervals
        np.testing.assert_allclose(got.intervals.times, [0.8, 1.61, 2.4, 60, 60.71])
        np.testing.assert_allclose(got.intervals.rr, [0.8, 0.81, 0.79, np.nan, 0.71])
        assert got.epoch == 1_100_000_000 + 631065600

    def test_heart_rates_alone_are_no_intervals(self, tmp_path: Path) -> None:
        path = fit(tmp_path, [("record", (0, 75)), ("record", (1, 76))])
        with pytest.raises(wearecg.SignalError, match="no ECG and no RR intervals: it has 2 heart rates"):
            read_recording(path)

    def test_damage_ends_in_one_line(self, tmp_path: Path) -> None:
        path = fit(tmp_path, [("hrv", [800, 810])])
        path.write_bytes(path.read_bytes()[:-9] + b"\xff" * 9)
        with pytest.raises(wearecg.SourceError, match="cannot be read as FIT") as told:
            read_recording(path)
        assert "\n" not in str(told.value)


def test_acq_that_is_none(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("bioread")
    (tmp_path / "r.acq").write_bytes(bytes(300))
    with pytest.raises(wearecg.SourceError, match="cannot be read as ACQ"):
        read_recording(tmp_path / "r.acq")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "head", "package", "extra"),
    [
        ("r.dcm", bytes(128) + b"DICM", "pydicom", "dicom"),
        ("r.h5", b"\x89HDF\r\n\x1a\n", "h5py", "hdf5"),
        ("r.fit", b"\x0e\x10\0\0\0\0\0\0.FIT", "fitdecode", "fit"),
        ("r.acq", b"\0", "bioread", "acq"),
        ("r.avro", b"Obj\x01", "fastavro", "avro"),
    ],
)
def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, head: bytes, package: str, extra: str
) -> None:
    (tmp_path / name).write_bytes(head)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        wearecg.MissingExtraError, match=rf"needs {package}: pip install 'wearecg\[{extra}\]'"
    ):
        read_recording(tmp_path / name)
