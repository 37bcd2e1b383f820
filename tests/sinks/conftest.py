from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

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
    Measure,
    Notice,
    Quality,
    RRIntervals,
    SignalBlock,
    StreamId,
    StreamInfo,
    Summary,
    Trace,
    Waves,
    Window,
)

ACC = StreamId("acc")
EPOCH = 1_795_000_000.25
FS = 250.0
LEADS = ("I", "II", "V1")
LSB = (0.001, 0.001, 0.0005)


def every_kind() -> Iterator[Event]:
    """Each event kind, in an order as a stream brings them."""
    info = StreamInfo(ECG, "bridge on ttyUSB0", FS, LEADS, LSB, EPOCH, "given by the device")
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
    by = {"source": "encoder@0.1.0"}
    yield not_scored(7.0, "no usable lead", start=0.0, **by)
    about = {"text": "atrial fibrillation", "since": 1.0, **by}
    yield finding("AFIB", 8.0, 0.93, start=1.0, uncertainty=0.04, measures={"heart_rate": 112.0}, **about)
    yield finding("AFIB", 9.0, 0.95, start=2.0, change="holds", **about)
    about = {"text": "myocardial infarction", "since": 3.0, **by}
    yield finding("MI", 10.0, 0.41, start=3.0, **about)
    yield finding("MI", 11.0, float("inf"), start=4.0, change="holds", **about)
    yield Measure("qt", 401.5, "ms", "waves@1", 5.0, 7.0, 3.25, ("II",))
    yield BeatClass(1.312, "V", 0.8125, "beats@1")
    yield Waves(1.312, qrs_on=1.27, qrs_off=1.3584, t_peak=1.58, t_off=1.65, lead="II", source="waves@1")
    yield ClockFit(7.0, None, None, 0.012)
    yield StreamInfo(ACC, "bridge on ttyUSB0", 50.0, ("ACC_X", "ACC_Y", "ACC_Z"), (0.0,) * 3, EPOCH)
    yield SignalBlock(np.ones((100, 3), np.float32), 50.0, ("ACC_X", "ACC_Y", "ACC_Z"), 0.0, stream=ACC)
    yield LinkState("lost", "unplugged", 20.0)
    fit = ClockFit(7.0, 12.34, 0.0004, 0.012)
    yield Summary(ECG, 7.0, 1000, {"unplugged": 750}, 1, 2, 3, 0, fit, {"bad_frames": 1})


@pytest.fixture
def events() -> Callable[[], Iterator[Event]]:
    return every_kind
