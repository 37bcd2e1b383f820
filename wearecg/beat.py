"""Heart beats, heart rate and RR intervals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from wearecg.entry import Entry, Moment, rounded
from wearecg.stream_id import ECG, RR, StreamId


@dataclass(frozen=True, slots=True)
class Beat(Moment):
    """One heart beat.

    Attributes
    ----------
    time : float
        Timeline seconds of the R peak.
    lead : str
        The lead on which it was detected.
    rr : float or None
        True seconds (by the measured sampling rate) since the previous beat; None after a gap and for the first beat.
    stream : StreamId
    lag : float or None
        Seconds from the R peak to the wave that was detected, already subtracted from ``time``: 0 in an ECG. None
        where it is not known: then ``time`` is that of the pulse, and only ``rr`` is to be relied on.

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
class Waves(Moment):
    """Where the waves of one beat begin, peak and end.

    Attributes
    ----------
    time : float
        Timeline seconds of its R peak, as of its `Beat`.
    p_on, p_peak, p_off, qrs_on, qrs_off, t_on, t_peak, t_off : float or None
        Timeline seconds; None where there is no such wave, or where it cannot be seen.
    lead : str
        The lead that they were found on.
    source : str
        ``model@version`` or ``rule@version``.
    stream : StreamId

    Examples
    --------
    >>> waves = Waves(time=4.52, qrs_on=4.48, qrs_off=4.57, t_off=4.87, lead="II", source="acme-waves@1")
    >>> waves.p_on is None, f"{1000 * (waves.t_off - waves.qrs_on):.0f} ms"
    (True, '390 ms')
    """

    kind: ClassVar[str] = "waves"
    time: float = field(metadata=rounded())
    p_on: float | None = field(default=None, kw_only=True, metadata=rounded())
    p_peak: float | None = field(default=None, kw_only=True, metadata=rounded())
    p_off: float | None = field(default=None, kw_only=True, metadata=rounded())
    qrs_on: float | None = field(default=None, kw_only=True, metadata=rounded())
    qrs_off: float | None = field(default=None, kw_only=True, metadata=rounded())
    t_on: float | None = field(default=None, kw_only=True, metadata=rounded())
    t_peak: float | None = field(default=None, kw_only=True, metadata=rounded())
    t_off: float | None = field(default=None, kw_only=True, metadata=rounded())
    lead: str
    source: str
    stream: StreamId = ECG


@dataclass(frozen=True, slots=True)
class HeartRate(Moment):
    """Heart rate at one moment.

    Attributes
    ----------
    time : float
        Timeline seconds.
    bpm : float or None
        Beats per minute; None where it is not known.
    reason : str
        Why it is not known.
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
    """RR intervals that a heart rate sensor measured itself, without a waveform.

    Attributes
    ----------
    rr : tuple of float
        Seconds from beat to beat, oldest first; the last ended shortly before they arrived.
    bpm : float or None
        Beats per minute; None where the sensor gives none.
    contact : bool or None
        Whether the sensor is on the skin; None where it cannot tell.
    alone : bool
        False where the sensor also gives a waveform, in which beats and heart rate are then found.
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
