"""What a stream is, what of it was lost, how its clock runs, and its account at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from wearecg.entry import Entry, Moment, rounded, significant, unix_time
from wearecg.stream_id import ECG, StreamId
from wearecg.text import visible


@dataclass(frozen=True, slots=True, eq=False)
class StreamInfo(Entry):
    """What a stream is, known before its first samples.

    Attributes
    ----------
    stream : StreamId
    source : str
        The device and port, or the recording.
    fs : float
        Nominal samples per second.
    leads : tuple of str
    lsb : tuple of float
        For each lead, units of one ADC step; 0 where unknown.
    epoch : float
        Unix time of timeline 0.
    rate_note : str
        How ``fs`` is known: ``given by the device``, ``given by the user``, ``estimated from arrival times``.
    reconstructed : tuple of str
        Those of ``leads`` that were not measured but estimated by a model. No finding rests on them.
    synthetic : tuple of str
        Those of ``leads`` that a model draws from a pulse: no finding but rate and regularity rests on them.
    host : float or None
        The host's monotonic second of ``epoch``; None where the source has a time of its own (a recording).
    uncalibrated : tuple of str
        Those of ``leads`` whose samples are of no known size: no finding that needs millivolts rests on them.

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
    uncalibrated: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", visible(self.source))

    @property
    def waveform(self) -> bool:
        """Whether samples come; False where the sensor gives nothing but RR intervals."""
        return self.leads != ("RR",)


@dataclass(frozen=True, slots=True)
class Gap(Entry):
    """Samples that were never received.

    Attributes
    ----------
    start, duration : float
        Timeline seconds.
    samples : int
        How many are missing.
    reason : {"link", "device", "unplugged", "clock", "recording"}
        Lost on the way, dropped by the sensor as it says itself, the link was down, the sensor's clock jumped, or the
        recording has none there.
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
        """Timeline seconds of the first sample behind it."""
        return self.start + self.duration


@dataclass(frozen=True, slots=True)
class ClockFit(Moment):
    """How the sensor's clock runs against the host's.

    Timeline seconds count samples at the stated rate ``fs``. A later moment t of the timeline is the host's monotonic
    second ``host + (t - time) * fs / rate``.

    Attributes
    ----------
    time : float
        Timeline seconds.
    ppm, ppm_error : float or None
        The sensor's rate error against the host's monotonic clock, parts per million, and its uncertainty.
    error : float or None
        Bounds the fit, seconds: the distance of the nearest tenth of the fastest deliveries.
    delay : float
        How late the newest sample came, seconds above the fastest seen: the constant part of a one-way delay cannot be
        observed.
    rate : float or None
        Measured samples per second; None where not known yet.
    host : float or None
        The host's monotonic second of ``time``; None where not known yet.
    stream : StreamId

    Examples
    --------
    >>> fit = ClockFit(time=60.0, ppm=40.0, error=0.002, delay=0.01, rate=250.01, host=1060.0)
    >>> round(fit.host + (120.0 - fit.time) * 250 / fit.rate, 4)
    1119.9976
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


@dataclass(frozen=True, slots=True)
class Summary(Entry):
    """The account of a whole stream, last of all events.

    A stream that began anew with another rate or other leads has one account, of all of it.

    Attributes
    ----------
    stream : StreamId
    duration : float
        Seconds, filled by the samples that were received and those that were lost.
    samples : int
        Received.
    lost : dict of int
        Samples that were not, by the reason of their gap.
    gaps, beats, windows_scored, windows_skipped : int
    clock : ClockFit or None
        The last.
    counters : dict of int
        What the decoder counted: frames, bad checksums ...

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
        """The beginning of the stream, 0 s."""
        return 0.0

    @property
    def end(self) -> float:
        """The same as ``duration``."""
        return self.duration

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
