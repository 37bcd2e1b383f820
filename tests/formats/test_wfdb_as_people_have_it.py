"""WFDB records as people have them: what is there is read, the rest is told, and what contradicts itself is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import wearecg
from wearecg.errors import SourceError
from wearecg.formats import open_recording, read_recording
from wearecg.session import Session
from wearecg.transports.replay import replay

pytest.importorskip("wfdb")

FS, GAIN = 250, 200
WAVE = np.round(GAIN * np.sin(np.arange(2500) / 20)).astype("<i2")


@pytest.fixture
def record(tmp_path: Path):
    """Return what writes a record from the text of its header; ``X`` is its name."""

    def write(header: str, counts: np.ndarray = WAVE, name: str = "rec") -> Path:
        (tmp_path / f"{name}.dat").write_bytes(counts.astype("<i2").tobytes())
        (tmp_path / f"{name}.hea").write_text(header.replace("X", name), encoding="utf-8")
        return tmp_path / f"{name}.hea"

    return write


@pytest.mark.parametrize(
    ("unit", "scale"),
    [("mV", 1), ("MV", 1), ("uV", 1e-3), ("UV", 1e-3), ("uv", 1e-3), ("µV", 1e-3), ("μV", 1e-3), ("V", 1e3)],
)
def test_units_without_regard_to_case_and_with_either_micro_sign(record, unit: str, scale: float) -> None:
    recording = read_recording(record(f"X 1 {FS} 2500\nX.dat 16 {GAIN}/{unit} 16 0 0 0 0 II\n"))
    np.testing.assert_allclose(recording.samples[:, 0], WAVE / GAIN * scale, rtol=1e-6)
    assert recording.lsb == pytest.approx((scale / GAIN,))
    assert not recording.uncalibrated


@pytest.mark.parametrize(
    "line", ["X.dat 16", "X.dat 16 0(0)/mV 16 0 0 0 0", "X.dat 16 200/furlong 16 0 0 0 0"]
)
def test_what_is_of_no_known_size_is_told_and_no_statement_rests_on_it(record, line: str) -> None:
    person = wearecg.Person(seed=1, scenario="sinus", fs=FS)
    counts = np.round(person.samples(FS * 15)[:, 1] * 1000)
    recording = read_recording(record(f"X 1 {FS}\n{line}\n", counts))
    assert recording.uncalibrated == ("ECG",)
    assert "no statement that needs millivolts" in recording.remarks[0]
    path = record(
        f"X 1 {FS}\n{line} II\n" if "0 0 0 0" in line else f"X 1 {FS}\nX.dat 16 0 16 0 0 0 0 II\n", counts
    )
    encoder = wearecg.open_observer("encoder")
    events = list(Session(replay(read_recording(path), float("inf")), [encoder]))
    findings = {event.code for event in events if isinstance(event, wearecg.Finding)}
    assert "SR" in findings
    assert not findings & {"NORM", "MI", "STTC", "CD", "HYP"}
    assert any(isinstance(event, wearecg.Notice) and "millivolts" in event.message for event in events)


def test_the_user_gives_the_scale_that_a_header_lacks(record) -> None:
    path = record(f"X 1 {FS}\nX.dat 16 0(10)/mV 16 0 0 0 0 II\n")
    recording = read_recording(path, lsb=0.005)
    assert (recording.lsb, recording.uncalibrated, recording.remarks) == ((0.005,), (), ())
    np.testing.assert_allclose(recording.samples[:, 0], (WAVE - 10.0) * 0.005, rtol=1e-6)
    path = record(f"X 1 {FS}\nX.dat 16 {GAIN}/mV 16 0 0 0 0 II\n")
    with pytest.raises(wearecg.SourceError, match=r"states its scale: leave out the 0\.002 mV"):
        read_recording(path, lsb=0.002)


def test_signals_without_a_description_are_ecgs_of_unknown_place(record) -> None:
    counts = np.repeat(WAVE, 2)
    recording = read_recording(record(f"X 2 {FS} 2500\nX.dat 16 {GAIN}/mV\nX.dat 16 {GAIN}/mV\n", counts))
    assert recording.leads == ("ECG", "ECG_2")


def test_each_signal_has_its_own_rate_and_none_is_averaged(record) -> None:
    fast = WAVE.reshape(-1, 4)
    slow = np.arange(len(fast))[:, None]
    counts = np.hstack([fast, slow])
    path = record(
        f"X 2 125 {len(fast)}\nX.dat 16x4 {GAIN}/mV 12 0 0 0 0 II\nX.dat 16 {GAIN}/pm 12 0 0 0 0 RESP\n",
        counts,
    )
    recording = read_recording(path)
    assert (recording.fs, recording.leads) == (500, ("II",))
    np.testing.assert_allclose(recording.samples[:, 0], WAVE / GAIN, rtol=1e-6)
    assert recording.remarks == ("RESP is left out: it has 125 Hz, II has 500 Hz",)
    (other,) = open_recording(path).others
    assert (other.recording.fs, other.recording.leads, other.length) == (125, ("RESP",), len(fast))
    np.testing.assert_allclose(other.whole().samples[:, 0], slow[:, 0] / GAIN, rtol=1e-6)


def test_a_signal_file_that_was_cut_short_is_read_as_far_as_it_goes(record) -> None:
    recording = read_recording(record(f"X 1 {FS} 2750\nX.dat 16 {GAIN}/mV 12 0 0 0 0 II\n"))
    assert recording.duration == 10.0
    assert "the last 1.0 s are missing" in recording.remarks[0]


@pytest.mark.parametrize(
    ("when", "epoch"),
    [
        ("00:00:00 2006", None),
        ("05-May-2020 09:49:17", datetime(2020, 5, 5, 9, 49, 17, tzinfo=UTC).timestamp()),
        ("09:49:17 05/05/2020", datetime(2020, 5, 5, 9, 49, 17, tzinfo=UTC).timestamp()),
        ("12:00", None),
    ],
)
def test_dates_as_headers_have_them(record, when: str, epoch: float | None) -> None:
    recording = read_recording(record(f"X 1 {FS} 2500 {when}\nX.dat 16 {GAIN}/mV 12 0 0 0 0 II\n"))
    assert recording.epoch == epoch
    assert recording.duration == 10.0


def test_a_record_name_with_an_ending_and_a_signal_file_with_a_preamble(tmp_path: Path) -> None:
    (tmp_path / "A0001.mat").write_bytes(b"\0" * 24 + WAVE.tobytes())
    header = (
        f"A0001.mat 1 {FS} 2500 05-May-2020 09:49:17\nA0001.mat 16+24 {GAIN}/mV 16 0 -1 0 0 II\n#Age: 60\n"
    )
    (tmp_path / "A0001.hea").write_text(header)
    recording = read_recording(tmp_path / "A0001")
    np.testing.assert_allclose(recording.samples[:, 0], WAVE / GAIN, rtol=1e-6)
    assert recording.comments == ("Age: 60",)
    assert read_recording(tmp_path / "A0001.mat").leads == ("II",)


def test_names_of_records_and_files_with_points(tmp_path: Path) -> None:
    (tmp_path / "day.one.dat").write_bytes(WAVE.tobytes())
    (tmp_path / "v1.0.hea").write_text(f"v1.0 1 {FS} 2500\nday.one.dat 16 {GAIN}/mV\n")
    for name in ("v1.0", "v1.0.hea"):
        np.testing.assert_allclose(read_recording(tmp_path / name).samples[:, 0], WAVE / GAIN, rtol=1e-6)


@pytest.mark.parametrize(
    ("initial", "checksum", "told"),
    [(7, 12345, True), (7, 0, True), (7, int(WAVE.sum()) % 65536, True), (0, int(WAVE.sum()) % 65536, False)],
)
def test_a_signal_file_of_another_record_is_told(record, initial: int, checksum: int, told: bool) -> None:
    line = f"X.dat 16 {GAIN}/mV 16 0 {initial} {checksum} 0 II"
    recording = read_recording(record(f"X 1 {FS} 2500\n{line}\n"))
    assert any("do not fit the signal file" in remark for remark in recording.remarks) == told


@pytest.mark.parametrize(("rate", "length", "words"), [(250, 2500, "Hz"), (FS, 2400, "samples")])
def test_segments_that_contradict_their_list_are_refused(
    record, tmp_path, rate: int, length: int, words: str
) -> None:
    record(f"X 1 {FS} 2500\nX.dat 16 {GAIN}/mV 16 0 0 0 0 II\n", name="seg")
    fs = 500 if words == "Hz" else rate
    (tmp_path / "all.hea").write_text(f"all/1 1 {fs} {length}\nseg {length}\n")
    with pytest.raises(wearecg.SourceError, match=f"{words}.*contradict each other"):
        read_recording(tmp_path / "all")


def test_what_is_of_no_known_size_stays_so_where_it_is_recorded_and_reconstructed(
    record, tmp_path: Path
) -> None:
    recording = read_recording(record(f"X 1 {FS} 2500\nX.dat 16 0(0)/mV 16 0 0 0 0 II\n", 4 * WAVE))
    list(Session(replay(recording, float("inf")), sinks=[f"wfdb:{tmp_path / 'out'}"]))
    (header,) = (tmp_path / "out").glob("*.hea")
    again = read_recording(header)
    assert again.uncalibrated == ("II",)
    np.testing.assert_allclose(again.samples, recording.samples, atol=1e-6)
    with pytest.raises(wearecg.SignalError, match=r"II: of no known size, and lead12@.* needs mV"):
        list(Session(replay(recording, float("inf")), [wearecg.open_observer("lead12")]))


@pytest.mark.parametrize("file", ["../rec.dat", "/tmp/rec.dat", "sub/rec.dat", "rec\0.dat"])
def test_a_header_names_no_file_of_another_folder(record, tmp_path: Path, file: str) -> None:
    path = record(f"other.name 1 {FS}\n{file} 16 {GAIN}/mV 16 0 0 0 0 II\n")
    with pytest.raises(wearecg.SourceError, match="a header names files of its own folder"):
        read_recording(path)
    (tmp_path / "all.hea").write_text(f"all/1 1 {FS} 2500\n{file.removesuffix('.dat')} 2500\n")
    with pytest.raises(wearecg.SourceError, match="a header names files of its own folder"):
        read_recording(tmp_path / "all")


@pytest.mark.parametrize(
    ("master", "segments", "words"),
    [
        ("2 1 250 6000", "seg 2500\nseg 2500", "6000 samples, its segments have 5000"),
        ("1 3 250 2500", "seg 2500", "seg.hea has 3 signals, that one says 1 signals"),
        ("2 1 250", "seg 2500\nfast 2500", "its segments have 250 and 500 Hz"),
        ("2 1 250", "seg 2500\n~ 1000000000000", "days of it are missing"),
    ],
)
def test_lists_that_cannot_be_are_refused(
    record, tmp_path: Path, master: str, segments: str, words: str
) -> None:
    record(f"X 1 {FS} 2500\nX.dat 16 {GAIN}/mV 16 0 0 0 0 II\n", name="seg")
    record(f"X 1 {FS} 2500\nX.dat 16x2 {GAIN}/mV 16 0 0 0 0 II\n", np.repeat(WAVE, 2), name="fast")
    (tmp_path / "all.hea").write_text(f"all/{master}\n{segments}\n")
    with pytest.raises(wearecg.SourceError, match=words):
        read_recording(tmp_path / "all")


@pytest.mark.parametrize(
    ("form", "length"),
    [("8", 1200), ("16", 600), ("24", 400), ("32", 300), ("80", 1200), ("160", 600), ("212", 800),
     ("310", 900), ("311", 900)],
)  # fmt: skip
def test_a_file_of_every_format_is_read_as_far_as_it_is_whole(record, form: str, length: int) -> None:
    octets = np.random.default_rng(1).integers(0, 256, 1200, np.uint8).tobytes()
    path = record(f"X 1 {FS} {length}\nX.dat {form} {GAIN}/mV 16 0 0 0 0 II\n")
    path.with_suffix(".dat").write_bytes(octets)
    whole = read_recording(path)
    assert (len(whole), whole.remarks) == (length, ())
    np.testing.assert_array_equal(open_recording(path).read(101, 203), whole.samples[101:203])
    path.with_suffix(".dat").write_bytes(octets[:602])
    cut = read_recording(path)
    assert length // 2 <= len(cut) <= length // 2 + 2
    np.testing.assert_array_equal(cut.samples, whole.samples[: len(cut)])
    assert "its signal file was cut short" in cut.remarks[0]


def test_a_null_segment_between_segments_of_one_layout_is_missing(record, tmp_path: Path) -> None:
    record(f"X 1 {FS} 2500\nX.dat 16 {GAIN}/mV 16 0 0 0 0 II\n", name="seg")
    (tmp_path / "all.hea").write_text(f"all/3 1 {FS} 6000\nseg 2500\n~ 1000\nseg 2500\n")
    recording = read_recording(tmp_path / "all")
    missing = np.isnan(recording.samples[:, 0])
    assert (recording.duration, missing.sum(), missing[2500:3500].all()) == (24.0, 1000, True)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("X 1 0 2500\nX.dat 16 200 16 0 0 0 0 II\n", "a rate of 0 Hz is none"),
        ("X 3 250 2500\nX.dat 16 200 16 0 0 0 0 II\n", "announces 3 lines and has 1"),
        ("what is this\n", "no WFDB header"),
        ("X 1 250 2500\nX.dat 999 200 16 0 0 0 0 II\n", "format 999 that is not known"),
        ("X 1 250 2500\nX.dat 16x0 200 16 0 0 0 0 II\n", "is no signal; give its file and its format"),
        ("X 1 250 2500\nX.dat\n", "is no signal; give its file and its format"),
        ("X 0 250 2500\n", "neither samples nor beats"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(record, header: str, words: str) -> None:
    with pytest.raises(wearecg.WearECGError, match=words) as told:
        read_recording(record(header))
    assert "\n" not in str(told.value)


def test_a_folder_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(wearecg.SourceError, match="that is a folder: name one of its records"):
        read_recording(tmp_path)


def _heart(tmp_path: Path, *leads: str) -> int:
    """Write a.dat: 20 s of a heart at 250 Hz, the leads interleaved."""
    person = wearecg.Person(seed=1, scenario="sinus", fs=250)
    samples = person.samples(5000)[:, [person.leads.index(lead) for lead in leads]]
    np.round(samples * 1000).astype("<i2").tofile(tmp_path / "a.dat")
    return len(samples)


@pytest.mark.parametrize("leads", [("II", "V1"), ("II", "V1", "V5"), ("I", "II")])
def test_signals_that_the_header_does_not_know_of_are_no_time(tmp_path: Path, leads: tuple[str, ...]) -> None:
    n = _heart(tmp_path, *leads)
    (tmp_path / "r.hea").write_text(f"r 1 250 {n}\na.dat 16 1000/mV 16 0 0 0 0 II\n")
    with pytest.raises(
        SourceError, match=f"holds {len(leads)} times what the header says.*more signals than the 1"
    ):
        read_recording(tmp_path / "r")


@pytest.mark.parametrize(
    ("length", "told"),
    [(2500, "holds 2 times what the header says"), (3000, "goes on for 8.0 s"), (4990, ""), (5000, "")],
)
def test_a_signal_file_that_is_longer_than_its_header_says_is_told(
    tmp_path: Path, length: int, told: str
) -> None:
    _heart(tmp_path, "II")
    (tmp_path / "r.hea").write_text(f"r 1 250 {length}\na.dat 16 1000/mV 16 0 0 0 0 II\n")
    got = read_recording(tmp_path / "r")
    assert len(got) == length
    assert (told in got.remarks[0]) if told else not got.remarks


def test_segments_share_a_signal_file_and_nothing_is_told(tmp_path: Path) -> None:
    _heart(tmp_path, "II")
    (tmp_path / "r.hea").write_text("r/2 1 250 5000\nr1 2500\nr2 2500\n")
    for number in (1, 2):
        header = f"r{number} 1 250 2500\na.dat 16+{(number - 1) * 5000} 1000/mV 16 0 0 0 0 II\n"
        (tmp_path / f"r{number}.hea").write_text(header)
    assert not read_recording(tmp_path / "r").remarks


def test_a_header_with_more_lines_than_it_announces_is_refused(tmp_path: Path) -> None:
    n = _heart(tmp_path, "II", "V1")
    lines = "".join(f"a.dat 16 1000/mV 16 0 0 0 0 {lead}\n" for lead in ("II", "V1"))
    (tmp_path / "r.hea").write_text(f"r 1 250 {n}\n{lines}")
    with pytest.raises(SourceError, match="announces 1 signals and has 2 lines of them"):
        read_recording(tmp_path / "r")
    (tmp_path / "r.hea").write_text(f"r 2 250 {n}\n{lines}written by somebody\n")
    assert read_recording(tmp_path / "r").leads == ("II", "V1")


@pytest.mark.parametrize(
    ("written", "lead"),
    [
        ("D3", "III"),
        ("DII", "II"),
        ("EKG", "ECG"),
        ("CM5", "V5"),
        ("ECG I", "I"),
        ("lead II (limb)", "II"),
        ("ABP", "ABP"),
    ],
)
def test_names_of_leads_as_people_write_them(tmp_path: Path, written: str, lead: str) -> None:
    n = _heart(tmp_path, "II")
    (tmp_path / "r.hea").write_text(f"r 1 250 {n}\na.dat 16 1000/mV 16 0 0 0 0 {written}\n")
    assert read_recording(tmp_path / "r").leads == (lead,)


def test_the_user_names_signals_whose_names_say_nothing(tmp_path: Path) -> None:
    n = _heart(tmp_path, "II", "V1")
    lines = "".join(f"a.dat 16 1000/mV 16 0 0 0 0 {name}\n" for name in ("left", "right"))
    (tmp_path / "r.hea").write_text(f"r 2 250 {n}\n{lines}")
    assert read_recording(tmp_path / "r").remarks == (
        "left, right: no names of leads; say what each signal is, or leave one empty: --leads II,,V1",
    )
    named = open_recording(tmp_path / "r", leads=("II", "")).recording
    assert (named.leads, named.remarks) == (("II", "right"), ())
    with pytest.raises(SourceError, match="has left, right; name each"):
        open_recording(tmp_path / "r", leads=("II",))
