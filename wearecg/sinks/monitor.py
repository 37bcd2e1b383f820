"""The state of the live view, gathered from the events."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from wearecg.block import (
    Beat,
    BeatClass,
    ClockFit,
    Event,
    Finding,
    Gap,
    HeartRate,
    LinkState,
    Notice,
    Quality,
    StreamInfo,
    Trace,
)
from wearecg.ecg.leads import PULSE, SYNTHETIC, is_ecg
from wearecg.findings import Active

Streamed = StreamInfo | Trace | Beat | BeatClass | HeartRate | Quality | Gap | ClockFit
"""What is shown of the first sensor alone."""
MOST_BEATS = 64
NORMAL = "N"
"""The class of beats that are shown by no letter."""
NOTICE_S = 20.0
"""How long a notice is shown, unless it tells an error."""


@dataclass(slots=True)
class Monitor:
    """The state of the display; `feed` it every event. All but findings are of the first sensor."""

    info: StreamInfo | None = None
    made: StreamInfo | None = None
    """The stream of a model that is shown: twelve leads, or II* where there is no ECG."""
    link: LinkState | None = None
    delay: float | None = None
    """Seconds from a sample's arrival at the sensor to here, as far as it is known."""
    now: float = 0.0
    """Newest time on the timeline."""
    rate: HeartRate | None = None
    pulse_rate: HeartRate | None = None
    """By the pulse, beside an ECG."""
    quality: Quality | None = None
    beats: deque[Beat] = field(default_factory=lambda: deque(maxlen=MOST_BEATS))
    classes: dict[float, str] = field(default_factory=dict)
    """By the time of its R peak, the class of each of the last beats."""
    gaps: deque[Gap] = field(default_factory=lambda: deque(maxlen=16))
    gap_count: int = 0
    missing: float = 0.0
    said: Notice | None = None
    said_at: float = 0.0
    findings: Active = field(default_factory=Active)
    scored: bool = False

    def feed(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, Finding):
            self.scored = True
            self.findings.feed(event)
        elif not isinstance(event, Streamed) or event.stream.sensor == 1:
            self._update(event)

    def _update(self, event: Event) -> None:
        match event:
            case StreamInfo(stream="twelve"):
                self.made = event
            case StreamInfo() if event.synthetic:
                if not (self.info and any(is_ecg(lead) for lead in self.info.leads)):
                    self.made = event
            case StreamInfo():
                if self.info and self.info.stream == event.stream:
                    self._begin_anew()
                if self.info is None or event.stream in ("ecg", self.info.stream):
                    self.info = event
            case Trace():
                self.now = max(self.now, event.start + len(event.samples) / event.fs)
            case Beat() if event.lead != SYNTHETIC or self._pulse_only:
                # Where it is to be seen: a drawn R wave lies on its pulse.
                self.beats.append(replace(event, time=event.time + (event.lag or 0.0)))
            case BeatClass():
                self.classes[event.time] = event.code
                if len(self.classes) > 2 * MOST_BEATS:
                    self.classes = dict(list(self.classes.items())[-MOST_BEATS:])
            case HeartRate():
                self._update_rate(event)
                self.now = max(self.now, event.time)
            case Quality() if event.leads[0].lead == SYNTHETIC:
                judged = event.leads[0]
                if judged.verdict == "unusable":
                    self._update_rate(HeartRate(event.end, None, f"pulse: {judged.reason}", event.stream))
            case Quality() if self.info and self.info.leads[:1] == tuple(q.lead for q in event.leads[:1]):
                self.quality = event
            case Gap():
                self.gaps.append(event)
                self.gap_count += 1
                self.missing += event.duration
            case LinkState():
                self.link = event
            case ClockFit():
                self.delay = event.delay
            case Notice():
                self.said, self.said_at = event, self.now

    def _begin_anew(self) -> None:
        """Forget what is of the time before the stream began anew; what is missing is still counted."""
        self.now = self.said_at = 0.0
        self.made = self.rate = self.pulse_rate = self.quality = None
        self.beats.clear()
        self.classes.clear()
        self.gaps.clear()

    @property
    def _pulse_only(self) -> bool:
        """Whether the only ECG-like lead is one drawn from a pulse."""
        return self.made is not None and bool(self.made.synthetic)

    def _update_rate(self, rate: HeartRate) -> None:
        if rate.stream != PULSE or self._pulse_only:
            self.rate = rate
        else:
            self.pulse_rate = rate

    @property
    def notice(self) -> Notice | None:
        """What was said last, for as long as it should be shown."""
        kept = self.said and (self.said.level == "error" or self.now - self.said_at < NOTICE_S)
        return self.said if kept else None


def clock(seconds: float) -> str:
    """``hh:mm:ss``."""
    whole = max(int(seconds), 0)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def held(seconds: float) -> str:
    """A duration in at most six cells: ``42 s``, ``3 min``, ``1.5 h``."""
    if seconds < 100:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def percent(finding: Finding) -> str:
    """``0.93``, or ``0.93 doubt 4%`` where the chance of a wrong call is known."""
    if finding.probability is None:
        return ""
    sure = f"{finding.probability:.2f}"
    return sure if finding.uncertainty is None else f"{sure} doubt {finding.uncertainty:.0%}"


def evidence(finding: Finding) -> list[str]:
    """``heart rate 112 bpm``, ``rr irregularity 0.31``."""
    return [f"{one.name.replace('_', ' ')} {one.value:.3g} {one.unit}".rstrip() for one in finding.evidence]


def sensor_name(finding: Finding) -> str:
    """The stream of a finding where that is not of the first sensor, ``ecg-2: ``; otherwise nothing."""
    return f"{finding.stream}: " if finding.stream.sensor > 1 else ""
