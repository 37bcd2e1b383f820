"""The bytes of a recording do not change unnoticed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.sinks.scenario import placed, recorder
from wearecg import __version__
from wearecg.block import (
    ECG,
    Beat,
    ClockFit,
    Event,
    Gap,
    LeadQuality,
    Quality,
    SignalBlock,
    Statement,
    StreamId,
    StreamInfo,
)

PPG = StreamId("ppg")
EPOCH = 1_795_000_000.25
LEADS = ("II", "V1")


def events() -> Iterator[Event | float]:
    """Yield 24 s with gaps, an electrode off, beats, findings and quality; a number is the time of a tick."""
    yield StreamInfo(ECG, "test", 50.0, LEADS, (0.001, 0.0005), EPOCH, "given by the device")
    yield StreamInfo(PPG, "test", 25.0, ("PPG",), (1.0,), EPOCH)
    for t in range(24):
        ecg = ((np.arange(t * 50, t * 50 + 50)[:, None] * [7, 11]) % 4000 * 0.001).astype(np.float32)
        off = (6 <= t < 8, None)
        if t == 4:
            yield SignalBlock(ecg[:10], 50.0, LEADS, t, 0, off)
            yield Gap(4.2, 0.4, 20, "link")
            yield SignalBlock(ecg[30:], 50.0, LEADS, 4.6, 20, off)
        elif t == 16:
            yield Gap(14.0, 2.0, 100, "unplugged")
            yield SignalBlock(ecg, 50.0, LEADS, t, 100, off)
        elif t not in (14, 15):
            yield SignalBlock(ecg, 50.0, LEADS, t, 0, off)
        ppg = (np.arange(t * 25, t * 25 + 25)[:, None] * 1000.0).astype(np.float32)
        yield SignalBlock(ppg, 25.0, ("PPG",), t, stream=PPG)
        if t not in (14, 15):
            yield Beat(t + 0.4, "II" if t % 2 else "V1", 1.0)
        if t not in (14, 15, 20):
            yield Beat(t - 0.2, "II", 0.6)
        if t == 8:
            saturated = LeadQuality("V1", "unusable", "saturated")
            yield Quality(t, t + 1, (LeadQuality("II", "good"), saturated))
        if t == 9:
            yield Quality(t, t + 1, (LeadQuality("II", "good"), LeadQuality("V1", "poor", "noise")))
        yield float(t)
        yield from statements(float(t))
    yield ClockFit(85.0, 1.0, 0.001, 0.01, 1.0, 50.012, 5.0)


def statements(t: float) -> Iterator[Statement]:
    if 5 <= t <= 12:
        yield Statement("AFIB", "", 1.0 if t == 5 else t - 4, t, 0.9 + t / 1000, "m@1")
    if 6 <= t <= 8:
        yield Statement("MI", "", t - 4, t, 0.4, "m@1", 0.1)
    if 13 <= t <= 18:
        yield Statement("NOT_SCORED", "", t - 4, t, None, "m@1", why="missing", reason="samples are missing")
    if t >= 19:
        yield Statement("NORM", "", t - 4, t, 0.7, "m@1")


def test_every_file_is_as_it_was(tmp_path: Path) -> None:
    sink = recorder(tmp_path, rotate="10s")
    for event in placed(events()):
        if isinstance(event, float):
            sink.tick(event)
        else:
            sink.write(event)
    sink.close()
    expected = json.loads((Path(__file__).parent / "golden" / "wfdb.json").read_text())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(expected)
    for name, content in expected.items():
        if name.endswith(".hea"):
            lines = [line.replace("wearecg 0.1.0;", f"wearecg {__version__};") for line in content]
            assert (tmp_path / name).read_text().splitlines() == lines
        else:
            assert (tmp_path / name).read_bytes() == base64.b64decode(content), name
