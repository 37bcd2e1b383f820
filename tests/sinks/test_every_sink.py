"""What holds for every output."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from rich.console import Console

import wearecg.sinks
from wearecg.block import Event
from wearecg.errors import SinkError
from wearecg.sinks import Context, Sink, open_sink
from wearecg.sinks.live import LiveSink
from wearecg.sinks.threaded import ThreadedSink

MAKE: dict[str, Callable[[Path], Sink]] = {
    "jsonl file": lambda path: open_sink(f"jsonl:{path}/a/b.jsonl"),
    "jsonl stdout": lambda path: open_sink("jsonl:-"),
    "wfdb": lambda path: open_sink(f"wfdb:{path}/a/b"),
    "edf": lambda path: open_sink(f"edf:{path}/a/b"),
    "edf discontinuous": lambda path: open_sink(f"edf:{path}/a/b?discontinuous=1"),
    "journal": lambda path: open_sink("journal:"),
    "live lines": lambda path: open_sink("live:"),
    "web": lambda path: open_sink("web:0"),
    "live screen": lambda path: LiveSink(
        Console(file=io.StringIO(), force_terminal=True, width=100, height=30)
    ),
    "live tiny": lambda path: LiveSink(Console(file=io.StringIO(), force_terminal=True, width=12, height=4)),
}


@pytest.fixture(params=MAKE)
def sink(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Sink:
    return MAKE[request.param](tmp_path)


def test_takes_every_kind_of_event_and_closes_twice(
    sink: Sink, events: Callable[[], Iterator[Event]]
) -> None:
    now = 100.0
    for event in events():
        sink.write(event)
        now += 0.2
        sink.tick(now)
    sink.close()
    sink.close()
    sink.tick(now + 1)


def test_takes_events_backwards(sink: Sink, events: Callable[[], Iterator[Event]]) -> None:
    for event in reversed(list(events())):
        sink.write(event)
        sink.tick(1.0)
    sink.close()


def test_closes_without_any_event(sink: Sink) -> None:
    sink.tick(1.0)
    sink.close()
    sink.close()


def test_runs_in_a_thread(sink: Sink, events: Callable[[], Iterator[Event]]) -> None:
    threaded = ThreadedSink(sink)
    for event in events():
        threaded.write(event)
    threaded.close()
    assert threaded.error is None


def test_nothing_is_changed(sink: Sink, events: Callable[[], Iterator[Event]]) -> None:
    for event in events():
        if hasattr(event, "samples") and not isinstance(event.samples, int):
            event.samples.flags.writeable = False
        sink.write(event)
    sink.close()


@pytest.mark.parametrize("scheme", ["jsonl", "wfdb", "edf"])
@pytest.mark.parametrize("where", ["a file/below", "/sys/wearecg/x"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, scheme: str, where: str) -> None:
    if where.startswith("/sys") and not Path("/sys/kernel").exists():
        pytest.skip("no /sys, where not even root may write")
    (tmp_path / "a file").write_text("")
    with pytest.raises(SinkError, match=r"cannot (write|record into) .*: .*; choose a f"):
        open_sink(f"{scheme}:{tmp_path / where}")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("scheme", ["jsonl", "wfdb"])
def test_no_permission_is_refused(tmp_path: Path, scheme: str) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SinkError, match="Permission denied"):
        open_sink(f"{scheme}:{tmp_path}/x")


@pytest.mark.parametrize("uri", ["", "mqtt:", "wfdb", "somewhere/else", "C:\\records"])
def test_unknown_outputs_list_the_known(uri: str) -> None:
    with pytest.raises(SinkError, match="known are edf:, journal:, jsonl:, live:, report:, web:, wfdb:"):
        open_sink(uri)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("jsonl:-?flush=1", "jsonl: has no option 'flush'; it takes none"),
        ("live:?x=1", "live: has no option 'x'; it takes none"),
        ("journal:?x=1", "journal: has no option 'x'; it takes none"),
        ("wfdb:r?rotat=1h", "wfdb: has no option 'rotat'; there are keep-free, rotate, sync"),
        ("wfdb:r?rotate=1", "wfdb: rotate: '1' is not a number above 0 with one of s, min, h, d, kB"),
        ("wfdb:r?keep-free=1h", "wfdb: keep-free: '1h' is not a number above 0 with one of kB, MB"),
        ("wfdb:r?sync=0", "wfdb: sync: '0' is not a number above 0"),
        ("wfdb:r?rotate", "give each option once, as name=value; 'rotate' is not"),
        ("wfdb:r?sync=1&sync=2", "give each option once, as name=value; 'sync=2' is not"),
    ],
)
def test_options_that_are_not_known_or_cannot_be_read(uri: str, message: str) -> None:
    with pytest.raises(SinkError, match=re.escape(message)):
        open_sink(uri)


def test_the_live_view_is_told_where_the_recording_is() -> None:
    sink = open_sink("live:", Context(recording="there"))
    assert isinstance(sink, LiveSink)
    sink._console = Console(file=io.StringIO(), force_terminal=True, width=100, height=30)
    sink.tick(1.0)
    sink.close()
    assert "00:00:00 there" in sink._console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("uri", ["wfdb:", "live:x"])
def test_incomplete_uris_say_what_is_wrong(uri: str) -> None:
    with pytest.raises(SinkError, match=uri.partition(":")[0]):
        open_sink(uri)


def test_an_entry_point_adds_a_scheme(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = EntryPoint("mine", "wearecg.sinks.jsonl:open_jsonl", wearecg.sinks.ENTRY_POINTS)
    found = EntryPoints([entry])
    monkeypatch.setattr("wearecg.registry.entry_points", lambda **wanted: found.select(**wanted))
    assert isinstance(open_sink("mine:-"), Sink)
    with pytest.raises(
        SinkError, match="known are edf:, journal:, jsonl:, live:, mine:, report:, web:, wfdb:"
    ):
        open_sink("yours:")
