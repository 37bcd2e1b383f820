"""ProtoCentral's boards with the ADS1292R (ECG and respiration) and the ADS1293 (three leads).

Layouts and rates: OpenView, ``lib/boards`` (see `wearecg.devices.protocentral`). The scale of a count at the ADC is
the chips': ADS1292R, reference 2.42 V, the upper 16 of 24 bits; ADS1293, reference 2.4 V, 24 bits (Texas Instruments,
SBAS502 and SNAS602). That these boards hand on the upper bits, and which gains they set, is not documented.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from wearecg.devices.protocentral import ProtoCentral, Signal, SimulatedProtoCentral, layout
from wearecg.ecg.leads import UNKNOWN

ADS1292R_LSB = 2420 / 2**15
ADS1293_LSB = 2400 / 2**23


class Ads1292r(ProtoCentral):
    """Breakout or shield with the ADS1292R: 125 Hz, some firmware 128; respiration beside it."""

    name = "protocentral-ads1292r"
    title = "ProtoCentral ADS1292R"
    baud: ClassVar[int] = 57600
    packets: ClassVar[Mapping[tuple[int, int], np.dtype[Any]]] = {
        (2, 8): layout(ecg=("<i2", 1, 1), resp=("<i2", 1, 1), heart_rate="<i2", breath_rate="<i2")
    }
    signals: ClassVar[Mapping[str, Signal]] = {
        "ecg": Signal((UNKNOWN,), 125.0, ADS1292R_LSB),
        "resp": Signal(("RESP",), 125.0),
    }


class SimulatedAds1292r(SimulatedProtoCentral):
    """With a gain of 6."""

    board = Ads1292r
    kind = (2, 8)
    scale = ADS1292R_LSB / 6
    rate = 125.0


class Ads1293(ProtoCentral):
    """Breakout or shield with the ADS1293: leads I, II and V1 at 128 Hz; the heart rate at the end may be missing."""

    name = "protocentral-ads1293"
    title = "ProtoCentral ADS1293"
    names_leads: ClassVar[bool] = True
    packets: ClassVar[Mapping[tuple[int, int], np.dtype[Any]]] = {
        (2, 14): layout(ecg=("<i4", 1, 3), heart_rate="<i2"),
        (2, 12): layout(ecg=("<i4", 1, 3)),
    }
    signals: ClassVar[Mapping[str, Signal]] = {"ecg": Signal(("I", "II", "V1"), 128.0, ADS1293_LSB)}


class SimulatedAds1293(SimulatedProtoCentral):
    """With the chip's gain of 3.5."""

    board = Ads1293
    kind = (2, 14)
    scale = ADS1293_LSB / 3.5
    channels = 3
    plays = ("I", "II", "V1")
    rate = 128.0
