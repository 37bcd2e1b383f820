"""A folder that others write into, damage or delete."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest

from tests.sinks.scenario import recorder
from wearecg.block import ECG, RR, Beat, SignalBlock, StreamId, StreamInfo
from wearecg.sinks.names import Names

wfdb = pytest.importorskip("wfdb")

FS = 250.0
EPOCH = 1_795_000_000.25
ACC = StreamId("acc")
NAME = "wearecg_20261118T110640Z"
RACER = """
import sys
import numpy as np
from wearecg.block import ECG, SignalBlock, StreamId, StreamInfo
from wearecg.sinks.recorder import Recorder
from wearecg.sinks.wfdb import Wfdb

folder, value = sys.argv[1], float(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
sink = Recorder(folder, Wfdb())
streams = [StreamId("acc"), ECG] if value % 2 else [ECG, StreamId("acc")]
for stream in streams:
    sink.write(StreamInfo(stream, "racer", 250.0, ("II",), (0.001,), 1_795_000_000.25))
for second in range(3):
    for stream in streams:
        x = np.full((250, 1), value, np.float32)
        sink.write(SignalBlock(x, 250.0, ("II",), float(second), stream=stream))
    sink.tick(float(second))
sink.close()
print(*(path.name for path in sink.records))
"""


def info(stream: StreamId = ECG, leads: tuple[str, ...] = ("II",), fs: float = FS) -> StreamInfo:
    return StreamInfo(stream, "test", fs, leads, (0.001,) * len(leads), EPOCH)


def block(second: float, stream: StreamId = ECG, lost: int = 0) -> SignalBlock:
    x = np.full((250, 1), second, np.float32)
    return SignalBlock(x, FS, ("II",), second, lost, stream=stream)


def held(folder: Path) -> list[tuple[float, list[float]]]:
    """Of each record of the ECG whose signals are there: where it begins on the timeline, and its values."""
    found = []
    for path in sorted(folder.glob("wearecg_*Z_0001.dat")):
        record = wfdb.rdrecord(str(path).removesuffix("_0001.dat"))
        begin = record.base_datetime.replace(tzinfo=UTC).timestamp() - EPOCH
        found.append((round(begin, 3), sorted(set(record.p_signal[:, 0]))))
    return found


# -- others write, too --------------------------------------------------------------------------------------------


def test_processes_that_begin_in_the_same_second_have_a_recording_each(tmp_path: Path) -> None:
    def start(number: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", RACER, str(tmp_path), str(number)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    racers = [start(number) for number in range(1, 6)]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told = [racer.communicate(timeout=60)[0].split() for racer in racers]
    stems = {name.removesuffix("_acc") for names in told for name in names}
    assert stems == {NAME, *(f"{NAME}_{number}" for number in range(2, 6))}
    for number, names in enumerate(told, 1):
        assert len(names) == 2
        assert len({name.removesuffix("_acc") for name in names}) == 1
        for name in names:
            signal = wfdb.rdrecord(str(tmp_path / name)).p_signal
            assert signal.shape == (750, 1)
            assert set(signal[:, 0]) == {number}
    assert not list(tmp_path.glob(".*"))


def test_a_name_is_kept_until_files_keep_it(tmp_path: Path) -> None:
    first, second = Names(tmp_path), Names(tmp_path)
    assert first.new(EPOCH, ()) == NAME
    first.settle()
    assert second.new(EPOCH, ()) == f"{NAME}_2"
    (tmp_path / f"{NAME}.wea").touch()
    first.settle()
    second.release()
    assert not list(tmp_path.glob(".*"))
    assert second.new(EPOCH, ()) == f"{NAME}_2"


def test_a_name_can_be_had_where_nothing_can_be_written(tmp_path: Path) -> None:
    assert Names(tmp_path / "gone").new(EPOCH, ()) == NAME


# -- damage -------------------------------------------------------------------------------------------------------


def damage(folder: Path, kind: str) -> Path:
    path = folder / f"{NAME}.hea"
    match kind:
        case "bytes":
            path.write_bytes(b"a\x80 \n" * 40)
        case "text":
            path.write_text("no header\n")
        case "empty":
            path.touch()
        case "zero signals":
            path.write_text(f"{NAME} 0 250 100\nx.dat 16 1000 16 0 0 0 0 II\n")
        case "long number":
            path.write_text(f"{NAME} {'9' * 5000} 250 100\n")
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(folder / "nowhere")
        case "loop":
            path.symlink_to(path)
        case "pipe":
            os.mkfifo(path)
    return path


def untouched(path: Path) -> tuple[int, ...]:
    """All that a change would show in; to look at it is none."""
    status = path.lstat()
    return status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns


KINDS = ["bytes", "text", "empty", "zero signals", "long number", "folder", "link", "loop", "pipe"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_in_the_folder_does_not_keep_us_from_recording(tmp_path: Path, kind: str) -> None:
    path = damage(tmp_path, kind)
    before = untouched(path)
    sink = recorder(tmp_path, keep_free="1kB", rotate="1h")
    told = [(notice.level, notice.message) for notice in sink.notices]
    if kind == "zero signals":  # a record without signals is one
        assert told == []
    else:
        assert [level for level, _ in told] == ["warning"]
        assert told[0][1].startswith(f"left alone, as no header that can be read: {path}: ")
    sink.write(info())
    sink.write(block(0.0))
    sink.tick(0.0)
    sink.close()
    assert sink.records[0].name == f"{NAME}_2"
    assert wfdb.rdrecord(str(sink.records[0])).sig_len == 250
    assert untouched(path) == before


def test_much_damage_is_told_in_one_line(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"wearecg_{number}.hea").touch()
    (notice,) = recorder(tmp_path).notices
    assert notice.message.endswith("and 49 more")


def test_a_header_that_cannot_be_repaired_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = recorder(tmp_path)
    sink.write(info())
    sink.write(block(0.0))
    sink.close()
    os.truncate(tmp_path / f"{NAME}_0001.dat", 100)

    def refuse(source: object, target: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    assert [notice.message for notice in recorder(tmp_path).notices] == [
        f"left alone, as no header that can be read: {tmp_path / NAME}.hea: Permission denied"
    ]


# -- deleted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["folder", "files", "signals", "annotations", "folder, not yet flushed"])
def test_what_is_deleted_begins_anew_and_says_so(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "rec"
    sink = recorder(folder)
    sink.write(info())
    sink.write(info(ACC))
    for second in range(10):
        if second == 5:
            if what.startswith("folder"):
                shutil.rmtree(folder)
            for path in folder.glob({"files": "*", "signals": "*Z_0001.dat"}.get(what, "*Z.wea")):
                path.unlink()
        for stream in (ECG, ACC):
            sink.write(block(second, stream))
        if second > 4 or "not yet" not in what:
            sink.tick(float(second))
    notices = list(sink.notices)
    sink.close()
    assert [notice.level for notice in notices] == ["warning"]
    gone = folder if what.startswith("folder") else folder / NAME
    assert notices[0].message.startswith(f"{gone} was deleted while it was recorded: ")
    assert sink.notices == notices
    assert [one for one in held(folder) if one[0]] == [(6.0, [6.0, 7.0, 8.0, 9.0])]
    # Streams of a recording stay together.
    assert {path.name.removesuffix("_acc") for path in sink.records} == {
        path.name for path in sink.records[:1]
    }
    assert wfdb.rdrecord(str(sink.records[1])).sig_len == 4 * 250


def test_a_new_recording_begins_behind_a_gap(tmp_path: Path) -> None:
    sink = recorder(tmp_path / "rec")
    sink.write(info())
    sink.write(block(0.0))
    sink.tick(0.0)
    shutil.rmtree(tmp_path / "rec")
    sink.tick(1.0)
    sink.write(block(30.0, lost=29 * 250))
    sink.close()
    assert held(tmp_path / "rec") == [(30.0, [30.0])]


def test_a_strap_begins_anew(tmp_path: Path) -> None:
    sink = recorder(tmp_path / "rec")
    sink.write(StreamInfo(RR, "strap", 1024.0, ("RR",), (1 / 1024,), EPOCH))
    for second in range(1, 10):
        if second == 5:
            shutil.rmtree(tmp_path / "rec")
        sink.write(Beat(float(second), "RR", 1.0, RR))
        sink.tick(float(second))
    sink.close()
    assert len(sink.notices) == 1
    beats = wfdb.rdann(str(sink.records[0]), "wea").sample
    assert beats.tolist() == [1024, 2048, 3072, 4096]


def test_a_folder_that_cannot_be_made_again_is_told_once_and_used_when_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "above" / "rec"
    sink = recorder(folder)
    sink.write(info())
    for second in range(12):
        if second == 3:
            shutil.rmtree(tmp_path / "above")
            (tmp_path / "above").touch()
        if second == 8:
            (tmp_path / "above").unlink()
        sink.write(block(second))
        sink.tick(float(second))
    sink.close()
    assert [
        (notice.level, "cannot be made again: Not a directory" in notice.message) for notice in sink.notices
    ] == [
        ("warning", False),
        ("error", True),
    ]
    assert held(folder) == [(9.0, [9.0, 10.0, 11.0])]
