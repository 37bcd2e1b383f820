"""ProtoCentral's boards with the MAX30003 (ECG), the MAX30001 (ECG, bio-impedance) and the MAX86150 (ECG, PPG).

Layouts and rates: OpenView, ``lib/boards`` (see `wearecg.devices.protocentral`). A count of the MAX30003 and
MAX30001 is 1000 / 2**17 mV at the ADC (18 bits, reference 1 V; Analog Devices' data sheets); the gain before it is
the firmware's. That of a MAX86150 is not documented; its 18 bits are cut to 16.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from wearecg.devices.protocentral import ProtoCentral, Signal, SimulatedProtoCentral, layout
from wearecg.ecg.leads import UNKNOWN

MAX3000X_LSB = 1000 / 2**17
MAX3000X_GAIN = 20


class Max30003(ProtoCentral):
    """Breakout with the MAX30003: one channel at 128 Hz."""

    name = "protocentral-max30003"
    title = "ProtoCentral MAX30003"
    packets: ClassVar[Mapping[tuple[int, int], np.dtype[Any]]] = {
        (2, 12): layout(ecg=("<i4", 1, 1), rr="<i4", heart_rate="<i4")
    }
    signals: ClassVar[Mapping[str, Signal]] = {"ecg": Signal((UNKNOWN,), 128.0, MAX3000X_LSB)}


class SimulatedMax30003(SimulatedProtoCentral):
    """With a gain of 20."""

    board = Max30003
    kind = (2, 12)
    scale = MAX3000X_LSB / MAX3000X_GAIN
    rate = 128.0


class Max30001(ProtoCentral):
    """Breakout with the MAX30001: one channel and bio-impedance, 128 Hz."""

    name = "protocentral-max30001"
    title = "ProtoCentral MAX30001"
    packets: ClassVar[Mapping[tuple[int, int], np.dtype[Any]]] = {
        (2, 12): layout(ecg=("<i4", 1, 1), resp=("<i4", 1, 1), heart_rate="<i2", rr="<i2")
    }
    signals: ClassVar[Mapping[str, Signal]] = {
        "ecg": Signal((UNKNOWN,), 128.0, MAX3000X_LSB),
        "resp": Signal(("RESP",), 128.0),
    }


class SimulatedMax30001(SimulatedProtoCentral):
    """With a gain of 20."""

    board = Max30001
    kind = (2, 12)
    scale = MAX3000X_LSB / MAX3000X_GAIN
    rate = 128.0


class Max86150(ProtoCentral):
    """Breakout with the MAX86150: one channel, red and infrared light, up to 200 Hz."""

    name = "protocentral-max86150"
    title = "ProtoCentral MAX86150"
    packets: ClassVar[Mapping[tuple[int, int], np.dtype[Any]]] = {
        (2, 6): layout(ecg=("<i2", 1, 1), ppg=("<i2", 1, 2))
    }
    signals: ClassVar[Mapping[str, Signal]] = {
        "ecg": Signal((UNKNOWN,), 200.0),
        "ppg": Signal(("PPG", "PPG_2"), 200.0),
    }


class SimulatedMax86150(SimulatedProtoCentral):
    """A count is a microvolt; the size is that of a good recording, nothing more."""

    board = Max86150
    kind = (2, 6)
    scale = 0.001
    rate = 200.0
