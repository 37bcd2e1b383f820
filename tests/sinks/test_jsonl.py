from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sinks.scenario import finding
from wearecg.block import Beat, ClockFit, Event, SignalBlock, StreamId, StreamInfo, Trace, Window
from wearecg.errors import SinkError
from wearecg.sinks import open_sink
from wearecg.sinks.jsonl import SCHEMA, JsonlSink

DOCS = Path(__file__).parents[2] / "docs" / "jsonl.md"
GOLDEN = Path(__file__).parent / "golden" / "every_kind.jsonl"
EPOCH = 1_795_000_000.25


def documented() -> dict[str, dict[str, str]]:
    """Type to field to documented type, out of the tables of docs/jsonl.md."""
    types: dict[str, dict[str, str]] = {}
    for line in DOCS.read_text().splitlines():
        if heading := re.match(r"### `([\w-]+)`", line):
            current = types.setdefault(heading[1], {})
        elif row := re.match(r"\| `(\w+)` \| ([^|]+) \|", line):
            current[row[1]] = row[2].strip()
    return types


def fits(value: Any, kind: str) -> bool:
    if kind.endswith(" or null") and "array" not in kind:
        return value is None or fits(value, kind.removesuffix(" or null"))
    if kind == "boolean":
        return isinstance(value, bool)
    if kind.startswith("array of "):
        return isinstance(value, list) and all(fits(item, kind.removeprefix("array of ")) for item in value)
    checks: dict[str, type | tuple[type, ...]] = {
        "string": str, "integer": int, "number": (int, float), "object": dict,
    }  # fmt: skip
    return isinstance(value, checks[kind]) and not isinstance(value, bool)


def refuse(token: str) -> None:
    raise AssertionError(f"{token} in the output")


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def write_beats(sink: JsonlSink, count: int) -> None:
    for number in range(count):
        sink.write(Beat(float(number), "II"))
        if number % 7 == 0:
            sink.tick(0.0)


def test_every_event_is_written_as_documented(tmp_path: Path, events: Callable[[], Iterator[Event]]) -> None:
    sink = open_sink(f"jsonl:{tmp_path}/new/folder/out.jsonl")
    for event in events():
        sink.write(event)
    sink.close()
    lines = written(tmp_path / "new" / "folder" / "out.jsonl")
    assert lines[0] == {"type": "schema", "schema": SCHEMA, "wearecg": lines[0]["wearecg"]}
    types = documented()
    assert {line["type"] for line in lines} == set(types)
    for line in lines:
        fields = types[line.pop("type")]
        assert set(line) == set(fields)
        for name, value in line.items():
            assert fits(value, fields[name]), (name, value, fields[name])
    signal = sum(isinstance(e, SignalBlock | Trace | Window) for e in events())
    assert len(lines) == 1 + len(list(events())) - signal


def test_what_was_written_before_is_written_still(
    tmp_path: Path, events: Callable[[], Iterator[Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.125)
    sink = JsonlSink(tmp_path / "o")
    for event in events():
        sink.write(event)
    sink.close()
    newer = ("schema", "measure", "beat-class", "waves")
    lines = [line for line in written(tmp_path / "o") if line["type"] not in newer]
    before = written(GOLDEN)[1:]
    assert len(lines) == len(before)
    for line, known in zip(lines, before, strict=True):
        added = {"finding": {"stream", "change", "why"}, "intervals": {"start", "end"}}
        assert set(line) - set(known) == added.get(line["type"], set())
        assert json.dumps({key: line[key] for key in line if key in known}) == json.dumps(known)


def test_wall_time_follows_the_stream(tmp_path: Path, events: Callable[[], Iterator[Event]]) -> None:
    sink = JsonlSink(tmp_path / "o")
    beat = Beat(1.0, "II")
    sink.write(beat)
    for event in events():
        if hasattr(event, "epoch"):
            sink.write(event if event.stream == "ecg" else replace(event, epoch=0.0))
    sink.write(beat)
    sink.close()
    beats = [line for line in written(tmp_path / "o") if line["type"] == "beat"]
    assert [b["wall"] for b in beats] == [None, "2026-11-18T11:06:41.250Z"]


def test_a_second_sensor_has_the_wall_time_of_its_own_stream_and_clock(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "o")
    strap = StreamId("rr", 2)
    sink.write(StreamInfo(StreamId("ecg"), "x", 250.0, ("II",), (0.001,), EPOCH, host=100.0))
    sink.write(finding("AFIB", 10.0, 0.9, stream=strap))
    # It joins 60 s later, and its clock has lost half a second since.
    sink.write(StreamInfo(strap, "y", 1024.0, ("RR",), (1 / 1024,), EPOCH + 60, host=160.0))
    sink.write(finding("AFIB", 10.0, 0.9, stream=strap))
    sink.write(ClockFit(0.0, None, None, 0.0, rate=1024.0, host=160.5, stream=strap))
    sink.write(finding("AFIB", 10.0, 0.9, stream=strap))
    sink.write(finding("AFIB", 10.0, 0.9))
    sink.close()
    walls = [line["wall"] for line in written(tmp_path / "o") if line["type"] == "finding"]
    times = ("2026-11-18T11:07:50.250Z", "2026-11-18T11:07:50.750Z", "2026-11-18T11:06:50.250Z")
    assert walls == [None, *times]


def test_a_file_is_on_disk_after_a_tick_and_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "o"
    sink = JsonlSink(path)
    sink.write(Beat(1.0, "II"))
    sink.tick(0.0)
    assert len(written(path)) == 2
    path.write_text(path.read_text() + '{"type":"be')  # killed in the middle of a line
    sink.close()
    again = JsonlSink(path)
    again.write(Beat(2.0, "II"))
    again.close()
    lines = path.read_text().splitlines()
    assert lines[2] == '{"type":"be'
    assert json.loads(lines[3])["type"] == "schema"
    assert json.loads(lines[4])["time"] == 2.0


def test_stdout_gets_each_line_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    sink = open_sink("jsonl:-")
    sink.write(Beat(1.0, "II"))
    assert [json.loads(line)["type"] for line in capsys.readouterr().out.splitlines()] == ["schema", "beat"]
    assert not sink.lossless
    sink.close()


def test_a_full_disk_ends_it_with_its_last_whole_line(tmp_path: Path) -> None:
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True)
    if mount.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted here: {mount.stderr.decode().strip()}")
    try:
        sink = JsonlSink(tmp_path / "o")
        with pytest.raises(SinkError, match="No space left on device; it ends with its last whole line"):
            write_beats(sink, 10_000)
        sink.write(Beat(0.0, "II"))
        sink.close()
        times = [line["time"] for line in written(tmp_path / "o")[1:]]
        assert len(times) > 500
        assert times == [float(n) for n in range(len(times))]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_pipe_that_closes_ends_it_quietly() -> None:
    code = (
        "from wearecg.block import Beat\n"
        "from wearecg.sinks import open_sink\n"
        "from wearecg.sinks.threaded import ThreadedSink\n"
        "import sys, time\n"
        "sink = ThreadedSink(open_sink('jsonl:-'))\n"
        "for i in range(500):\n"
        "    sink.write(Beat(float(i), 'II'))\n"
        "    time.sleep(0.001)\n"
        "sink.close()\n"
        "print(sink.alive, sink.error, file=sys.stderr)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stderr
    assert json.loads(process.stdout.readline())["type"] == "schema"
    process.stdout.close()
    assert process.stderr.read() == "False None\n"
    process.stderr.close()
    assert process.wait(20) == 0


def test_a_pipe_that_nobody_reads_is_told(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SinkError, match=f"nobody reads the pipe {pipe}: start its reader first"):
        open_sink(f"jsonl:{pipe}")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink = open_sink(f"jsonl:{pipe}")
    assert not sink.lossless
    sink.write(Beat(1.0, "II"))
    sink.tick(0.0)
    assert [json.loads(line)["type"] for line in os.read(reader, 65536).splitlines()] == ["schema", "beat"]
    os.close(reader)
    sink.write(Beat(2.0, "II"))
    with pytest.raises(SinkError, match=f"nobody reads {pipe} any more"):
        sink.tick(1.0)
    sink.close()


def test_a_file_that_is_deleted_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "below" / "o"
    sink = JsonlSink(path)
    sink.write(Beat(1.0, "II"))
    sink.tick(0.0)
    path.unlink()
    path.parent.rmdir()
    sink.write(Beat(2.0, "II"))
    sink.tick(1.0)
    sink.write(Beat(3.0, "II"))
    sink.close()
    assert [line["type"] for line in written(path)] == ["schema", "beat", "beat"]
    assert [notice.message for notice in sink.notices] == [
        f"{path} was deleted while it was written: it is begun anew"
    ]
