"""Recording EDF+ and BDF+: what other readers and ours find in it, at every moment, with gaps and after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wearecg
from tests.sinks.scenario import finding, not_scored
from wearecg.block import ECG, RR, Beat, Gap, LeadQuality, Quality, SignalBlock, StreamId, StreamInfo
from wearecg.cli.recording import RecordingOptions
from wearecg.errors import SinkError
from wearecg.formats import read_recording
from wearecg.sinks import open_sink
from wearecg.sinks.edf_header import Scale, record_length
from wearecg.sinks.recorder import Recorder

FS = 250.0
LEADS = ("I", "II", "V1")
STEPS = np.array([0.001, 0.001, 0.0005])
EPOCH = 1_795_000_000.25


def recorder(folder: Path, options: str = "") -> Recorder:
    sink = open_sink(f"edf:{folder}{options}")
    assert isinstance(sink, Recorder)
    return sink


def signal_mv(n: int, seed: int = 0) -> np.ndarray:
    digital = np.random.default_rng(seed).integers(-4000, 4000, (n, 3))
    return (digital * STEPS).astype(np.float32)


def info(**changes: object) -> StreamInfo:
    values = {
        "stream": ECG, "source": "test", "fs": FS, "leads": LEADS, "lsb": tuple(STEPS), "epoch": EPOCH,
    } | changes  # fmt: skip
    return StreamInfo(**values)  # type: ignore[arg-type]


def path_of(sink: Recorder, number: int = 0) -> Path:
    (path,) = sink.records[number].parent.glob(f"{sink.records[number].name}.?df")
    return path


def assert_same(got: np.ndarray, expected: np.ndarray) -> None:
    assert np.array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_allclose(got, expected, atol=1e-6)


def play(
    sink: Recorder, x: np.ndarray, gaps: Sequence[tuple[int, int]], size: int = 25, check: bool = False
) -> np.ndarray:
    """Write ``x`` in blocks without the sample ranges in ``gaps``; return what the file must hold."""
    expected = x.astype(float)
    for first, last in gaps:
        expected[first:last] = np.nan
    sink.write(info())
    at, lost, now = 0, 0, 0.0
    while at < len(x):
        inside = [last for first, last in gaps if first <= at < last]
        if inside:
            sink.write(Gap(at / FS, (inside[0] - at) / FS, inside[0] - at, "link"))
            lost, at = inside[0] - at, inside[0]
            continue
        end = min([at + size, len(x), *[first for first, _ in gaps if first > at]])
        sink.write(SignalBlock(x[at:end], FS, LEADS, at / FS, lost))
        now += 0.31 if check else (end - at) / FS
        at, lost = end, 0
        sink.tick(now)
        if check and end >= 125:
            got = read_recording(path_of(sink)).samples
            assert end - 125 < len(got) <= end
            assert_same(got, expected[: len(got)])
            assert len(edfio_signal(path_of(sink))) == len(got)
    return expected


def edfio_signal(path: Path, lead: int = 1) -> np.ndarray:
    edfio = pytest.importorskip("edfio")
    read = edfio.read_bdf if path.suffix == ".bdf" else edfio.read_edf
    values: np.ndarray = read(path).signals[lead].data
    return values


@pytest.mark.parametrize("options", ["", "?discontinuous=1"])
def test_it_is_readable_and_exact_after_every_flush(tmp_path: Path, options: str) -> None:
    sink = recorder(tmp_path, options)
    x = signal_mv(2500)
    x[130:140, 1] = np.nan
    gaps = [(500, 520), (1000, 1500), (2013, 2301)]
    expected = play(sink, x, gaps, check=not options)
    sink.close()
    got = read_recording(path_of(sink))
    assert (got.fs, got.leads, got.epoch, got.uncalibrated, got.remarks) == (FS, LEADS, EPOCH, (), ())
    assert got.lsb == pytest.approx(tuple(STEPS), rel=1e-12)
    assert_same(got.samples, expected)
    records = len(x) // 125 if not options else 4 + 4 + 5 + 2
    assert int(path_of(sink).read_bytes()[236:244]) == records


def test_values_are_the_sensors_counts_in_every_reader(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    x = signal_mv(500)
    play(sink, x, [])
    sink.close()
    for lead in range(3):
        np.testing.assert_allclose(edfio_signal(path_of(sink), lead), x[:, lead] * 1000, atol=1e-3)
    edfio = pytest.importorskip("edfio")
    edf = edfio.read_edf(path_of(sink))
    assert [one.label for one in edf.signals] == ["ECG I", "ECG II", "ECG V1"]
    assert {one.physical_dimension for one in edf.signals} == {"uV"}
    assert edf.startdate.isoformat() == "2026-11-18"
    assert edf.starttime.isoformat() == "11:06:40.250000"
    assert edf.recording.equipment_code.startswith("wearecg-")


def test_other_readers_open_it(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    x = signal_mv(700)
    play(sink, x, [(300, 340)])
    sink.close()
    path, held = path_of(sink), x[:, 1] * 1000
    held[300:340] = -32767
    held = np.concatenate([held, np.full(50, -32767)])
    pyedflib = pytest.importorskip("pyedflib")
    with pyedflib.EdfReader(str(path)) as reader:
        np.testing.assert_allclose(reader.readSignal(1), held, atol=1e-3)
        onsets, durations, texts = reader.readAnnotations()
    assert ("Recording gap", 1.2, 0.16) in [
        (text, onset, duration) for text, onset, duration in zip(texts, onsets, durations, strict=True)
    ]
    mne = pytest.importorskip("mne")
    raw = mne.io.read_raw_edf(path, preload=True, verbose="error")
    np.testing.assert_allclose(raw.get_data()[1] * 1e6, held, atol=1e-3)
    assert raw.info["meas_date"].isoformat().startswith("2026-11-18T11:06:40")


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(1, 1999), unique=True, max_size=6).map(sorted),
    size=st.sampled_from([1, 7, 100, 3000]),
    options=st.sampled_from(["", "?discontinuous=1"]),
)
def test_any_gaps_and_any_chunking_read_back(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], size: int, options: str
) -> None:
    gaps = list(zip(cuts[::2], cuts[1::2], strict=False))
    x = signal_mv(2000)
    files = []
    for chunk in (size, 250):
        sink = recorder(tmp_path_factory.mktemp("r"), options)
        expected = play(sink, x, gaps, chunk)
        sink.close()
        assert_same(read_recording(path_of(sink)).samples, expected)
        files.append(path_of(sink).read_bytes()[:256])
    assert files[0] == files[1]


def test_what_it_says_in_annotations(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    sink.write(info(rate_note="given by the user"))
    x = signal_mv(2500)
    for at in range(0, 2500, 250):
        t = at / FS
        off = (False, 3 <= t < 5, None)
        if t == 7:
            sink.write(Gap(6.0, 1.0, 250, "unplugged"))
        if t != 6:
            sink.write(SignalBlock(x[at : at + 250], FS, LEADS, t, 250 if t == 7 else 0, lead_off=off))
            sink.write(Beat(t + 0.5, "II"))
        if t == 2:
            sink.write(finding("AFIB", t + 1, 0.934, since=1.0, source="encoder@0.1.0"))
        if t == 4:
            sink.write(not_scored(t + 1, "lead off, " * 30, source="encoder@0.1.0"))
        if t == 8:
            quality = (LeadQuality("V1", "unusable", "saturated"), LeadQuality("I", "good"))
            sink.write(Quality(t, t + 1, quality))
        sink.tick(t)
    sink.close()
    got = read_recording(path_of(sink))
    assert got.annotations
    rows = list(
        zip(got.annotations.times.tolist(), got.annotations.symbols, got.annotations.notes, strict=True)
    )
    assert [time for time, symbol, _ in rows if symbol == "Q"] == [t + 0.5 for t in range(10) if t != 6]
    said = [row for row in rows if row[1] != "Q" and row[0]]
    assert (3.0, '"', "AFIB p=0.93 since=1.0s encoder@0.1.0") in said
    assert "".join(row[2] for row in said if row[0] == 5.0 and row[1] == '"').startswith(
        "not scored: " + "lead off, " * 30
    )
    assert [row for row in said if row[1] == "~"] == [
        (3.0, "~", "II lead off"),
        (5.0, "~", "II lead on"),
        (6.0, "~", "gap 1.000 s, 250 samples: unplugged"),
        (7.0, "~", "gap ends"),
        (8.0, "~", "V1 unusable: saturated"),
    ]
    first = [note for time, _, note in rows if not time]
    assert first[:2] == ["source: test", "sampling rate: given by the user"]
    assert "not a medical device" in first[2]


def test_24_bits_are_bdf_and_exact(tmp_path: Path) -> None:
    step = 2420 / 6 / 2**23  # mV, a 24-bit front end at gain 6
    digital = np.random.default_rng(0).integers(-(2**22), 2**22, (500, 1))
    sink = recorder(tmp_path)
    sink.write(info(leads=("ECG",), lsb=(step,)))
    sink.write(SignalBlock((digital * step).astype(np.float32), FS, ("ECG",), 0.0))
    sink.close()
    assert path_of(sink).suffix == ".bdf"
    got = read_recording(path_of(sink))
    assert got.leads == ("ECG",)
    assert np.array_equal(np.rint(got.samples / step), digital)
    np.testing.assert_allclose(edfio_signal(path_of(sink), 0), digital[:, 0] * step * 1000, rtol=1e-6)


def test_what_is_not_calibrated_has_no_unit(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    x = (signal_mv(500) * 1e5).astype(np.float32)
    sink.write(info(lsb=(0.0,) * 3, uncalibrated=("I", "V1")))
    sink.write(SignalBlock(x, FS, LEADS, 0.0))
    sink.close()
    got = read_recording(path_of(sink))
    assert got.uncalibrated == ("I", "V1")
    np.testing.assert_allclose(got.samples[:, [0, 2]], x[:, [0, 2]], atol=100)


def test_leads_that_nobody_measured_are_none_when_they_are_read_again(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    sink.write(info(stream=StreamId("twelve"), reconstructed=("V1",)))
    sink.write(SignalBlock(signal_mv(500), FS, LEADS, 0.0, stream=StreamId("twelve")))
    sink.close()
    assert path_of(sink).name.endswith("_twelve.edf")
    assert read_recording(path_of(sink)).leads == ("I", "II", "V1 reconstr.")
    assert b"reconstructed by a model, not measured" in path_of(sink).read_bytes()


def test_a_strap_is_recorded_by_its_beats(tmp_path: Path) -> None:
    rr = np.random.default_rng(3).integers(700, 1000, 60) / 1024
    times = np.cumsum(rr)
    sink = recorder(tmp_path)
    sink.write(StreamInfo(RR, "strap", 1024.0, ("RR",), (1 / 1024,), EPOCH))
    for at, interval in zip(times.tolist(), rr.tolist(), strict=True):
        sink.write(Beat(at, "RR", interval, RR))
        sink.tick(at)
    sink.close()
    got = read_recording(path_of(sink))
    assert got.intervals
    assert (got.leads, got.epoch) == ((), EPOCH)
    np.testing.assert_allclose(got.intervals.times, times, atol=1e-6)
    np.testing.assert_allclose(got.intervals.rr, rr, atol=2e-6)
    pyedflib = pytest.importorskip("pyedflib")
    with pyedflib.EdfReader(str(path_of(sink))) as reader:
        assert list(reader.readAnnotations()[2]).count("R-wave") == 60


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (float("nan"), None),
        (10.5, 10.5),
        (5e9, 5e9),
        (1_795_000_000.9999999, 1_795_000_001.0),
    ],
)
def test_starts_that_the_header_cannot_say_or_nobody_knows(
    tmp_path: Path, epoch: float, expected: float | None
) -> None:
    sink = recorder(tmp_path)
    sink.write(info(epoch=epoch))
    sink.write(SignalBlock(signal_mv(500), FS, LEADS, 0.0))
    sink.close()
    assert read_recording(path_of(sink)).epoch == expected
    assert len(edfio_signal(path_of(sink))) == 500


def test_rotation_and_room(tmp_path: Path) -> None:
    sink = recorder(tmp_path, "?rotate=10s&keep-free=1kB")
    x = signal_mv(10000)
    play(sink, x, [], 100)
    sink.write(Beat(39.0, "II"))
    sink.close()
    parts = [read_recording(path) for path in sorted(tmp_path.glob("*.edf"))]
    assert [part.epoch for part in parts] == [EPOCH + 10 * k for k in range(4)]
    assert_same(np.concatenate([part.samples for part in parts]), x)


def test_notes_that_come_when_no_record_follows_have_a_place(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    sink.write(info())
    sink.write(SignalBlock(signal_mv(125), FS, LEADS, 0.0))
    for number in range(40):
        sink.write(Beat(number / 100, "II"))
    sink.close()
    got = read_recording(path_of(sink))
    assert got.annotations
    assert got.annotations.symbols.count("Q") == 40
    assert np.isfinite(got.samples[:125]).all()
    assert np.isnan(got.samples[125:]).all()


def test_a_signal_beyond_the_range_is_cut_and_told_once(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    sink.write(info(lsb=(0.0,) * 3))
    x = signal_mv(250)
    x[50, 1] = -40.0
    sink.write(SignalBlock(x, FS, LEADS, 0.0))
    sink.write(SignalBlock(x, FS, LEADS, 1.0))
    sink.close()
    assert [n.message for n in sink.notices] == [
        "lead II goes beyond the +-32.77 mV that the recording can hold, and is cut off there"
    ]
    assert np.nanmin(read_recording(path_of(sink)).samples) == pytest.approx(-32.766)


def test_disk_full_stops_once_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], capture_output=True
    )
    if mount.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted here: {mount.stderr.decode().strip()}")
    try:
        sink = recorder(tmp_path, "?discontinuous=1")
        x = signal_mv(250 * 140)
        sink.write(info())
        filler = tmp_path / "filler"
        filler.write_bytes(b"x" * 180_000)
        told = []
        for second in range(140):
            sink.write(SignalBlock(x[second * 250 : second * 250 + 250], FS, LEADS, float(second)))
            sink.write(Beat(second + 0.5, "II"))
            sink.tick(float(second))
            told += [(second, notice) for notice in sink.notices]
            sink.notices.clear()
            if second % 10 == 5:
                got = read_recording(path_of(sink)).samples
                held = np.isfinite(got[:, 0])
                np.testing.assert_allclose(got[held], x[: len(got)][held], atol=1e-6)
            if second == 110:
                filler.unlink()
        sink.close()
        assert [(n.level, s < 110) for s, n in told] == [("error", True), ("info", False)]
        got = read_recording(path_of(sink))
        held = np.isfinite(got.samples[:, 0])
        assert len(got) == 140 * 250
        assert 250 * 15 < held[: 110 * 250].sum() < 250 * 100
        assert held[115 * 250 :].all()
        assert got.annotations
        assert got.annotations.symbols.count("Q") == 140
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_files_that_are_deleted_are_begun_anew(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    x = signal_mv(2000)
    sink.write(info())
    for second in range(8):
        sink.write(SignalBlock(x[second * 250 : second * 250 + 250], FS, LEADS, float(second)))
        sink.tick(float(second))
        if second == 3:
            path_of(sink).unlink()
    sink.close()
    (path,) = tmp_path.glob("*.edf")
    got = read_recording(path)
    assert_same(got.samples, x[-len(got) :])
    assert "begun anew" in sink.notices[0].message


def test_repair_after_a_power_cut(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    x = signal_mv(2000)
    play(sink, x, [])
    path = path_of(sink)
    assert recorder(tmp_path).notices == []  # it is being written
    sink.close()
    whole = path.read_bytes()
    record = (len(whole) - 256 * 5) // 16
    path.write_bytes(whole[: -3 * record - 200] + bytes(2 * record))
    (tmp_path / "wearecg_mine.edf").write_bytes(b"0       " + whole[8:].replace(b" wearecg-", b" another-"))
    again = recorder(tmp_path)
    assert [notice.message.partition(" had lost")[0] for notice in again.notices] == [str(path)]
    assert len(path.read_bytes()) == 256 * 5 + 12 * record
    assert_same(read_recording(path).samples, x[:1500])
    assert recorder(tmp_path).notices == []


def test_options_are_told(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="edf: discontinuous: 'yes' is neither 0 nor 1"):
        recorder(tmp_path, "?discontinuous=yes")
    with pytest.raises(SinkError, match="'rotat'; there are discontinuous, keep-free, rotate, sync"):
        recorder(tmp_path, "?rotat=1h")


@pytest.mark.parametrize("fs", [125.0, 130.0, 51.2, 500 / 3, 257.7, 512.413, 1.0, 0.5, 1000.0])
def test_records_are_short_and_their_length_is_exact(fs: float) -> None:
    samples, micros = record_length(fs)
    assert samples == 1 or micros <= 500_000
    assert samples / micros * 1e6 == pytest.approx(fs, rel=2e-8)


@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("step", [0.001, 0.00488, 2420 / 6 / 2**23, 1 / 3, 5e-7, 0.0123456789])
@pytest.mark.parametrize("unit", ["mV", "g", ""])
def test_eight_characters_say_every_step(step: float, unit: str, bits: int) -> None:
    scale = Scale.choose(step, unit, bits)
    assert len(scale.limit) <= 7
    factor = 1000 if scale.unit == "uV" else 1
    # A count is found again from its value, to half a step at full scale.
    assert abs(float(scale.limit) / factor / step - scale.top) < 0.5


WRITER = """
import sys, time
import numpy as np
from wearecg.block import ECG, Beat, Gap, SignalBlock, StreamInfo
from wearecg.sinks import open_sink
from wearecg.sinks.threaded import ThreadedSink
leads = tuple("I II III aVR aVL aVF V1 V2 V3 V4 V5 V6".split())
sink = ThreadedSink(open_sink("edf:" + sys.argv[1]))
sink.write(StreamInfo(ECG, "test", 500.0, leads, (0.001,) * 12, time.time()))
begin = time.monotonic()
for number in range(10000):
    start = number * 0.05 + (1.5 if number >= 30 else 0)
    ramp = np.round(start * 500) + np.arange(25)
    x = np.repeat((ramp % 30000)[:, None] * 0.001, 12, axis=1).astype(np.float32)
    if number == 30:
        sink.write(Gap(1.5, 1.5, 750, "link"))
    sink.write(SignalBlock(x, 500.0, leads, start, 750 if number == 30 else 0))
    if number % 20 == 0 and number:
        sink.write(Beat(start - 0.3, "II"))
    print(round(start * 500) + 25, flush=True)
    time.sleep(max(0.0, begin + (number + 1) * 0.05 - time.monotonic()))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_kill_9_loses_at_most_a_second_and_readers_never_fail(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        deadline, reads = time.monotonic() + 4.2, 0
        while time.monotonic() < deadline:
            for path in tmp_path.glob("wearecg_*Z.edf"):
                if path.stat().st_size < 256 * 14 + 6000 + 120:
                    continue  # not a record yet
                got = read_recording(path).samples[:, 5]
                expected = (np.arange(len(got)) % 30000) * 0.001
                assert np.all(np.isnan(got) | (np.abs(got - expected) < 1e-6))
                reads += 1
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        written = [int(line) for line in process.communicate()[0].split()]
    (path,) = tmp_path.glob("wearecg_*Z.edf")
    got = read_recording(path)
    lost = (written[-1] - len(got)) / 500
    assert reads > 10
    assert 0 <= lost <= 1.0
    assert len(got) > 1600
    assert np.flatnonzero(np.isnan(got.samples[:, 5])).tolist() == list(range(750, 1500))
    assert got.annotations
    assert got.annotations.symbols.count("Q") >= 1
    assert len(edfio_signal(path)) == len(got)
    assert os.path.getsize(path) == 256 * 14 + len(got) // 250 * (6000 + 120)


def test_what_is_scored_live_is_scored_again_from_the_file(tmp_path: Path) -> None:
    source = "simulate:af?speed=max&seed=1"
    live = [*wearecg.stream(source, leads="II", observe=(), to=f"edf:{tmp_path}", duration=30)]
    (path,) = tmp_path.glob("*Z.edf")
    again = [*wearecg.stream(f"{path}?speed=max", observe=())]
    beats, told = ([event.time for event in events if isinstance(event, Beat)] for events in (live, again))
    assert told == pytest.approx(beats, abs=0.003)
    assert len(beats) > 20


@pytest.mark.parametrize(
    ("record", "uri"),
    [("rec", "wfdb:rec?rotate=1h"), ("edf:rec", "edf:rec?rotate=1h"), ("edf:r?a=1", "edf:r?a=1&rotate=1h")],
)
def test_record_takes_a_folder_or_a_recorder(record: str, uri: str) -> None:
    assert RecordingOptions(record=record, rotate="1h").uris == (uri,)
