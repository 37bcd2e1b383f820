from __future__ import annotations

import io
import re
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from tests.sinks.scenario import finding, not_scored
from wearecg.block import (
    ECG,
    Beat,
    BeatClass,
    ClockFit,
    Event,
    Gap,
    HeartRate,
    LeadQuality,
    LinkState,
    Notice,
    Quality,
    StreamId,
    StreamInfo,
    Trace,
)
from wearecg.sinks.live import LiveSink
from wearecg.sinks.monitor import Monitor, held
from wearecg.sinks.screen import STYLES, Screen
from wearecg.sinks.sweep import Sweep, braille, calibration

FS = 250.0
LEADS = ("I", "II", "V1")
INFO = StreamInfo(ECG, "bridge on ttyUSB0", FS, LEADS, (0.001,) * 3, 1_795_000_000.0)


def beats_mv(start: float, seconds: float, leads: int = 3) -> np.ndarray:
    t = start + np.arange(round(seconds * FS)) / FS
    wave = np.exp(-(((t % 1.0) - 0.5) ** 2) / 2e-4)
    return np.repeat(wave[:, None], leads, axis=1).astype(np.float32)


def trace(start: float, seconds: float) -> Trace:
    return Trace(beats_mv(start, seconds), FS, LEADS, start)


def picture(events: list[Event], width: int = 100, height: int = 30, recording: str = "") -> list[str]:
    monitor, screen = Monitor(), Screen()
    for event in events:
        monitor.feed(event)
        screen.compose(monitor, width, height, recording)
        if isinstance(event, Trace):
            screen.feed(event)
    lines = screen.compose(monitor, width, height, recording)
    text = ["".join(part for part, _ in line) for line in lines]
    assert len(text) == height
    assert {len(line) for line in text} == {width}
    assert {style for line in lines for _, style in line} <= set(STYLES)
    return text


def test_shows_what_is_known() -> None:
    measures = {"rr_irregularity": 0.31}
    afib = finding(
        "AFIB", 4, 0.93, since=1.0, text="atrial fibrillation", uncertainty=0.04, measures=measures
    )
    text = picture(
        [
            INFO,
            LinkState("live", "ok", 0.0),
            trace(0, 4),
            Beat(3.5, "II", 1.0),
            HeartRate(4.0, 60.2),
            Quality(
                3,
                4,
                (LeadQuality("I", "good"), LeadQuality("II", "good"), LeadQuality("V1", "poor", "noise")),
            ),
            ClockFit(4.0, 1.0, 0.001, 0.07),
            afib,
        ],
        recording="there/wearecg_x",
    )
    whole = "\n".join(text)
    assert re.search(
        r"wearecg +bridge on ttyUSB0 · 3 leads · 250 Hz .* ● live +delay 0.07 s +00:00:04", text[0]
    )
    assert "▾" in text[1]
    assert "◐ V1  noise" in whole
    assert "● I II good" in whole
    assert re.search(r"AFIB +atrial fibrillation ━+╸?─* 0.93 doubt 4% for 3 s +rr irregularity 0.31", whole)
    assert "not a medical device" in whole
    assert "● REC 00:00:04 there/wearecg_x" in text[-1]
    assert re.search(r"█▀▀ █▀█ ", whole)  # 60


def test_a_beat_that_is_not_normal_has_its_letter() -> None:
    beats = [Beat(0.5, "II"), Beat(1.5, "II", 1.0), Beat(2.5, "II", 1.0)]
    classes = [BeatClass(t, code, 0.9, "c@1") for t, code in ((0.5, "N"), (1.5, "V"))]
    text = picture([INFO, trace(0, 4), *beats, *classes])
    assert re.sub(r" +", "", text[1]) == "▾V▾"


@pytest.mark.parametrize("reason", ["electrodes off", "no beat for 10 s"])
def test_an_unknown_rate_is_never_a_number(reason: str) -> None:
    text = picture([INFO, trace(0, 2), HeartRate(2.0, None, reason)])
    assert f"because {reason}" in " ".join(line[76:].strip() for line in text)
    assert re.search(r"  ▀▀▀ ▀▀▀ ", "\n".join(text))


def test_a_gap_is_blank_and_has_its_length() -> None:
    text = picture([INFO, trace(0, 2), Gap(2.0, 1.5, 375, "link"), trace(3.5, 0.2)])
    row = next(line for line in text if "1.5 s gap" in line)
    at = row.index("1.5 s gap")
    assert not any("\u2800" < c < "\u2900" for line in text[2:20] for c in line[at : at + 9])
    assert "1 gap, 1.5 s missing" in text[-1]


def test_a_lost_link_and_notices_are_told() -> None:
    assert "unplugged; waiting" in picture([INFO, LinkState("lost", "unplugged; waiting", 1.0)])[-1]
    assert "disk full" in picture([INFO, Notice("disk full", "error"), trace(0, 30)])[-1]
    assert "hello" in picture([INFO, trace(0, 5), Notice("hello")])[-1]
    assert "hello" not in picture([INFO, Notice("hello"), trace(0, 30)])[-1]


def test_findings_do_not_move_the_trace_and_not_scored_says_why() -> None:
    events: list[Event] = [INFO, trace(0, 3)]
    before = picture(events)
    reason = "no usable lead"
    after = picture([*events, not_scored(3, reason)])
    assert before[1:20] == after[1:20]
    assert any("not scored: no usable lead" in line for line in after)
    assert any("no findings yet" in line for line in before)


def test_numbers_are_never_cut_in_half() -> None:
    measures = {"rr_irregularity": 0.31, "heart_rate": 112.0}
    afib = finding("AFIB", 4, 0.9, text="atrial fibrillation", measures=measures)
    for width in range(70, 130):
        whole = "\n".join(picture([INFO, trace(0, 4), afib], width=width))
        assert re.findall(r"heart rate *\S*", whole) in ([], ["heart rate 112"])


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (69, 14), (80, 24), (200, 60), (1, 1)])
def test_fits_every_terminal(size: tuple[int, int]) -> None:
    picture([INFO, trace(0, 3), HeartRate(3.0, 71.0), Gap(3, 2, 500, "link"), trace(5, 3)], *size)


def test_twelve_leads_show_three_and_ppg_alone_is_shown() -> None:
    twelve = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
    info = StreamInfo(ECG, "x", FS, twelve, (0.0,) * 12, 0.0)
    text = picture([info, Trace(beats_mv(0, 3, 12), FS, twelve, 0.0)])
    assert [line.split()[0] for line in text[1:24] if re.match(r" [IVa]", line)] == ["II", "V1", "V5"]
    ppg = StreamInfo(StreamId("ppg"), "x", FS, ("PPG",), (0.0,), 0.0)
    text = picture([ppg, Trace(beats_mv(0, 3, 1), FS, ("PPG",), 0.0)])
    assert any(line.startswith(" PPG") for line in text)
    assert not any("mV" in line for line in text)


def test_a_sweep_is_the_same_for_any_chunking() -> None:
    x = beats_mv(0, 9)
    x[700:900] = np.nan
    whole, single = Sweep(70, 3), Sweep(70, 3)
    for at in range(0, len(x), 10):
        whole.feed(x[at : at + 10], FS, at / FS)
    for at in range(len(x)):
        single.feed(x[at : at + 1], FS, at / FS)
    for lead in range(3):
        assert whole.draw(lead, 5) == single.draw(lead, 5)


def test_every_peak_is_drawn() -> None:
    sweep = Sweep(70, 1)
    x = np.zeros((1000, 1), np.float32)
    x[100::200] = 1.0  # one sample wide
    sweep.feed(x, FS, 0.0)
    top = sweep.draw(0, 5)[0] + sweep.draw(0, 5)[1]
    assert sum(c != " " for c in top) >= 5


def test_braille_and_calibration() -> None:
    dots = np.zeros((4, 4), bool)
    dots[0, 0] = dots[3, 1] = dots[:, 2] = True
    assert braille(dots) == ["\u2881\u2847"]
    assert calibration(5, -0.5, 1.5)[1] == 1.0
    assert calibration(5, -0.3, 0.5)[1] == 0.5


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (99.4, "99 s"), (150, "2 min"), (9000, "2.5 h")])
def test_durations(seconds: float, text: str) -> None:
    assert held(seconds) == text


def test_screen_sends_only_what_changed_and_gives_the_terminal_back() -> None:
    file = io.StringIO()
    sink = LiveSink(Console(file=file, force_terminal=True, width=100, height=30))
    sink.write(INFO)
    sink.tick(0.0)
    for i in range(20):
        sink.write(trace(i * 0.1, 0.1))
        sink.tick(0.1 * (i + 1))
    first = len(file.getvalue())
    sink.tick(2.2)
    assert len(file.getvalue()) - first < 100  # nothing new: nothing sent
    sink.close()
    assert file.getvalue().startswith("\x1b[?1049h")
    assert file.getvalue().endswith("\x1b[?1049l\x1b[?25h") or "\x1b[?1049l" in file.getvalue()[-20:]


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    sink = LiveSink(Console(file=file, force_terminal=True, width=100, height=30))
    for event in (INFO, trace(0, 2), HeartRate(2.0, 60.0)):
        sink.write(event)
        sink.tick(event.start + 1 if isinstance(event, Trace) else 0.0)
    sink.tick(9.0)
    sink.close()
    assert not re.search(r"\x1b\[[\d;]*\b3[0-8]", file.getvalue())


def test_without_a_terminal_it_is_plain_lines() -> None:
    file = io.StringIO()
    sink = LiveSink(Console(file=file, force_terminal=False))
    afib = finding("AFIB", 2.0, 0.93, measures={"heart_rate": 112.0})
    bad = Quality(0, 1, (LeadQuality("I", "unusable", "lead off"), LeadQuality("II", "good")))
    events: list[Event] = [
        INFO,
        LinkState("live", "ok", 0.0),
        trace(0, 1),
        HeartRate(1.0, None, "too few beats"),
        bad,
    ]
    events += [
        trace(1, 1),
        HeartRate(2.0, 60.0),
        afib,
        trace(2, 1),
        Gap(3.0, 2.0, 500, "unplugged"),
        trace(5, 1),
    ]
    events += [
        finding("AFIB", 5.0, 0.93, change="holds"),
        finding("AFIB", 5.0, 0.93, change="ends", seen=6.0),
    ]
    now = 0.0
    for event in events:
        sink.write(event)
        now += 0.5
        sink.tick(now)
    sink.close()
    text = file.getvalue()
    assert "\x1b" not in text
    for line in (
        "bridge on ttyUSB0: ecg I II V1, 250 Hz",
        "not a medical device",
        "00:00:00  link live: ok",
        "-- bpm because too few beats  I unusable: lead off",
        "00:00:02  AFIB 0.93 begins  (heart rate 112 bpm)",
        "gap of 2.00 s at 3.00 s (ecg): unplugged",
        "00:00:06  AFIB 0.93 ends",
    ):
        assert line in text, text


def test_a_second_sensor_is_named_and_changes_nothing_of_the_first() -> None:
    second = StreamId("ecg", 2)
    alone = [INFO, trace(0, 4), HeartRate(4.0, 60.0)]
    of_second: list[Event] = [
        StreamInfo(second, "strap", FS, LEADS, (0.001,) * 3, 1_795_000_060.0),
        Trace(-beats_mv(0, 90), FS, LEADS, 0.0, second),
        Gap(2.0, 1.5, 375, "link", second),
        Beat(90.0, "II", 1.0, second),
        HeartRate(90.0, 140.0, "", second),
        Quality(0, 1, (LeadQuality("I", "unusable", "flat"),), second),
        ClockFit(4.0, 1.0, 0.001, 9.0, stream=second),
    ]
    assert picture([*alone, *of_second]) == picture(alone)
    afib = finding("AFIB", 90.0, 0.9, text="atrial fibrillation", since=60.0, stream=second)
    row = next(line for line in picture([*alone, *of_second, afib]) if "AFIB" in line)
    assert re.search(r"AFIB +ecg-2: atrial fibrillation .* for 30 s", row)
    file = io.StringIO()
    sink = LiveSink(Console(file=file, width=200))
    for event in (*alone, *of_second, afib, not_scored(91.0, "flat", stream=second)):
        sink.write(event)
    assert "00:00:04  ecg-2: AFIB 0.90 begins" in file.getvalue()
    assert "00:00:04  ecg-2: not scored, because flat begins" in file.getvalue()


def test_a_pipe_that_closes_ends_it_quietly() -> None:
    code = (
        "import time\n"
        "from wearecg.block import Notice\n"
        "from wearecg.sinks import open_sink\n"
        "from wearecg.sinks.threaded import ThreadedSink\n"
        "sink = ThreadedSink(open_sink('live:'))\n"
        "for i in range(300):\n"
        "    sink.write(Notice(str(i)))\n"
        "    time.sleep(0.002)\n"
        "sink.close()\n"
        "assert not sink.alive and sink.error is None, sink.error\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(20) == 0
