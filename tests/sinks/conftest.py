from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from wearecg.block import (
    Beat,
    ClockFit,
    Event,
    Finding,
    Gap,
    HeartRate,
    LeadQuality,
    LinkState,
    Notice,
    Quality,
    RRIntervals,
    SignalBlock,
    StreamInfo,
    Summary,
    Trace,
    Window,
)

EPOCH = 1_795_000_000.25
FS = 250.0
LEADS = ("I", "II", "V1")
LSB = (0.001, 0.001, 0.0005)


def every_kind() -> Iterator[Event]:
    """Each event kind, in an order as a stream brings them."""
    info = StreamInfo("ecg", "bridge on ttyUSB0", FS, LEADS, LSB, EPOCH, "given by the device")
    yield LinkState("live", "bridge answers", 12.5)
    yield Notice("the rate is estimated", "warning")
    yield info
    x = np.random.default_rng(1).normal(0, 0.3, (500, 3)).astype(np.float32)
    yield SignalBlock(x, FS, LEADS, 0.0, lsb=LSB)
    yield Trace(x, FS, LEADS, 0.0)
    yield Beat(0.512345678, "II")
    yield Beat(1.312, "II", 0.799655)
    yield HeartRate(1.5, None, "fewer than three beats yet")
    yield Gap(2.0, 3.0, 750, "unplugged")
    yield SignalBlock(x, FS, LEADS, 5.0, lost=750, lead_off=(False, True, None), lsb=LSB)
    yield Trace(x, FS, LEADS, 5.0)
    yield HeartRate(6.0, 71.6)
    yield RRIntervals((0.799655, 0.81), 75.0, True, alone=False)
    quality = Quality(
        5.0,
        7.0,
        (
            LeadQuality("I", "good", "", {"noise_uV": 8.123456789}),
            LeadQuality("II", "unusable", "lead off", {"ratio": float("nan")}),
            LeadQuality("V1", "poor", "noise"),
        ),
    )
    yield quality
    yield Window(x, FS, LEADS, 5.0, (True, False, True), quality)
    yield Finding("NOT_SCORED", "not scored", 0.0, 0.0, 7.0, None, "encoder@0.1.0", reason="no usable lead")
    yield Finding(
        "AFIB", "atrial fibrillation", 1.0, 1.0, 8.0, 0.93, "encoder@0.1.0", 0.04, {"heart_rate_bpm": 112.0}
    )
    yield Finding("AFIB", "atrial fibrillation", 1.0, 2.0, 9.0, 0.95, "encoder@0.1.0")
    yield Finding("MI", "myocardial infarction", 3.0, 3.0, 10.0, 0.41, "encoder@0.1.0")
    yield Finding("MI", "myocardial infarction", 3.0, 4.0, 11.0, float("inf"), "encoder@0.1.0")
    yield ClockFit(7.0, None, None, 0.012)
    yield StreamInfo("acc", "bridge on ttyUSB0", 50.0, ("ACC_X", "ACC_Y", "ACC_Z"), (0.0,) * 3, EPOCH)
    yield SignalBlock(np.ones((100, 3), np.float32), 50.0, ("ACC_X", "ACC_Y", "ACC_Z"), 0.0, stream="acc")
    yield LinkState("lost", "unplugged", 20.0)
    fit = ClockFit(7.0, 12.34, 0.0004, 0.012)
    yield Summary("ecg", 7.0, 1000, {"unplugged": 750}, 1, 2, 3, 0, fit, {"bad_frames": 1})


@pytest.fixture
def events() -> Callable[[], Iterator[Event]]:
    return every_kind
