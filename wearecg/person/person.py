"""One synthetic person, as a stream of samples with the truth beside it."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from itertools import takewhile

import numpy as np

from wearecg.block import Samples
from wearecg.ecg.leads import TWELVE
from wearecg.errors import SignalError
from wearecg.person import disturbance
from wearecg.person.heart import DOWER, Array, Heart, limb_leads
from wearecg.person.pulse import REACH, pulse
from wearecg.person.rhythm import LEAD_IN, PACED_S, Pacemaker, TrueBeat, beats
from wearecg.person.scenario import Act, Scenario
from wearecg.rates import as_rate

LEADS = (*TWELVE, "PPG")
STOPPED_S, P_S = 4.0, 0.8
"""In a longer interval the ventricles stand still and the atria go on, a P wave every 0.8 s."""
SPIKE_S = 0.06
"""A pacemaker fires so long before the R peak that it makes."""


class Person:
    """Twelve leads and a PPG of a person who does not exist.

    The same seed is the same person, and with the same rhythm it has the same beats: at any sampling rate,
    with or without disturbances, and however many samples are asked for at once.

    Parameters
    ----------
    seed : int
        Chooses rate, axis, wave heights, transit time and every random event.
    scenario : str
        A name, or names joined by ``+``, as in `Scenario.parse`.
    fs : float
        Samples per second, 50 to 4000.
    mains_hz : float
        50 or 60; heard in scenarios with ``noise`` or ``hum``.

    Examples
    --------
    >>> person = Person(seed=1, scenario="af", fs=250)
    >>> person.samples(2500).shape, person.leads[:3], person.time
    ((2500, 13), ('I', 'II', 'III'), 10.0)
    >>> {beat.rhythm for beat in person.beats_between(0, 10)}
    {'AFIB'}
    """

    leads: tuple[str, ...] = LEADS

    def __init__(
        self, seed: int = 0, scenario: str = "sinus", fs: float = 500.0, mains_hz: float = 50.0
    ) -> None:
        fs = as_rate(fs)
        if not 50 <= fs <= 4000:
            raise SignalError(f"a person cannot be sampled at {fs:g} Hz; choose 50 to 4000 Hz")
        self.seed = seed
        self.scenario = Scenario.parse(scenario)
        self.fs = fs
        self.mains_hz = mains_hz
        rng = np.random.default_rng((seed, 1))
        self._heart = Heart(rng)
        self._rr_mean = 60 / rng.uniform(62, 78)
        self._resp_hz = float(rng.uniform(0.2, 0.28))
        self._transit = float(rng.uniform(0.17, 0.24))
        self._beats = self.beats()
        self._near: deque[TrueBeat] = deque()
        self._page = np.empty((0, len(LEADS)), np.float32)
        self._page_samples = round(self.fs)
        self._pages = 0
        self._taken = 0

    @property
    def time(self) -> float:
        """Seconds of the sample that comes next."""
        return self._taken / self.fs

    def beats(self) -> Iterator[TrueBeat]:
        """Yield every true beat, from `LEAD_IN` seconds before the first sample on and without end."""
        rhythms = " ".join(act.rhythm for act in self.scenario.acts)
        rng = np.random.default_rng((self.seed, 2, zlib.crc32(rhythms.encode())))
        return beats(self.scenario, Pacemaker(rng, self._rr_mean, self._resp_hz))

    def beats_between(self, since: float, until: float) -> list[TrueBeat]:
        """Return the true beats in ``[since, until)`` seconds; works for any time, past or to come."""
        return [b for b in takewhile(lambda b: b.time < until, self.beats()) if b.time >= since]

    def lead_off(self, since: float, until: float) -> tuple[bool, ...]:
        """For each lead, whether it is without an electrode at some time in ``[since, until)`` seconds."""
        off = [False] * len(LEADS)
        for electrode, _, _ in self._off(since, until):
            for column in disturbance.leads_without(electrode, LEADS):
                off[column] = True
        return tuple(off)

    def samples(self, n: int) -> Samples:
        """Return the next ``n`` samples, float32 [n, 13]: mV for the twelve leads, about 1 a pulse for the PPG."""
        parts = [np.empty((0, len(LEADS)), np.float32)]
        while n > 0:
            inside = self._taken - (self._pages - 1) * self._page_samples
            if self._pages == 0 or inside == self._page_samples:
                self._page, inside = self._next_page(), 0
            part = self._page[inside : inside + n]
            parts.append(part)
            self._taken += len(part)
            n -= len(part)
        return np.concatenate(parts)

    def _next_page(self) -> Samples:
        """Make about one second; whole pages make the output the same for any way of asking."""
        first = self._pages * self._page_samples
        times = np.arange(first, first + self._page_samples) / self.fs
        rng = np.random.default_rng((self.seed, 3, self._pages))
        self._pages += 1
        dipole, ppg = self._beating(times)
        potentials = disturbance.quiet(times, rng, self._resp_hz)
        ppg = ppg + 0.05 * np.sin(2 * np.pi * self._resp_hz * times) + rng.normal(0, 0.004, len(times))
        for act, start, part in self._parts(times):
            if act.rhythm == "af":
                dipole[part] += disturbance.fibrillation(times[part], start)
            if "noise" in act.overlays:
                potentials[part] += disturbance.noise(times[part], rng, self.fs, self.mains_hz)
            if "hum" in act.overlays:
                potentials[part] += disturbance.hum(times[part], self.fs, self.mains_hz)
            if act.rhythm == "pacing-lost":
                fired = np.arange(np.ceil(times[0] / PACED_S), times[-1] / PACED_S) * PACED_S
                disturbance.spike(dipole, times, fired[(fired >= start)])
            if "motion" in act.overlays:
                moved, felt = disturbance.motion(times[part], self.seed)
                potentials[part] += moved
                ppg[part] += felt
        eight = (dipole @ DOWER.T + potentials @ disturbance.MIX.T).astype(np.float32)
        page = np.column_stack([limb_leads(eight), ppg.astype(np.float32)])
        for act, _, part in self._parts(times):
            if "rails" in act.overlays:
                ecg = page[part, :-1]
                ecg[rng.random(ecg.shape) < disturbance.RAILED] = disturbance.RAIL
        for electrode, since, until in self._off(times[0], times[-1] + 1 / self.fs):
            rows = slice(*np.searchsorted(times, (since, until)))
            page[rows, disturbance.leads_without(electrode, LEADS)] = disturbance.RAIL
        return page

    def _beating(self, times: Array) -> tuple[Array, Array]:
        """Dipole [n, 3] and PPG [n] of the beats around ``times``."""
        while not self._near or self._near[-1].time < times[-1] + 1.0:
            self._near.append(next(self._beats))
        while self._near[0].time < times[0] - LEAD_IN:
            self._near.popleft()
        dipole, ppg = np.zeros((len(times), 3)), np.zeros(len(times))
        for beat in self._near:
            act = self.scenario.at(beat.time)
            waves = self._heart.beat(beat.kind, beat.rr_slow, atrial=beat.rhythm != "AFIB", injury=act.injury)
            low, high = np.searchsorted(times, np.add(waves.reach, beat.time))
            breath = np.sin(2 * np.pi * self._resp_hz * beat.time)
            # Breathing turns the heart a little and changes what lies between it and the skin.
            turn = 1 + breath * np.array([0.03, -0.05, 0.04])
            dipole[low:high] += waves.at(times[low:high] - beat.time) * turn * beat.size
            if beat.rhythm == "P":
                disturbance.spike(dipole, times, np.array([beat.time - SPIKE_S]))
            if beat.rr > STOPPED_S:
                dipole += self._heart.atria(times, beat.time - P_S * np.arange(1, beat.rr // P_S))
            low, high = np.searchsorted(times, (beat.time, beat.time + REACH))
            ppg[low:high] += pulse(beat, times[low:high], self._transit) * (1 + 0.06 * breath)
        return dipole, ppg

    def _parts(self, times: Array) -> list[tuple[Act, float, slice]]:
        """Return (act, its start, rows) for each act that ``times`` touch."""
        spans = self.scenario.spans(times[0], times[-1] + 1 / self.fs)
        parts = [(act, start, slice(*np.searchsorted(times, (a, b)))) for act, start, a, b in spans]
        return [part for part in parts if part[2].start < part[2].stop]

    def _off(self, since: float, until: float) -> list[tuple[str, float, float]]:
        spans = self.scenario.spans(since, until)
        return [
            off
            for act, start, low, high in spans
            if "lead-off" in act.overlays
            for off in disturbance.off_intervals(low, high, start)
        ]
