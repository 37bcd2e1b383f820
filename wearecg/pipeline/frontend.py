"""What every ECG stream goes through before anything else: filter, beats, rate, quality."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wearecg.block import Beat, HeartRate, LeadQuality, Quality, SignalBlock
from wearecg.ecg.beats import MAX_LEADS, BeatDetector
from wearecg.ecg.leads import is_ecg
from wearecg.ecg.quality import QualityMeter
from wearecg.ecg.rate import HeartRateMeter
from wearecg.ecg.waves import FAINT
from wearecg.errors import SignalError
from wearecg.pipeline.filters import MonitorFilter
from wearecg.pipeline.mains import HumFilter

Samples: TypeAlias = NDArray[np.float32]
FrontEvent: TypeAlias = Beat | HeartRate | Quality

PREFERRED = ("II", "V5", "V2", "I", "V4", "V6", "V3", "V1", "aVF", "aVR", "III", "aVL", "ECG")
"""Where R peaks are looked for first when there are more leads than are needed."""
NOISY = 0.08
"""Noise ratio (see `QualityMeter`) above which the shape of a wave says nothing."""
UNUSABLE = "signal unusable:"
RANK = {lead: rank for rank, lead in enumerate(PREFERRED)}


class FrontEnd:
    """Turns the blocks of one stream into beats, a heart rate and a quality verdict each second.

    Leads that are not ECG pass through unfiltered and have only their quality judged; without any ECG
    lead there are no beats and no heart rate. The events are the same however the stream is cut into blocks.

    Parameters
    ----------
    fs : float
        Samples per second; 80 or more where there are ECG leads.
    leads : tuple of str
        Canonical names.
    trace : bool
        Filter the samples for a display. Nothing that is measured rests on this filter.
    """

    # Declared: cheaper to look up.
    __slots__ = (  # noqa: SIM905 (else one name a line)
        "_all_used _candidates _detector _doubted _ecg _filter _filtered _hum _origin _quality _rate _t0 "
        "_traced _trouble _used clean fs leads trace trace_start"
    ).split()

    def __init__(self, fs: float, leads: tuple[str, ...], trace: bool = False) -> None:
        self.fs = fs
        self.leads = leads
        self.clean: Samples = np.zeros((0, len(leads)), dtype=np.float32)
        """The samples of the last `feed`, float32 [n, leads], behind the notch that beats and quality are found
        behind while there is mains hum; else as they came. This is what models should see."""
        self.trace: Samples = np.zeros((0, len(leads)), dtype=np.float32)
        """The samples of the last `feed`, float32 [n, leads], in the monitoring band; empty if not asked for."""
        self.trace_start = 0.0
        """Timeline seconds of ``trace[0]``, the filter's delay taken off."""
        self._ecg = [k for k, lead in enumerate(leads) if is_ecg(lead)]
        self._traced = trace
        self._filtered = slice(None) if len(self._ecg) == len(leads) else self._ecg
        self._filter = MonitorFilter(fs, len(self._ecg)) if trace and self._ecg else None
        self._hum = HumFilter(fs, len(self._ecg)) if self._ecg else None
        self._candidates = sorted(
            self._ecg,
            key=lambda k: RANK.get(leads[k], len(RANK)) if len(self._ecg) > MAX_LEADS else k,
        )
        self._used = self._candidates[:MAX_LEADS]
        self._all_used = self._used == list(range(len(leads)))
        self._detector = BeatDetector(fs, tuple(leads[k] for k in self._used)) if self._ecg else None
        self._t0: float | None = None

    @property
    def mains_hz(self) -> float | None:
        """Frequency of the mains hum that is being removed from the signal or from the trace, or None."""
        hum = self._hum.hz if self._hum else None
        return self._filter.mains_hz if hum is None and self._filter else hum

    def feed(self, block: SignalBlock) -> list[FrontEvent]:
        """Take the next block of the timeline and return what it completes, in order of emission.

        ``block.lost``, or a start later than the last block's end, is a gap before it.

        Raises
        ------
        SignalError
            The block's rate or leads are not this stream's, or it starts before the last one's end.
        """
        if block.fs != self.fs or block.leads != self.leads:
            raise SignalError(
                f"this stream has {', '.join(self.leads)} at {self.fs:g} Hz, the block has "
                f"{', '.join(block.leads)} at {block.fs:g} Hz: use one FrontEnd for each"
            )
        x, off, start = block.samples, block.lead_off, block.start
        if self._t0 is None:
            self._begin(start)
        quality, detector = self._quality, self._detector
        missing = round((start - self._origin) * self.fs) - quality.n
        events: list[FrontEvent] = self._gap(missing) if missing else []
        if True in off:
            x = np.where([bool(lead) for lead in off], np.float32("nan"), x)
        given, hum = x, self._hum
        clean: list[Samples] = []
        while True:  # piece by piece, none of them beyond the end of its second
            room = quality.edge - quality.n
            piece = x if (last := len(x) <= room) else x[:room]
            if hum and hum.hz is not None:
                clean = clean or [given[: len(given) - len(x)]]
                piece = self._without_hum(piece, hum.feed(piece[:, self._filtered]))
            if clean:
                clean.append(piece)
            verdict = quality.take(piece, off)
            if detector:
                for beat in detector.feed(piece if self._all_used else piece[:, self._used]):
                    self._believe(beat, events)
            if verdict:
                if hum and (quality.noisy or hum.hz is not None):
                    verdict = self._behind_notch(verdict, hum)
                self._end_second(verdict, events)
            if last:
                break
            x = x[room:]
        self.clean = block.samples
        if clean:
            given = np.concatenate(clean)
            unknown = np.isnan(given)
            self.clean = np.where(unknown, self.clean, given) if unknown.any() else given
        if self._traced:
            self._draw(given, start)
        return events

    def flush(self) -> list[FrontEvent]:
        """Return the beats that still wait, at the end of the signal."""
        events: list[FrontEvent] = []
        if self._t0 is not None and self._detector:
            for beat in self._detector.flush():
                self._believe(beat, events)
        return events

    def quality_between(self, start: float, end: float) -> Quality:
        """Return the verdict on ``[start, end)`` timeline seconds; see `QualityMeter.between`."""
        if self._t0 is None:
            return QualityMeter(self.fs, self.leads).between(start, end)
        return self._quality.between(start, end)

    def _begin(self, start: float) -> None:
        self._t0 = self._origin = start
        self._trouble = ""
        self._doubted = False
        self._quality = QualityMeter(self.fs, self.leads, start)
        self._rate = HeartRateMeter(start)
        if self._detector:
            self._detector.start = start

    def _without_hum(self, x: Samples, filtered: Samples) -> Samples:
        if len(self._ecg) == len(self.leads):
            return filtered
        y = x.astype(np.float32)
        y[:, self._ecg] = filtered
        return y

    def _behind_notch(self, verdict: Quality, hum: HumFilter) -> Quality:
        """Follow the hum at the end of a second; if this one looks like noise, judge it without hum instead."""
        if hum.hz is not None:
            hum.end_second()
            return verdict
        quality = self._quality
        x = quality.samples
        filtered = hum.begin(x[:, self._filtered])
        if filtered is None:
            return verdict
        clean = self._without_hum(x, filtered)
        if self._detector:
            self._detector.amend(clean[:, self._used])
        return quality.again(clean)

    def _draw(self, x: Samples, start: float) -> None:
        self.trace, self.trace_start = x.astype(np.float32), start
        if self._filter:
            self.trace[:, self._filtered] = self._filter.feed(x[:, self._filtered])
            self.trace_start -= self._filter.delay

    def _believe(self, beat: Beat, events: list[FrontEvent]) -> None:
        """Let a beat out, unless there was nothing but noise, or nothing, where it was found."""
        if self._trouble and self._trouble.startswith(UNUSABLE) and not self._trouble.endswith("baseline"):
            self._doubted = True
            return
        if self._doubted:
            beat = replace(beat, rr=None)
            self._doubted = False
        self._rate.beat(beat)
        events.append(beat)

    def _end_second(self, quality: Quality, events: list[FrontEvent]) -> None:
        events.append(quality)
        if self._detector:
            self._trouble = self._why_not(quality)
            if self._trouble:
                self._begin_anew(quality.end, self._detector)
            self._detector.noisy = self._quality.noisy and all(
                map(_is_noisy, [quality.leads[k] for k in self._used])
            )
            if self._detector.waves.revised:
                self._detector.waves.revised = False
                self._rate.gap(quality.end)
            if len(self._candidates) > MAX_LEADS:
                self._choose(quality, self._detector)
            rate = self._rate.at(quality.end, self._trouble or self._detector.waves.doubt)
            if rate.bpm is not None and self._are_faint(quality, self._detector):
                rate = HeartRate(quality.end, None, FAINT)
            events.append(rate)

    def _begin_anew(self, end: float, detector: BeatDetector) -> None:
        """Let nothing that was learned before a second that could not be used decide what comes behind it."""
        if self._trouble == "gap":
            return
        if self._trouble.endswith(("noise", "baseline")):
            detector.distrust()
            return
        detector.begin_anew()
        self._rate.gap(end)
        self._doubted = True

    def _are_faint(self, quality: Quality, detector: BeatDetector) -> bool:
        """Whether all leads look good and what was found there is no higher than their noise."""
        used = [quality.leads[k] for k in self._used]
        if any(lead.verdict != "good" for lead in used):
            return False
        return not detector.stands_out([lead.measures["noise_mv"] for lead in used])

    def _gap(self, samples: int) -> list[FrontEvent]:
        quality = self._quality
        end = self._origin + (quality.n + max(samples, 0)) / self.fs
        if samples < 0:
            raise SignalError(f"block starts {-samples} samples before the last end, {end:.3f} s")
        events: list[FrontEvent] = []
        if self._filter:
            self._filter.reset()
        if self._hum:
            self._hum.gap()
        if self._detector:
            for beat in self._detector.gap(samples):
                self._believe(beat, events)
            self._rate.gap(end)
        second = quality.second
        events += quality.gap(samples)
        if quality.second > second and self._detector:
            events.append(HeartRate(self._origin + quality.second, None, "gap"))
        return events

    def _why_not(self, quality: Quality) -> str:
        """Why no heart rate can be given, when every lead that is looked at is unusable."""
        reasons = []
        for k in self._used:
            lead = quality.leads[k]
            if lead.verdict != "unusable":
                return ""
            reasons.append(lead.reason)
        reason = max(sorted(set(reasons)), key=reasons.count)
        return reason if reason in ("lead off", "gap") else f"{UNUSABLE} {reason}"

    def _choose(self, quality: Quality, detector: BeatDetector) -> None:
        """Replace a lead that has become unusable by the next one that is not."""
        verdicts = [lead.verdict for lead in quality.leads]
        if all(verdicts[k] != "unusable" for k in self._used):
            return
        usable = [k for k in self._candidates if verdicts[k] != "unusable"]
        kept = [k for k in self._used if k in usable]
        spare = [k for k in usable if k not in kept] + [k for k in self._used if k not in kept]
        self._used = kept + spare[: MAX_LEADS - len(kept)]
        detector.use(tuple(self.leads[k] for k in self._used))


def _is_noisy(lead: LeadQuality) -> bool:
    return lead.reason == "noise" and lead.measures["noise_ratio"] > NOISY
