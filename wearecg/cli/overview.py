"""What ``wearecg score`` prints: a recording in a few lines, however long it is."""

from __future__ import annotations

from array import array
from collections import Counter

from wearecg.block import Beat, Event, Finding, Gap, HeartRate, Notice, Quality, StreamInfo, Summary
from wearecg.ecg.leads import is_ecg
from wearecg.findings import Stretches


class Overview:
    """Counts what the lines need; `feed` it every event of a session."""

    def __init__(self) -> None:
        self._beats = 0
        self._rates = array("d")
        self._unknown: str | None = None
        """Why the last heart rate is not known; None before the first."""
        self._ecg = False
        """Whether a stream has beats."""
        self._judged: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()
        self._reasons: dict[str, set[str]] = {}
        self._notices: list[Notice] = []
        self._gaps: list[Gap] = []
        self._findings = Stretches()
        self._summary: Summary | None = None

    def feed(self, event: Event) -> None:
        """Take one event."""
        match event:
            case StreamInfo():
                self._ecg |= not event.waveform or any(map(is_ecg, event.leads))
            case Finding():
                self._findings.feed(event)
            case Beat():
                self._beats += 1
            case HeartRate():
                self._unknown = event.reason
                if event.bpm is not None:
                    self._rates.append(event.bpm)
            case Quality():
                for lead in event.leads:
                    self._judged[lead.lead] += 1
                    if lead.verdict != "good":
                        self._bad[lead.lead] += 1
                        self._reasons.setdefault(lead.lead, set()).add(lead.reason)
            case Gap():
                self._gaps.append(event)
            case Notice() if event.level != "info":
                self._notices.append(event)
            case Summary() if self._summary is None:
                self._summary = event

    def describe(self, name: str) -> str:
        """Return the lines."""
        seconds = self._summary.duration if self._summary else 0.0
        lines = [f"{name}: {seconds:.1f} s, {self._beats} beats, heart rate {self._heart_rate()} (median)"]
        lines += [f"  {notice.level}: {notice.message}" for notice in self._notices]
        lines += [f"  gap {gap.start:.2f} s for {gap.duration:.2f} s ({gap.reason})" for gap in self._gaps]
        for lead, judged in self._judged.items():
            if bad := self._bad[lead]:
                reasons = ", ".join(sorted(self._reasons[lead]))
                lines.append(f"  {lead}: {bad} of {judged} s not good ({reasons})")
        lines += map(_line, sorted(self._findings, key=lambda f: (f.since, -(f.probability or 0))))
        return "\n".join(lines)

    def _heart_rate(self) -> str:
        if self._rates:
            return f"{sorted(self._rates)[len(self._rates) // 2]:.0f} bpm"
        if self._unknown is not None:
            return f"unknown: {self._unknown}"
        return "unknown: too short" if self._ecg else "unknown: no ECG lead"


def _line(finding: Finding) -> str:
    span = f"{finding.since:7.1f} - {finding.end:.1f} s"
    if finding.why:
        return f"  {span}  not scored: {finding.reason}"
    sure = "    " if finding.probability is None else f"{finding.probability:.2f}"
    evidence = ", ".join(f"{measure.key} {measure.value:g}" for measure in finding.evidence)
    return f"  {span}  {finding.code:6} {sure}  {finding.text}" + (f"  ({evidence})" if evidence else "")
