"""What flows through wearecg: signal in, windows between, beats and findings out.

All of it is frozen and carries its units. Times are seconds on one *timeline* for each stream: 0 is its first sample,
and the sensor's clock (not the host's) sets the pace, so that a gap is as long on the timeline as it was on the wrist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wearecg.account import ClockFit, Gap, LinkState, Notice, StreamInfo, Summary
from wearecg.entry import Entry
from wearecg.statement import BeatClass, Finding, Measure, Statement, Why
from wearecg.stream_id import ECG, RR, StreamId
from wearecg.vitals import Beat, HeartRate, LeadQuality, Quality, RRIntervals

__all__ = [
    "ECG",
    "RR",
    "Beat",
    "BeatClass",
    "ClockFit",
    "Entry",
    "Event",
    "Finding",
    "Gap",
    "HeartRate",
    "LeadQuality",
    "LinkState",
    "Measure",
    "Notice",
    "Quality",
    "RRIntervals",
    "Samples",
    "SignalBlock",
    "Statement",
    "StreamId",
    "StreamInfo",
    "Summary",
    "Trace",
    "Why",
    "Window",
]

Samples: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SignalBlock:
    """Consecutive samples of one stream, from a device decoder or from the engine.

    Attributes
    ----------
    samples : float32 [n, leads]
        mV; arbitrary units for ``PPG``; g for ``ACC_*``. NaN where the sensor itself says that a sample is not a
        measurement. n may be 0 (news of a loss, without samples).
    fs : float
        Nominal samples per second.
    leads : tuple of str
        ``I II III aVR aVL aVF V1..V6``, ``ECG`` (position unknown), ``PPG``, ``ACC_X`` ...
    start : float
        Seconds, of the first sample. From a decoder: the sensor's own clock, NaN where it has none. From the engine:
        the timeline.
    lost : int
        Samples known to be missing just before this block. From a decoder: as it counts them (sequence numbers). From
        the engine: the final account, which includes the clocks.
    lead_off : tuple of (bool or None)
        For each lead, electrode off; None where the sensor cannot tell.
    lsb : tuple of float
        For each lead, units of one ADC step; 0 where unknown.
    stream : StreamId
        Which of the device's streams this is (``ecg``, ``ppg``, ``acc``), or ``twelve``: leads of which some are
        reconstructed, or ``pulse``: a lead that is drawn from a pulse (see `StreamInfo`). A driver may give the kind
        as plain text.
    reason : str
        From a decoder: why ``lost`` samples are missing (see `Gap`).
    sd : float32 [n, leads] or None
        Of ``twelve``: standard deviation of each sample in the unit of the lead, 0 where it was measured.

    Examples
    --------
    >>> block = SignalBlock(np.zeros((125, 1), np.float32), fs=250, leads=("II",), start=2.0)
    >>> len(block), block.end, block.stream
    (125, 2.5, 'ecg')
    """

    samples: Samples
    fs: float
    leads: tuple[str, ...]
    start: float = float("nan")
    lost: int = 0
    lead_off: tuple[bool | None, ...] = ()
    lsb: tuple[float, ...] = ()
    stream: StreamId = ECG
    reason: str = "link"
    sd: Samples | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.stream, StreamId):
            object.__setattr__(self, "stream", StreamId(self.stream))
        if not self.lead_off:
            object.__setattr__(self, "lead_off", (None,) * len(self.leads))
        if not self.lsb:
            object.__setattr__(self, "lsb", (0.0,) * len(self.leads))

    def __len__(self) -> int:
        return int(self.samples.shape[0])

    @property
    def end(self) -> float:
        """Seconds, of the sample that would come next."""
        return self.start + len(self) / self.fs


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A fixed length of signal at a model's rate.

    Attributes
    ----------
    samples : float32 [n, leads]
        mV, resampled, not filtered; NaN where there is a gap.
    fs : float
        The model's rate, Hz.
    leads : tuple of str
    start : float
        Timeline seconds of the first sample.
    usable : tuple of bool
        For each lead, whether a model may use it.
    quality : Quality
    lost : int
        Samples (at ``fs``) of this window that were never received.
    stream : StreamId

    Examples
    --------
    >>> quality = Quality(0.0, 10.0, (LeadQuality("II", "good"),))
    >>> Window(np.zeros((1000, 1), np.float32), 100, ("II",), 0.0, (True,), quality).end
    10.0
    """

    samples: Samples
    fs: float
    leads: tuple[str, ...]
    start: float
    usable: tuple[bool, ...]
    quality: Quality
    lost: int = 0
    stream: StreamId = ECG

    @property
    def end(self) -> float:
        """Timeline seconds just after the last sample."""
        return self.start + len(self.samples) / self.fs


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Filtered samples for display: the monitoring band (0.5-40 Hz), in which beats are detected.

    Attributes
    ----------
    samples : float32 [n, leads]
        mV, NaN where there is no signal.
    fs : float
        Hz.
    leads : tuple of str
    start : float
        Timeline seconds of the first sample.
    stream : StreamId

    Examples
    --------
    >>> Trace(np.zeros((50, 1), np.float32), 250, ("II",), start=3.0).end
    3.2
    """

    samples: Samples
    fs: float
    leads: tuple[str, ...]
    start: float
    stream: StreamId = ECG

    @property
    def end(self) -> float:
        """Timeline seconds just after the last sample."""
        return self.start + len(self.samples) / self.fs


Event: TypeAlias = (
    StreamInfo
    | SignalBlock
    | Trace
    | Gap
    | Beat
    | HeartRate
    | RRIntervals
    | Quality
    | Window
    | Statement
    | Finding
    | Measure
    | BeatClass
    | LinkState
    | ClockFit
    | Notice
    | Summary
    | Entry
)
"""Whatever a session yields; some are given by other people's observers, which subclass `Entry`."""
