from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sinks.scenario import finding, not_scored, recorder
from wearecg.block import ECG, Beat, Gap, LeadQuality, Notice, Quality, SignalBlock, StreamId, StreamInfo
from wearecg.errors import SinkError
from wearecg.sinks.coding import Coding
from wearecg.sinks.record import CROWD, RecordWriter
from wearecg.sinks.recorder import Recorder
from wearecg.sinks.wfdb_headers import repair

wfdb = pytest.importorskip("wfdb")

FS = 250.0
LEADS = ("I", "II", "V1")
STEPS = np.array([0.001, 0.001, 0.0005])
EPOCH = 1_795_000_000.25


def signal_mv(n: int, seed: int = 0) -> np.ndarray:
    digital = np.random.default_rng(seed).integers(-4000, 4000, (n, 3))
    return (digital * STEPS).astype(np.float32)


def info(**changes: object) -> StreamInfo:
    values = {
        "stream": ECG, "source": "test", "fs": FS, "leads": LEADS, "lsb": tuple(STEPS), "epoch": EPOCH,
    } | changes  # fmt: skip
    return StreamInfo(**values)  # type: ignore[arg-type]


def read(sink: Recorder, number: int = 0) -> np.ndarray:
    return wfdb.rdrecord(str(sink.records[number])).p_signal


def assert_same(got: np.ndarray, expected: np.ndarray) -> None:
    assert np.array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_allclose(got, expected, atol=1e-6)


def play(
    sink: Recorder, x: np.ndarray, gaps: list[tuple[int, int]], size: int = 25, check: bool = False
) -> np.ndarray:
    """Write ``x`` in blocks without the sample ranges in ``gaps``; return what the record must hold."""
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
        if check:
            assert_same(read(sink), expected[:end])
            wfdb.rdann(str(sink.records[0]), "wea")
    return expected


def test_record_is_readable_and_exact_after_every_flush(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    x = signal_mv(2500)
    x[100:110, 1] = np.nan
    expected = play(sink, x, [(500, 520), (1000, 1500), (2000, 2300)], check=True)
    sink.close()
    assert_same(read(sink), expected)
    header = wfdb.rdheader(str(sink.records[0]), rd_segments=True)
    assert header.seg_name[2] == "~"
    assert header.seg_len[1:] == [1000, 500, 500, 300, 200]
    assert header.sig_name == list(LEADS)
    assert header.base_datetime.isoformat() == "2026-11-18T11:06:40.250000"
    assert any("not a medical device" in comment for comment in header.comments)
    digital = wfdb.rdrecord(str(sink.records[0]), physical=False, sampto=1000).d_signal
    assert np.array_equal(digital[:100], np.rint(x[:100] / STEPS))


def test_without_a_gap_it_is_a_plain_record_with_true_checksums(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    play(sink, signal_mv(700), [])
    sink.close()
    record = wfdb.rdrecord(str(sink.records[0]), physical=False)
    assert isinstance(wfdb.rdheader(str(sink.records[0])), wfdb.Record)
    assert [c % 65536 for c in record.checksum] == [c % 65536 for c in record.calc_checksum()]
    assert record.init_value == record.d_signal[0].tolist()
    assert {p.suffix for p in tmp_path.iterdir()} == {".hea", ".dat", ".wea"}


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(1, 1999), unique=True, max_size=6).map(sorted),
    size=st.sampled_from([1, 7, 100, 3000]),
)
def test_any_gaps_and_any_chunking_read_back(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], size: int
) -> None:
    gaps = list(zip(cuts[::2], cuts[1::2], strict=False))
    sink = recorder(tmp_path_factory.mktemp("r"))
    x = signal_mv(2000)
    expected = play(sink, x, gaps, size)
    sink.close()
    assert_same(read(sink), expected)


def test_samples_sent_twice_are_left_out(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    x = signal_mv(300)
    sink.write(info())
    sink.write(SignalBlock(x[:200], FS, LEADS, 0.0))
    sink.write(SignalBlock(x[100:300], FS, LEADS, 100 / FS))
    sink.close()
    assert_same(read(sink), x)


def test_lost_at_the_start_stays_missing(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    x = signal_mv(250)
    sink.write(info())
    sink.write(SignalBlock(x, FS, LEADS, 2.0, 500))
    sink.close()
    assert_same(read(sink), np.concatenate([np.full((500, 3), np.nan), x]))


def test_beats_findings_gaps_and_quality_become_annotations_in_order(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    sink.write(info())
    x = signal_mv(2500)
    for at in range(0, 2500, 250):
        t = at / FS
        off = (False, 3 <= t < 5, None)
        if t == 7:
            sink.write(Gap(6.0, 1.0, 250, "unplugged"))
        if t != 6:
            sink.write(SignalBlock(x[at : at + 250], FS, LEADS, t, 250 if t == 7 else 0, lead_off=off))
            if t not in (0, 7):
                sink.write(Beat(t - 0.3, "II"))  # behind what the flush before this one has seen
            sink.write(Beat(t + 0.5, "II"))
        if t in (2, 3):
            change = "begins" if t == 2 else "holds"
            sink.write(finding("AFIB", t + 1, 0.934, since=1.0, source="encoder@0.1.0", change=change))
        if t == 4:
            sink.write(not_scored(t + 1, "lead off", source="encoder@0.1.0"))
        if t == 8:
            sink.write(
                Quality(t, t + 1, (LeadQuality("V1", "unusable", "saturated"), LeadQuality("I", "good")))
            )
        sink.tick(t)
        wfdb.rdann(str(sink.records[0]), "wea")
    sink.close()
    ann = wfdb.rdann(str(sink.records[0]), "wea")
    rows = list(
        zip(
            ann.sample.tolist(),
            ann.symbol,
            ann.subtype.tolist(),
            ann.chan.tolist(),
            ann.aux_note,
            strict=True,
        )
    )
    assert ann.fs == FS
    assert ann.sample.tolist() == sorted(ann.sample)
    times = [t + 0.5 for t in range(10) if t != 6] + [t - 0.3 for t in range(1, 10) if t not in (6, 7)]
    assert [s for s, symbol, _, chan, _ in rows if symbol == "Q" and chan == 1] == sorted(
        round(t * FS) for t in times
    )
    assert [row for row in rows if row[1] != "Q"] == [
        (750, '"', 0, 0, "AFIB p=0.93 since=1.0s encoder@0.1.0"),
        (750, "~", -1, 1, "II lead off"),
        (1250, '"', 0, 0, "not scored: lead off encoder@0.1.0"),
        (1250, "~", 0, 1, "II lead on"),
        (1500, "~", -1, 0, "gap 1.000 s, 250 samples: unplugged"),
        (1750, "~", 0, 0, "gap ends"),
        (2000, "~", -1, 2, "V1 unusable: saturated"),
    ]


def test_each_stream_has_its_record_with_units(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    ppg = (np.arange(100, dtype=np.float32)[:, None] - 50) * 1000
    acc = np.full((50, 3), 0.98, np.float32)
    sink.write(info())
    sink.write(info(stream=StreamId("ppg"), fs=50.0, leads=("PPG",), lsb=(1.0,)))
    sink.write(info(stream=StreamId("acc"), fs=25.0, leads=("ACC_X", "ACC_Y", "ACC_Z"), lsb=(0.0,) * 3))
    sink.write(SignalBlock(signal_mv(250), FS, LEADS, 0.0))
    sink.write(SignalBlock(ppg, 50.0, ("PPG",), 0.0, stream="ppg"))
    sink.write(SignalBlock(acc, 25.0, ("ACC_X", "ACC_Y", "ACC_Z"), 0.0, stream="acc"))
    sink.close()
    names = [path.name for path in sink.records]
    assert names == [f"wearecg_20261118T110640Z{s}" for s in ("", "_ppg", "_acc")]
    records = [wfdb.rdrecord(str(path)) for path in sink.records]
    assert [r.units for r in records] == [["mV"] * 3, ["NU"], ["g"] * 3]
    assert [r.fmt[0] for r in records] == ["16", "24", "16"]
    np.testing.assert_array_equal(records[1].p_signal, ppg)
    np.testing.assert_allclose(records[2].p_signal, acc, atol=5e-4)


def test_a_second_run_does_not_touch_the_first(tmp_path: Path) -> None:
    for seed in (1, 2):
        sink = recorder(tmp_path)
        sink.write(info())
        sink.write(SignalBlock(signal_mv(100, seed), FS, LEADS, 0.0))
        sink.close()
        assert_same(read(sink), signal_mv(100, seed))
    assert_same(wfdb.rdrecord(str(tmp_path / "wearecg_20261118T110640Z")).p_signal, signal_mv(100, 1))
    assert sink.records[0].name == "wearecg_20261118T110640Z_2"


@pytest.mark.parametrize(
    ("lead", "lsb", "bits", "step"),
    [
        ("II", 0.0, 16, 0.001),
        ("II", 0.0005, 16, 0.0005),
        ("II", 0.0000477, 24, 0.0000477),
        ("ACC_X", 0.0, 16, 0.001),
        ("PPG", 1.0, 24, 1.0),
        ("PPG", 0.0, 24, 0.01),
    ],
)
def test_coding_is_chosen_by_the_adc_step(lead: str, lsb: float, bits: int, step: float) -> None:
    coding = Coding.choose((lead,), (lsb,), np.full((5, 1), 1000.0, np.float32))
    assert coding.bits == bits
    assert coding.steps[0] == pytest.approx(step)


def test_24_bit_steps_are_kept_exactly(tmp_path: Path) -> None:
    step = 2420 / 6 / 2**23  # mV, a 24-bit front end at gain 6
    digital = np.random.default_rng(0).integers(-(2**21), 2**21, (500, 1))
    digital[7] = -(2**23) + 1
    sink = recorder(tmp_path)
    sink.write(info(leads=("ECG",), lsb=(step,)))
    sink.write(SignalBlock((digital * step).astype(np.float32), FS, ("ECG",), 0.0))
    sink.close()
    assert np.array_equal(wfdb.rdrecord(str(sink.records[0]), physical=False).d_signal, digital)


def test_a_signal_beyond_the_range_is_cut_and_said_once(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    sink.write(info(lsb=(0.0,) * 3))
    x = signal_mv(100)
    x[50, 1] = 40.0
    for at in (0, 50):
        sink.write(SignalBlock(x[at : at + 50], FS, LEADS, at / FS))
        sink.write(SignalBlock(x[50:51], FS, LEADS, (at + 50) / FS))
    sink.close()
    assert [n.message for n in sink.notices] == [
        "lead II goes beyond the +-32.77 mV that the recording can hold, and is cut off there"
    ]
    assert np.nanmax(read(sink)) == pytest.approx(32.767)


def test_many_gaps_do_not_make_ever_more_segments(tmp_path: Path) -> None:
    coding = Coding(16, (0.001,), (32767,))
    writer = RecordWriter(tmp_path, "wearecg_x", 10.0, ("II",), coding, EPOCH)
    x = np.ones((5, 1), np.float32)
    for i in range(CROWD + 40):
        writer.write(x, i * 20)  # 5 samples, then 1.5 s missing
    writer.close()
    header = wfdb.rdheader(str(tmp_path / "wearecg_x"))
    assert header.seg_name.count("~") <= CROWD + 1
    got = wfdb.rdrecord(str(tmp_path / "wearecg_x")).p_signal[:, 0]
    assert np.isfinite(got).sum() == 5 * (CROWD + 40)
    assert np.isfinite(got[20 * (CROWD + 39) :]).all()


@pytest.mark.parametrize("size", ["256k"])
def test_disk_full_stops_once_and_goes_on_when_there_is_room(tmp_path: Path, size: str) -> None:
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", tmp_path], capture_output=True
    )
    if mount.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted here: {mount.stderr.decode().strip()}")
    try:
        sink = recorder(tmp_path)
        x = signal_mv(250 * 600)
        sink.write(info())
        filler = tmp_path / "filler"
        filler.write_bytes(b"x" * 180_000)
        told: list[tuple[float, Notice]] = []
        for second in range(600):
            sink.write(SignalBlock(x[second * 250 : second * 250 + 250], FS, LEADS, float(second)))
            sink.write(Beat(second + 0.5, "II"))
            sink.tick(float(second))
            told += [(second, notice) for notice in sink.notices]
            sink.notices.clear()
            if second == 20:
                before = read(sink)
            if second >= 1 and second % 10 == 0:  # also while the disk is full
                got = read(sink)
                held = np.isfinite(got[:, 0])
                np.testing.assert_allclose(got[held], x[: len(got)][held], atol=1e-6)
                wfdb.rdann(str(sink.records[0]), "wea")
            if second == 300:
                filler.unlink()
            if second == 330:
                break
        sink.close()
        assert [(n.level, s < 300) for s, n in told] == [("error", True), ("info", False)]
        assert "No space left on device" in told[0][1].message
        got = read(sink)
        assert len(got) == 331 * 250
        assert_same(got[: len(before)], before)
        header = wfdb.rdheader(str(sink.records[0]))
        assert header.seg_name.count("~") == 1
        held = np.isfinite(got[:, 0])
        assert 250 * 20 < held[: 300 * 250].sum() < 250 * 120
        assert held[305 * 250 :].all()
        np.testing.assert_allclose(got[held], x[: len(got)][held], atol=1e-6)
        sizes = [path.stat().st_size for path in sorted(tmp_path.glob("*.dat"))]
        assert sizes == [
            6 * n for n, name in zip(header.seg_len, header.seg_name, strict=True) if n and name != "~"
        ]
        beats = wfdb.rdann(str(sink.records[0]), "wea")
        assert beats.symbol.count("Q") == 331
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_write_that_fits_in_part_keeps_whole_frames(tmp_path: Path) -> None:
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True)
    if mount.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted here: {mount.stderr.decode().strip()}")
    try:
        writer = RecordWriter(tmp_path, "wearecg_x", FS, LEADS, Coding(16, tuple(STEPS), (32767,) * 3), EPOCH)
        writer.write(signal_mv(20_000), 0)
        (dat,) = tmp_path.glob("*.dat")
        assert [n.level for n in writer.notices] == ["error"]
        assert 60_000 < dat.stat().st_size == 6 * writer.length < 65_536
        writer.close()
    finally:
        subprocess.run(["umount", tmp_path], check=True)


WRITER = """
import sys, time
import numpy as np
from wearecg.block import ECG, Beat, Gap, SignalBlock, StreamInfo
from wearecg.sinks import open_sink
from wearecg.sinks.threaded import ThreadedSink
leads = tuple("I II III aVR aVL aVF V1 V2 V3 V4 V5 V6".split())
sink = ThreadedSink(open_sink("wfdb:" + sys.argv[1]))
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
            for path in tmp_path.glob("wearecg_*Z.wea"):
                record = wfdb.rdrecord(str(path.with_suffix("")))
                got = record.p_signal[:, 5]
                expected = (np.arange(len(got)) % 30000) * 0.001
                assert np.all(np.isnan(got) | (np.abs(got - expected) < 1e-6))
                wfdb.rdann(str(path.with_suffix("")), "wea")
                reads += 1
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        written = [int(line) for line in process.communicate()[0].split()]
    (path,) = tmp_path.glob("wearecg_*Z.wea")
    got = wfdb.rdrecord(str(path.with_suffix(""))).p_signal[:, 5]
    lost = (written[-1] - len(got)) / 500
    assert reads > 10
    assert 0 <= lost <= 1.0
    assert len(got) > 1600
    assert np.flatnonzero(np.isnan(got)).tolist() == list(range(750, 1500))
    assert wfdb.rdann(str(path.with_suffix("")), "wea").symbol.count("Q") >= 1


def test_repair_shortens_headers_to_what_is_there(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    x = signal_mv(2000)
    expected = play(sink, x, [(1000, 1500)])
    sink.close()
    name = sink.records[0].name
    tail = tmp_path / f"{name}_0002.dat"
    os.truncate(tail, 6 * 300 + 4)
    with pytest.raises(ValueError):
        wfdb.rdrecord(str(tmp_path / name))
    told = sorted(notice.message.partition(" had lost its end")[0] for notice in repair(tmp_path))
    assert told == [f"{tmp_path / name}", f"{tmp_path / name}_0002"]
    assert_same(read(sink), expected[:1800])
    assert repair(tmp_path) == []
    assert len(recorder(tmp_path).notices) == 0


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_folder_that_cannot_be_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SinkError, match="cannot record into"):
        recorder(tmp_path / where)
