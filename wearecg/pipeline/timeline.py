"""One timeline for a stream: every sample gets its place, and what never came keeps its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wearecg.block import ECG, ClockFit, Gap, Notice, SignalBlock, StreamId
from wearecg.floods import Floods
from wearecg.pipeline.clock import MAX_PPM, MinimumDelayClock, Pace, SensorRate

JITTER_S = 0.005
"""Time stamps this close to the expected one follow on without loss."""
FUTURE_S = 2.0
"""A sensor clock this far ahead of the host's has been set, it has not seen a gap."""
STALL_S = 1.0
"""Without a sensor clock, a delay by this much may be a gap; waiting tells a delay from a loss."""
SETTLE_S, SETTLE_UNCLOCKED_S = 1.0, 2.0
"""How long deliveries are watched to find their fastest, before a broken time base is joined again."""

RATE_CHECK_S, WRONG_RATE = 60.0, 0.002
"""After so long, a sampling rate that is off by more than this share of the one stated is told."""
PLAUSIBLE = 5.0
"""A clock that counts so many times more or fewer samples a second than stated stands still or races."""
NO_CLOCK = 10
"""A clock that jumps so often is none: each jump counts 2, and each block without one takes 1 off."""
PACE_LEARNT_S = 7.0
"""By then a rate that is wrong has shown itself on most links."""
LEARNING = "learning how fast samples come"
SURE_S = 5.0
"""For so long a wrong rate must be seen before it is told; nothing rests on it meanwhile."""
RESUME_S = 0.25
"""Without a sensor clock, a stream that catches up to within this after a stall has lost nothing."""

Placed = SignalBlock | Gap | Notice


class Timeline:
    """Places a decoder's blocks on a timeline whose second 0 is the stream's first sample.

    The timeline counts samples, taken or missed, at the stated rate, as a recording does; `fit` relates it to true
    seconds, and `stretch` says how many of those pass in one of its own.

    With a sensor clock the time stamps decide: samples are missing when the next stamp is later than
    the last sample's end, and how many follows from the measured rate; what rounding leaves over is carried to
    the next gap. A clock that jumps (the sensor was reset
    or set) is joined to the old one by the host's clock, through `MinimumDelayClock`; so is the time
    base of a sensor that has no clock, after a loss that it could not count. Gaps are exact to one
    sample in the first case and to the jitter of the link in the second.

    ``realtime`` is whether blocks arrive when they are measured; else their rate is not judged by that.
    """

    def __init__(self, stream: StreamId = ECG, realtime: bool = True) -> None:
        self.clock = MinimumDelayClock()
        self._stream, self._realtime = stream, realtime
        self._next = 0
        self._expect: float | None = None
        self._unplugged = False
        self._held: list[tuple[SignalBlock, float, float]] = []
        self._held_expect = 0.0
        self._notes: list[Notice] = []
        self._floods = Floods()
        self._rate = SensorRate()
        self._pace = Pace()
        self._counted = 0
        """Samples taken, and counted as lost by the decoder."""
        self._wrong_since: float | None = None
        self._breaks = 0
        """How often the clock jumped lately."""
        self._residue = 0.0
        self._fs = 1.0
        self._rate_told = False

    @property
    def rate(self) -> float | None:
        """Samples per true second, by the sensor's clock and how that runs against the host's; None if not known."""
        if self._rate.measured is None and not self.clock.fitted and not self._pace.drift:
            return None
        return self._samples_a_second() / (1.0 + (self._pace.drift or self.clock.slope))

    @property
    def stretch(self) -> float:
        """True seconds in a second of the timeline, to 10 ppm; 1 until it is known."""
        return round(self._fs / (self.rate or self._fs), 5)

    def trouble_at(self, time: float) -> str:
        """Why no heart rate can be told of timeline second ``time``: `trouble`, or that this cannot be known yet."""
        unsure = self._realtime and (time < PACE_LEARNT_S or self._pace.doubtful)
        return self.trouble or (LEARNING if unsure else "")

    @property
    def trouble(self) -> str:
        """Why no heart rate can be told from these samples; empty where their rate is about the one stated."""
        rate = self.rate or self._fs
        if abs(rate / self._fs - 1) <= MAX_PPM * 1e-6:
            return ""
        return f"{self._fs:g} samples a second are stated, but {rate:.3g} come"

    def fit(self, time: float) -> ClockFit:
        """Report the clock at timeline second ``time``, and where that lies on the host's."""
        fit = replace(self.clock.fit(time), rate=self.rate, stream=self._stream)
        if not self.clock.fitted or self._expect is None:
            return fit
        ahead = (time - self._next / self._fs) * self._fs / self._samples_a_second()
        return replace(fit, host=self.clock.to_host(self._expect + ahead))

    def link_lost(self) -> None:
        """Note that the link went down: the next gap is called ``unplugged``."""
        self._unplugged = True
        self._pace.restart()

    def feed(self, block: SignalBlock, arrival: float) -> list[Placed]:
        """Place ``block``, received at ``arrival`` (host monotonic seconds); may hold it for up to `SETTLE_S`."""
        if self._expect is None:
            self._fs = block.fs
            self._expect = 0.0 if np.isnan(block.start) else block.start - block.lost / block.fs
        if self._breaks >= NO_CLOCK:
            block = replace(block, start=float("nan"))
        if self._realtime:
            self._check_pace(block, arrival)
        placed = self._take(block, arrival)
        return [*self._floods.feed(self._notes_taken(), arrival), *placed]

    def _take(self, block: SignalBlock, arrival: float) -> list[Placed]:
        if self._held:
            if self._follows(block):
                return self._hold(block, arrival)
            return self._settle() + self._take(block, arrival)
        assert self._expect is not None
        has_clock = not np.isnan(block.start)
        start = block.start if has_clock else self._expect + block.lost / block.fs
        late = (
            arrival - self.clock.to_host(start + len(block) / self._samples_a_second())
            if self.clock.known
            else 0.0
        )
        ahead = start - self._expect
        if has_clock:
            broken = ahead < -JITTER_S or (ahead > FUTURE_S and late < -FUTURE_S)
        else:
            broken = self.clock.known and (late > STALL_S or self._unplugged)
        if broken:
            self._held_expect = start if has_clock else self._expect
            return self._hold(block, arrival)
        return self._accept(block, start, arrival)

    def flush(self) -> list[Placed]:
        """Place what is still held back."""
        placed = self._settle() if self._held else []
        return [*placed, *self._floods.feed(self._notes_taken(), float("inf")), *self._floods.flush()]

    def _follows(self, block: SignalBlock) -> bool:
        return bool(np.isnan(block.start)) or -JITTER_S <= block.start - self._held_expect <= FUTURE_S

    def _hold(self, block: SignalBlock, arrival: float) -> list[Placed]:
        start = self._held_expect + block.lost / block.fs if np.isnan(block.start) else block.start
        self._held_expect = start + len(block) / self._samples_a_second()
        self._held.append((block, start, arrival))
        unclocked = bool(np.isnan(self._held[0][0].start))
        if unclocked and self._missing() <= RESUME_S:
            return self._settle()
        watched = arrival - self._held[0][2]
        return self._settle() if watched >= (SETTLE_UNCLOCKED_S if unclocked else SETTLE_S) else []

    def _missing(self) -> float:
        """Seconds that are missing before the blocks that are held, by the fastest delivery among them."""
        assert self._expect is not None
        fs = self._samples_a_second()
        fastest = min(arrival - (start + len(block) / fs) for block, start, arrival in self._held)
        first = self._held[0][0]
        base = self._expect if np.isnan(first.start) else first.start
        return base + fastest - self.clock.to_host(self._expect)

    def _settle(self) -> list[Placed]:
        missing = self._missing()
        held, self._held = self._held, []
        assert self._expect is not None
        first, fs = held[0][0], self._samples_a_second()
        has_clock = not np.isnan(first.start)
        base = first.start if has_clock else self._expect
        lost = self._whole(missing * fs) if has_clock or missing > RESUME_S else 0
        # The time of a sensor without a clock goes on across the gap; another's has begun anew.
        shift = 0.0 if has_clock else lost / fs
        self._expect = base + shift
        if lost:
            self._pace.broken()
        if has_clock or lost:
            self.clock = MinimumDelayClock(self.clock.slope)
        if has_clock:
            self._rate.restart()
            self._pace.restart()
            gap = f"{lost / fs:.2f} s are missing by the host's clock"
            self._notes.append(Notice(f"the sensor's clock was set or started anew; {gap}"))
            was, self._breaks = self._breaks, self._breaks + 2
            if was < NO_CLOCK <= self._breaks:
                what = "the sensor's clock jumps all the time: its times are not used from here on"
                self._notes.append(Notice(what, "warning"))
        nothing = replace(first, samples=first.samples[:0], lost=0)
        placed = self._place(nothing, lost, "clock" if has_clock else "link")
        self._unplugged = False
        for block, start, arrival in held:
            placed += self._accept(block, start + shift, arrival)
        return placed

    def _accept(self, block: SignalBlock, start: float, arrival: float) -> list[Placed]:
        assert self._expect is not None
        ahead = start - self._expect
        fs = self._samples_a_second()
        late = ahead > JITTER_S and not self._rate.is_usual(start, JITTER_S)
        lost = self._whole(ahead * fs) if late or block.lost else 0
        self._expect = start + len(block) / fs
        self.clock.observe(self._expect, arrival)
        if not np.isnan(block.start):
            self._rate.observe(start, len(block), bool(lost))
        if not self._rate_told:
            self._check_rate()
        return self._place(block, lost, block.reason if block.lost else "device")

    def _samples_a_second(self) -> float:
        """Of the sensor's clock; where it has none that is the count of its samples at the stated rate."""
        measured = self._rate.measured
        # A clock that stands still or races is no measure.
        return measured if measured and 1 / PLAUSIBLE < measured / self._fs < PLAUSIBLE else self._fs

    def _whole(self, samples: float) -> int:
        """Round what is missing to whole samples and carry the rest, so that many gaps add up to no drift."""
        exact = samples + self._residue
        lost = max(round(exact), 0)
        self._residue = max(exact - lost, -0.5)  # what came too early is no rounding
        return lost

    def _check_pace(self, block: SignalBlock, arrival: float) -> None:
        """Tell, once, that samples come at another rate than stated; from the first seconds on nothing rests on it."""
        self._counted += len(block) + block.lost
        end = block.start + len(block) / self._samples_a_second()
        self._pace.observe(self._counted / self._fs if np.isnan(end) else end, arrival)
        trouble = self.trouble
        if not trouble:
            self._wrong_since = None
        elif self._wrong_since is None:
            self._wrong_since = arrival
        elif arrival - self._wrong_since >= SURE_S and not self._rate_told:
            self._rate_told = True
            what = "no heart rate and no finding is given, because they would be wrong"
            remedy = "correct the rate in the sensor's firmware, or --fs"
            self._notes.append(Notice(f"{trouble}: {what}; {remedy}", "error"))

    def _check_rate(self) -> None:
        """Tell, once, that the sensor's samples do not keep the rate that it states."""
        rate = self.rate
        if rate is None or self.trouble or self._next < RATE_CHECK_S * self._fs:
            return
        self._rate_told = True
        if abs(rate / self._fs - 1) > WRONG_RATE:
            self._notes.append(
                Notice(
                    f"the sensor takes {rate:.2f} samples a second, not {self._fs:g}: beat intervals and heart rate "
                    f"go by that; a recording's own seconds, which count samples, are off by "
                    f"{abs(rate / self._fs - 1):.1%}",
                    "warning",
                )
            )

    def _notes_taken(self) -> list[Notice]:
        notes, self._notes = self._notes, []
        return notes

    def _place(self, block: SignalBlock, lost: int, reason: str) -> list[Placed]:
        placed: list[Placed] = []
        if 0 < self._breaks < NO_CLOCK and not lost and len(block):
            self._breaks -= 1
        if lost:
            if self._unplugged:
                reason = "unplugged"
            fs = block.fs
            placed.append(Gap(self._next / fs, lost / fs, lost, reason, self._stream))
            self._next += lost
        if len(block):
            self._unplugged = False
        if len(block) or lost:
            placed.append(replace(block, start=self._next / block.fs, lost=lost))
        self._next += len(block)
        return placed
