"""What is found in a stream, or measured by the sensor itself: beats, heart rate, RR intervals, signal quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from wearecg.entry import Entry, Moment, rounded, significant
from wearecg.stream_id import ECG, RR, StreamId


@dataclass(frozen=True, slots=True)
class Beat(Moment):
    """One heart beat.

    Attributes
    ----------
    time : float
        Timeline seconds of the R peak.
    lead : str
        The lead in which it was located.
    rr : float or None
        True seconds (by the measured sampling rate) since the beat before; None for the first beat and after a gap.
    stream : StreamId
    lag : float or None
        Seconds from the R peak to what was seen of it (a pulse), already subtracted from ``time``: 0 in an ECG. None
        where it is not known: then ``time`` is that of the pulse, and only ``rr`` can be relied on.

    Examples
    --------
    >>> beat = Beat(time=12.4, lead="II", rr=0.8)
    >>> f"{60 / beat.rr:.0f} bpm in {beat.stream}"
    '75 bpm in ecg'
    """

    kind: ClassVar[str] = "beat"
    time: float = field(metadata=rounded())
    lead: str
    rr: float | None = field(default=None, metadata=rounded())
    stream: StreamId = ECG
    lag: float | None = field(default=0.0, metadata=rounded())


@dataclass(frozen=True, slots=True)
class HeartRate(Moment):
    """The heart rate, once a second.

    Attributes
    ----------
    time : float
        Timeline seconds.
    bpm : float or None
        Beats per minute; None where it is not known.
    reason : str
        Why it is not known; empty where it is.
    stream : StreamId

    Examples
    --------
    >>> HeartRate(time=8.0, bpm=None, reason="lead off").bpm is None
    True
    """

    kind: ClassVar[str] = "rate"
    time: float = field(metadata=rounded())
    bpm: float | None = field(metadata=rounded(1))
    reason: str = ""
    stream: StreamId = ECG


@dataclass(frozen=True, slots=True)
class RRIntervals(Entry):
    """RR intervals that a heart rate sensor measured itself.

    Attributes
    ----------
    rr : tuple of float
        Seconds from beat to beat, oldest first; the last one ended shortly before they arrived.
    bpm : float or None
        Beats per minute; None where the sensor gives none.
    contact : bool or None
        Whether the sensor is on the skin; None where it cannot tell.
    alone : bool
        False where the sensor also sends a waveform: beats and heart rate are then found in that.
    stream : StreamId
    start, end : float
        Timeline seconds; NaN from a decoder.
    lost : str
        Why intervals are missing before these (see `Gap`); empty where none are known to be.

    Examples
    --------
    >>> intervals = RRIntervals(rr=(0.81, 0.79), bpm=75)
    >>> intervals.stream, round(sum(intervals.rr), 2)
    ('rr', 1.6)
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
class LeadQuality:
    """Whether one lead of a stretch of signal can be used, and why not.

    Attributes
    ----------
    lead : str
    verdict : {"good", "poor", "unusable"}
    reason : str
        ``lead off``, ``flat``, ``saturated``, ``noise``, ``baseline``, ``gap`` ...; empty for a good lead.
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
    """The signal quality of every lead of a stream, once a second.

    Attributes
    ----------
    start, end : float
        Timeline seconds; the end is not included.
    leads : tuple of LeadQuality
        In the order of the stream's leads.
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
