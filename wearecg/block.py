"""The events and the samples of wearecg: signal in, windows between, beats and findings out.

All are frozen and carry their units. Times are seconds on one *timeline* for each stream: 0 is its first sample, and
the sensor's clock (not the host's) sets its pace, so that a gap is as long on the timeline as it was in truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wearecg.beat import Beat, HeartRate, RRIntervals, Waves
from wearecg.entry import Entry, Moment, rounded, significant
from wearecg.statement import BeatClass, Finding, Measure, Statement, Why
from wearecg.stream_id import ECG, RR, StreamId
from wearecg.stream_info import ClockFit, Gap, StreamInfo, Summary
from wearecg.text import visible

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
    "Mark",
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
    "Waves",
    "Why",
    "Window",
]

Samples: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SignalBlock:
    """Consecutive samples of one stream, as a device decoder or the engine hands them on.

    Attributes
    ----------
    samples : float32 [n, leads]
        mV; arbitrary units for ``PPG``; g for ``ACC_*``. NaN where the sensor itself
        says that a sample is not a measurement. n may be 0 (news of a loss, no samples).
    fs : float
        Nominal samples per second.
    leads : tuple of str
        ``I II III aVR aVL aVF V1..V6``, ``ECG`` (position unknown), ``PPG``, ``ACC_X`` ...
    start : float
        Seconds, of the first sample. From a decoder: the sensor's own clock, NaN where it has none.
        From the engine: the timeline.
    lost : int
        Samples known to be missing just before this block. From a decoder: counted by it
        (sequence numbers). From the engine: the final account, clocks included.
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
        """Time of the sample that would come next, seconds."""
        return self.start + len(self) / self.fs


@dataclass(frozen=True, slots=True)
class LeadQuality:
    """Whether one lead of a window can be used, and why not.

    Attributes
    ----------
    lead : str
    verdict : {"good", "poor", "unusable"}
    reason : str
        Empty for good, else for example ``lead off``, ``flat``, ``saturated``, ``noise``, ``baseline``, ``gap``.
    measures : dict of float
        The numbers behind the verdict, by name.

    Examples
    --------
    >>> LeadQuality("II", "unusable", "lead off").reason
    'lead off'
    """

    lead: str
    verdict: Literal["good", "poor", "unusable"]
    reason: str = ""
    measures: Mapping[str, float] = field(default_factory=dict, metadata=significant())


@dataclass(frozen=True, slots=True)
class Quality(Entry):
    """Signal quality over a stretch of a stream.

    Attributes
    ----------
    start, end : float
        Timeline seconds; ``end`` is not part of it.
    leads : tuple of LeadQuality
    stream : StreamId

    Examples
    --------
    >>> quality = Quality(4.0, 5.0, (LeadQuality("I", "good"), LeadQuality("II", "poor", "noise")))
    >>> [lead.lead for lead in quality.leads if lead.verdict == "good"]
    ['I']
    """

    kind: ClassVar[str] = "quality"
    record: ClassVar[tuple[str, ...]] = ("stream", "start", "end", "leads")
    start: float = field(metadata=rounded())
    end: float = field(metadata=rounded())
    leads: tuple[LeadQuality, ...]
    stream: StreamId = ECG


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A fixed length of signal at a model's rate.

    Attributes
    ----------
    samples : float32 [n, leads]
        mV, resampled, not filtered except that mains hum is taken out; NaN where there is a gap.
    fs : float
        The model's rate, Hz.
    leads : tuple of str
    start : float
        Timeline seconds of the first sample.
    usable : tuple of bool
        For each lead, whether a model may look at it.
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


@dataclass(frozen=True, slots=True)
class LinkState(Entry):
    """The link to the sensor changed.

    Attributes
    ----------
    state : {"connecting", "live", "silent", "garbled", "lost", "closed"}
        ``silent``: open, but no bytes arrive; ``garbled``: bytes arrive, but not this device's; ``lost``: unplugged or
        out of range.
    message : str
        For people.
    at : float
        Host monotonic seconds.
    sensor : int
        From 1 on.

    Examples
    --------
    >>> LinkState("lost", "/dev/ttyUSB0 was unplugged", at=31.2).sensor
    1
    """

    kind: ClassVar[str] = "link"
    record: ClassVar[tuple[str, ...]] = ("sensor", "state", "message")
    state: Literal["connecting", "live", "silent", "garbled", "lost", "closed"]
    message: str
    at: float
    sensor: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", visible(self.message))


@dataclass(frozen=True, slots=True)
class Notice(Entry):
    """Something the user should read once: skipped windows, a clock that jumped, an estimated rate.

    Attributes
    ----------
    message : str
    level : {"info", "warning", "error"}

    Examples
    --------
    >>> Notice("3 windows were skipped", "warning").level
    'warning'
    """

    kind: ClassVar[str] = "notice"
    record: ClassVar[tuple[str, ...]] = ("level", "message")
    message: str
    level: Literal["info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", visible(self.message))


@dataclass(frozen=True, slots=True)
class Mark(Moment):
    """What a wearer marks: a moment, and in words what was felt or done.

    Attributes
    ----------
    time : float
        Timeline seconds.
    text : str
        May be empty.
    source : str
        Where it was marked: ``page``.
    stream : StreamId

    Examples
    --------
    >>> Mark(time=61.4, text="dizzy", source="page").text
    'dizzy'
    """

    kind: ClassVar[str] = "mark"
    time: float = field(metadata=rounded())
    text: str
    source: str
    stream: StreamId = ECG

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", visible(self.text))


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The samples in the monitoring band (0.5-40 Hz), as the beat detector sees them; for display.

    Attributes
    ----------
    samples : float32 [n, leads]
        mV; NaN where there is no signal.
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
    | Waves
    | LinkState
    | Mark
    | ClockFit
    | Notice
    | Summary
    | Entry
)
