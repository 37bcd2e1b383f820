"""Text that programs and watches write: OpenBCI, BrainFlow, Apple Health, Empatica, BIDS, RR intervals; and arrays."""

from __future__ import annotations

import gzip
import json
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.formats import read_recording

RNG = np.random.default_rng(9)
WAVE = np.round(200 * np.sin(np.arange(600) / 9) + RNG.normal(0, 5, 600), 2)


def save(folder: Path, text: str | bytes, name: str = "r.txt") -> Path:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


OLD = "%OpenBCI Raw EEG Data\n%\n%Sample Rate = 250.0 Hz\n%First Column = SampleIndex\n"
NEW = "%OpenBCI Raw EXG Data\n%Number of channels = 4\n%Sample Rate = 200 Hz\n%Board = Ganglion\n"
NAMES = "Sample Index, EXG Channel 0, EXG Channel 1, EXG Channel 2, EXG Channel 3, Timestamp (Formatted)\n"


def old(numbers: range | list[int]) -> str:
    return OLD + "".join(f"{k % 256}, {WAVE[k]:.2f}" + ", 1.00" * 10 + "\n" for k in numbers)


def test_openbci_counts_its_rows(tmp_path: Path) -> None:
    kept = [k for k in range(600) if not 300 <= k < 320]
    got = read_recording(save(tmp_path, old(kept)), leads="ECG,,,,,,,")
    assert (got.fs, got.leads, len(got)) == (250, ("ECG",), 600)
    assert np.isnan(got.samples[300:320]).all()
    np.testing.assert_allclose(got.samples[kept, 0], WAVE[kept] / 1000, atol=1e-6)


def test_openbci_new_headers_and_a_cut_row(tmp_path: Path) -> None:
    rows = "".join(f"{k % 200}.0, {WAVE[k]}, 1, 2, 3, 2026-12-01 10:30:00.000\n" for k in range(100))
    got = read_recording(save(tmp_path, NEW + NAMES + rows + "100.0, 1"), leads="II,V1,,")
    assert (got.fs, got.leads, len(got)) == (200, ("II", "V1"), 100)
    assert got.remarks == ("its last row was cut short and is left out",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (old(range(50)), "holds no ECG: it has EXG 0, .*; if one is an ECG, say so with --leads"),
        (old(range(50)).replace("%Sample Rate", "%Rate"), "does not say its sample rate"),
        (OLD, "does not say how many of its 0 columns are channels"),
        (OLD + "0, 1, 2\n1, 1, 2\n", "does not say how many of its 3 columns are channels"),
        (OLD + "0, 1, 2\n1, 1\n2, 1, 2\n", "a row has 2 cells, those before have 3"),
    ],
)
def test_openbci_that_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(wearecg.WearECGError, match=words):
        read_recording(save(tmp_path, text))


def brainflow(rate: float = 250, columns: int = 24, clock: int = 22) -> str:
    rows = np.zeros((600, columns))
    rows[:, 0], rows[:, 1], rows[:, clock] = np.arange(600) % 256, WAVE, 1.7e9 + np.arange(600) / rate
    return "".join(
        "\t".join(f"{cell:.6f}" for cell in row) + "\n" for row in np.delete(rows, [50, 51], axis=0)
    )


def test_brainflow_boards_are_known_by_their_columns(tmp_path: Path) -> None:
    got = read_recording(save(tmp_path, brainflow()), leads="II" + "," * 7)
    assert (got.fs, got.leads, len(got), got.epoch) == (250, ("II",), 600, 1.7e9)
    assert got.remarks == ("its 24 columns are taken for those of a Cyton",)
    assert np.flatnonzero(np.isnan(got.samples[:, 0])).tolist() == [50, 51]
    with pytest.raises(wearecg.SourceError, match="are not the 250 Hz of a Cyton"):
        read_recording(save(tmp_path, brainflow(rate=500)), leads="II" + "," * 7)


ENGLISH = (
    "Name,Jo\nDate of Birth,1 Jan 1980\nRecorded Date,2026-12-01 11:30:00 +0100\nClassification,Sinus Rhythm\n"
    'Symptoms,\nSoftware Version,2.0\nDevice,"Watch6,1"\nSample Rate,512 hertz\n\n\nLead,Lead I\nUnit,\u00b5V\n\n'
)
GERMAN = (
    "Name,Jo\nGeburtsdatum,01.01.1980\nAufzeichnungsdatum,2026-12-01 11:30:00 +0100\nKlassifizierung,Sinusrhythmus\n"
    "Symptome,\nSoftwareversion,2.0\nGer\u00e4t,Watch6\nMessrate,511,5 Hertz\n\n\n"
    "Ableitung,Ableitung I\nEinheit,\u00b5V\n\n"
)
JAPANESE = ENGLISH.replace(
    "Sample Rate,512 hertz", "\u30b5\u30f3\u30d7\u30eb\u30ec\u30fc\u30c8,512\u30d8\u30eb\u30c4"
)


@pytest.mark.parametrize(
    ("head", "fs", "comma", "quote"),
    [(ENGLISH, 512, ".", ""), (GERMAN, 511.5, ",", ""), (GERMAN, 511.5, ",", '"'), (JAPANESE, 512, ".", "")],
)
def test_apple_in_any_language(tmp_path: Path, head: str, fs: float, comma: str, quote: str) -> None:
    rows = "".join(f"{quote}{x:.3f}{quote}\n".replace(".", comma) for x in WAVE)
    got = read_recording(save(tmp_path, head + rows, "ecg_2026-12-01.csv"))
    assert (got.fs, got.leads, got.epoch, got.uncalibrated) == (fs, ("I",), 1796121000.0, ())
    np.testing.assert_allclose(got.samples[:, 0], WAVE / 1000, atol=1e-6)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("-1,5", -1.5),
        ('"-1,5"', -1.5),
        ("-1,5,", -1.5),
        ("-1,5;", -1.5),
        ("\u22121,5", -1.5),
        ("1,5e-01", 0.15),
        ("1.025,567", 1025.567),
        ("1,025.567", 1025.567),
        ("1.025.567", 1025567),
        ("-17", -17),
    ],
)
def test_apple_writes_numbers_as_the_phone_does(tmp_path: Path, written: str, read: float) -> None:
    got = read_recording(save(tmp_path, GERMAN + f"{written}\n" * 600, "r.csv"))
    np.testing.assert_allclose(got.samples[:, 0], read / 1000, rtol=1e-6)
    assert got.fs == 511.5


def test_apple_in_millivolts(tmp_path: Path) -> None:
    text = ENGLISH.replace("\u00b5V", "mV") + "0.5\n" * 600
    got = read_recording(save(tmp_path, text, "r.csv"))
    assert (got.samples[0, 0], got.uncalibrated) == (0.5, ())


def test_apple_that_was_cut_or_says_no_unit(tmp_path: Path) -> None:
    rows = "".join(f"{x}\n" for x in WAVE)
    got = read_recording(save(tmp_path, ENGLISH + rows + "-", "r.csv"))
    assert got.remarks == ("its last line was cut short and is left out",)
    assert read_recording(save(tmp_path, ENGLISH.replace("\u00b5V", "?") + rows, "r.csv")).uncalibrated == (
        "I",
    )
    with pytest.raises(wearecg.SourceError, match="'x' is no number"):
        read_recording(save(tmp_path, ENGLISH + rows + "x\n1\n", "r.csv"))


def export(*records: tuple[str, list[tuple[str, float]]]) -> str:
    text = '<?xml version="1.0"?><!DOCTYPE HealthData [<!ELEMENT HealthData (Record*)>'
    text += "<!ATTLIST Record type CDATA #IMPLIED>]>"
    text += '<HealthData><Record type="HKStep" startDate="2026-12-01 00:00:00 +0100"/>'
    for start, beats in records:
        inner = "".join(f'<InstantaneousBeatsPerMinute bpm="{bpm:g}" time="{time}"/>' for time, bpm in beats)
        text += f'<Record type="SDNN" startDate="{start}"><List>{inner}</List></Record>'
    return text + "</HealthData>"


@pytest.mark.parametrize(
    "times", [("11:59:59.00 PM", "11:59:59.80 PM", "12:00:00.60 AM", "12:00:02.60 AM"),
              ("23:59:59,00", "23:59:59,80", "0:00:00,60", "0:00:02,60")]
)  # fmt: skip
def test_apple_export_has_beats_and_gaps(tmp_path: Path, times: tuple[str, ...]) -> None:
    beats = list(zip(times, (75, 75, 75, 75), strict=True))
    later = [("8:00:01.00 AM", 60), ("8:00:02.00 AM", 60)]
    text = export(("2026-12-01 23:59:58 +0100", beats), ("2026-12-02 08:00:00 +0100", later))
    got = read_recording(save(tmp_path, text, "export.xml"))
    assert got.intervals
    np.testing.assert_allclose(got.intervals.times, [1, 1.8, 2.6, 4.6, 28803, 28804], atol=1e-6)
    np.testing.assert_allclose(got.intervals.rr, [np.nan, 0.8, 0.8, np.nan, np.nan, 1.0], atol=1e-6)
    assert got.epoch == 1796165998.0
    with pytest.raises(wearecg.SignalError, match="none of its records has the times of beats"):
        read_recording(save(tmp_path, export(), "export.xml"))


def test_empatica(tmp_path: Path) -> None:
    rows = "".join(f"{x:.2f}\n" for x in WAVE)
    got = read_recording(save(tmp_path, "1560279825.00\n64.000000\n" + rows, "BVP.csv"))
    assert (got.fs, got.leads, got.epoch, len(got)) == (64, ("PPG",), 1560279825.0, 600)
    got = read_recording(save(tmp_path, "1560279825.0, IBI\n83.5,0.609\n84.2,0.7\n", "IBI.csv"))
    assert got.intervals
    assert (got.intervals.times.tolist(), got.intervals.rr.tolist()) == ([83.5, 84.2], [0.609, 0.7])
    for name, what in (("EDA.csv", "skin conductance"), ("HR.csv", "heart rate")):
        with pytest.raises(wearecg.SignalError, match=f"no ECG and no pulse: it has {what}"):
            read_recording(save(tmp_path, "1560279825.00\n4.0\n1\n", name))


def bids(
    folder: Path, columns: list[str], json_at: str = "sub-01_task-rest_physio.json", **more: object
) -> Path:
    table = np.column_stack([WAVE for _ in columns])
    text = "\n".join("\t".join(f"{cell:.2f}" for cell in row) for row in table).replace(
        f"{WAVE[7]:.2f}", "n/a"
    )
    path = folder / "sub-01" / "func" / "sub-01_task-rest_run-01_physio.tsv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))
    said = {"SamplingFrequency": 250, "StartTime": 0, "Columns": columns} | more
    (folder / json_at).write_text(json.dumps(said))
    return path


def test_bids_finds_its_json_in_a_folder_above(tmp_path: Path) -> None:
    got = read_recording(bids(tmp_path, ["ecg", "respiratory"], ecg={"Units": "mV"}))
    assert (got.fs, got.leads, got.uncalibrated) == (250, ("ECG", "respiratory"), ())
    assert np.isnan(got.samples[7, 0])


def test_bids_cardiac_is_a_pulse_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    path = bids(tmp_path, ["cardiac", "trigger"])
    got = read_recording(path)
    assert (got.leads, len(got.remarks)) == (("PPG", "trigger"), 1)
    assert read_recording(path, leads="II,").leads == ("II",)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"json_at": "sub-02_task-rest_physio.json"}, "is not beside it"),
        ({"Columns": None}, "names no columns"),
        ({"Columns": ["a"]}, "has 2 columns, its JSON names 1"),
        ({"SamplingFrequency": 0}, "give the samples per second"),
    ],
)
def test_bids_that_cannot_be_read(tmp_path: Path, more: dict[str, object], words: str) -> None:
    with pytest.raises(wearecg.WearECGError, match=words):
        read_recording(bids(tmp_path, ["ecg", "x"], **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["800\n810\n790\n", "0.800\n0.810\n0.790\n", "800\n810\n790\n-"])
def test_intervals_one_a_line(tmp_path: Path, text: str) -> None:
    got = read_recording(save(tmp_path, text))
    assert got.intervals
    np.testing.assert_allclose(got.intervals.rr, [0.8, 0.81, 0.79])
    np.testing.assert_allclose(got.intervals.times, [0.8, 1.61, 2.4])
    assert "taken for RR intervals" in got.remarks[0]


def test_numbers_one_a_line_are_a_signal_if_the_user_says_so(tmp_path: Path) -> None:
    got = read_recording(save(tmp_path, "500\n510\n490\n" * 50), fs=100, leads="II")
    assert (got.fs, got.leads, len(got)) == (100, ("II",), 150)
    with pytest.raises(wearecg.SourceError, match="name its columns"):
        read_recording(save(tmp_path, "500\n510\n49000\n" * 50))


def test_polar_sensor_logger(tmp_path: Path) -> None:
    head = "Phone timestamp;RR-interval [ms]\n"
    rows = "2026-12-01T10:30:00.000;800\n2026-12-01T10:30:00.810;810\n"
    got = read_recording(save(tmp_path, head + rows))
    assert got.intervals
    assert (got.intervals.rr.tolist(), got.remarks) == ([0.8, 0.81], ())
    rows = "".join(
        f"2026-12-01T10:30:{k / 130:06.3f};{838432586543515816 + round(k * 1e9 / 130)};{k * 1000 / 130:.6f};{x:.0f}\n"
        for k, x in enumerate(WAVE)
    )
    got = read_recording(
        save(tmp_path, "Phone timestamp;sensor timestamp [ns];timestamp [ms];ecg [uV]\n" + rows)
    )
    assert got.fs == pytest.approx(130, abs=0.01)
    assert "ECG" in got.leads
    np.testing.assert_allclose(got.samples[:, got.leads.index("ECG")], np.round(WAVE) / 1000, atol=1e-5)


def test_intervals_are_scored(tmp_path: Path) -> None:
    path = save(tmp_path, "".join(f"{800 + 5 * (k % 3)}\n" for k in range(60)))
    from wearecg.session import Session
    from wearecg.transports.replay import replay

    events = list(Session(replay(read_recording(path), float("inf"))))
    rates = [event.bpm for event in events if isinstance(event, wearecg.HeartRate) and event.bpm]
    assert rates[-1] == pytest.approx(60 / 0.805, rel=0.02)


def test_matlab_4(tmp_path: Path) -> None:
    counts = np.column_stack([WAVE, -WAVE]).astype("<i2")
    head = struct.pack("<5i", 30, 2, len(counts), 0, 4) + b"val\0"
    path = save(tmp_path, head + counts.tobytes(), "A0001.mat")
    got = read_recording(path, fs=500, leads="II,V5", lsb=0.001)
    assert (got.fs, got.leads, got.lsb) == (500, ("II", "V5"), (0.001, 0.001))
    np.testing.assert_allclose(got.samples, counts * 0.001, atol=1e-6)
    assert read_recording(path, fs=500, leads="II,V5").uncalibrated == ("II", "V5")
    for data, options, words in (
        (head + counts.tobytes()[:-100], {"fs": 500}, "it was cut short"),
        (b"MATLAB 5.0 MAT-file" + bytes(200), {"fs": 500}, "no MATLAB file of version 4"),
        (head + counts.tobytes(), {}, "does not say its rate"),
    ):
        with pytest.raises(wearecg.SourceError, match=words):
            read_recording(save(tmp_path, data, "A0001.mat"), **options)  # type: ignore[arg-type]


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", samples=np.column_stack([WAVE, WAVE]), fs=250, leads=["I", "V2"], unit="uV")
    got = read_recording(tmp_path / "r.npz")
    assert (got.fs, got.leads) == (250, ("I", "V2"))
    np.testing.assert_allclose(got.samples[:, 1], WAVE / 1000, atol=1e-6)
    np.savez(tmp_path / "r.npz", other=WAVE)
    with pytest.raises(wearecg.SignalError, match="holds no samples: it has other"):
        read_recording(tmp_path / "r.npz")
    np.savez(tmp_path / "r.npz", samples=np.array([{}], object))
    with pytest.raises(wearecg.SourceError, match="cannot be read as NPZ"):
        read_recording(tmp_path / "r.npz")


def test_damage_ends_in_one_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = "".join(f"{x}\n" for x in WAVE[:50])
    texts = [
        ("r.txt", old(range(20))), ("r.txt", brainflow()[:3000]), ("r.csv", ENGLISH + rows),
        ("r.txt", "800\n810\n790\n"),
        ("export.xml", export(("2026-12-01 23:59:58 +0100", [("11:59:59 PM", 75), ("11:59:59.80 PM", 75)]))),
        ("BVP.csv", "1560279825.00\n64.000000\n" + rows), ("IBI.csv", "1560279825.0, IBI\n83.5,0.609\n84.2,0.7\n"),
    ]  # fmt: skip
    for name, text in texts:
        for _ in range(100):
            damaged = bytearray(text.encode())
            for at in rng.integers(0, len(damaged), rng.integers(1, 5)):
                damaged[at] = rng.integers(9, 127)
            with suppress(wearecg.WearECGError):
                read_recording(save(tmp_path, bytes(damaged), name))


def movesense(lost: tuple[int, ...] = (), fs: float = 125.0, size: int = 16, count: int = 200) -> str:
    packets = [
        {
            "ecg": {
                "Samples": list(range(size * k, size * (k + 1))),
                "Timestamp": 41547 + int(1000 * size * k / fs),
            }
        }
        for k in range(count)
        if k not in lost
    ]
    return json.dumps({"data": packets})


@pytest.mark.parametrize("fs", [125.0, 128.0, 256.0, 512.0])
def test_movesense_packets_have_a_clock_and_lost_ones_are_a_gap(tmp_path: Path, fs: float) -> None:
    got = read_recording(save(tmp_path, movesense((50, 51, 120), fs), "x_ecg_stream.json"))
    assert (got.fs, got.leads, len(got), got.uncalibrated) == (fs, ("ECG",), 3200, ("ECG",))
    missing = [16 * k + n for k in (50, 51, 120) for n in range(16)]
    expected = np.arange(3200.0)
    expected[missing] = np.nan
    np.testing.assert_array_equal(got.samples[:, 0], expected)
    assert read_recording(tmp_path / "x_ecg_stream.json", lsb=0.001).samples[7, 0] == np.float32(0.007)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (movesense()[:-20], "cannot be read as JSON"),
        (movesense(count=1), "its rate cannot be told"),
        (movesense().replace("[16,", '["x",', 1).replace("[16, ", '["x", ', 1), "packet 2 holds no samples"),
        (movesense().replace("41547", "1e300", 1), "packet 1 holds no samples"),
        ('{"data": [{"ecg": {"Samples": [], "Timestamp": 1}}]}', "packet 1 holds no samples"),
    ],
)
def test_movesense_that_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(wearecg.WearECGError, match=words):
        read_recording(save(tmp_path, text, "x_ecg_stream.json"))
