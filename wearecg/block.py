"""What flows through wearecg: signal in, windows between, beats and findings out.

All of it is frozen and carries its units. Times are seconds on one *timeline* for
each stream: 0 is its first sample, and the sensor's clock (not the host's) sets the
pace, so that a gap is as long on the timeline as it was on the wrist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wearecg.entry import Entry, rounded, significant, unix_time
from wearecg.statement import BeatClass, Finding, Measure, Statement, Why
from wearecg.stream_id import ECG, RR, StreamId
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
    """Whether one lead of a window can be used, and why not."""

    lead: str
    verdict: Literal["good", "poor", "unusable"]
    reason: str = ""
    """Empty for good, else for example ``lead off``, ``flat``, ``saturated``, ``noise``, ``baseline``, ``gap``."""
    measures: Mapping[str, float] = field(default_factory=dict, metadata=significant())


@dataclass(frozen=True, slots=True)
class Quality(Entry):
    """Signal quality of every lead over ``[start, end)`` seconds of the timeline."""

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
class Beat(Entry):
    """One heart beat.

    Attributes
    ----------
    time : float
        Timeline seconds of the R peak.
    lead : str
        The lead it was located on.
    rr : float or None
        True seconds (by the measured sampling rate) since the beat before; None after a gap and for the first beat.
    lag : float or None
        Seconds by which what was seen came later than the R peak, taken off ``time``: 0 in an ECG. None where it
        is not known: then ``time`` is that of the pulse, and only ``rr`` is to be relied on.
    """

    kind: ClassVar[str] = "beat"
    time: float = field(metadata=rounded())
    lead: str
    rr: float | None = field(default=None, metadata=rounded())
    stream: StreamId = ECG
    lag: float | None = field(default=0.0, metadata=rounded())

    @property
    def start(self) -> float:
        """The same as ``time``."""
        return self.time

    @property
    def end(self) -> float:
        """The same as ``time``."""
        return self.time


@dataclass(frozen=True, slots=True)
class HeartRate(Entry):
    """Heart rate at ``time`` (timeline seconds); ``bpm`` is None with the reason where it is not known."""

    kind: ClassVar[str] = "rate"
    time: float = field(metadata=rounded())
    bpm: float | None = field(metadata=rounded(1))
    reason: str = ""
    stream: StreamId = ECG

    @property
    def start(self) -> float:
        """The same as ``time``."""
        return self.time

    @property
    def end(self) -> float:
        """The same as ``time``."""
        return self.time


@dataclass(frozen=True, slots=True)
class RRIntervals(Entry):
    """What a heart rate sensor measured itself, without a waveform.

    ``rr`` are seconds from beat to beat, oldest first; the last ended shortly before they arrived. ``bpm`` is None
    where the sensor gives no rate. ``contact``: on the skin, None where it cannot tell. ``alone`` is False where a
    waveform comes along: then beats and rate are found in that. ``start`` and ``end`` are timeline seconds, NaN from
    a decoder. ``lost`` is why intervals are missing before these (see `Gap`), empty where none are known to be.
    """

    kind: ClassVar[str] = "intervals"
    record: ClassVar[tuple[str, ...]] = ("stream", "rr", "bpm", "contact", "start", "end")
    rr: tuple[float, ...] = field(metadata=rounded())
    bpm: float | None = field(metadata=rounded(1))
    contact: bool | None = None
    alone: bool = True
    stream: StreamId = RR
    start: float = field(default=float("nan"), metadata=rounded())
    end: float = field(default=float("nan"), metadata=rounded())
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Gap(Entry):
    """Samples that never came: ``samples`` of them from ``start``, for ``duration`` seconds.

    ``reason`` is ``link`` (lost on the way), ``device`` (the sensor says that it dropped them),
    ``unplugged`` (the link was down), ``clock`` (the sensor's clock jumped) or ``recording`` (it
    has none there).
    """

    kind: ClassVar[str] = "gap"
    start: float = field(metadata=rounded())
    duration: float = field(metadata=rounded())
    samples: int
    reason: str
    stream: StreamId = ECG

    @property
    def end(self) -> float:
        """Timeline seconds of the first sample behind it."""
        return self.start + self.duration


@dataclass(frozen=True, slots=True)
class LinkState(Entry):
    """The link to the sensor changed.

    ``state`` is ``connecting``, ``live``, ``silent`` (open, no bytes), ``garbled`` (bytes, but not
    this device's), ``lost`` (unplugged, out of range) or ``closed``. ``at`` is host monotonic seconds.
    ``sensor`` counts from 1 where there are several.
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
    """Something the user should read once (skipped windows, re-anchored clock, estimated rate)."""

    kind: ClassVar[str] = "notice"
    record: ClassVar[tuple[str, ...]] = ("level", "message")
    message: str
    level: Literal["info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", visible(self.message))


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The monitoring band (0.5-40 Hz) of the samples from ``start``, as the beat detector sees it; for display.

    ``samples`` is float32 [n, leads] in mV, NaN where there is no signal; ``fs`` in Hz.
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


@dataclass(frozen=True, slots=True)
class ClockFit(Entry):
    """How the sensor's clock runs against the host's, at ``time`` (timeline seconds).

    ``ppm`` is the sensor's rate error against the host's monotonic clock, good to ``ppm_error``; ``error`` bounds the
    fit in seconds (the distance of the nearest tenth of the fastest deliveries); ``delay`` is how late the newest
    sample came, above the fastest seen (the constant part of a one-way delay cannot be observed).

    Timeline seconds count samples at the stated rate. ``rate`` is the measured one, samples per second, and ``host``
    the host's monotonic second of ``time``: a later moment t of the timeline is ``host + (t - time) * fs / rate``.
    None where not known yet.
    """

    kind: ClassVar[str] = "clock"
    record: ClassVar[tuple[str, ...]] = (
        "stream",
        "time",
        "ppm",
        "ppm_error",
        "error",
        "delay",
        "rate",
        "host",
    )
    time: float = field(metadata=rounded())
    ppm: float | None = field(metadata=rounded(1))
    error: float | None = field(metadata=rounded(6))
    delay: float = field(metadata=rounded())
    ppm_error: float | None = field(default=None, metadata=rounded(1))
    rate: float | None = field(default=None, metadata=rounded())
    host: float | None = field(default=None, metadata=rounded(6))
    stream: StreamId = ECG

    @property
    def start(self) -> float:
        """The same as ``time``."""
        return self.time

    @property
    def end(self) -> float:
        """The same as ``time``."""
        return self.time


@dataclass(frozen=True, slots=True)
class Summary(Entry):
    """The account of a whole stream, last of all events.

    ``samples`` were received and ``lost`` (by reason of the gap) were not; together they fill ``duration`` seconds. A
    stream that began anew with another rate or other leads has one account, of all of it.
    """

    kind: ClassVar[str] = "summary"
    stream: StreamId
    duration: float = field(metadata=rounded())
    samples: int
    lost: Mapping[str, int]
    gaps: int
    beats: int
    windows_scored: int
    windows_skipped: int
    clock: ClockFit | None = None
    counters: Mapping[str, int] = field(default_factory=dict)

    @property
    def start(self) -> float:
        """The beginning of the stream, 0 s."""
        return 0.0

    def behind(self, earlier: Summary | None) -> Summary:
        """Return the account of this and of what the stream was before it began anew."""
        if earlier is None:
            return self
        return replace(
            self,
            duration=earlier.duration + self.duration,
            samples=earlier.samples + self.samples,
            lost=dict(Counter(earlier.lost) + Counter(self.lost)),
            gaps=earlier.gaps + self.gaps,
            beats=earlier.beats + self.beats,
        )

    @property
    def end(self) -> float:
        """The same as ``duration``."""
        return self.duration


@dataclass(frozen=True, slots=True, eq=False)
class StreamInfo(Entry):
    """What the stream is, known before its first samples go out.

    ``epoch`` is the Unix time of timeline 0. ``source`` names the device and port or the recording.
    """

    kind: ClassVar[str] = "stream"
    record: ClassVar[tuple[str, ...]] = (
        "stream", "source", "fs", "leads", "lsb", "epoch", "rate_note", "reconstructed", "synthetic",
    )  # fmt: skip
    stream: StreamId
    source: str
    fs: float = field(metadata=rounded(6))
    leads: tuple[str, ...]
    lsb: tuple[float, ...] = field(metadata=significant(unknown=0.0))
    epoch: float = field(metadata=unix_time("start"))
    rate_note: str = ""
    """How ``fs`` is known: ``given by the device``, ``given by the user``, ``estimated from arrival times``."""
    reconstructed: tuple[str, ...] = ()
    """Those of ``leads`` that were not measured: a model's estimates. No finding rests on them."""
    synthetic: tuple[str, ...] = ()
    """Those of ``leads`` that a model draws from a pulse: no finding but rate and regularity rests on them."""
    host: float | None = None
    """Host's monotonic second of ``epoch``; None where the source has a time of its own (a recording)."""
    uncalibrated: tuple[str, ...] = ()
    """Those of ``leads`` whose samples are of no known size: no finding that needs millivolts rests on them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", visible(self.source))

    @property
    def waveform(self) -> bool:
        """Whether samples come; False where the sensor gives nothing but RR intervals."""
        return self.leads != ("RR",)


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
