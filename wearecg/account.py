"""What a stream is, its link and its clock, what was lost of it, and its summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from wearecg.entry import Entry, Moment, rounded, significant, unix_time
from wearecg.stream_id import ECG, StreamId
from wearecg.text import visible


@dataclass(frozen=True, slots=True, eq=False)
class StreamInfo(Entry):
    """What a stream is; it comes before the first samples.

    Attributes
    ----------
    stream : StreamId
    source : str
        Device and port, or the recording.
    fs : float
        Nominal samples per second.
    leads : tuple of str
        ``("RR",)`` for a sensor that gives RR intervals only.
    lsb : tuple of float
        For each lead, units of one ADC step; 0 where unknown.
    epoch : float
        Unix time of timeline 0.
    rate_note : str
        How ``fs`` is known: ``given by the device``, ``given by the user``, ``estimated from arrival times``.
    reconstructed : tuple of str
        Those of ``leads`` that were not measured but reconstructed by a model. No finding rests on them.
    synthetic : tuple of str
        Those of ``leads`` that a model draws from a pulse. No finding but rate and regularity rests on them.
    host : float or None
        Host's monotonic second of ``epoch``; None where the source has its own time (a recording).

    Examples
    --------
    >>> info = StreamInfo(ECG, "a recording", 250.0, ("II",), (0.001,), epoch=0.0)
    >>> info.waveform, info.reconstructed
    (True, ())
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
    reconstructed: tuple[str, ...] = ()
    synthetic: tuple[str, ...] = ()
    host: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", visible(self.source))

    @property
    def waveform(self) -> bool:
        """Whether the stream has samples; False where the sensor gives RR intervals only."""
        return self.leads != ("RR",)


@dataclass(frozen=True, slots=True)
class Gap(Entry):
    """Samples that were never received.

    Attributes
    ----------
    start : float
        Timeline seconds of the first missing sample.
    duration : float
        Seconds.
    samples : int
        How many are missing.
    reason : str
        ``link`` (lost on the way), ``device`` (the sensor says that it dropped them), ``unplugged`` (the link was
        down), ``clock`` (the sensor's clock jumped) or ``recording`` (missing in the recording itself).
    stream : StreamId

    Examples
    --------
    >>> Gap(start=10.0, duration=0.5, samples=125, reason="link").end
    10.5
    """

    kind: ClassVar[str] = "gap"
    start: float = field(metadata=rounded())
    duration: float = field(metadata=rounded())
    samples: int
    reason: str
    stream: StreamId = ECG

    @property
    def end(self) -> float:
        """Timeline seconds of the first sample after the gap."""
        return self.start + self.duration


@dataclass(frozen=True, slots=True)
class LinkState(Entry):
    """The link to a sensor changed.

    Attributes
    ----------
    state : {"connecting", "live", "silent", "garbled", "lost", "closed"}
        ``silent``: open, but no bytes; ``garbled``: bytes, but not those of this device; ``lost``: unplugged or out
        of range.
    message : str
        For people.
    at : float
        Host's monotonic seconds.
    sensor : int
        Number of the sensor, from 1.

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
    """Something that the user should read once: windows that were skipped, a rate that is estimated.

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
class ClockFit(Moment):
    """How the sensor's clock runs against the host's.

    Timeline seconds count samples at the nominal rate ``fs``: a later moment t of the timeline is the host's monotonic
    second ``host + (t - time) * fs / rate``.

    Attributes
    ----------
    time : float
        Timeline seconds.
    ppm : float or None
        Error of the sensor's rate against the host's monotonic clock; None where not known yet, as the others.
    error : float or None
        Seconds: a bound on the error of the fit (the distance of the nearest tenth of the fastest deliveries).
    delay : float
        Seconds by which the newest sample came later than the fastest one (the constant part of a one-way delay
        cannot be observed).
    ppm_error : float or None
        Standard error of ``ppm``.
    rate : float or None
        Measured samples per second.
    host : float or None
        Host's monotonic second of ``time``.
    stream : StreamId

    Examples
    --------
    >>> fit = ClockFit(time=60.0, ppm=40.0, error=0.002, delay=0.01, rate=250.01, host=1060.0)
    >>> round(fit.host + (120.0 - fit.time) * 250 / fit.rate, 4)
    1119.9976
    """

    kind: ClassVar[str] = "clock"
    record: ClassVar[tuple[str, ...]] = (
        "stream", "time", "ppm", "ppm_error", "error", "delay", "rate", "host",
    )  # fmt: skip
    time: float = field(metadata=rounded())
    ppm: float | None = field(metadata=rounded(1))
    error: float | None = field(metadata=rounded(6))
    delay: float = field(metadata=rounded())
    ppm_error: float | None = field(default=None, metadata=rounded(1))
    rate: float | None = field(default=None, metadata=rounded())
    host: float | None = field(default=None, metadata=rounded(6))
    stream: StreamId = ECG


@dataclass(frozen=True, slots=True)
class Summary(Entry):
    """The account of a whole stream; the last event of each.

    Samples received and lost together fill ``duration``.

    Attributes
    ----------
    stream : StreamId
    duration : float
        Seconds.
    samples : int
        Received.
    lost : dict of int
        Samples that were not received, by the reason of their gap.
    gaps, beats, windows_scored, windows_skipped : int
    clock : ClockFit or None
        The last one.
    counters : dict of int
        What the link counted (bytes, bad frames ...), by name.

    Examples
    --------
    >>> import wearecg
    >>> events = wearecg.stream("simulate:sinus?speed=max", observe=(), duration=10)
    >>> summary = next(event for event in events if isinstance(event, wearecg.Summary))
    >>> summary.stream, summary.duration, summary.samples, dict(summary.lost)
    ('ecg', 10.0, 5000, {})
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
        """0: the beginning of the stream."""
        return 0.0

    @property
    def end(self) -> float:
        """The same as ``duration``."""
        return self.duration
