"""Recordings of a bounded length, and room for the next one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sinks.scenario import placed, recorder
from wearecg.block import ECG, Beat, Gap, SignalBlock, Statement, StreamId, StreamInfo
from wearecg.sinks.recorder import SETTLE_S, Recorder
from wearecg.sinks.upkeep import claim, make_room, recordings
from wearecg.sinks.wfdb import Wfdb

wfdb = pytest.importorskip("wfdb")

FS = 250.0
EPOCH = 1_795_000_000.25
Usage = namedtuple("Usage", "total used free")


def info(stream: StreamId = ECG, fs: float = FS) -> StreamInfo:
    return StreamInfo(stream, "test", fs, ("II",), (0.001,), EPOCH, "given by the device")


def ramp(first: int, last: int) -> np.ndarray:
    return ((np.arange(first, last) % 30000) * 0.001).astype(np.float32)[:, None]


def play(sink: Recorder, blocks: list[tuple[int, int]], fs: float = FS, stream: StreamId = ECG) -> None:
    """Write blocks (first, last sample) of a ramp; what lies between them is lost."""
    at = 0
    for first, last in blocks:
        if first > at:
            sink.write(Gap(at / fs, (first - at) / fs, first - at, "link", stream))
        sink.write(SignalBlock(ramp(first, last), fs, ("II",), first / fs, first - at, stream=stream))
        at = last
        sink.tick(last / fs)


def read(directory: Path, stream: str = "") -> list[tuple[float, np.ndarray]]:
    """Start on the timeline and samples of each recording, in order."""
    found = []
    for recording in recordings(directory, Wfdb()):
        record = wfdb.rdrecord(str(directory / (recording.name + stream)))
        start = record.base_datetime.replace(tzinfo=UTC).timestamp() - EPOCH
        found.append((start, record.p_signal[:, 0]))
    return found


def test_no_sample_is_lost_or_twice_where_one_recording_ends_and_the_next_begins(tmp_path: Path) -> None:
    sink = recorder(tmp_path, rotate="10s")
    sink.write(info())
    play(sink, [(at, at + 100) for at in range(0, 10000, 100)])
    sink.close()
    parts = read(tmp_path)
    assert [start for start, _ in parts] == pytest.approx([0, 10, 20, 30])
    np.testing.assert_allclose(np.concatenate([x for _, x in parts]), ramp(0, 10000)[:, 0], atol=1e-6)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(
        st.tuples(st.integers(1, 400), st.sampled_from([0, 0, 0, 30, 600])), min_size=1, max_size=30
    ),
    seconds=st.sampled_from([0.5, 3.0]),
)
def test_every_sample_is_at_its_time_whatever_is_lost(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[tuple[int, int]], seconds: float
) -> None:
    folder, at, blocks = tmp_path_factory.mktemp("r"), 0, []
    for size, missing in sizes:
        blocks.append((at + missing, at + missing + size))
        at += missing + size
    sink = recorder(folder, rotate=f"{seconds}s")
    sink.write(info())
    play(sink, blocks)
    sink.close()
    seen = np.full(at, np.nan)
    for start, x in read(folder):
        first = round(start * FS)
        there = ~np.isnan(x)
        assert np.isnan(seen[first : first + len(x)][there]).all()
        seen[first : first + len(x)][there] = x[there]
    expected = np.full(at, np.nan)
    for first, last in blocks:
        expected[first:last] = ramp(first, last)[:, 0]
    np.testing.assert_allclose(seen, expected, atol=1e-6)


def test_the_size_counts_all_streams_and_they_rotate_together(tmp_path: Path) -> None:
    sink = recorder(tmp_path, rotate="6kB")
    sink.write(info())
    sink.write(info(StreamId("ppg"), 50.0))
    for second in range(30):
        play_one = SignalBlock(ramp(second * 250, second * 250 + 250), FS, ("II",), second)
        sink.write(play_one)
        sink.write(
            SignalBlock(ramp(second * 50, second * 50 + 50), 50.0, ("II",), second, stream=StreamId("ppg"))
        )
        sink.tick(second)
    sink.close()
    ecg, ppg = read(tmp_path), read(tmp_path, "_ppg")
    assert len(ecg) == len(ppg) == 3
    assert [start for start, _ in ecg] == pytest.approx([start for start, _ in ppg])
    assert 2 * len(ecg[0][1]) + 2 * len(ppg[0][1]) == pytest.approx(6000, abs=600)


def test_what_is_found_late_goes_to_the_recording_that_it_is_about(tmp_path: Path) -> None:
    sink = recorder(tmp_path, rotate="10s")
    sink.write(info())
    play(sink, [(at, at + 250) for at in range(0, 3000, 250)])
    sink.write(Beat(9.9, "II"))
    sink.write(Beat(10.2, "II"))
    for event in placed(Statement("AFIB", "", end - 7.5, end, 0.9, "m@1") for end in (9.5, 11.5)):
        sink.write(event)
    sink.tick(13.0)
    sink.close()
    first, second = (wfdb.rdann(str(tmp_path / r.name), "wea") for r in recordings(tmp_path, Wfdb()))
    assert [(s, n) for s, n in zip(first.symbol, first.sample, strict=True) if s == "Q"] == [("Q", 2475)]
    assert [(s, n) for s, n in zip(second.symbol, second.sample, strict=True) if s == "Q"] == [("Q", 50)]
    assert "AFIB p=0.90 since=2.0s m@1" in [note.rstrip("\0") for note in first.aux_note]
    assert "AFIB p=0.90 since=-8.0s m@1" in [note.rstrip("\0") for note in second.aux_note]


def test_what_is_found_late_is_in_the_recording_before_not_in_the_oldest(tmp_path: Path) -> None:
    sink = recorder(tmp_path, rotate="10s")
    sink.write(info())
    play(sink, [(at, at + 250) for at in range(0, 5250, 250)])
    sink.write(Beat(19.8, "II"))
    sink.close()
    found = [wfdb.rdann(str(tmp_path / r.name), "wea").sample.tolist() for r in recordings(tmp_path, Wfdb())]
    assert found == [[], [2450], []]


def test_a_sensor_that_joins_after_a_rotation_is_recorded_from_its_first_sample(tmp_path: Path) -> None:
    second = StreamId("ecg", 2)
    sink = recorder(tmp_path, rotate="10s")
    sink.write(info())
    play(sink, [(at, at + 250) for at in range(0, 6000, 250)])
    sink.write(replace(info(second), epoch=EPOCH + 22))
    play(sink, [(at, at + 250) for at in range(0, 3000, 250)], stream=second)
    sink.close()
    records = [wfdb.rdrecord(str(path.with_suffix(""))) for path in sorted(tmp_path.glob("*Z_ecg-2.hea"))]
    starts = [r.base_datetime.replace(tzinfo=UTC).timestamp() - EPOCH for r in records]
    assert starts == pytest.approx([22, 30])
    whole = np.concatenate([record.p_signal[:, 0] for record in records])
    np.testing.assert_allclose(whole, ramp(0, 3000)[:, 0], atol=1e-6)


@pytest.mark.parametrize("stream", [StreamId("ecg", 2), StreamId("ecg-raw"), StreamId("ecg-raw", 12)])
def test_recordings_of_any_stream_are_deleted_to_make_room(tmp_path: Path, stream: StreamId) -> None:
    sink = recorder(tmp_path)
    sink.write(info(stream))
    play(sink, [(0, 250), (1000, 1250)], stream=stream)
    sink.close()
    assert len(list(tmp_path.iterdir())) == 7
    make_room(tmp_path, Wfdb(), float("inf"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("step", "names"), [(86400.0, 2), (-86400.0, 2), (0.5, 1)])
def test_a_clock_that_is_set_begins_a_recording_of_the_new_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float, names: int
) -> None:
    sink = recorder(tmp_path, rotate="3600s")
    true = time.time
    sink.write(replace(info(), epoch=true()))
    play(sink, [(at, at + 250) for at in range(0, 1000, 250)])
    monkeypatch.setattr(time, "time", lambda: true() + step)
    for at in range(1000, 2000, 250):
        sink.write(SignalBlock(ramp(at, at + 250), FS, ("II",), at / FS))
    sink.close()
    starts = [start for start, _ in read(tmp_path)]
    assert len(starts) == names
    if names == 2:
        assert max(starts) - min(starts) == pytest.approx(abs(step + 4), abs=0.1)
        assert f"{step:+.0f} s" in sink.notices[0].message
    parts = sorted(read(tmp_path), key=lambda part: part[1][0])
    np.testing.assert_allclose(np.concatenate([x for _, x in parts]), ramp(0, 2000)[:, 0], atol=1e-6)


def test_a_replayed_recording_keeps_its_own_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = recorder(tmp_path, rotate="3600s")
    sink.write(replace(info(), epoch=1e9))
    play(sink, [(0, 250)])
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + 86400)
    play_on = SignalBlock(ramp(250, 500), FS, ("II",), 1.0)
    sink.write(play_on)
    sink.close()
    assert len(recordings(tmp_path, Wfdb())) == 1


def test_a_rotated_recording_is_closed_after_a_while(tmp_path: Path) -> None:
    sink = recorder(tmp_path, rotate="10s")
    sink.write(info())
    play(sink, [(at, at + 250) for at in range(0, 3000, 250)])
    old, new = recordings(tmp_path, Wfdb())
    assert old.in_use
    play_on = range(3000, 3000 + round((SETTLE_S + 12) * FS), 250)
    for at in play_on:
        sink.write(SignalBlock(ramp(at, at + 250), FS, ("II",), at / FS))
        sink.tick(at / FS)
    assert not old.in_use
    assert recordings(tmp_path, Wfdb())[-1].in_use
    sink.close()
    assert not new.in_use


@pytest.fixture
def crowded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five finished recordings of an hour each, and a disk that has room only for what is deleted."""
    sink = recorder(tmp_path, rotate="3600s")
    sink.write(info(ECG, 25.0))
    play(sink, [(at, at + 9000) for at in range(0, 5 * 90000, 9000)], 25.0)
    sink.close()
    assert len(recordings(tmp_path, Wfdb())) == 5
    full = sum(recording.size for recording in recordings(tmp_path, Wfdb()))

    def usage(_: object) -> Usage:
        left = sum(recording.size for recording in recordings(tmp_path, Wfdb()))
        return Usage(10**9, 0, 10_000 + full - left)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return tmp_path


def test_the_oldest_are_deleted_until_there_is_room_and_each_is_told(crowded: Path) -> None:
    before = recordings(crowded, Wfdb())
    enough, notices = make_room(crowded, Wfdb(), 10_000 + before[0].size + 1)
    assert enough
    assert [r.name for r in recordings(crowded, Wfdb())] == [r.name for r in before[2:]]
    assert [before[i].name in notices[i].message for i in range(2)] == [True, True]
    assert len(notices) == 2
    assert not [path for path in crowded.iterdir() if path.name.startswith(before[0].name)]
    assert make_room(crowded, Wfdb(), 1) == (True, [])


def test_what_is_not_ours_or_is_being_written_is_never_deleted(crowded: Path) -> None:
    first, second, third, *_ = recordings(crowded, Wfdb())
    strangers = {
        "notes.txt": "x",
        "100.hea": "100 1 360 0",
        f"{first.name}.atr": "a cardiologist's",
        f"{first.name}_notes.txt": "mine",
        "wearecg_summary.hea": "# wearecg",
        "wearecg_20200101T000000Z.hea": "wearecg_20200101T000000Z 1 250 0\n",
    }
    for name, text in strangers.items():
        (crowded / name).write_text(text)
    outside = crowded / "elsewhere"
    outside.mkdir()
    (outside / "kept.dat").write_text("x")
    (crowded / "wearecg_20190101T000000Z_0001.dat").symlink_to(outside / "kept.dat")
    with open(crowded / f"{second.name}.wea", "rb") as other:
        claim(other.fileno())
        enough, notices = make_room(crowded, Wfdb(), 10**8, writing=[third.name])
    assert not enough
    assert "no finished recording to delete" in notices[-1].message
    left = {path.name for path in crowded.iterdir()}
    assert set(strangers) <= left
    assert (outside / "kept.dat").exists()
    assert "wearecg_20190101T000000Z_0001.dat" in left
    assert [r.name for r in recordings(crowded, Wfdb()) if r.ours] == [second.name, third.name]
    assert f"{first.name}.hea" not in left


def test_the_recorder_makes_room_while_it_records(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], capture_output=True
    ).returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        sink = recorder(small, rotate="600s", keep_free="1MB")
        sink.write(info())
        notices = []
        # 5 MB through a disk of 2.
        for at in range(0, 2_500_000, 5000):
            sink.write(SignalBlock(ramp(at, at + 5000), FS, ("II",), at / FS))
            sink.tick(at / FS)
            notices += sink.notices
            sink.notices = []
        sink.close()
        kept = read(small)
        assert not [notice for notice in notices if notice.level == "error"]
        assert sum("deleted the oldest recording" in notice.message for notice in notices) >= 10
        assert shutil.disk_usage(small).free > 700_000
        whole = np.concatenate([x for _, x in kept])
        np.testing.assert_allclose(whole, ramp(2_500_000 - len(whole), 2_500_000)[:, 0], atol=1e-6)
    finally:
        subprocess.run(["umount", small], check=True)


WRITER = """
import sys, time
import numpy as np
from wearecg.block import ECG, SignalBlock, StreamInfo
from wearecg.sinks import open_sink
from wearecg.sinks.threaded import ThreadedSink
sink = ThreadedSink(open_sink(f"wfdb:{sys.argv[1]}?rotate=1s&sync=0.8"))
sink.write(StreamInfo(ECG, "test", 250.0, ("II",), (0.001,), time.time()))
begin = time.monotonic()
for number in range(10000):
    at = number * 10
    x = ((np.arange(at, at + 10) % 30000) * 0.001).astype(np.float32)[:, None]
    sink.write(SignalBlock(x, 250.0, ("II",), at / 250))
    print(at + 10, flush=True)
    time.sleep(max(0.0, begin + (number + 1) * 0.04 - time.monotonic()))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_kill_9_loses_no_more_than_was_said(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True)
    while len(recordings(tmp_path, Wfdb())) < 3:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    written = int(process.communicate()[0].split()[-1])
    recorder(tmp_path).close()
    records = list(tmp_path.glob("wearecg_*Z*.hea"))
    got = np.sort(np.concatenate([wfdb.rdrecord(str(p.with_suffix(""))).p_signal[:, 0] for p in records]))
    np.testing.assert_allclose(got, ramp(0, len(got))[:, 0], atol=1e-6)
    # 0.8 s, and what a busy machine adds to it.
    assert 0 <= written - len(got) <= 2.0 * 250


def test_writes_are_as_rare_as_asked_for(tmp_path: Path) -> None:
    sink = recorder(tmp_path, sync="30")
    sink.write(info())
    sizes = []
    for second in range(100):
        sink.write(SignalBlock(ramp(second * 250, second * 250 + 250), FS, ("II",), second))
        sink.tick(1000.0 + second)
        sizes.append(sum(os.path.getsize(path) for path in tmp_path.iterdir()))
    assert len(set(sizes)) == 4
    sink.close()
    assert len(read(tmp_path)[0][1]) == 25000
