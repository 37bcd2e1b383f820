"""Every output says which leads were not measured."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from rich.console import Console

from tests.sinks.scenario import recorder
from wearecg.block import Event, SignalBlock, StreamId, StreamInfo, Trace
from wearecg.ecg.leads import TWELVE, is_ecg
from wearecg.formats import read_recording
from wearecg.sinks.encode import encode
from wearecg.sinks.live import LiveSink
from wearecg.sinks.monitor import Monitor
from wearecg.sinks.screen import STYLES, Screen

MEASURED = ("II", "V1", "V5")
GUESSED = tuple(lead for lead in TWELVE if lead not in MEASURED)
EPOCH = 1_795_000_000.0
MADE = StreamId("twelve")
ECG = StreamInfo(StreamId("ecg"), "bridge on ttyUSB0", 250.0, MEASURED, (0.001,) * 3, EPOCH)
INFO = StreamInfo(MADE, "x through m@1", 100.0, TWELVE, (0.0,) * 12, EPOCH, "resampled; 8 s behind", GUESSED)


def wave(seconds: int) -> np.ndarray:
    """Twelve leads, V3 not known."""
    t = np.arange(seconds * 100) / 100
    x = np.repeat(np.exp(-(((t % 1) - 0.5) ** 2) / 2e-3)[:, None], 12, axis=1).astype(np.float32)
    x[:, TWELVE.index("V3")] = np.nan
    return x


def picture(width: int, height: int) -> list[list[tuple[str, str]]]:
    monitor, screen = Monitor(), Screen()
    measured = np.zeros((2500, 3), np.float32)
    events: list[Event] = [
        ECG,
        INFO,
        Trace(measured, 250.0, MEASURED, 4.0),
        Trace(wave(6), 100.0, TWELVE, 0.0, MADE),
    ]
    for event in events:
        monitor.feed(event)
        screen.compose(monitor, width, height, "")
        if isinstance(event, Trace):
            screen.feed(event)
    lines = screen.compose(monitor, width, height, "")
    assert {style for line in lines for _, style in line} <= set(STYLES)
    return lines


def plain(lines: list[list[tuple[str, str]]]) -> list[str]:
    return ["".join(part for part, _ in line) for line in lines]


def test_the_screen_shows_all_twelve_where_they_fit_and_marks_those_not_measured() -> None:
    lines = picture(120, 44)
    text = plain(lines)
    labels = [line[:4].strip() for line in text if line[:4].strip().lstrip("≈") in TWELVE]
    assert labels == [lead if lead in MEASURED else f"≈{lead}" for lead in TWELVE]
    assert "≈ 9 reconstructed, 8 s behind" in text[0]
    assert "findings rest on measured leads" in "\n".join(text)
    styles = {
        line[0][0].strip(): {style for part, style in line if part.strip()[:1] > "⠀"}
        for line in lines
        if line
    }
    assert {"estimate", "past estimate"} & styles["≈V2"]
    assert not {"estimate", "past estimate"} & styles["II"]


def test_what_is_to_be_waited_for_is_said() -> None:
    monitor, screen = Monitor(), Screen()
    for event in (ECG, INFO):
        monitor.feed(event)
    text = "\n".join(plain(screen.compose(monitor, 100, 44, "")))
    assert "after the first ten seconds" in text
    assert "findings rest on measured leads ─ not a medical device" in text
    assert "not a medical device" in "\n".join(plain(screen.compose(monitor, 72, 44, "")))


def test_a_lead_that_is_not_known_is_blank_and_said_so() -> None:
    text = plain(picture(120, 44))
    row = next(i for i, line in enumerate(text) if line.startswith("≈V3"))
    both = text[row] + text[row + 1]
    assert "not known" in both
    assert not any("⠀" < c <= "⣿" for line in text[row : row + 2] for c in line[11:90])
    assert "\n".join(text).count("not known") == 1


def test_on_a_small_terminal_the_measured_leads_come_first() -> None:
    text = plain(picture(100, 14))
    labels = [line[:4].strip() for line in text if line[:4].strip().lstrip("≈") in TWELVE]
    assert set(MEASURED) <= set(labels)
    assert 3 <= len(labels) < 12


def test_without_a_terminal_it_is_said_in_words() -> None:
    file = io.StringIO()
    sink = LiveSink(Console(file=file))
    for event in (ECG, INFO):
        sink.write(event)
    assert f"reconstructed, no basis of any finding: {' '.join(GUESSED)}" in file.getvalue()
    assert file.getvalue().count("reconstructed,") == 1


def test_json_lines_name_them() -> None:
    assert (encode(INFO) or {})["reconstructed"] == list(GUESSED)
    assert (encode(ECG) or {})["reconstructed"] == []


def test_a_record_names_them_and_read_again_they_are_no_leads(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    sink.write(INFO)
    x = wave(3)
    sink.write(SignalBlock(x, 100.0, TWELVE, 0.0, stream=MADE, sd=np.zeros_like(x)))
    sink.close()
    (record,) = sink.records
    read = read_recording(record)
    assert read.leads == tuple(lead if lead in MEASURED else f"{lead} reconstructed" for lead in TWELVE)
    assert [lead for lead in read.leads if is_ecg(lead)] == list(MEASURED)
    assert np.isnan(read.samples[:, TWELVE.index("V3")]).all()
    np.testing.assert_allclose(read.samples[:, 0], x[:, 0], atol=6e-4)
    assert any("no basis of any finding: I III" in comment for comment in read.comments)
    header = record.with_name(record.name + ".hea").read_text()
    assert "/mV 16" in next(line for line in header.splitlines() if "V2 reconstructed" in line)
