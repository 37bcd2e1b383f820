"""One stream of a sensor that numbers and time-stamps its frames: what is missing, and blocks in units."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.messages import MAX_SAMPLES, Data, Stream
from wearecg.block import SignalBlock, StreamId
from wearecg.devices.base import Counters
from wearecg.ecg.leads import canonical

REACH = 4
"""Frames that may overtake another before it is given up, on a link that has been seen to mix them up."""
LATE = 64
"""Numbers further apart than this are not of frames that were mixed up."""


class Continuity:
    """Tells how many samples are missing before each DATA frame of one stream.

    The sequence number says *whether* something is missing: it counts frames, also those that the
    device dropped itself. Frames may differ in length, so the device clock says *how many* samples:
    the hole between the end of the last frame and this one, divided by the sample period. The period
    is measured on the device clock over unbroken frames (a sensor's own oscillator may be 2 % off its
    nominal rate) from the first second on; before that the nominal rate has to do.

    Where the two contradict each other (k missing frames hold at least k samples and at most 255 k)
    the clock jumped or the device was reset. Then 0 is returned and the timestamps speak for themselves.
    """

    def __init__(self, fs: float) -> None:
        self.fs = fs
        self.end_us = 0.0
        """Device time of the sample after the last one."""
        self._next_seq: int | None = None
        self.t_us = 0
        """Device time of the last frame."""
        self._n = 0
        self._recent: deque[tuple[int, int]] = deque(maxlen=64)
        self._run_us = 0
        self._run_n = 0

    @property
    def period_us(self) -> float:
        """Microseconds of the device clock from sample to sample."""
        nominal = 1e6 / self.fs
        measured = self._run_us / self._run_n if self._run_n >= self.fs else nominal
        # A clock that stands still or races is no measure.
        return measured if 0.5 * nominal < measured < 2 * nominal else nominal

    def missing(self, seq: int, t_us: int, n: int) -> int | None:
        """Return the samples missing before this frame; None when the frame was seen before."""
        if self.seen(seq, t_us):
            return None
        lost = 0
        if self._next_seq is not None:
            ahead = (seq - self._next_seq) & 0xFFFF
            if ahead == 0:
                self._measure(t_us - self.t_us)
            hole = round((t_us - self.end_us) / self.period_us)
            if ahead and ahead <= hole <= MAX_SAMPLES * ahead:
                lost = hole
        self._recent.append((seq, t_us))
        self._next_seq, self.t_us, self._n = (seq + 1) & 0xFFFF, t_us, n
        self.end_us = t_us + n * self.period_us
        return lost

    def seen(self, seq: int, t_us: int) -> bool:
        """Whether this frame was among the last."""
        return (seq, t_us) in self._recent

    def ahead(self, seq: int) -> int:
        """Return how many frames are missing before this one; below 0 where it belongs before the last one."""
        return 0 if self._next_seq is None else (seq - self._next_seq + 0x8000) % 0x10000 - 0x8000

    def _measure(self, step_us: int) -> None:
        nominal = self._n * 1e6 / self.fs
        # Wide enough for a clock of 1 ms ticks, narrow enough to leave out a jump.
        if abs(step_us - nominal) <= 0.1 * nominal + 2000:
            self._run_us += step_us
            self._run_n += self._n


class Order:
    """Puts the frames of one stream in the order of their numbers.

    Most links keep the order, and there a frame that is ahead shows a loss at once. Once one has come late, the frames
    behind a hole are held until what is missing has come, or `REACH` of them wait.
    """

    def __init__(self) -> None:
        self.mixed = False
        """Whether a frame has come late."""
        self._waiting: dict[int, Data] = {}

    def feed(self, data: Data, continuity: Continuity) -> list[Data] | None:
        """Return the frames that are next, in order; None for one whose place has gone by."""
        ahead = continuity.ahead(data.seq)
        again = continuity.seen(data.seq, data.t_us)
        if -LATE <= ahead < 0 and data.t_us < continuity.t_us and not again:
            self.mixed = True
            return None
        if again or not self.mixed:
            return [data]
        self._waiting[data.seq] = data
        waiting = sorted(self._waiting.values(), key=lambda one: continuity.ahead(one.seq))
        if 0 < ahead <= LATE and len(waiting) < REACH:
            return []
        # What is missing before the first of them has come, or is given up.
        ready = len(waiting) if abs(ahead) > LATE else 1
        while ready < len(waiting) and waiting[ready].seq == (waiting[ready - 1].seq + 1) & 0xFFFF:
            ready += 1
        self._waiting = {one.seq: one for one in waiting[ready:]}
        return waiting[:ready]


@dataclass(slots=True)
class _Run:
    """Frames that follow each other without a break and go out as one block."""

    start_us: int
    lost: int
    masks: tuple[int, int, int]
    samples: list[NDArray[np.int32]] = field(default_factory=list)
    n: int = 0


class Track:
    """One stream of the connected device: its scale, its continuity, and what was lost of it."""

    def __init__(self, stream: Stream, name: str) -> None:
        self.stream = stream
        self.name = name
        self.fs = stream.fs
        self.leads = tuple(canonical(lead.name) for lead in stream.leads)
        # The wire holds float32: its shortest decimal (0.005) is what the firmware's author wrote.
        self.lsb = tuple(float(str(np.float32(lead.lsb))) for lead in stream.leads)
        self.continuity = Continuity(stream.fs)
        self.order = Order()
        self.run: _Run | None = None
        self._missing = 0
        self._dropped = 0
        self._link_lost = 0
        self._reported: int | None = None

    def add(self, data: Data, lost: int) -> SignalBlock | None:
        """Append a frame; the block before it, if this one does not continue it."""
        masks = (data.lead_off, data.lead_off_known, data.valid)
        run, done = self.run, None
        if run is not None:
            drift_us = data.t_us - run.start_us - run.n * 1e6 / self.fs
            if lost or masks != run.masks or abs(drift_us) * self.fs > 0.25e6:
                done, run = self.flush(), None
        if run is None:
            run = self.run = _Run(data.t_us, lost, masks)
        run.samples.append(data.samples())
        run.n += data.n
        return done

    def flush(self) -> SignalBlock | None:
        """Return what has been gathered."""
        run, self.run = self.run, None
        if run is None:
            return None
        counts = run.samples[0] if len(run.samples) == 1 else np.concatenate(run.samples)
        values = (counts * np.array(self.lsb)).astype(np.float32)
        off, known, valid = run.masks
        columns = range(len(self.leads))
        values[:, [i for i in columns if not valid >> i & 1]] = np.nan
        lead_off = tuple(bool(off >> i & 1) if known >> i & 1 else None for i in columns)
        return SignalBlock(
            values,
            self.fs,
            self.leads,
            run.start_us * 1e-6,
            run.lost,
            lead_off,
            self.lsb,
            StreamId(self.name),
        )

    def report(self, dropped_samples: int, counters: Counters) -> None:
        """Take the device's own count since boot; the first one heard on a link is the baseline."""
        if self._reported is not None:
            reset = dropped_samples < self._reported
            fresh = dropped_samples - (0 if reset else self._reported)
            self._dropped += fresh
            counters.device_dropped_samples += fresh
        self._reported = dropped_samples
        self.account(0, counters)

    def account(self, lost: int, counters: Counters) -> None:
        """Add ``lost`` samples; what the device does not call its own was lost on the link."""
        self._missing += lost
        link_lost = max(0, self._missing - self._dropped)
        counters.link_lost_samples += link_lost - self._link_lost
        self._link_lost = link_lost

    def restart(self) -> None:
        """The device was reset: sequence, clock and its counts begin again."""
        self.continuity, self.order = Continuity(self.fs), Order()
        self._reported = None
