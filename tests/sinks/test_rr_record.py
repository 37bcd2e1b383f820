"""A heart rate strap gives no samples: its beats are recorded, and read again as RR intervals."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.sinks.scenario import finding, recorder
from wearecg.block import RR, Beat, Event, Gap, HeartRate, RRIntervals, SignalBlock, StreamId, StreamInfo
from wearecg.errors import SignalError
from wearecg.formats import Recording, read_recording
from wearecg.sinks.recorder import Recorder
from wearecg.sinks.upkeep import make_room, recordings
from wearecg.sinks.wfdb import Wfdb

wfdb = pytest.importorskip("wfdb")

EPOCH = 1_795_000_000.25


def info(stream: StreamId = RR, epoch: float = EPOCH) -> StreamInfo:
    return StreamInfo(stream, "strap", 1024.0, ("RR",), (1 / 1024,), epoch, "RR intervals only, no waveform")


def series(count: int) -> np.ndarray:
    """Intervals as a strap tells them, in 1/1024 s."""
    return np.random.default_rng(3).integers(700, 1000, count) / 1024


def told(rr: np.ndarray, start: float = 0.0, stream: StreamId = RR) -> list[Event]:
    """What the session gives to the outputs of such intervals."""
    events: list[Event] = []
    for time_, interval in zip(start + np.cumsum(rr), rr, strict=True):
        at = float(time_)
        events += [
            RRIntervals((float(interval),), 60.0, True, stream=stream, start=at - interval, end=at),
            Beat(at, "RR", float(interval), stream),
            HeartRate(at, 60.0, "", stream),
        ]
    return events


def play(sink: Recorder, events: list[Event]) -> None:
    for event in events:
        sink.write(event)
        if isinstance(event, Beat):
            sink.tick(event.time)


def read(folder: Path) -> list[Recording]:
    return [read_recording(path) for path in sorted(folder.glob("*.hea"))]


def test_a_strap_alone_is_recorded_and_read_again(tmp_path: Path) -> None:
    rr = series(60)
    sink = recorder(tmp_path)
    sink.write(info())
    end = float(rr.sum())
    events = [*told(rr[:30]), finding("RR_REGULAR", float(rr[:30].sum()), source="episodes@1", stream=RR)]
    play(sink, [*events, *told(rr[30:], float(rr[:30].sum()))])
    sink.close()
    (record,) = sink.records
    assert record.name == "wearecg_20261118T110640Z_rr"
    assert {path.suffix for path in tmp_path.iterdir()} == {".hea", ".wea"}
    header = wfdb.rdheader(str(record))
    assert (header.n_sig, header.fs, header.sig_len) == (0, 1024, round(end * 1024) + 1)
    assert wfdb.rdann(str(record), "wea").symbol.count("Q") == 60
    got = read_recording(record)
    assert (got.leads, got.samples.shape, got.fs) == ((), (round(end * 1024) + 1, 0), 1024.0)
    assert got.epoch == EPOCH
    assert got.intervals
    np.testing.assert_array_equal(got.intervals.rr, rr)
    np.testing.assert_array_equal(got.intervals.times, np.cumsum(rr))
    assert got.annotations
    assert "RR_REGULAR episodes@1" in got.annotations.notes


def test_what_is_missing_is_missing(tmp_path: Path) -> None:
    rr = series(20)
    sink = recorder(tmp_path)
    sink.write(info())
    half = float(rr[:10].sum())
    play(sink, [*told(rr[:10]), Gap(half, 7.3, 0, "link", RR), *told(rr[10:], half + 7.3)])
    play(sink, [Beat(half + 7.3 + float(rr[10:].sum()) + 2, "RR", None, RR)])
    sink.close()
    (got,) = read(tmp_path)
    assert got.intervals
    assert np.flatnonzero(np.isnan(got.intervals.rr)).tolist() == [10, 20]
    np.testing.assert_array_equal(np.delete(got.intervals.rr, [10, 20]), np.delete(rr, 10))
    assert got.intervals.times[10] - got.intervals.times[9] == pytest.approx(7.3 + rr[10], abs=1e-3)


def test_no_interval_is_lost_where_one_recording_ends_and_the_next_begins(tmp_path: Path) -> None:
    rr = series(200)
    sink = recorder(tmp_path, rotate="30s")
    sink.write(info())
    play(sink, told(rr))
    sink.close()
    parts = read(tmp_path)
    assert len(parts) == 6
    assert all(part.duration == pytest.approx(30, abs=1) for part in parts[:-1])
    whole = [interval for part in parts if part.intervals for interval in part.intervals.rr]
    np.testing.assert_array_equal(whole, rr)
    starts = [part.epoch - EPOCH + part.intervals.times for part in parts if part.intervals and part.epoch]
    np.testing.assert_allclose(np.concatenate(starts), np.cumsum(rr), atol=1e-5)


def test_recordings_of_a_strap_are_deleted_to_make_room(tmp_path: Path) -> None:
    sink = recorder(tmp_path, rotate="30s")
    sink.write(info(StreamId("rr", 2)))
    play(sink, told(series(200), stream=StreamId("rr", 2)))
    names = [recording.name for recording in recordings(tmp_path, Wfdb())]
    assert len(names) == 6
    writing = [path.name for path in sink.records]
    assert writing == [f"{names[-1]}_rr-2"]
    make_room(tmp_path, Wfdb(), float("inf"), writing)
    # Those that were rotated within the last half minute still take what is found in them.
    left = [recording.name for recording in recordings(tmp_path, Wfdb())]
    assert left == names[-2:]
    sink.close()


def test_beside_an_ecg_each_has_its_own_record_and_clock(tmp_path: Path) -> None:
    ecg, strap = StreamId("ecg"), StreamId("rr", 2)
    sink = recorder(tmp_path, rotate="60s")
    sink.write(StreamInfo(ecg, "x", 50.0, ("II",), (0.001,), EPOCH))
    rr = np.full(100, 1.0)
    beats = iter(told(rr, stream=strap))
    for second in range(150):
        sink.write(SignalBlock(np.full((50, 1), second * 0.01, np.float32), 50.0, ("II",), float(second)))
        sink.write(Beat(second + 0.5, "II", 1.0))
        if second == 70:
            sink.write(finding("AFIB", 5.0, 0.9, stream=strap))  # of no stream that is known yet
            sink.write(info(strap, EPOCH + 70))
        if second >= 70:
            for event in (next(beats), next(beats), next(beats)):
                sink.write(event)
            if second == 80:
                sink.write(finding("RR_REGULAR", 11.0, source="episodes@1", stream=strap))
        sink.tick(float(second))
    sink.close()
    found = {path.stem: read_recording(path) for path in tmp_path.glob("*_rr-2.hea")}
    straps = [found[name] for name in sorted(found)]
    assert [part.epoch for part in straps] == pytest.approx([EPOCH + 70, EPOCH + 120])
    assert [len(part.intervals.times) for part in straps if part.intervals] == [50, 30]
    notes = [path.read_bytes() for path in sorted(tmp_path.glob("*.wea"))]
    assert [path.name[17:] for path in sorted(tmp_path.glob("*.wea"))] == [
        "110640Z.wea", "110740Z.wea", "110740Z_rr-2.wea", "110840Z.wea", "110840Z_rr-2.wea",
    ]  # fmt: skip
    assert [b"RR_REGULAR" in note for note in notes] == [False, False, True, False, False]
    assert not any(b"AFIB" in note for note in notes)
    ann = wfdb.rdann(str(tmp_path / "wearecg_20261118T110740Z_rr-2"), "wea")
    assert [s for s, note in zip(ann.sample, ann.aux_note, strict=True) if "RR_REG" in note] == [11 * 1024]


def test_nothing_but_notes_is_nothing_to_look_at(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    sink.write(info())
    sink.write(finding("NOT_SCORED", 1.0, why="short", reason="too few", stream=RR))
    sink.close()
    with pytest.raises(SignalError, match="has neither samples nor beats"):
        read_recording(sink.records[0])


def test_a_full_disk_is_told_once_and_nothing_is_lost(tmp_path: Path) -> None:
    size = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path]
    mount = subprocess.run(size, capture_output=True)
    if mount.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted here: {mount.stderr.decode().strip()}")
    try:
        rr = series(100)
        sink = recorder(tmp_path)
        sink.write(info())
        play(sink, told(rr[:10]))
        filler = tmp_path / "filler"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(b"x" * 80_000)
        play(sink, told(rr[10:80], float(rr[:10].sum())))
        assert [notice.level for notice in sink.notices] == ["error"]
        assert "No space left on device" in sink.notices[0].message
        filler.unlink()
        play(sink, told(rr[80:], float(rr[:80].sum())))
        assert [notice.level for notice in sink.notices] == ["error", "info"]
        sink.close()
        (got,) = read(tmp_path)
        assert got.intervals
        np.testing.assert_array_equal(got.intervals.rr, rr)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


WRITER = """
import sys, time
from wearecg.block import RR, Beat, StreamInfo
from wearecg.sinks import open_sink
from wearecg.sinks.threaded import ThreadedSink
sink = ThreadedSink(open_sink("wfdb:" + sys.argv[1]))
sink.write(StreamInfo(RR, "test", 1024.0, ("RR",), (1 / 1024,), time.time()))
for number in range(1, 1000):
    sink.write(Beat(number * 0.25, "RR", 0.25, RR))
    print(number, flush=True)
    time.sleep(0.25)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_kill_9_loses_at_most_a_second(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        for _ in range(12):
            process.stdout.readline()
        time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        written = 12 + len(process.communicate()[0].split())
    (got,) = read(tmp_path)
    assert got.intervals
    assert written - 4 <= len(got.intervals.times) <= written
    assert set(got.intervals.rr) == {0.25}
