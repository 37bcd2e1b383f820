"""Every output says of a lead that it was drawn from a pulse."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from rich.console import Console

from tests.sinks.scenario import recorder
from wearecg.block import (
    Beat,
    Event,
    HeartRate,
    LeadQuality,
    Quality,
    SignalBlock,
    StreamId,
    StreamInfo,
    Trace,
)
from wearecg.ecg.leads import is_ecg
from wearecg.formats import read_recording
from wearecg.sinks.encode import encode
from wearecg.sinks.live import LiveSink
from wearecg.sinks.monitor import Monitor
from wearecg.sinks.screen import Screen

EPOCH = 1_795_000_000.0
PULSE = StreamId("pulse")
PPG = StreamInfo(StreamId("ppg"), "bridge on ttyUSB0", 100.0, ("PPG",), (1.0,), EPOCH)
ECG = StreamInfo(StreamId("ecg"), "bridge on ttyUSB0", 250.0, ("II",), (0.001,), EPOCH)
INFO = StreamInfo(
    PULSE, "x through m@1", 100.0, ("II*",), (0.0,), EPOCH, "resampled; 3 s behind", synthetic=("II*",)
)


def wave(seconds: int) -> np.ndarray:
    t = np.arange(seconds * 100) / 100
    return np.exp(-(((t % 1) - 0.5) ** 2) / 2e-3)[:, None].astype(np.float32)


def show(*events: Event) -> tuple[str, Monitor]:
    monitor, screen = Monitor(), Screen()
    for event in events:
        monitor.feed(event)
        screen.compose(monitor, 120, 30, "")
        if isinstance(event, Trace):
            screen.feed(event)
    lines = screen.compose(monitor, 120, 30, "")
    return "\n".join("".join(part for part, _ in line) for line in lines), monitor


def test_the_screen_marks_the_trace_and_what_may_be_found_in_it() -> None:
    text, _ = show(PPG, INFO, Trace(wave(6), 100.0, ("II*",), 0.0, PULSE), HeartRate(6.0, 60.0, "", PULSE))
    assert "≈ synthetic, from the pulse" in text
    assert "\n≈II*" in text
    assert "only rate and regularity are found here" in text


def test_beside_an_ecg_the_screen_shows_the_ecg_and_keeps_the_two_rates_apart() -> None:
    measured = Trace(np.zeros((2500, 1), np.float32), 250.0, ("II",), 0.0)
    drawn = Trace(wave(6), 100.0, ("II*",), 0.0, PULSE)
    rates = HeartRate(6.0, 71.0, ""), HeartRate(6.0, 64.0, "", PULSE)
    text, monitor = show(ECG, INFO, measured, drawn, *rates)
    assert "≈II*" not in text
    assert "≈ 64 bpm by the pulse" in text
    assert monitor.rate
    assert monitor.rate.bpm == 71.0


def test_a_pulse_that_cannot_be_used_takes_its_rate_off_the_screen() -> None:
    motion = Quality(0.0, 10.0, (LeadQuality("II*", "unusable", "motion"),), PULSE)
    text, monitor = show(PPG, INFO, HeartRate(6.0, 64.0, "", PULSE), motion)
    assert monitor.rate
    assert monitor.rate.bpm is None
    assert "because pulse: motion" in text


def test_without_a_terminal_it_is_said_in_words() -> None:
    file = io.StringIO()
    sink = LiveSink(Console(file=file, width=200))
    for event in (PPG, INFO):
        sink.write(event)
    assert "synthetic, drawn from a pulse, basis of rate and regularity at most: II*" in file.getvalue()


def test_json_lines_name_it_and_what_is_not_known_of_its_beats() -> None:
    assert (encode(INFO) or {})["synthetic"] == ["II*"]
    assert (encode(ECG) or {})["synthetic"] == []
    assert (encode(Beat(2.0, "II*", 1.0, PULSE, None)) or {})["lag"] is None
    assert (encode(Beat(2.0, "II", 1.0)) or {})["lag"] == 0


def test_a_record_names_it_apart_from_the_ecg_and_read_again_it_is_no_ecg(tmp_path: Path) -> None:
    sink = recorder(tmp_path)
    for event in (
        ECG,
        INFO,
        SignalBlock(np.zeros((750, 1), np.float32), 250.0, ("II",), 0.0),
        SignalBlock(wave(3), 100.0, ("II*",), 0.0, stream=PULSE),
        Beat(0.5, "II", None),
        Beat(1.2, "II*", 1.0, PULSE, 0.3),
        Beat(2.5, "II*", 1.0, PULSE, None),
    ):
        sink.write(event)
    sink.close()
    ecg, drawn = sorted(sink.records, key=lambda record: "pulse" in record.name)
    read = read_recording(drawn)
    assert read.leads == ("II* synthetic",)
    assert not any(is_ecg(lead) for lead in read.leads)
    assert any("drawn from a pulse" in comment for comment in read.comments)
    notes = [record.with_name(record.name + ".wea").read_bytes() for record in (ecg, drawn)]
    assert b"R 0.300 s before" in notes[1]
    assert b"R time unknown" in notes[1]
    assert b"R " not in notes[0]
