"""Beats out of place and how they follow each other: single, couplets, runs, bigeminy, trigeminy; and pauses.

Rules on the classes of beats (AAMI) and the intervals between them, told as soon as a beat shows them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from wearecg.ecg.told import Number, Told, pace

RUN = 3
"""Ventricular or supraventricular beats in a row from which it is a run."""
TACHYCARDIA_BPM = 100.0
"""Rate from which three ventricular beats are a ventricular tachycardia; slower, it is an idioventricular rhythm."""
ALTERNATING = {"BIGU": (2, 3), "TRIGU": (3, 3)}
"""Length of a cycle that ends with a ventricular beat, and how many of them must follow each other."""
PAUSE_S, ASYSTOLE_S = 2.0, 4.0
SINGLE_HOLD_S, CYCLE_HOLD_S = 120.0, 10.0
"""Single beats and bigeminy that are no further apart belong together."""
STEADY, BEFORE = 0.2, 4
"""A supraventricular beat is premature where the intervals before it are steady, by this share; in atrial fibrillation
every beat comes at its own time."""


class Ectopy:
    """Rules over the beats of one stream.

    Parameters
    ----------
    seen : callable
        Whether a lead was good all the time between two times (s): only then nothing is a pause.
    """

    def __init__(self, seen: Callable[[float, float], bool]) -> None:
        self._seen = seen
        self._forget()

    def _forget(self) -> None:
        self._codes = ""
        self._times: deque[float] = deque(maxlen=12)
        self._run: list[float] = []
        self._kind = ""
        self._regular: deque[float] = deque(maxlen=BEFORE)
        self._steady = False
        self._early = 0.0

    def feed(self, time: float, rr: float | None, code: str) -> list[Told]:
        """Take the next beat, with the seconds since the one before (None if not known) and its class (or nothing)."""
        told: list[Told] = []
        if rr is None:
            told += self._end_run()
            self._forget()
        elif rr >= PAUSE_S and self._times and self._seen(self._times[-1], time):
            told.append(_pause(self._times[-1], time, rr))
        if code != self._kind:
            told += self._end_run()
        if code in "VS" and code:
            if not self._run:
                self._kind = code
                self._steady = len(self._regular) == BEFORE and _spread(self._regular) <= STEADY
                self._early = rr or 0.0
            self._run.append(time)
            if len(self._run) >= RUN:
                told += self._run_so_far()
        elif rr is not None and self._codes[-1:] not in ("V", "S"):
            self._regular.append(rr)
        self._codes = (self._codes + (code or "?"))[-12:]
        self._times.append(time)
        if code in "VN" and code:
            told += self._cycles()
        return told

    def waiting(self, now: float) -> list[Told]:
        """Return what holds while no beat comes, up to ``now`` (s)."""
        if self._times and now - self._times[-1] >= ASYSTOLE_S and self._seen(self._times[-1], now):
            last = self._times[-1]
            return [Told("ASYS", last, now, (Number("pause", round(now - last, 3), "s"),))]
        return []

    def flush(self) -> list[Told]:
        """Return what the end of the stream ends."""
        return self._end_run()

    def _run_so_far(self) -> list[Told]:
        first, last, beats = self._run[0], self._run[-1], len(self._run)
        rate = pace(beats - 1, last - first)
        if self._kind == "S" and not self._steady:
            return []
        ventricular = "VT" if rate >= TACHYCARDIA_BPM else "IVR"
        numbers = (Number("beats", beats), Number("heart_rate", rate, "bpm"))
        return [Told("SVRUN" if self._kind == "S" else ventricular, first, last, numbers)]

    def _end_run(self) -> list[Told]:
        run, kind, steady, self._run, self._kind = self._run, self._kind, self._steady, [], ""
        if not run or len(run) >= RUN:
            return []
        coupling = (Number("coupling", round(self._early, 3), "s"),) if self._early else ()
        if kind == "V" and len(run) == 2:
            return [Told("COUPLET", run[0], run[1], coupling, hold=SINGLE_HOLD_S)]
        if kind == "S" and not steady:
            return []
        code = "PVC" if kind == "V" else "PAC"
        return [Told(code, run[0], run[-1], coupling, hold=SINGLE_HOLD_S)]

    def _cycles(self) -> list[Told]:
        for code, (length, cycles) in ALTERNATING.items():
            beats = length * cycles
            cycle = "N" * (length - 1) + "V"
            # At whatever place of a cycle the last beat is.
            if len(self._codes) >= beats and self._codes[-beats:] in (cycle * (cycles + 1)):
                times = list(self._times)[-beats:]
                numbers = (Number("heart_rate", pace(beats - 1, times[-1] - times[0]), "bpm"),)
                return [Told(code, times[0], times[-1], numbers, hold=CYCLE_HOLD_S)]
        return []


def _pause(start: float, end: float, rr: float) -> Told:
    return Told("ASYS" if rr >= ASYSTOLE_S else "PAUSE", start, end, (Number("pause", round(rr, 3), "s"),))


def _spread(rr: deque[float]) -> float:
    return (max(rr) - min(rr)) / min(rr)
