"""Signal quality of every lead, second by second, from measures that a person can check.

==============  =====================================================================  ========  =========
measure         over the last 3 s (range, rail, gap: the second itself)                poor      unusable
==============  =====================================================================  ========  =========
lead off        the sensor says so at any time in the second                                     always
gap             share of samples that never came                                       > 0       > 0.2
flat            range of the samples, over 2 s                                                   < 0.005 mV
saturated       share of samples at the highest or at the lowest value of the second             > 0.2
saturated       single samples at one value, a third of the range away from all others       any
unlike ECG      a square wave or a ramp, for two seconds or the first                           always
noise           median 10 ms step / largest 10 ms step; median step >= 0.012 mV        > 0.06    > 0.14
wide            as noise, but it repeats itself every 0.18 to 0.6 s in smooth waves          always
amplitude       range > 5 mV and largest 10 ms step > 1.8 mV in each second                  always
baseline        range of the means over tenths of the second                           > 2 mV    > 5 mV
==============  =====================================================================  ========  =========

A QRS makes few large steps and many small ones (ratio 0.01 to 0.05); noise makes all of a size (Gaussian
noise 0.2), and so does a wide tachycardia, which is not to be called noise. Nor is noise unusable out of which a wide
QRS stands: where the same ratio of bends over 24 ms (second differences) is below 0.1. Of leads that are not ECG only
lead off, gap, flat and saturated are judged, flat being constant. Mains hum is taken out before
(`wearecg.pipeline.mains`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from math import ceil, inf
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wearecg.block import LeadQuality, Quality
from wearecg.ecg.leads import is_ecg
from wearecg.ecg.shape import is_drawn, period

FLAT_MV = 0.005
MISSING_SHARE = 0.2
RAIL_SHARE = 0.2
STEP_S = 0.01
NOISE_MV = 0.012
NOISE_POOR, NOISE_UNUSABLE = 0.06, 0.14
BEND_S, NOISE_BENDS = 0.024, 0.1
BASELINE_POOR_MV, BASELINE_UNUSABLE_MV = 2.0, 5.0
DRAWN_MV, STILL = 0.05, 0.1
"""What is drawn is at least so high, and its median step is at most this share of that."""
RAIL_APART = 0.3
TALL_MV, STEEP_MV = 5.0, 1.8
SMALL_S = 10
"""So many seconds in a row must be too small: a heart that stands still is quiet for a while, and that is told."""
SMALL_MV, ALL_SMALL_MV, MANY = 0.08, 0.45, 6
"""No lead of PTB-XL is so small over two seconds (the least is 0.085 mV), nor all twelve (the largest: 0.53 mV)."""
REMEMBER_S = 120
REMEMBERED = 3
"""Seconds that a measure looks back on."""

Verdict = Literal["good", "poor", "unusable"]
_Second = tuple[float, float, float, float, bool]
"""Of a second of a lead: lowest and highest sample, median and largest step, whether it looks drawn."""


class QualityMeter:
    """Judges each second of a stream from ``start`` on; samples in mV, NaN where there are none."""

    # Declared: cheaper to look up.
    __slots__ = (  # noqa: SIM905 (else one name a line)
        "_ecg _first _good_since _lag _off _off_before _parts _recent _seconds _small_for _start _tenths edge fs "
        "leads n noisy recent second"
    ).split()

    def __init__(self, fs: float, leads: tuple[str, ...], start: float = 0.0) -> None:
        self.fs = fs
        self.leads = leads
        self.recent: deque[Quality] = deque(maxlen=REMEMBER_S)
        """The last verdicts, oldest first."""
        self._start = start
        self._good_since = start
        self._small_for = 0
        """Behind this all verdicts on all leads are good."""
        self._ecg = [is_ecg(lead) for lead in leads]
        self._lag = max(1, round(STEP_S * fs))
        self._tenths = np.zeros((0, 0), dtype=np.float32)
        self._parts: list[NDArray[np.floating]] = []
        self._off = self._off_before = [False] * len(leads)
        self.noisy = False
        self.n = 0
        """Samples so far, those that never came too."""
        self._forget()
        self._begin(0)

    def feed(self, x: ArrayLike, lead_off: Sequence[bool | None] = ()) -> list[Quality]:
        """Take ``x`` [n, leads] and return the verdicts of the seconds that it completes."""
        x = np.asarray(x)
        found: list[Quality] = []
        while len(x):
            room = self.edge - self.n
            if quality := self.take(x[:room], lead_off):
                found.append(quality)
            x = x[room:]
        return found

    def take(self, x: NDArray[np.floating], lead_off: Sequence[bool | None] = ()) -> Quality | None:
        """Take ``x`` [n, leads] up to sample `edge` at most; return the verdict on the second that it completes."""
        if samples := len(x):
            self._parts.append(x)
            self.n += samples
        if True in lead_off:
            self._off = [was or bool(off) for was, off in zip(self._off, lead_off, strict=True)]
        return self._judge() if self.n == self.edge else None

    @property
    def samples(self) -> NDArray[np.float32]:
        """What the last verdict is on, [n, leads]."""
        return np.concatenate(self._seconds[-1], dtype=np.float32)

    def again(self, x: NDArray[np.floating]) -> Quality:
        """Judge the last second anew, on ``x`` [n, leads] in its stead."""
        self.recent.pop()
        self._seconds.pop()
        for recent in self._recent:
            if recent:
                recent.pop()
        self._begin(self.second - 1)
        self._parts, self._off = [x], self._off_before
        return self._judge()

    def gap(self, samples: int) -> list[Quality]:
        """Skip ``samples`` that never came; whole seconds without any make one verdict together."""
        self.n += samples
        found = []
        if self.n >= self.edge and self._parts:
            found.append(self._judge())
        if self.n >= self.edge:
            first = self.second
            second = next(
                s
                for s in range(int(self.n / self.fs) - 1, first + self.n + 2)
                if ceil((s + 1) * self.fs) > self.n
            )
            leads = tuple(LeadQuality(lead, "unusable", "gap", {"missing_share": 1.0}) for lead in self.leads)
            found.append(Quality(self._start + first, self._start + second, leads))
            self._remember(found[-1])
            self._forget()
            self._begin(second)
        return found

    def between(self, start: float, end: float) -> Quality:
        """Return one verdict on ``[start, end)`` from the seconds in it that have been judged.

        A lead is unusable when more than a quarter of the time is, or nothing has been judged; poor when
        any of it is unusable or more than a quarter poor. The reason is the commonest among those.
        """
        near = takewhile(lambda q: q.end > start, reversed(self.recent))
        spans = [(min(q.end, end) - max(q.start, start), q) for q in near if q.start < end][::-1]
        total = sum([span for span, _ in spans])
        if spans and start >= self._good_since:
            times = {"good_s": float(total), "poor_s": 0.0, "unusable_s": 0.0}
            good = [LeadQuality(lead, "good", "", dict(times)) for lead in self.leads]
            return Quality(start, end, tuple(good))
        leads = []
        for k, lead in enumerate(self.leads):
            time = {"good": 0.0, "poor": 0.0, "unusable": 0.0}
            reasons: dict[tuple[str, str], float] = {}
            for span, quality in spans:
                judged = quality.leads[k]
                time[judged.verdict] += span
                key = judged.verdict, judged.reason
                reasons[key] = reasons.get(key, 0.0) + span
            verdict: Verdict = "good"
            if not spans or time["unusable"] > 0.25 * total:
                verdict = "unusable"
            elif time["unusable"] or time["poor"] > 0.25 * total:
                verdict = "poor"
            worst = [key for key in reasons if key[0] == "unusable"] or [
                key for key in reasons if key[0] == "poor"
            ]
            reason = (
                ""
                if verdict == "good"
                else max(worst, key=lambda key: reasons[key])[1]
                if worst
                else "not judged"
            )
            leads.append(LeadQuality(lead, verdict, reason, {f"{name}_s": s for name, s in time.items()}))
        return Quality(start, end, tuple(leads))

    def _remember(self, quality: Quality) -> None:
        self.recent.append(quality)
        if any(lead.verdict != "good" for lead in quality.leads):
            self._good_since = quality.end

    def _forget(self) -> None:
        """Measure the next second on its own."""
        self._recent: list[deque[_Second]] = [deque(maxlen=REMEMBERED) for _ in self.leads]
        self._seconds: deque[list[NDArray[np.floating]]] = deque(maxlen=REMEMBERED)

    def _begin(self, second: int) -> None:
        self.second = second
        """Which second is being measured; it ends before sample `edge`."""
        self._first, self.edge = ceil(second * self.fs), ceil((second + 1) * self.fs)
        self._parts = []
        self._off = [False] * len(self.leads)

    def _judge(self) -> Quality:
        x = np.concatenate(self._parts, dtype=np.float32).T
        if len(x) > 1:
            x = np.ascontiguousarray(x)  # lead by lead: sorting is the most of it
        self._seconds.append(self._parts)
        self.noisy = False
        """Whether noise was heard on a lead in the last second that was judged."""
        expected = self.edge - self._first
        leads: list[LeadQuality] = []
        if x.shape[1] == expected > self._lag:
            leads = self._measure(x, range(len(x)), 0.0)
        if not leads:
            for k, row in enumerate(x):
                known = row[np.isfinite(row)]
                missing = 1 - len(known) / expected
                if len(known) > self._lag:
                    leads += self._measure(known[None], (k,), missing)
                else:
                    self._recent[k].clear()
                    leads.append(self._say(k, "unusable", "gap", {"missing_share": missing}))
        self._small_for = self._small_for + 1 if self._is_too_small(leads) else 0
        if self._small_for >= SMALL_S:
            leads = [self._say(k, "poor", "amplitude", dict(lead.measures)) for k, lead in enumerate(leads)]
        start = self._start + self.second
        quality = Quality(start, start + 1, tuple(leads))
        self._remember(quality)
        self._off_before = self._off
        self._begin(self.second + 1)
        return quality

    def _is_too_small(self, leads: Sequence[LeadQuality]) -> bool:
        """Whether every lead is a good ECG, with steps of a QRS, that is smaller than any heart's."""
        least = ALL_SMALL_MV if len(leads) >= MANY else SMALL_MV
        for lead, ecg, recent in zip(leads, self._ecg, self._recent, strict=True):
            if not lead.measures.get("range_mv", inf) < least:
                return False
            if lead.verdict != "good" or not ecg or len(recent) < REMEMBERED:
                return False
            if lead.measures["noise_ratio"] > NOISE_POOR:
                return False
        return True

    def _measure(self, x: NDArray[np.float32], columns: Sequence[int], missing: float) -> list[LeadQuality]:
        """Judge rows of ``x`` [leads, n] and sort them in place; return nothing if there is a NaN among them."""
        n = x.shape[1]
        if self._tenths.shape[1] != n:
            self._tenths = _tenths(n)
        means: list[list[float]] = self._tenths.dot(x.T).T.tolist()
        for mean in means:
            total = sum(mean)
            if total - total != 0.0:
                return []
        step = x[:, self._lag :] - x[:, : -self._lag]
        np.abs(step, step)
        step.sort()
        x.sort()
        return [
            self._verdict(k, level, steps, mean, missing)
            for k, level, steps, mean in zip(columns, x, step, means, strict=True)
        ]

    def _verdict(
        self,
        k: int,
        level: NDArray[np.float32],
        step: NDArray[np.float32],
        means: list[float],
        missing: float,
    ) -> LeadQuality:
        """Judge a second of one lead from its samples and its 10 ms steps, both sorted, and its ten means."""
        lowest, highest = level.item(0), level.item(-1)
        rail = int(RAIL_SHARE * len(level))
        saturated = lowest < highest and (level.item(rail) == lowest or level.item(-1 - rail) == highest)
        recent = self._recent[k]
        before = recent[-1] if recent else (inf, -inf, 0.0, 0.0, True)
        span = max(highest, before[1]) - min(lowest, before[0])
        middle = step.item(len(step) // 2)
        drawn = highest - lowest > max(DRAWN_MV, middle / STILL) and is_drawn(level, means)
        recent.append((lowest, highest, middle, step.item(-1), drawn))
        _, _, middles, largest, _ = zip(*recent, strict=True)
        noise = sorted(middles)[len(middles) // 2]
        ratio = noise / (max(largest) or 1.0)
        wander = max(means) - min(means)
        measures = {"range_mv": span, "noise_mv": noise, "noise_ratio": ratio, "baseline_mv": wander}
        if missing:
            measures["missing_share"] = missing
        ecg = self._ecg[k]
        if missing > MISSING_SHARE:
            return self._say(k, "unusable", "gap", measures)
        if span < FLAT_MV if ecg else span == 0.0:
            return self._say(k, "unusable", "flat", measures)
        if saturated:
            return self._say(k, "unusable", "saturated", measures)
        if ecg and drawn and before[4]:
            return self._say(k, "unusable", "unlike ECG", measures)
        noisy = ecg and noise >= NOISE_MV
        if noisy and ratio > NOISE_POOR:
            self.noisy = True
        period = self._period(k) if noisy and ratio > NOISE_POOR and not missing else None
        if period:
            measures["period_s"] = period
        elif noisy and ratio > NOISE_UNUSABLE and (missing or drawn or self._bends(k) > NOISE_BENDS):
            return self._say(k, "unusable", "noise", measures)
        if ecg and wander > BASELINE_UNUSABLE_MV:
            return self._say(k, "unusable", "baseline", measures)
        if missing:
            return self._say(k, "poor", "gap", measures)
        if ecg and _is_railed(level, lowest, highest, before):
            return self._say(k, "poor", "saturated", measures)
        if ecg and highest - lowest > TALL_MV and len(recent) > 1 and _is_too_tall(recent):
            return self._say(k, "poor", "amplitude", measures)
        if period:
            return self._say(k, "poor", "wide", measures)
        if noisy and ratio > NOISE_POOR:
            return self._say(k, "poor", "noise", measures)
        if ecg and wander > BASELINE_POOR_MV:
            return self._say(k, "poor", "baseline", measures)
        return self._say(k, "good", "", measures)

    def _period(self, k: int) -> float | None:
        """Seconds after which the last seconds of a lead repeat themselves; None if they do not."""
        past = [np.concatenate([part[:, k] for part in parts]) for parts in self._seconds]
        if len(past) < 2 or any(len(x) < self.fs - 1 for x in past):
            return None
        return period(np.concatenate(past), self.fs)

    def _bends(self, k: int) -> float:
        """Median bend of the last seconds of a lead as a share of the largest: low if something stands out."""
        x = np.concatenate([part[:, k] for parts in self._seconds for part in parts])
        reach = max(1, round(BEND_S * self.fs))
        if len(x) <= 4 * reach:
            return 1.0
        bend = np.abs(2 * x[reach:-reach] - x[2 * reach :] - x[: -2 * reach])
        largest = float(bend.max())
        return float(np.median(bend)) / largest if largest > 0 else 1.0

    def _say(self, k: int, verdict: Verdict, reason: str, measures: dict[str, float]) -> LeadQuality:
        if self._off[k]:
            verdict, reason = "unusable", "lead off"
        return LeadQuality(self.leads[k], verdict, reason, measures)


def _is_railed(level: NDArray[np.float32], lowest: float, highest: float, before: _Second) -> bool:
    """Whether samples stand together far outside the rest of a second: single ones at the end of the ADC's range."""
    apart = RAIL_APART * (highest - lowest)
    if lowest == level.item(1) or lowest == before[0]:
        rest = int(np.searchsorted(level, lowest, "right"))
        if rest < len(level) and level.item(rest) - lowest > apart:
            return True
    if highest == level.item(-2) or highest == before[1]:
        rest = int(np.searchsorted(level, highest)) - 1
        return rest >= 0 and highest - level.item(rest) > apart
    return False


def _is_too_tall(recent: deque[_Second]) -> bool:
    """Whether each of the last seconds has a range and steps that no heart makes."""
    return all(high - low > TALL_MV and step > STEEP_MV for low, high, _, step, _ in recent)


def _tenths(n: int) -> NDArray[np.float32]:
    """Return the matrix [10, n] of the means over ten parts."""
    part = np.minimum(np.arange(n) * 10 // n, 9)
    rows = (part == np.arange(10)[:, None]).astype(np.float32)
    return np.asarray(rows / np.maximum(rows.sum(axis=1, keepdims=True), 1))
