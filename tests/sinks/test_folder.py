"""A folder that others write into, damage or delete."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest

from tests.sinks.scenario import recorder
from wearecg.block import ECG, SignalBlock, StreamId, StreamInfo
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


KINDS = ["bytes", "text", "empty", "zero signals", "long number", "folder", "link", "loop", "pipe"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_in_the_folder_does_not_keep_us_from_recording(tmp_path: Path, kind: str) -> None:
    path = damage(tmp_path, kind)
    before = path.lstat()
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
    assert path.lstat() == before


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


