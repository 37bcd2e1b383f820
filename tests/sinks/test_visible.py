"""Whatever text an event brings, no output hands on what does not print."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from rich.console import Console

from tests.sinks.scenario import finding, not_scored, recorder
from tests.sinks.test_live import picture
from wearecg.block import (
    ECG,
    Beat,
    Event,
    Gap,
    HeartRate,
    LeadQuality,
    LinkState,
    Measure,
    Notice,
    Quality,
    SignalBlock,
    StreamInfo,
)
from wearecg.cli import main
from wearecg.sinks.encode import encode
from wearecg.sinks.journal import JournalSink
from wearecg.sinks.jsonl import JsonlSink
from wearecg.sinks.live import LiveSink

EVIL = '\x1b[2J\x1b]0;x\x07\r\n{"type":"beat"}\x00\x9b31m\u202e\u2028\u2066\x85\ud800'
LEAD = f"V1{EVIL}"
T = TypeVar("T")


def evil(event: T, *names: str) -> T:
    """Put it into fields, past what makes a text visible when the event is made."""
    for name in names:
        assert name in {one.name for one in fields(event)}  # type: ignore[arg-type]
        object.__setattr__(event, name, EVIL)
    return event


def events() -> Iterator[Event]:
    yield evil(LinkState("lost", "", 0.0), "message")
    yield evil(StreamInfo(ECG, "", 250.0, (LEAD,), (0.001,), 1_795_000_000.0), "source", "rate_note")
    yield SignalBlock(np.zeros((500, 1), np.float32), 250.0, (LEAD,), 0.0, lead_off=(True,))
    yield Beat(1.0, LEAD)
    yield HeartRate(1.0, None, EVIL)
    yield Quality(0.0, 1.0, (LeadQuality(LEAD, "unusable", EVIL, {EVIL: 1.0}),))
    yield Gap(2.0, 2.0, 500, EVIL)
    yield evil(finding("AFIB", 4.0, 0.9, leads=(LEAD,)), "text", "reason", "source", "code")
    yield not_scored(4.0, EVIL)
    yield Measure(EVIL, 1.0, EVIL, EVIL, 0.0, 1.0)
    yield evil(Notice("", "error"), "message")


def printable(text: str) -> None:
    assert text
    for line in text.split("\n"):
        assert line.isprintable(), line


def test_json_lines(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "o")
    for event in events():
        sink.write(event)
    sink.close()
    text = (tmp_path / "o").read_text()
    printable(text)
    assert len([json.loads(line) for line in text.splitlines()]) == 1 + len([*events()]) - 1
    assert all("\x1b" not in str(encode(event)) for event in events())


def test_terminal_and_plain_lines() -> None:
    for line in picture(list(events()), recording=EVIL):
        printable(line)
    for line in picture(list(events())[1:-1], recording=EVIL):
        printable(line)
    file = io.StringIO()
    sink = LiveSink(Console(file=file, force_terminal=False))
    for now, event in enumerate(events()):
        sink.write(event)
        sink.tick(float(now))
    sink.close()
    printable(file.getvalue())


def test_journal() -> None:
    file = io.StringIO()
    sink = JournalSink(file)
    for event in events():
        sink.write(event)
    sink.close()
    printable(file.getvalue())
    assert len(file.getvalue().splitlines()) == 6


def test_wfdb(tmp_path: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    sink = recorder(tmp_path)
    for event in events():
        sink.write(event)
    sink.tick(0.0)
    sink.close()
    (header,) = tmp_path.glob("*.hea")
    printable(header.read_text())
    assert wfdb.rdheader(str(header.with_suffix(""))).n_sig == 1
    notes = wfdb.rdann(str(header.with_suffix("")), "wea").aux_note
    assert len(notes) >= 4
    printable("\n".join(note.rstrip("\0") for note in notes))


def test_errors(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["score", EVIL.replace("\x00", "").replace("\ud800", "")]) == 3
    printable(capfd.readouterr().err)
